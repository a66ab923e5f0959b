//! Tax arithmetic that all who charge share: pure, exact, the same everywhere.

mod compute;
mod price;
mod round;
mod split;

use rust_decimal::Decimal;

pub use compute::compute;
pub use round::{allocate, cash_round, round_half_up};

/// What is sold or taken back on one ticket. Amounts are in currency units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Decimals of the currency, at most [`DIGITS_MAX`].
    pub digits: u32,
    pub rounding: Rounding,
    pub lines: Vec<Line>,
    pub discount: Option<DocumentDiscount>,
}

/// The most decimals a currency may have.
pub const DIGITS_MAX: u32 = 8;

/// Where tax is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Each tax of each line.
    Line,
    /// Each tax once over the document, sales and returns apart.
    Document,
}

/// One line; a negative quantity or a negative price is a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub discount: Discount,
    pub rules: Vec<Rule>,
}

/// What a line is reduced by, towards zero on sales and returns alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discount {
    #[default]
    None,
    /// 10 is 10 %.
    Percent(Decimal),
    /// Off the whole line, in the terms of its price.
    Amount(Decimal),
}

/// What the document is reduced by.
///
/// Amounts fall on its sales alone, or on its returns, towards zero, where it has no sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentDiscount {
    /// Off the sum without tax.
    Net(Decimal),
    /// Off the sum with tax.
    Gross(Decimal),
    /// Off the price of every line, after the line's own discount.
    Percent(Decimal),
    /// Off the sum of the prices, rounded once for its sales and once for its returns, and handed out to their lines.
    PercentOfSum(Decimal),
}

/// One tax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub amount: Amount,
    /// The price already contains it.
    pub included: bool,
    /// Rules are reckoned in this order; equal ones in the order given.
    pub order: i32,
    /// Its amount is added to the base of later rules that are compounded.
    pub compounds: bool,
    /// Its base contains the earlier rules that compound.
    pub compounded: bool,
}

/// How much a tax is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// 21 is 21 % of the base; negative for a tax withheld.
    Percent(Decimal),
    /// Currency units per unit of quantity, in the direction of the line.
    Fixed(Decimal),
}

impl Rule {
    /// A tax on top of the price, on the net and on the earlier taxes that compound.
    pub fn new(name: impl Into<String>, amount: Amount) -> Self {
        Self { name: name.into(), amount, included: false, order: 0, compounds: false, compounded: true }
    }
}

/// What a document comes to: net + tax = total, and the lines add up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    pub lines: Vec<LineTotals>,
    /// Each name and rate over all lines; those that a line charges twice stay two.
    pub taxes: Vec<TaxAmount>,
    pub net: Decimal,
    pub tax: Decimal,
    pub total: Decimal,
}

/// What a line comes to: net + tax = gross.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTotals {
    pub net: Decimal,
    pub tax: Decimal,
    pub gross: Decimal,
    /// In the order of reckoning.
    pub taxes: Vec<TaxAmount>,
    /// What its own discount took off its price.
    pub discount: Decimal,
    /// Its share of the document's discount, in the terms of that one: without tax, with tax, or off the price.
    pub document_discount: Decimal,
}

/// What one tax comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxAmount {
    pub name: String,
    pub rate: Amount,
    /// Net and the earlier taxes it is reckoned on.
    pub base: Decimal,
    pub amount: Decimal,
}

/// Why a document cannot be reckoned. Lines count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("an amount is too large")]
    Overflow,
    #[error("a currency has at most {DIGITS_MAX} digits")]
    Digits,
    #[error("the discount is larger than the line")]
    LineDiscount { line: usize },
    #[error("the discount is larger than what it is taken off")]
    DocumentDiscount,
    #[error("taxes of -100 % or less cannot be contained in a price")]
    IncludedTaxes { line: usize },
}
