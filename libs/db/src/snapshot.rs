//! Several questions about one instant.

use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::Error;

/// A read-only transaction that sees one snapshot; it ends when it is dropped.
///
/// # Errors
/// The database's.
pub async fn snapshot(conn: &mut PgConnection) -> Result<Transaction<'_, Postgres>, Error> {
    conn.begin_with("begin isolation level repeatable read read only").await
}
