//! All SQL of failed sign-ins.

use chrono::{DateTime, Utc};
use db::{Conn, Tx};
use sqlx::Row;

use super::Failures;
use crate::Error;

/// The failures of a name so far; whoever else tries it waits for this transaction.
pub(crate) async fn lock(tx: &mut Tx, name_hash: &[u8], now: DateTime<Utc>) -> Result<Failures, Error> {
    sqlx::query(
        "insert into throttle (name_hash, last_failed_at, waits_until)
         values ($1, $2, $2)
             on conflict (name_hash) do nothing",
    )
    .bind(name_hash)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query("select failures, last_failed_at, waits_until from throttle where name_hash = $1 for update")
        .bind(name_hash)
        .fetch_one(&mut **tx)
        .await?;
    Ok(Failures {
        count: row.try_get("failures")?,
        last_at: row.try_get("last_failed_at")?,
        waits_until: row.try_get("waits_until")?,
    })
}

pub(crate) async fn save(tx: &mut Tx, name_hash: &[u8], failures: Failures) -> Result<(), Error> {
    sqlx::query("update throttle set failures = $2, last_failed_at = $3, waits_until = $4 where name_hash = $1")
        .bind(name_hash)
        .bind(failures.count)
        .bind(failures.last_at)
        .bind(failures.waits_until)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes one try back that was no failure after all, unless others came after it.
pub(crate) async fn take_back(tx: &mut Tx, name_hash: &[u8], counted: Failures, before: Failures) -> Result<(), Error> {
    sqlx::query(
        "update throttle
            set failures = $3, last_failed_at = $4, waits_until = $5
          where name_hash = $1
            and failures = $2",
    )
    .bind(name_hash)
    .bind(counted.count)
    .bind(before.count)
    .bind(before.last_at)
    .bind(before.waits_until)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All failures of a name are forgotten.
pub(crate) async fn forgive(tx: &mut Tx, name_hash: &[u8]) -> Result<(), Error> {
    sqlx::query("delete from throttle where name_hash = $1").bind(name_hash).execute(&mut **tx).await?;
    Ok(())
}

/// Removes what counts for nothing any more.
pub(crate) async fn forget_quiet(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from throttle where last_failed_at <= $1").bind(before).execute(conn).await?;
    Ok(())
}
