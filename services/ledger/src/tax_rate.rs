//! Tax rates: what is charged where, on which kind of goods.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::uuid::Uuid;
use types::{Decimal, Violation, parse_decimal};

use crate::Error;

types::ids! {
    /// A tax rate.
    TaxRateId
}

#[derive(Clone, Debug)]
pub(crate) struct TaxRate {
    pub(crate) id: TaxRateId,
    pub(crate) location_id: Uuid,
    pub(crate) tax_category: String,
    pub(crate) terms: Terms,
    pub(crate) state: State,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) name: String,
    pub(crate) rate: Rate,
    /// Prices contain it already.
    pub(crate) included: bool,
    pub(crate) position: i32,
    /// Later taxes are also charged on this one.
    pub(crate) compounds: bool,
}

/// How a tax rate begins.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) location_id: Uuid,
    pub(crate) tax_category: String,
    pub(crate) terms: Terms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    Retired,
}

/// Percent with up to six decimals, above -100 and below 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(Decimal);

impl Rate {
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let percent = parse_decimal(field, text, 6)?;
        if percent <= Decimal::from(-100) || percent >= Decimal::ONE_THOUSAND {
            return Err(Violation::new(field, "must be above -100 and below 1000"));
        }
        Ok(Self(percent))
    }

    pub(crate) fn percent(self) -> Decimal {
        self.0
    }
}

impl From<Decimal> for Rate {
    /// Of a row, which the database has checked.
    fn from(percent: Decimal) -> Self {
        Self(percent.normalize())
    }
}

impl TaxRate {
    /// What was charged once stays as it was.
    ///
    /// # Errors
    /// When it is retired.
    pub(crate) fn with(self, terms: Terms) -> Result<Self, Error> {
        Ok(Self { terms, ..self.active()? })
    }

    /// # Errors
    /// When it is retired already.
    pub(crate) fn retire(self) -> Result<Self, Error> {
        Ok(Self { state: State::Retired, ..self.active()? })
    }

    fn active(self) -> Result<Self, Error> {
        match self.state {
            State::Active => Ok(self),
            State::Retired => Err(Error::TaxRateRetired(self.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_with_six_decimals() {
        for (text, shown) in [("8.25", "8.25"), ("7.750000", "7.75"), ("0", "0"), ("-2.5", "-2.5"), ("10", "10")] {
            assert_eq!(Rate::parse("rate", text).unwrap().percent().to_string(), shown);
        }
        for bad in ["", "8.2500001", "-100", "1000", "8,25", "1e1"] {
            assert!(Rate::parse("rate", bad).is_err(), "{bad}");
        }
    }
}
