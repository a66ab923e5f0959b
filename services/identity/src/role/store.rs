//! All SQL of roles.

use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use types::Violations;

use super::Role;
use crate::Error;

const ROLES: Select = Select {
    columns: "id, slug, name, is_system,
              array(select permission from role_permission where role_id = role.id order by permission) as permissions",
    from: "role",
    id: "id",
};
const SORTS: Sorts = &[("name", "name"), ("slug", "slug")];

pub(crate) async fn list(conn: &mut Conn, list: &List) -> Result<Page<Role>, Error> {
    list.page(conn, ROLES, SORTS, |rows| rows.search(&["name", "slug"], &list.q)).await
}

/// Every role, by name.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Role>, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(ROLES.columns).push(" from role order by name, id");
    Ok(select.build_query_as().fetch_all(conn).await?)
}

/// The roles with these slugs, each once.
///
/// # Errors
/// A violation of `roles[…]` for each slug that no role has.
pub(crate) async fn named(conn: &mut Conn, slugs: &[String]) -> Result<Vec<Role>, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(ROLES.columns).push(" from role where slug = any(").push_bind(slugs.to_vec()).push(") order by slug");
    let roles: Vec<Role> = select.build_query_as().fetch_all(conn).await?;
    let mut unknown = Violations::default();
    for (index, slug) in slugs.iter().enumerate() {
        if !roles.iter().any(|role| role.slug == *slug) {
            unknown.add(format!("roles[{index}]"), "is not a role");
        }
    }
    unknown.into_result()?;
    Ok(roles)
}

impl FromRow<'_, PgRow> for Role {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            is_system: row.try_get("is_system")?,
            permissions: row.try_get("permissions")?,
        })
    }
}
