//! The inventory service through its own door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod catalogue;
mod frame;
mod history;
mod reasons;
mod reservations;
mod sales;
mod seed;
mod shop;
mod stock;
mod sweep;
