//! Coming of age, told to the others once (services.md §1.4). What guardians could do is handed over by
//! [`crate::responsible_adult::hand_over`], what they granted is outgrown by [`crate::consent::sweep`].

pub(crate) mod job;
pub(crate) mod store;
