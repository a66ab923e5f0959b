//! The database library against a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approval;
mod chain;
mod database;
mod frame;
mod retention;
mod watch;
