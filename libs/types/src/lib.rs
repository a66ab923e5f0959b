//! Values that cannot be wrong: ids, money, decimals, dates and violations. No I/O.

pub mod date;
pub mod id;
pub mod money;
pub mod quantity;
pub mod violation;

pub use date::{Date, is_minor_on, parse_date};
pub use money::Money;
pub use quantity::parse_decimal;
pub use rust_decimal::Decimal;
pub use violation::{Violation, Violations};

#[doc(hidden)]
pub use uuid;
