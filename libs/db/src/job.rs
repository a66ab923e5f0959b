//! Advisory locks for jobs: held by a connection, gone with it.

use sqlx::PgConnection;

use crate::Error;

/// Takes the lock of a job if nobody holds it.
///
/// # Errors
/// The database's.
pub async fn lock_job(conn: &mut PgConnection, name: &str) -> Result<bool, Error> {
    sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 7))").bind(name).fetch_one(conn).await
}

/// Gives the lock back.
///
/// # Errors
/// The database's.
pub async fn unlock_job(conn: &mut PgConnection, name: &str) -> Result<(), Error> {
    sqlx::query("select pg_advisory_unlock(hashtextextended($1, 7))").bind(name).execute(conn).await?;
    Ok(())
}
