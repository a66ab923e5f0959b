//! The queue against a real PostgreSQL, and SMTP against a small server in this process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod office;
mod queue;
mod server;
mod smtp;
