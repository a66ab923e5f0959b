//! Exact amounts.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// An amount in the smallest unit of the shop's currency; the currency and its digits are the shop's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Self = Self(0);
    /// What one request may bring: a million millions of minor units.
    pub const LIMIT: Self = Self(1_000_000_000_000);

    pub const fn minor(units: i64) -> Self {
        Self(units)
    }

    pub const fn minor_units(self) -> i64 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The amount in currency units: 1234 with two digits is 12.34.
    pub fn to_decimal(self, digits: u32) -> Decimal {
        Decimal::new(self.0, digits)
    }

    /// Currency units rounded half-up, away from zero, to the currency's digits. None when it does not fit.
    pub fn from_decimal(amount: Decimal, digits: u32) -> Option<Self> {
        let scaled = amount.checked_mul(Decimal::from(10_i64.checked_pow(digits)?))?;
        scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().map(Self)
    }

    /// # Errors
    /// A violation of the field when the amount is absent, negative or beyond [`Self::LIMIT`].
    pub fn parse_positive_or_zero(field: &str, amount: Option<Self>) -> Result<Self, crate::Violation> {
        match amount {
            None => Err(crate::Violation::new(field, "is required")),
            Some(amount) if amount.is_negative() => Err(crate::Violation::new(field, "must not be negative")),
            Some(amount) if amount > Self::LIMIT => Err(crate::Violation::new(field, "is too large")),
            Some(amount) => Ok(amount),
        }
    }
}

impl From<i64> for Money {
    fn from(units: i64) -> Self {
        Self(units)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_cent_goes_away_from_zero() {
        for (text, cents) in [("5.625", 563), ("-5.625", -563), ("0.004", 0), ("12", 1200)] {
            assert_eq!(Money::from_decimal(text.parse().unwrap(), 2), Some(Money::minor(cents)), "{text}");
        }
    }
}
