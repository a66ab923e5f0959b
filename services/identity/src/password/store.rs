//! All SQL of passwords.

use chrono::{DateTime, Utc};
use db::{Conn, Tx};

use crate::Error;
use crate::user::UserId;

/// Sets a new password and counts the credentials up: sessions that are still live follow, new ones need it. False when
/// the credentials were others by now than those that were shown, if any were.
pub(crate) async fn set(tx: &mut Tx, user: UserId, shown: Option<i64>, password_hash: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "update app_user
            set password_hash = $2, credential_version = credential_version + 1, updated_at = now()
          where id = $1
            and credential_version = coalesce($3, credential_version)",
    )
    .bind(user)
    .bind(password_hash)
    .bind(shown)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whoever else asks for letters to this address waits for this transaction. Answers how many there were since.
pub(crate) async fn count_requests(tx: &mut Tx, name_hash: &[u8], since: DateTime<Utc>) -> Result<i64, Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('identity.reset_request.' || encode($1, 'hex'), 7))")
        .bind(name_hash)
        .execute(&mut **tx)
        .await?;
    let count = sqlx::query_scalar("select count(*) from reset_request where name_hash = $1 and requested_at > $2");
    Ok(count.bind(name_hash).bind(since).fetch_one(&mut **tx).await?)
}

pub(crate) async fn add_request(tx: &mut Tx, name_hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("insert into reset_request (name_hash, requested_at) values ($1, $2)")
        .bind(name_hash)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A link that works once.
pub(crate) async fn add_reset(
    tx: &mut Tx,
    hash: &[u8],
    user: UserId,
    requested_by: Option<UserId>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query("insert into password_reset (hash, user_id, requested_by, expires_at) values ($1, $2, $3, $4)")
        .bind(hash)
        .bind(user)
        .bind(requested_by)
        .bind(expires_at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whom a link lets choose a password, if it works.
pub(crate) async fn find_reset(conn: &mut Conn, hash: &[u8], now: DateTime<Utc>) -> Result<Option<UserId>, Error> {
    let open = sqlx::query_scalar(
        "select user_id
           from password_reset
          where hash = $1
            and used_at is null
            and expires_at > $2",
    );
    Ok(open.bind(hash).bind(now).fetch_optional(conn).await?)
}

/// Uses a link up (I9); of many who try, one does.
pub(crate) async fn use_reset(tx: &mut Tx, hash: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
    let used = sqlx::query(
        "update password_reset
            set used_at = $2
          where hash = $1
            and used_at is null
            and expires_at > $2",
    );
    Ok(used.bind(hash).bind(now).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Links that were sent so far work no more.
pub(crate) async fn withdraw(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    let now = tx.context().now;
    sqlx::query("update password_reset set used_at = $2 where user_id = $1 and used_at is null")
        .bind(user)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes links and requests of long ago.
pub(crate) async fn forget_resets(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from password_reset where expires_at < $1").bind(before).execute(&mut *conn).await?;
    sqlx::query("delete from reset_request where requested_at < $1").bind(before).execute(conn).await?;
    Ok(())
}
