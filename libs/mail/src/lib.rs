//! Mail: written into a queue in the change's own transaction, carried later by SMTP or into a directory.
//!
//! A letter is sent at least once. When the process dies between the carrier's yes and our note of it, it is sent again
//! with the same `Message-ID`, by which most mail systems drop the second one.

mod carrier;
mod file;
mod letter;
mod queue;
mod smtp;
mod store;

pub use carrier::{Carrier, Parcel, Refused, carrier};
pub use letter::Letter;
pub use queue::{enqueue, job};
