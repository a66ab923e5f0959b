//! Totals: what all stock is worth, for the ledger's proof.

pub(crate) mod rpc;
pub(crate) mod store;

use types::Money;

/// The stock's value at one instant, and how much of it was told by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    pub value: Money,
    /// Events with a value, since the beginning.
    pub events: i64,
    /// Sales that were heard but are not booked: those that will be tried again, and those that wait for a person.
    pub waiting: i64,
    pub parked: i64,
    /// In PostgreSQL's form.
    pub snapshot: String,
}
