//! The database library against a real PostgreSQL.

mod chain;
mod database;
mod frame;
mod retention;
mod watch;
