//! Locations: where the shop trades.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::Violation;

types::ids! {
    /// A location's id.
    LocationId
}

/// A location as stored.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) id: LocationId,
    pub(crate) draft: Draft,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What somebody says of a location.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) address: Option<Address>,
    /// None where the shop's own holds.
    pub(crate) time_zone: Option<Tz>,
}

/// A postal address; it is only ever read as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) line1: String,
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: String,
    /// ISO 3166-1 alpha-2; empty when it was not given.
    pub(crate) country: String,
}

impl Draft {
    /// The fields as the audit shows them.
    pub(crate) fn fields(&self) -> Value {
        json!({ "name": self.name, "address": self.address, "time_zone": self.time_zone.map(|zone| zone.name()) })
    }
}

impl Address {
    /// # Errors
    /// A violation of the country below the field when it is not two capital letters.
    pub(crate) fn checked(self, field: &str) -> Result<Self, Violation> {
        let country = self.country.as_bytes();
        if country.is_empty() || (country.len() == 2 && country.iter().all(u8::is_ascii_uppercase)) {
            return Ok(self);
        }
        Err(Violation::new(format!("{field}.country"), "must be a country code such as US"))
    }
}
