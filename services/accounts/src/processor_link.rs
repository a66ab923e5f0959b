//! Processor links: the customers of payment processors that stand for an account.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};

use crate::account::AccountId;

types::ids! {
    /// The customer of a payment processor that stands for an account.
    ProcessorLinkId,
}

/// The customer of a payment processor that stands for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessorLink {
    pub(crate) id: ProcessorLinkId,
    pub(crate) account_id: AccountId,
    pub(crate) processor: String,
    pub(crate) customer_id: String,
    pub(crate) created_at: DateTime<Utc>,
}
