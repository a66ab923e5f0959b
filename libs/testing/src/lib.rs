//! How tests talk to a service: the real one, over real gRPC in memory, on a real PostgreSQL database of its own.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

mod cards;
mod coverage;
mod database;
mod eventually;
mod house;
mod list;
mod raw;
mod stand;
mod tokens;

pub use database::TestDb;
pub use eventually::eventually;
pub use house::{Builder, House, Voice};
pub use list::list_behaves;
pub use raw::RawCodec;
pub use stand::{Stand, StandError};
pub use tokens::{AUDIENCE, ISSUER, Keys, claims, field_key};
