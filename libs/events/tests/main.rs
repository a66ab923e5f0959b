//! Events between services, against a real RabbitMQ and a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod copies;
#[path = "../../db/tests/database.rs"]
mod database;
mod duplicates;
mod gate;
mod poison;
mod relay;
mod replay;
mod town;
