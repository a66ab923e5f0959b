//! External references: what other systems call an account.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};

use crate::account::AccountId;

types::ids! {
    /// What another system calls an account.
    ExternalReferenceId,
}

/// What another system calls an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExternalReference {
    pub(crate) id: ExternalReferenceId,
    pub(crate) account_id: AccountId,
    pub(crate) system: String,
    pub(crate) external_id: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// Which external references a list holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) account_id: Option<AccountId>,
    pub(crate) system: Option<String>,
    pub(crate) external_id: Option<String>,
}
