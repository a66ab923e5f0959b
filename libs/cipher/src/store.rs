//! The table of data keys, and the sealed columns of a service as rotation walks over them.

use kit::{Conn, Tx};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::rotate::Column;

/// A data key as it is kept.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) purpose: String,
    pub(crate) wrapped: String,
    pub(crate) current: bool,
}

pub(crate) async fn list(conn: &mut Conn, purposes: &[String]) -> Result<Vec<Row>, db::Error> {
    sqlx::query_as(
        "select id, purpose, wrapped, retired_at is null as current from data_key where purpose = any($1) order by id",
    )
    .bind(purposes)
    .fetch_all(conn)
    .await
}

/// Adds the current key of a purpose unless there is one; another replica may have been quicker.
pub(crate) async fn insert(tx: &mut Tx, id: Uuid, purpose: &str, wrapped: &str) -> Result<(), db::Error> {
    sqlx::query("insert into data_key (id, purpose, wrapped) values ($1, $2, $3) on conflict do nothing")
        .bind(id)
        .bind(purpose)
        .bind(wrapped)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn retire(tx: &mut Tx, purpose: &str) -> Result<(), db::Error> {
    sqlx::query("update data_key set retired_at = now() where purpose = $1 and retired_at is null")
        .bind(purpose)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn rewrap(tx: &mut Tx, id: Uuid, wrapped: &str) -> Result<(), db::Error> {
    sqlx::query("update data_key set wrapped = $2 where id = $1").bind(id).bind(wrapped).execute(&mut **tx).await?;
    Ok(())
}

/// The next values that another key sealed, locked. Rows that somebody else holds are passed over, so that this never
/// waits and is never part of a deadlock.
pub(crate) async fn stale(
    tx: &mut Tx,
    column: &Column,
    after: Uuid,
    current: &str,
) -> Result<Vec<(Uuid, String)>, db::Error> {
    let Column { table, column, id } = column;
    sqlx::query_as(AssertSqlSafe(format!(
        "select {id}, {column} from {table} where {id} > $1 and {column} is not null \
         and split_part({column}, '|', 2) <> $2 order by {id} limit 100 for update skip locked"
    )))
    .bind(after)
    .bind(current)
    .fetch_all(&mut **tx)
    .await
}

/// How many values another key sealed.
pub(crate) async fn count_stale(conn: &mut Conn, column: &Column, current: &str) -> Result<i64, db::Error> {
    let Column { table, column, .. } = column;
    sqlx::query_scalar(AssertSqlSafe(format!(
        "select count(*) from {table} where {column} is not null and split_part({column}, '|', 2) <> $1"
    )))
    .bind(current)
    .fetch_one(conn)
    .await
}

pub(crate) async fn replace(tx: &mut Tx, column: &Column, ids: &[Uuid], values: &[String]) -> Result<(), db::Error> {
    let Column { table, column, id } = column;
    sqlx::query(AssertSqlSafe(format!(
        "update {table} set {column} = fresh.value from unnest($1::uuid[], $2::text[]) as fresh (row_id, value) \
         where {table}.{id} = fresh.row_id"
    )))
    .bind(ids)
    .bind(values)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
