//! Tax arithmetic for anyone: documents with their rules inline, and which field is to blame when they cannot be
//! reckoned. The arithmetic itself is in libs/tax.

pub(crate) mod rpc;

use tax::{Amount, Document, Line, Rounding};
use types::{Decimal, Violation};

/// A document, and what its answer needs beside it.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    pub(crate) document: Document,
    /// The smallest cash amount.
    pub(crate) cash_rounding: Option<Decimal>,
    /// The field that brought the document's discount.
    pub(crate) discount_field: &'static str,
    /// The fields of each line that brought its discount and its rules.
    pub(crate) line_fields: Vec<LineFields>,
}

#[derive(Clone, Debug)]
pub(crate) struct LineFields {
    pub(crate) discount: String,
    pub(crate) taxes: String,
}

/// Digits of a currency where a request names none.
pub(crate) const CURRENCY_DIGITS: u32 = 2;
/// Decimals that an amount or a percentage may have.
pub(crate) const DECIMALS_MAX: u32 = 12;

/// Tax is rounded per line unless the request says otherwise.
pub(crate) const ROUNDING: Rounding = Rounding::Line;

/// Why a negative discount is refused where money comes in: it would be a surcharge.
pub(crate) const NEGATIVE_DISCOUNT: &str = "must not be negative, except on what is returned";

/// Whether money goes back for a line.
pub(crate) fn is_return(line: &Line) -> bool {
    line.quantity.is_sign_negative() != line.unit_price.is_sign_negative() && !is_free(line)
}

/// Whether money goes back, and none comes in.
pub(crate) fn only_returns(lines: &[Line]) -> bool {
    lines.iter().any(is_return) && lines.iter().all(|line| is_return(line) || is_free(line))
}

fn is_free(line: &Line) -> bool {
    line.quantity.is_zero() || line.unit_price.is_zero()
}

/// What a rule without a name is called, such as "21%".
pub(crate) fn name(amount: Amount) -> String {
    match amount {
        Amount::Percent(percent) => format!("{}%", percent.normalize()),
        Amount::Fixed(amount) => format!("{} per unit", amount.normalize()),
    }
}

/// What is wrong with the request when the arithmetic refuses.
pub(crate) fn blame(inquiry: &Inquiry, error: tax::Error) -> Violation {
    let of_line = |line: usize, field: fn(&LineFields) -> &String| {
        inquiry.line_fields.get(line).map_or("lines", |fields| field(fields).as_str())
    };
    let field = match error {
        tax::Error::Overflow => "lines",
        tax::Error::Digits => "currency_digits",
        tax::Error::LineDiscount { line } => of_line(line, |fields| &fields.discount),
        tax::Error::DocumentDiscount => inquiry.discount_field,
        tax::Error::IncludedTaxes { line } => of_line(line, |fields| &fields.taxes),
    };
    Violation::new(field, error.to_string())
}
