//! All SQL of passwords.

use db::Tx;

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
