//! Lines and discounts, and what they come to.

use types::{Decimal, Money};
use uuid::Uuid;

use super::{Tax, Totals};
use crate::error::Error;

/// One line of a sale, reckoned.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: Uuid,
    pub draft: LineDraft,
    pub net: Money,
    pub tax: Money,
    pub gross: Money,
}

/// One line as it was rung up.
#[derive(Clone, Debug)]
pub struct LineDraft {
    pub product_id: Option<Uuid>,
    pub sku: Option<String>,
    pub description: String,
    /// Units, positive.
    pub quantity: Decimal,
    /// Of one unit, as on the price tag.
    pub unit_price: Money,
    /// The product's when it was rung up; none for an open item.
    pub list_price: Option<Money>,
    pub tax_category: String,
    pub discount: Option<Discount>,
}

impl LineDraft {
    /// The product's price, when another one is asked for it.
    pub fn overridden(&self) -> Option<Money> {
        self.list_price.filter(|price| *price != self.unit_price)
    }
}

/// A reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    pub off: Off,
    pub reason: Option<String>,
}

/// A percentage or an amount, never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// 10 is 10 %.
    Percent(Decimal),
    Amount(Money),
}

/// A tax that a location charges on a category.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub(crate) tax_category: String,
    pub(crate) name: String,
    /// Percent.
    pub(crate) rate: Decimal,
    pub(crate) included: bool,
    pub(crate) position: i32,
    pub(crate) compounds: bool,
}

/// How a shop reckons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reckoning {
    /// Digits of the currency.
    pub(crate) digits: u32,
    /// Tax is rounded once per document instead of once per line.
    pub(crate) rounds_document: bool,
}

/// What a sale's lines come to.
#[derive(Clone, Debug)]
pub(crate) struct Reckoned {
    pub(crate) lines: Vec<Line>,
    pub(crate) taxes: Vec<Tax>,
    pub(crate) totals: Totals,
}

/// Reckons lines with the taxes of their categories; ids are kept for lines that have one.
///
/// # Errors
/// A violation when a discount is more than what it is taken from, or a figure is too large.
pub(crate) fn reckon(
    lines: Vec<(Uuid, LineDraft)>,
    discount: Option<&Discount>,
    rates: &[Rate],
    how: Reckoning,
) -> Result<Reckoned, Error> {
    let document = tax::Document {
        digits: how.digits,
        rounding: if how.rounds_document { tax::Rounding::Document } else { tax::Rounding::Line },
        lines: lines.iter().map(|(_, line)| priced(line, rates, how.digits)).collect(),
        discount: discount.map(|discount| match discount.off {
            Off::Percent(percent) => tax::DocumentDiscount::PercentOfSum(percent),
            Off::Amount(amount) => tax::DocumentDiscount::Net(amount.to_decimal(how.digits)),
        }),
    };
    let totals = tax::compute(&document).map_err(refused)?;
    let money = |amount: Decimal| Money::from_decimal(amount, how.digits).ok_or_else(too_large);
    let mut reckoned = Vec::with_capacity(lines.len());
    for ((id, draft), line) in lines.into_iter().zip(&totals.lines) {
        reckoned.push(Line { id, draft, net: money(line.net)?, tax: money(line.tax)?, gross: money(line.gross)? });
    }
    let mut taxes = Vec::with_capacity(totals.taxes.len());
    for one in &totals.taxes {
        let rate = match one.rate {
            tax::Amount::Percent(rate) | tax::Amount::Fixed(rate) => rate,
        };
        taxes.push(Tax { name: one.name.clone(), rate, base: money(one.base)?, amount: money(one.amount)? });
    }
    let (net, tax) = (money(totals.net)?, money(totals.tax)?);
    if [net, tax, net + tax].iter().any(|amount| amount.abs() > Money::LIMIT) {
        return Err(too_large());
    }
    Ok(Reckoned { lines: reckoned, taxes, totals: Totals { net, tax, total: net + tax, ..Totals::default() } })
}

