//! All SQL of PINs and tills.

use chrono::{DateTime, Utc};
use db::{Conn, Tx};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{DeviceId, Tries};
use crate::Error;
use crate::user::UserId;

/// What a PIN is compared with.
pub(crate) struct Held {
    pub(crate) user: UserId,
    pub(crate) hash: String,
    pub(crate) credential_version: i64,
    pub(crate) tries: Tries,
}

/// The tries at a till where somebody signed in fully; whoever else tries there waits for this transaction.
pub(crate) async fn lock_till(tx: &mut Tx, device: DeviceId, now: DateTime<Utc>) -> Result<Option<Tries>, Error> {
    let row = sqlx::query("select failures, since from till where device_id = $1 and trusted_until > $2 for update");
    let row = row.bind(device).bind(now).fetch_optional(&mut **tx).await?;
    Ok(row.as_ref().map(tries).transpose()?)
}

/// The PIN of somebody active, by his number.
pub(crate) async fn lock_pin(tx: &mut Tx, employee_number: i64) -> Result<Option<Held>, Error> {
    let row = sqlx::query(
        "select p.user_id, p.hash, p.failures, p.since, u.credential_version
           from pin p
           join app_user u on u.id = p.user_id
          where u.employee_number = $1
            and u.state = 'active'
            for update of p",
    );
    let Some(row) = row.bind(employee_number).fetch_optional(&mut **tx).await? else { return Ok(None) };
    Ok(Some(Held {
        user: row.try_get("user_id")?,
        hash: row.try_get("hash")?,
        credential_version: row.try_get("credential_version")?,
        tries: tries(&row)?,
    }))
}

fn tries(row: &PgRow) -> Result<Tries, sqlx::Error> {
    Ok(Tries { failures: row.try_get("failures")?, since: row.try_get("since")? })
}

pub(crate) async fn save_till(tx: &mut Tx, device: DeviceId, tries: Tries) -> Result<(), Error> {
    sqlx::query("update till set failures = $2, since = $3 where device_id = $1")
        .bind(device)
        .bind(tries.failures)
        .bind(tries.since)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn save_pin(tx: &mut Tx, user: UserId, tries: Tries) -> Result<(), Error> {
    sqlx::query("update pin set failures = $2, since = $3 where user_id = $1")
        .bind(user)
        .bind(tries.failures)
        .bind(tries.since)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn set(tx: &mut Tx, user: UserId, hash: &str, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query(
        "insert into pin (user_id, hash, since)
         values ($1, $2, $3)
             on conflict (user_id) do update
            set hash = excluded.hash, failures = 0, since = excluded.since",
    )
    .bind(user)
    .bind(hash)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// False when there was none.
pub(crate) async fn remove(tx: &mut Tx, user: UserId) -> Result<bool, Error> {
    let done = sqlx::query("delete from pin where user_id = $1").bind(user).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody signed in fully: his PIN works again, if it was locked.
pub(crate) async fn unlock(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    sqlx::query("update pin set failures = 0 where user_id = $1 and failures > 0")
        .bind(user)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Somebody signed in fully at a till: PINs work there for a while.
pub(crate) async fn trust(
    tx: &mut Tx,
    device: DeviceId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into till (device_id, trusted_until, since)
         values ($1, $3, $2)
             on conflict (device_id) do update
            set trusted_until = excluded.trusted_until, failures = 0, since = excluded.since",
    )
    .bind(device)
    .bind(now)
    .bind(until)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes tills where nobody signed in for long.
pub(crate) async fn forget_tills(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from till where trusted_until < $1").bind(before).execute(conn).await?;
    Ok(())
}
