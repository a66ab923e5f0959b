//! All SQL of invitations.

use chrono::{DateTime, Utc};
use db::{Conn, Tx};

use super::LIFE;
use crate::Error;
use crate::user::UserId;

/// Keeps the hash of a new invitation; it replaces one that was not used.
pub(crate) async fn insert(tx: &mut Tx, user: UserId, hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
    withdraw(tx, user).await?;
    sqlx::query("insert into invitation (hash, user_id, created_at, expires_at) values ($1, $2, $3, $4)")
        .bind(hash)
        .bind(user)
        .bind(now)
        .bind(now + LIFE)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What was not used opens nothing any more.
pub(crate) async fn withdraw(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    sqlx::query("delete from invitation where user_id = $1 and used_at is null").bind(user).execute(&mut **tx).await?;
    Ok(())
}

/// Whom an invitation lets in, if it opens.
pub(crate) async fn find(conn: &mut Conn, hash: &[u8], now: DateTime<Utc>) -> Result<Option<UserId>, Error> {
    let open = sqlx::query_scalar(
        "select user_id
           from invitation
          where hash = $1
            and used_at is null
            and expires_at > $2",
    );
    Ok(open.bind(hash).bind(now).fetch_optional(conn).await?)
}

/// Uses an invitation up; of many who try, one does.
pub(crate) async fn consume(tx: &mut Tx, hash: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
    let used = sqlx::query(
        "update invitation
            set used_at = $2
          where hash = $1
            and used_at is null
            and expires_at > $2",
    );
    Ok(used.bind(hash).bind(now).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Removes what is long over.
pub(crate) async fn forget_old(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from invitation where expires_at < $1").bind(before).execute(conn).await?;
    Ok(())
}
