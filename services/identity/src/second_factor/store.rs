//! All SQL of second factors.

use chrono::{DateTime, Utc};
use db::{Conn, Tx};
use sqlx::Row;

use crate::Error;
use crate::user::UserId;

/// Somebody's app, as stored.
pub(crate) struct Totp {
    pub(crate) user: UserId,
    pub(crate) sealed: String,
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
    pub(crate) last_step: i64,
}

pub(crate) async fn find(conn: &mut Conn, user: UserId) -> Result<Option<Totp>, Error> {
    let row = sqlx::query("select secret, confirmed_at, last_step from totp where user_id = $1");
    let Some(row) = row.bind(user).fetch_optional(conn).await? else { return Ok(None) };
    Ok(Some(Totp {
        user,
        sealed: row.try_get("secret")?,
        confirmed_at: row.try_get("confirmed_at")?,
        last_step: row.try_get("last_step")?,
    }))
}

/// Begins anew, unless there is a confirmed one; false then.
pub(crate) async fn begin(tx: &mut Tx, user: UserId, sealed: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into totp (user_id, secret)
         values ($1, $2)
             on conflict (user_id) do update
            set secret = excluded.secret, created_at = now(), last_step = 0
          where totp.confirmed_at is null",
    );
    Ok(done.bind(user).bind(sealed).execute(&mut **tx).await?.rows_affected() == 1)
}

/// False when it was confirmed before.
pub(crate) async fn confirm(tx: &mut Tx, user: UserId, step: i64, now: DateTime<Utc>) -> Result<bool, Error> {
    let done =
        sqlx::query("update totp set confirmed_at = $3, last_step = $2 where user_id = $1 and confirmed_at is null");
    Ok(done.bind(user).bind(step).bind(now).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Uses the code of a step up; false when it, or a later one, was used before.
pub(crate) async fn use_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, Error> {
    let done = sqlx::query("update totp set last_step = $2 where user_id = $1 and last_step < $2");
    Ok(done.bind(user).bind(step).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Uses a recovery code up; false when it is none of his, or was used before.
pub(crate) async fn use_recovery(tx: &mut Tx, user: UserId, hash: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
    let done =
        sqlx::query("update recovery_code set used_at = $3 where hash = $1 and user_id = $2 and used_at is null");
    Ok(done.bind(hash).bind(user).bind(now).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Replaces the recovery codes.
pub(crate) async fn set_recovery(tx: &mut Tx, user: UserId, hashes: &[Vec<u8>]) -> Result<(), Error> {
    sqlx::query("delete from recovery_code where user_id = $1").bind(user).execute(&mut **tx).await?;
    sqlx::query("insert into recovery_code (user_id, hash) select $1, unnest($2::bytea[])")
        .bind(user)
        .bind(hashes)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn remove(tx: &mut Tx, user: UserId) -> Result<bool, Error> {
    let done = sqlx::query("delete from totp where user_id = $1").bind(user).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Counts the credentials up: sessions that are still live follow, new ones need the new factor.
pub(crate) async fn bump(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    sqlx::query("update app_user set credential_version = credential_version + 1 where id = $1")
        .bind(user)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
