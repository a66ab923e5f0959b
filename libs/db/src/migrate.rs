//! Migrations: the frame first, then the service's own, each once, under a lock.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

static FRAME: Migrator = sqlx::migrate!();

/// The frame's migrations and the service's in one line; versions must not meet.
pub fn frame_and(own: &Migrator) -> Migrator {
    let mut migrations: Vec<_> = FRAME.iter().chain(own.iter()).cloned().collect();
    migrations.sort_by_key(|migration| migration.version);
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

/// Brings the schema up to date as the migration role.
///
/// # Errors
/// When the database is out of reach or a migration fails; a failed one leaves nothing behind.
pub async fn migrate(url: &str, own: &Migrator) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("set lock_timeout = '60s'").execute(&mut connection).await?;
    frame_and(own).run_direct(None, &mut connection, false).await?;
    connection.close().await?;
    Ok(())
}
