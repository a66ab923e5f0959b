//! All SQL of roles and permissions.

use db::{Conn, List, OnConstraint, Page, Select, Sorts, Tx};
use kit::Permissions;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use types::Violations;

use super::{Draft, Role, RoleId, Word};
use crate::Error;

const ROLES: Select = Select {
    columns: "id, slug, name, is_system, version, created_at, updated_at,
              array(select permission from role_permission where role_id = role.id order by permission) as permissions,
              (select count(*)::integer from user_role where role_id = role.id) as user_count",
    from: "role",
    id: "id",
};
const SORTS: Sorts = &[("name", "name"), ("slug", "slug"), ("created_at", "created_at"), ("updated_at", "updated_at")];
const WORDS: Select = Select {
    columns: "word, split_part(word, '.', 1) as domain, split_part(word, '.', 2) as action",
    from: "permission",
    id: "word",
};
const WORD_SORTS: Sorts = &[("word", "word")];

pub(crate) async fn list(conn: &mut Conn, list: &List) -> Result<Page<Role>, Error> {
    list.page(conn, ROLES, SORTS, |rows| rows.search(&["name", "slug"], &list.q)).await
}

/// Every role, by name.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Role>, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(ROLES.columns).push(" from role order by name, id");
    Ok(select.build_query_as().fetch_all(conn).await?)
}

pub(crate) async fn get(conn: &mut Conn, id: RoleId) -> Result<Role, Error> {
    sqlx::query_as(ROLES.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::RoleNotFound(id))
}

/// Locks a role that is to be changed; nobody is given it meanwhile.
pub(crate) async fn lock(tx: &mut Tx, id: RoleId) -> Result<Role, Error> {
    sqlx::query("select from role where id = $1 for update").bind(id).execute(&mut **tx).await?;
    get(tx, id).await
}

/// The roles with these slugs, each once; they stay as they are while they are given.
///
/// # Errors
/// A violation of an item of the field for each slug that no role has.
pub(crate) async fn hold_named(tx: &mut Tx, field: &str, slugs: &[String]) -> Result<Vec<Role>, Error> {
    sqlx::query("select from role where slug = any($1) order by id for share").bind(slugs).execute(&mut **tx).await?;
    let mut select = QueryBuilder::new("select ");
    select.push(ROLES.columns).push(" from role where slug = any(").push_bind(slugs.to_vec()).push(") order by slug");
    let roles: Vec<Role> = select.build_query_as().fetch_all(&mut **tx).await?;
    let mut unknown = Violations::default();
    for (index, slug) in slugs.iter().enumerate() {
        if !roles.iter().any(|role| role.slug == *slug) {
            unknown.add(format!("{field}[{index}]"), "is not a role");
        }
    }
    unknown.into_result()?;
    Ok(roles)
}

/// What the words allow together.
///
/// # Errors
/// A violation of an item of the field for each word that is not in the registry.
pub(crate) async fn registered(conn: &mut Conn, field: &str, words: &[String]) -> Result<Permissions, Error> {
    let known: Vec<String> =
        sqlx::query_scalar("select word from permission where word = any($1)").bind(words).fetch_all(conn).await?;
    let mut unknown = Violations::default();
    for (index, word) in words.iter().enumerate() {
        if !known.contains(word) {
            unknown.add(format!("{field}[{index}]"), "is not a permission");
        }
    }
    unknown.into_result()?;
    Ok(Permissions::of(words.iter().map(String::as_str)))
}

pub(crate) async fn insert(tx: &mut Tx, id: RoleId, slug: &str, draft: &Draft) -> Result<Role, Error> {
    sqlx::query("insert into role (id, slug, name) values ($1, $2, $3)")
        .bind(id)
        .bind(slug)
        .bind(&draft.name)
        .execute(&mut **tx)
        .await
        .on_constraint("role_slug_key", || Error::RoleSlugTaken(slug.to_owned()))?;
    set_permissions(tx, id, draft).await?;
    get(tx, id).await
}

/// Saves what was said and counts the version up.
pub(crate) async fn save(tx: &mut Tx, id: RoleId, draft: &Draft) -> Result<Role, Error> {
    sqlx::query("update role set name = $2, version = version + 1, updated_at = now() where id = $1")
        .bind(id)
        .bind(&draft.name)
        .execute(&mut **tx)
        .await?;
    sqlx::query("delete from role_permission where role_id = $1").bind(id).execute(&mut **tx).await?;
    set_permissions(tx, id, draft).await?;
    get(tx, id).await
}

async fn set_permissions(tx: &mut Tx, id: RoleId, draft: &Draft) -> Result<(), Error> {
    sqlx::query("insert into role_permission (role_id, permission) select $1, unnest($2::text[])")
        .bind(id)
        .bind(draft.permissions.words())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes a role that nobody has.
pub(crate) async fn delete(tx: &mut Tx, role: &Role) -> Result<(), Error> {
    sqlx::query("delete from role_permission where role_id = $1").bind(role.id).execute(&mut **tx).await?;
    sqlx::query("delete from role where id = $1")
        .bind(role.id)
        .execute(&mut **tx)
        .await
        .on_constraint("user_role_role_id_fkey", || Error::RoleInUse(role.slug.clone()))?;
    Ok(())
}

pub(crate) async fn list_words(conn: &mut Conn, list: &List) -> Result<Page<Word>, Error> {
    list.page(conn, WORDS, WORD_SORTS, |rows| rows.search(&["word"], &list.q)).await
}

impl FromRow<'_, PgRow> for Role {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let words: Vec<String> = row.try_get("permissions")?;
        let permissions = Permissions::of(words.iter().map(String::as_str));
        Ok(Self {
            id: row.try_get("id")?,
            slug: row.try_get("slug")?,
            is_system: row.try_get("is_system")?,
            draft: Draft { name: row.try_get("name")?, permissions },
            user_count: row.try_get("user_count")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Word {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { word: row.try_get("word")?, domain: row.try_get("domain")?, action: row.try_get("action")? })
    }
}
