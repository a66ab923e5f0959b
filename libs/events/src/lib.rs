//! Events between services: the relay tells the broker what the outbox holds, the consumer applies what it hears once.

mod apply;
mod broker;
mod consume;
mod error;
mod hear;
mod heard;
mod measure;
mod publish;
mod relay;
mod retry;
mod settings;
mod supervise;
pub mod topology;

pub use consume::consume;
pub use error::Error;
pub use hear::{Hear, HearError};
pub use heard::Heard;
pub use relay::relay;
pub use settings::{Hook, Hooks, Settings};
pub use topology::{HEARS, Names};

use chrono::{DateTime, Utc};
use db::Db;
use db::inbox::Which;

/// Lets the relay publish again all that it published since an instant. Says how many events.
///
/// # Errors
/// The database's.
pub async fn replay(db: &Db, from: DateTime<Utc>) -> Result<u64, db::Error> {
    db::outbox::requeue(&mut *db.background().await?, from).await
}

/// Lets parked events be tried again. Says how many.
///
/// # Errors
/// The database's.
pub async fn unpark(db: &Db, which: Which) -> Result<u64, db::Error> {
    db::inbox::unpark(&mut *db.background().await?, which).await
}
