//! The ledger through its own door, on a real database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod books;
mod chain;
mod control;
mod exceptions;
mod lists;
mod merged;
mod proofs;
mod refusals;
mod reversals;
mod support;
mod tax_compute;
mod tax_rates;
mod trial_balance;
