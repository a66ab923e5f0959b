//! The JSON profile: what a message looks like to a REST caller.
//!
//! Names are camelCase, numbers are numbers, money is a decimal string, enums are lower case without prefix, what is
//! absent is `null`, times are RFC 3339 in UTC. Both directions go between the wire and JSON directly, by the
//! [`shape`]s that were read from the descriptors at start.

pub mod money;
pub mod read;
mod scalar;
pub mod shape;
pub mod time;
pub mod wire;
pub mod write;

pub use read::{FieldError, Unread, read};
pub use scalar::put_param;
pub use shape::{Field, Kind, ShapeId, Shapes};
pub use wire::Malformed;
pub use write::Writer;
