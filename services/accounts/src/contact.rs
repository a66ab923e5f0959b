//! Contacts: whom to speak to about an account.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::account::AccountId;

types::ids! {
    /// Somebody to speak to about an account.
    ContactId,
}

/// Somebody to speak to about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) id: ContactId,
    pub(crate) account_id: AccountId,
    pub(crate) details: Details,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) name: String,
    pub(crate) role: Option<String>,
    pub(crate) email: Option<String>,
    /// As it was typed.
    pub(crate) phone: Option<String>,
    pub(crate) phone_e164: Option<String>,
    /// Asked first; one per account.
    pub(crate) preferred: bool,
    pub(crate) notes: Option<String>,
}

/// A new one.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: ContactId,
    pub(crate) account_id: AccountId,
    pub(crate) details: Details,
}
