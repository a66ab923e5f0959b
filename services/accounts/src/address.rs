//! Addresses: where bills and goods of an account go.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::account::AccountId;

types::ids! {
    /// Where something of an account goes.
    AddressId,
}

/// Where something of an account goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) id: AddressId,
    pub(crate) account_id: AccountId,
    pub(crate) details: Details,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) kind: Kind,
    pub(crate) label: Option<String>,
    pub(crate) line1: String,
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: String,
    /// ISO 3166-1, two letters.
    pub(crate) country: String,
    /// Taken unless another is named; one per kind.
    pub(crate) is_default: bool,
}

/// A new one.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: AddressId,
    pub(crate) account_id: AccountId,
    pub(crate) details: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    Billing,
    Shipping,
}

impl Details {
    /// Nothing is known yet but the country.
    pub(crate) fn of(country: String) -> Self {
        Self {
            kind: Kind::Billing,
            label: None,
            line1: String::new(),
            line2: None,
            city: String::new(),
            region: None,
            postal_code: String::new(),
            country,
            is_default: false,
        }
    }
}
