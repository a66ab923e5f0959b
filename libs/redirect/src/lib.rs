//! Where merged accounts lead, as a service heard it from accounts. SQL asks `account_now` and `accounts_of`.

use db::{Conn, Error};
use proto::accounts::v1::{AccountMerged, AccountUnmerged};
use uuid::Uuid;

/// Keeps where an account leads from now on.
///
/// # Errors
/// The database's.
pub async fn hear_merged(conn: &mut Conn, event: &AccountMerged) -> Result<(), Error> {
    let Ok(target) = Uuid::try_parse(&event.target_id) else { return Ok(()) };
    keep(conn, &event.source_id, Some(target), event.version).await
}

/// The account stands for itself again.
///
/// # Errors
/// The database's.
pub async fn hear_unmerged(conn: &mut Conn, event: &AccountUnmerged) -> Result<(), Error> {
    keep(conn, &event.source_id, None, event.version).await
}

/// The newest version wins.
async fn keep(conn: &mut Conn, source: &str, target: Option<Uuid>, version: i64) -> Result<(), Error> {
    let Ok(source) = Uuid::try_parse(source) else { return Ok(()) };
    sqlx::query(
        "insert into account_redirect (source_id, target_id, version)
         values ($1, $2, $3)
             on conflict (source_id) do update
            set target_id = excluded.target_id, version = excluded.version
          where account_redirect.version < excluded.version",
    )
    .bind(source)
    .bind(target)
    .bind(version)
    .execute(conn)
    .await?;
    Ok(())
}
