//! PostgreSQL as every service uses it: pool, migrations, transactions that tell and audit, lists, chains.

mod approval;
mod audit;
mod constraint;
mod context;
mod idempotency;
pub mod inbox;
mod job;
mod list;
mod migrate;
pub mod outbox;
mod pool;
pub mod provision;
mod roles;
pub mod seal;
mod snapshot;
mod tx;

pub use approval::{UsedApproval, use_approval};
pub use audit::Audit;
pub use constraint::{OnConstraint, violates};
pub use context::Context;
pub use idempotency::{Remembered, forget_old, recall};
pub use job::{lock_job, unlock_job};
pub use list::{List, Page, Select, Sorts, Where, contains_pattern};
pub use migrate::{frame_and, migrate};
pub use pool::{Db, Pools};
pub use roles::check_role;
pub use snapshot::snapshot;
pub use tx::{Subject, Tx};

/// What the database can say against a statement.
pub type Error = sqlx::Error;
/// A connection, inside or outside of a transaction.
pub type Conn = sqlx::PgConnection;
