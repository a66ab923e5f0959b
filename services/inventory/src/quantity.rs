//! How much: exact quantities and unit costs, and the one rounding between them and money.

use std::fmt;
use std::ops::{Add, Neg, Sub};

use rust_decimal::prelude::ToPrimitive;
use types::{Decimal, Money, Violation, parse_decimal};

/// Digits after the point of a quantity, and of a unit cost.
const PLACES: u32 = 4;
const COST_PLACES: u32 = 6;

/// Units of a product with four decimals, counted in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

impl Quantity {
    pub const ZERO: Self = Self(0);
    /// The most that a location may hold of one product.
    pub const MAX: Self = Self(99_999_999_999_999);

    pub const fn units(units: i32) -> Self {
        Self(units as i64 * 10_000)
    }

    /// # Errors
    /// A violation of the field when the text is no decimal with at most four places, or is zero.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let decimal = parse_decimal(field, text, PLACES)?;
        match Self::from_decimal(decimal) {
            Some(Self::ZERO) => Err(Violation::new(field, "must not be zero")),
            Some(quantity) => Ok(quantity),
            None => Err(Violation::new(field, "is too large")),
        }
    }

    /// # Errors
    /// A violation of the field when [`Self::parse`] refuses, or the quantity is negative.
    pub fn parse_positive(field: &str, text: &str) -> Result<Self, Violation> {
        match Self::parse(field, text) {
            Ok(quantity) if quantity.is_negative() => Err(Violation::new(field, "must be positive")),
            parsed => parsed,
        }
    }

    /// None when there are more decimals than four, or the number is too large.
    pub fn from_decimal(decimal: Decimal) -> Option<Self> {
        let scaled = decimal.checked_mul(Decimal::from(10_000))?;
        if scaled.fract().is_zero() { scaled.to_i64().map(Self) } else { None }
    }

    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, PLACES)
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// This part of a whole's value, half a minor unit rounded up. The whole must not be zero.
    pub fn share(self, value: Money, whole: Self) -> Money {
        debug_assert!(whole.0 > 0 && self.0 >= 0, "a part of nothing has no value");
        money(half_up(i128::from(self.0) * i128::from(value.minor_units()), i128::from(whole.0.max(1))))
    }

    /// What one of these units costs on average, in currency units with six decimals; nothing costs nothing.
    pub fn average_of(self, value: Money, currency_digits: u32) -> Decimal {
        if self.0 <= 0 {
            return Decimal::ZERO;
        }
        let millionths = i128::from(value.minor_units()) * power(PLACES + COST_PLACES);
        let average = half_up(millionths, i128::from(self.0) * power(currency_digits));
        Decimal::from_i128_with_scale(average, COST_PLACES).normalize()
    }
}

impl Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Quantity {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().normalize().fmt(f)
    }
}

/// What one unit costs, in currency units with six decimals, counted in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitCost(i64);

impl UnitCost {
    /// # Errors
    /// A violation of the field when the text is no decimal with at most six places, or is negative.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let decimal = parse_decimal(field, text, COST_PLACES)?;
        match decimal.checked_mul(Decimal::from(1_000_000)).and_then(|scaled| scaled.to_i64()) {
            Some(scaled) if scaled < 0 => Err(Violation::new(field, "must not be negative")),
            Some(scaled) => Ok(Self(scaled)),
            None => Err(Violation::new(field, "is too large")),
        }
    }

    /// The cost of so many units, half a minor unit rounded up; none when it is beyond [`Money::LIMIT`].
    pub fn of(self, quantity: Quantity, currency_digits: u32) -> Option<Money> {
        let exact = i128::from(quantity.0).checked_mul(i128::from(self.0))?.checked_mul(power(currency_digits))?;
        let value = half_up(exact, power(PLACES + COST_PLACES));
        (value <= i128::from(Money::LIMIT.minor_units())).then(|| money(value))
    }
}

/// A quotient of numbers that are not negative, half rounded up.
fn half_up(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator) / (2 * denominator)
}

fn power(digits: u32) -> i128 {
    10_i128.pow(digits)
}

fn money(minor_units: i128) -> Money {
    Money::minor(i64::try_from(minor_units).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        Quantity::parse("quantity", text).unwrap()
    }

    #[test]
    fn a_quantity_has_four_decimals_and_is_something() {
        for (text, shown) in [("1", "1"), ("0.5000", "0.5"), ("-2.0001", "-2.0001"), ("100", "100")] {
            assert_eq!(quantity(text).to_string(), shown);
        }
        for text in ["0", "-0", "0.00001", "1e3", "", "1000000000"] {
            assert!(Quantity::parse("quantity", text).is_err(), "{text}");
        }
        assert!(Quantity::parse_positive("quantity", "-1").is_err());
    }

    #[test]
    fn half_a_cent_of_cost_is_rounded_up() {
        for (many, cost, cents) in
            [("3", "0.335", 101), ("1", "0.005", 1), ("1", "0.004999", 0), ("0.3333", "3", 100), ("18", "3.33", 5994)]
        {
            let cost = UnitCost::parse("unit_cost", cost).unwrap();
            assert_eq!(cost.of(quantity(many), 2), Some(Money::minor(cents)), "{many} at {cost:?}");
        }
        let dear = UnitCost::parse("unit_cost", "999999999.999999").unwrap();
        assert_eq!(dear.of(quantity("999999999.9999"), 4), None);
        assert!(UnitCost::parse("unit_cost", "-1").is_err());
    }

    #[test]
    fn an_average_has_six_decimals_of_the_currency() {
        for (many, value, digits, average) in
            [("5", 75, 0, "15"), ("3", 301, 2, "1.003333"), ("3", 302, 2, "1.006667"), ("0.5", 1, 3, "0.002")]
        {
            assert_eq!(quantity(many).average_of(Money::minor(value), digits).to_string(), average);
        }
        assert_eq!(Quantity::ZERO.average_of(Money::ZERO, 2), Decimal::ZERO);
    }
}
