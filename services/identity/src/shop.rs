//! The shop: what all its locations share.

pub(crate) mod begin;
pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use types::Violation;

types::ids! {
    /// The shop's own id; there is one shop.
    ShopId
}

/// The shop as stored.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) id: ShopId,
    pub(crate) currency: Currency,
    pub(crate) profile: Profile,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What may change of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) time_zone: Tz,
    pub(crate) tax_rounding: TaxRounding,
    /// The smallest cash amount in minor units; 1 means cash is exact.
    pub(crate) cash_rounding_minor_units: i32,
    pub(crate) receipt_footer: Option<String>,
    /// ISO 3166-1, two letters.
    pub(crate) country: String,
    pub(crate) majority_years: i32,
    pub(crate) online_consent_years: i32,
    pub(crate) leap_day: LeapDay,
    /// After so many minutes a till that is left alone locks itself.
    pub(crate) till_lock_minutes: i32,
}

/// The birthday, in a common year, of who was born on 29 February.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
pub(crate) enum LeapDay {
    #[strum(serialize = "march_1")]
    March1,
    #[strum(serialize = "february_28")]
    February28,
}

/// Where tax is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum TaxRounding {
    Line,
    Document,
}

/// A currency, and the digits after its decimal point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Currency {
    pub(crate) code: String,
    pub(crate) digits: i32,
}

impl Currency {
    /// # Errors
    /// A violation of the field when it is no code of ISO 4217 in form.
    pub(crate) fn parse(field: &str, code: &str) -> Result<Self, Violation> {
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(Violation::new(field, "must be a currency code such as USD"));
        }
        let digits = match code {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
            | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => return Err(Violation::new(field, "must not have four digits after the point")),
            _ => 2,
        };
        Ok(Self { code: code.to_owned(), digits })
    }
}

impl Profile {
    /// How long a till may be left alone.
    pub(crate) fn till_lock(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.till_lock_minutes))
    }

    /// The fields as the audit shows them.
    pub(crate) fn fields(&self) -> Value {
        json!({
            "name": self.name,
            "time_zone": self.time_zone.name(),
            "tax_rounding": <&str>::from(self.tax_rounding),
            "cash_rounding_minor_units": self.cash_rounding_minor_units,
            "receipt_footer": self.receipt_footer,
            "country": self.country,
            "majority_years": self.majority_years,
            "online_consent_years": self.online_consent_years,
            "leap_day": <&str>::from(self.leap_day),
            "till_lock_minutes": self.till_lock_minutes,
        })
    }
}

/// # Errors
/// A violation of the field when the world has no such zone.
pub(crate) fn parse_time_zone(field: &str, name: &str) -> Result<Tz, Violation> {
    name.parse().map_err(|_| Violation::new(field, "must be a time zone such as America/Chicago"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_has_the_digits_of_iso_4217() {
        for (code, digits) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("KWD", 3), ("TND", 3)] {
            assert_eq!(Currency::parse("currency", code).unwrap().digits, digits, "{code}");
        }
        for bad in ["usd", "US", "DOLLAR", "", "U$D", "CLF"] {
            assert!(Currency::parse("currency", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_zones_of_the_world_are_read() {
        assert!(parse_time_zone("time_zone", "America/Chicago").is_ok());
        for bad in ["", "Chicago", "america/chicago", "UTC+25", "America/Atlantis"] {
            assert!(parse_time_zone("time_zone", bad).is_err(), "{bad}");
        }
    }
}
