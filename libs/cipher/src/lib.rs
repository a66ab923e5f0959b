//! Fields that nobody may read in the database: sealed with AES-256-GCM under a data key of the service, which is kept
//! wrapped under the operator's `FIELD_KEY`. A sealed value opens only at the place it was sealed for.

mod envelope;
mod keys;
mod operator;
mod rotate;
mod store;

pub use envelope::Place;
pub use keys::Keys;
pub use rotate::{Column, command, rotate};
