//! Files: taken from a caller in bounded memory, looked at, and kept on a disk or in a bucket; links that open one for a
//! while.

mod disk;
mod kind;
mod link;
mod s3;
mod store;
mod take;

pub use kind::Kind;
pub use link::Links;
pub use store::{Files, Store};
pub use take::{Refused, Rules, Taken};
