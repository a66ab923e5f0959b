//! Phone numbers of accounts and members.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::account::AccountId;
use crate::member::MemberId;

types::ids! {
    /// A phone number of an account or of a member.
    PhoneNumberId,
}

/// A phone number of an account or of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhoneNumber {
    pub(crate) id: PhoneNumberId,
    pub(crate) owner: Owner,
    pub(crate) details: Details,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Account(AccountId),
    Member(MemberId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) kind: Kind,
    /// As it was typed.
    pub(crate) number: String,
    pub(crate) e164: String,
    /// Called first; one per account or member.
    pub(crate) preferred: bool,
}

/// A new one.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: PhoneNumberId,
    pub(crate) owner: Owner,
    pub(crate) details: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    Mobile,
    Home,
    Work,
    Other,
}

impl Owner {
    /// The owner's id as an account's and as a member's; one of them.
    pub(crate) fn ids(self) -> (Option<AccountId>, Option<MemberId>) {
        match self {
            Self::Account(id) => (Some(id), None),
            Self::Member(id) => (None, Some(id)),
        }
    }
}
