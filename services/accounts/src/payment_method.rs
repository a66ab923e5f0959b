//! Payment methods: how an account is charged, as a payment processor keeps it.

pub(crate) mod rpc;
pub(crate) mod store;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use types::{Date, Violation};

use crate::account::AccountId;

types::ids! {
    /// A way to charge an account.
    PaymentMethodId,
}

/// A way to charge an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaymentMethod {
    pub(crate) id: PaymentMethodId,
    pub(crate) account_id: AccountId,
    pub(crate) processor: String,
    pub(crate) details: Details,
    /// An account has one at most.
    pub(crate) is_default: bool,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What may change of a payment method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) brand: Option<String>,
    pub(crate) last4: Option<String>,
    /// The first day of the last month it holds.
    pub(crate) expires_on: Option<Date>,
    /// The others are tried in this order when the default fails, 1 first.
    pub(crate) backup_priority: Option<i16>,
    pub(crate) requires_update: bool,
}

/// A new payment method.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: PaymentMethodId,
    pub(crate) account_id: AccountId,
    pub(crate) processor: String,
    pub(crate) token: ProviderToken,
    pub(crate) details: Details,
}

/// What a processor takes for a card; whoever holds it can charge, so no log shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProviderToken(String);

impl ProviderToken {
    pub(crate) fn new(token: &str) -> Self {
        Self(token.trim().to_owned())
    }

    /// For the database only.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The first day of a month such as `2027-03`.
pub(crate) fn month(field: &str, text: &str) -> Result<Date, Violation> {
    types::parse_date(field, &format!("{text}-01"))
        .map_err(|_| Violation::new(field, "must be a month such as 2027-03"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", ProviderToken::new("tok_4f9a8b7c")), "***");
    }

    #[test]
    fn a_month_is_read() {
        assert_eq!(month("expires", "2027-03").unwrap().to_string(), "2027-03-01");
        assert!(month("expires", "2027-13").is_err());
    }
}
