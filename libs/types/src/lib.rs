//! Values that cannot be wrong: ids, money, decimals, dates and violations. No I/O.

pub mod card;
pub mod country;
pub mod date;
pub mod digit;
pub mod id;
pub mod money;
pub mod quantity;
pub mod violation;

pub use card::{holds_card_number, holds_long_card_number, mask_card_numbers};
pub use country::parse_country;
pub use date::{Date, LeapDay, Majority, parse_date};
pub use digit::decimal;
pub use money::Money;
pub use quantity::parse_decimal;
pub use rust_decimal::Decimal;
pub use violation::{Violation, Violations};

/// The longest text that a list searches for.
pub const Q_CHARACTERS_MAX: usize = 200;

#[doc(hidden)]
pub use uuid;
