//! Events between services, against a real RabbitMQ and a real PostgreSQL.

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
