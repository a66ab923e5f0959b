//! What pos heard from others and needs at the counter.

pub(crate) mod store;
