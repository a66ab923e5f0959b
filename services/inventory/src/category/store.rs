//! All SQL of categories.

use db::{Conn, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Category, CategoryId, Lineage};
use crate::Error;

const COLUMNS: Select = Select {
    columns: "id, name, parent_id, sort_order, path, version, created_at, updated_at",
    from: "category",
    id: "id",
};

const SORTS: Sorts = &[
    ("name", "lower(name)"),
    ("path", "lower(path)"),
    ("sort_order", "sort_order"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

impl FromRow<'_, PgRow> for Category {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            parent_id: row.try_get("parent_id")?,
            sort_order: row.try_get("sort_order")?,
            path: row.try_get("path")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

pub(crate) async fn list(conn: &mut Conn, parent: Option<CategoryId>, list: &List) -> Result<Page<Category>, Error> {
    list.page(conn, COLUMNS, SORTS, |rows| {
        rows.eq_some("parent_id", parent);
        rows.search(&["name"], &list.q);
    })
    .await
}

/// Every category, by name.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Category>, Error> {
    let mut sql = select();
    sql.push("order by lower(name), id");
    Ok(sql.build_query_as().fetch_all(conn).await?)
}

pub(crate) async fn get(conn: &mut Conn, id: CategoryId) -> Result<Category, Error> {
    let mut sql = select();
    sql.push("where id = ").push_bind(id);
    sql.build_query_as().fetch_optional(conn).await?.ok_or(Error::CategoryNotFound(id))
}

fn select() -> QueryBuilder<sqlx::Postgres> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS.columns).push(" from category ");
    sql
}

/// One change of the tree at a time: two moves that are harmless alone could make a ring together.
pub(crate) async fn lock_tree(conn: &mut Conn) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('inventory.category', 0))").execute(conn).await?;
    Ok(())
}

/// A category with all above it.
pub(crate) async fn lineage(conn: &mut Conn, id: CategoryId) -> Result<Option<Lineage>, Error> {
    let (ids, path): (Option<Vec<CategoryId>>, Option<String>) = sqlx::query_as(
        "with recursive above as (
             select id, parent_id, path, 0 as height from category where id = $1
              union all
             select c.id, c.parent_id, c.path, above.height + 1
               from category c
               join above on c.id = above.parent_id
         )
         select array_agg(id order by height desc), max(path) filter (where height = 0) from above",
    )
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(ids.zip(path).map(|(ids, path)| Lineage { ids, path }))
}

/// How many levels lie below a category; none below one without children.
pub(crate) async fn levels_below(conn: &mut Conn, id: CategoryId) -> Result<usize, Error> {
    let levels: i32 = sqlx::query_scalar(
        "with recursive below as (
             select id, 0 as level from category where id = $1
              union all
             select c.id, below.level + 1
               from category c
               join below on c.parent_id = below.id
         )
         select coalesce(max(level), 0) from below",
    )
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(levels).unwrap_or_default())
}

/// Adds categories; each stands behind its parent.
pub(crate) async fn insert(conn: &mut Conn, categories: &[Category]) -> Result<(), Error> {
    let each = categories.iter();
    sqlx::query(
        "insert into category (id, name, parent_id, sort_order, path, created_at, updated_at)
         select id, name, parent_id, sort_order, path, now(), now()
           from unnest($1::uuid[], $2::text[], $3::uuid[], $4::integer[], $5::text[])
             as t (id, name, parent_id, sort_order, path)",
    )
    .bind(each.clone().map(|category| category.id).collect::<Vec<_>>())
    .bind(each.clone().map(|category| category.name.as_str()).collect::<Vec<_>>())
    .bind(each.clone().map(|category| category.parent_id).collect::<Vec<_>>())
    .bind(each.clone().map(|category| category.sort_order).collect::<Vec<_>>())
    .bind(each.map(|category| category.path.as_str()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Saves a category under the next version.
pub(crate) async fn save(conn: &mut Conn, category: &Category) -> Result<(), Error> {
    sqlx::query(
        "update category
            set name = $2, parent_id = $3, sort_order = $4, path = $5, version = version + 1, updated_at = now()
          where id = $1",
    )
    .bind(category.id)
    .bind(&category.name)
    .bind(category.parent_id)
    .bind(category.sort_order)
    .bind(&category.path)
    .execute(conn)
    .await?;
    Ok(())
}

/// Renews the paths of all below a category, and answers with those.
pub(crate) async fn rename_below(conn: &mut Conn, id: CategoryId) -> Result<Vec<Category>, Error> {
    sqlx::query_as(
        "with recursive tree as (
             select id, path from category where id = $1
              union all
             select c.id, tree.path || ' / ' || c.name
               from category c
               join tree on c.parent_id = tree.id
         )
         update category c
            set path = tree.path, version = c.version + 1, updated_at = now()
           from tree
          where c.id = tree.id
            and c.id <> $1
         returning c.id, c.name, c.parent_id, c.sort_order, c.path, c.version, c.created_at, c.updated_at",
    )
    .bind(id)
    .fetch_all(conn)
    .await
    .on_constraint("category_path_check", || Error::CategoryTooDeep { field: "category.name" })
}