fn priced(line: &LineDraft, rates: &[Rate], digits: u32) -> tax::Line {
    let rules = rates
        .iter()
        .filter(|rate| rate.tax_category == line.tax_category)
        .map(|rate| tax::Rule {
            included: rate.included,
            order: rate.position,
            compounds: rate.compounds,
            ..tax::Rule::new(rate.name.clone(), tax::Amount::Percent(rate.rate))
        })
        .collect();
    tax::Line {
        quantity: line.quantity,
        unit_price: line.unit_price.to_decimal(digits),
        discount: match line.discount.as_ref().map(|discount| discount.off) {
            None => tax::Discount::None,
            Some(Off::Percent(percent)) => tax::Discount::Percent(percent),
            Some(Off::Amount(amount)) => tax::Discount::Amount(amount.to_decimal(digits)),
        },
        rules,
    }
}

fn refused(error: tax::Error) -> Error {
    let field = match error {
        tax::Error::LineDiscount { line } => format!("lines[{line}].discount.amount"),
        tax::Error::IncludedTaxes { line } => format!("lines[{line}].tax_category"),
        tax::Error::DocumentDiscount => "discount.amount".to_owned(),
        tax::Error::Overflow | tax::Error::Digits => "lines".to_owned(),
    };
    types::Violation::new(field, error.to_string()).into()
}

fn too_large() -> Error {
    types::Violation::new("lines", "come to more than can be reckoned").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: Reckoning = Reckoning { digits: 2, rounds_document: false };

    fn line(price: i64) -> (Uuid, LineDraft) {
        let draft = LineDraft {
            product_id: None,
            sku: None,
            description: "Reeds".to_owned(),
            quantity: Decimal::ONE,
            unit_price: Money::minor(price),
            list_price: None,
            tax_category: "goods".to_owned(),
            discount: None,
        };
        (Uuid::now_v7(), draft)
    }

    fn rate(percent: &str, included: bool) -> Rate {
        Rate {
            tax_category: "goods".to_owned(),
            name: "Tax".to_owned(),
            rate: percent.parse().unwrap(),
            included,
            position: 0,
            compounds: false,
        }
    }

    #[test]
    fn t17_two_lines_of_379_with_21_percent_included_come_to_758() {
        let reckoned = reckon(vec![line(37_900), line(37_900)], None, &[rate("21", true)], CENTS).unwrap();
        let Totals { net, tax, total, .. } = reckoned.totals;
        assert_eq!([net, tax, total].map(Money::minor_units), [62_644, 13_156, 75_800]);
    }

    #[test]
    fn t18_yen_with_10_percent_included_leave_no_remainder() {
        let yen = Reckoning { digits: 0, rounds_document: false };
        let reckoned = reckon(vec![line(50_000)], None, &[rate("10", true)], yen).unwrap();
        assert_eq!([reckoned.totals.net, reckoned.totals.tax].map(Money::minor_units), [45_455, 4_545]);
    }

    #[test]
    fn a_discount_on_the_sale_is_spread_over_its_lines() {
        let off = Discount { off: Off::Amount(Money::minor(100)), reason: None };
        let reckoned = reckon(vec![line(1000), line(2000)], Some(&off), &[rate("10", false)], CENTS).unwrap();
        assert_eq!(reckoned.lines.iter().map(|line| line.net).sum::<Money>(), Money::minor(2900));
        assert_eq!(reckoned.totals.total, Money::minor(3190));
    }

    #[test]
    fn a_percentage_off_the_sale_is_rounded_once_and_loses_no_cent() {
        let ten = Discount { off: Off::Percent(Decimal::TEN), reason: None };
        for (lines, net) in [(vec![line(999); 10], 8_991), (vec![line(4); 100], 360)] {
            let reckoned = reckon(lines, Some(&ten), &[], CENTS).unwrap();
            assert_eq!(reckoned.totals.net, Money::minor(net));
            assert_eq!(reckoned.lines.iter().map(|line| line.net).sum::<Money>(), Money::minor(net));
        }
    }

    #[test]
    fn a_discount_above_the_price_is_refused() {
        let mut rung = line(1000);
        rung.1.discount = Some(Discount { off: Off::Amount(Money::minor(1001)), reason: None });
        assert!(reckon(vec![rung], None, &[], CENTS).is_err());
    }
}
