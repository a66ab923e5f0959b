//! The ledger through its own door, on a real database.

mod books;
mod chain;
mod control;
mod exceptions;
mod lists;
mod proofs;
mod refusals;
mod reversals;
mod speed;
mod support;
mod tax_compute;
mod tax_rates;
mod trial_balance;
