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
    let row = sqlx::query(
        "select failures, since, failed_at
           from till
          where device_id = $1
            and trusted_until > $2
            for update",
    );
    let row = row.bind(device).bind(now).fetch_optional(&mut **tx).await?;
    Ok(row.as_ref().map(tries).transpose()?)
}

/// The PIN of somebody active, by his number.
pub(crate) async fn lock_pin(tx: &mut Tx, employee_number: i64) -> Result<Option<Held>, Error> {
    let row = sqlx::query(
        "select p.user_id, p.hash, p.failures, p.since, p.failed_at, u.credential_version
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

/// The PIN of somebody, whatever his number: its hash and its tries.
pub(crate) async fn lock_own(tx: &mut Tx, user: UserId) -> Result<Option<(String, Tries)>, Error> {
    let row = sqlx::query("select hash, failures, since, failed_at from pin where user_id = $1 for update");
    let Some(row) = row.bind(user).fetch_optional(&mut **tx).await? else { return Ok(None) };
    Ok(Some((row.try_get("hash")?, tries(&row)?)))
}

/// A binary from before keeps the number of failures and when the first was; what it counted failed then.
fn tries(row: &PgRow) -> Result<Tries, sqlx::Error> {
    let (failures, since): (i32, DateTime<Utc>) = (row.try_get("failures")?, row.try_get("since")?);
    let (failures, failed_at) =
        (usize::try_from(failures).unwrap_or_default(), row.try_get::<Vec<DateTime<Utc>>, _>("failed_at")?);
    let is_whole = failed_at.len() == failures && failed_at.first().is_none_or(|first| *first == since);
    Ok(Tries { failed_at: if is_whole { failed_at } else { vec![since; failures] } })
}

pub(crate) async fn save_till(tx: &mut Tx, device: DeviceId, tries: &Tries) -> Result<(), Error> {
    sqlx::query(
        "update till
            set failed_at = $2, failures = cardinality($2), since = coalesce($2[1], since)
          where device_id = $1",
    )
    .bind(device)
    .bind(&tries.failed_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(crate) async fn save_pin(tx: &mut Tx, user: UserId, tries: &Tries) -> Result<(), Error> {
    sqlx::query(
        "update pin
            set failed_at = $2, failures = cardinality($2), since = coalesce($2[1], since)
          where user_id = $1",
    )
    .bind(user)
    .bind(&tries.failed_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(crate) async fn set(tx: &mut Tx, user: UserId, hash: &str, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query(
        "insert into pin (user_id, hash, since)
         values ($1, $2, $3)
             on conflict (user_id) do update
            set hash = excluded.hash, failures = 0, since = excluded.since, failed_at = '{}'",
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
    sqlx::query("update pin set failures = 0, failed_at = '{}' where user_id = $1 and failures > 0")
        .bind(user)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Somebody who works here signed in fully at a till: PINs work there for a while, and he vouches for it.
pub(crate) async fn trust(
    tx: &mut Tx,
    device: DeviceId,
    by: UserId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into till (device_id, trusted_by, trusted_until, since)
         values ($1, $2, $4, $3)
             on conflict (device_id) do update
            set trusted_by = excluded.trusted_by, trusted_until = excluded.trusted_until, failures = 0,
                since = excluded.since, failed_at = '{}'",
    )
    .bind(device)
    .bind(by)
    .bind(now)
    .bind(until)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nobody vouches any more for the tills that this one vouched for.
pub(crate) async fn distrust(tx: &mut Tx, by: UserId) -> Result<(), Error> {
    sqlx::query("delete from till where trusted_by = $1").bind(by).execute(&mut **tx).await?;
    Ok(())
}

/// Removes tills where nobody signed in for long.
pub(crate) async fn forget_tills(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from till where trusted_until < $1").bind(before).execute(conn).await?;
    Ok(())
}
