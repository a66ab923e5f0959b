//! Sealed fields against a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod keys;
mod rotation;
mod vault;
