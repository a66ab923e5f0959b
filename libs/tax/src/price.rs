//! What a line costs after discounts, in the terms of its price.

use rust_decimal::Decimal;

use crate::round::{allocate, mul, percent_of, round_half_up, sub, sum};
use crate::{Discount, Document, DocumentDiscount, Error, Line, LineTotals, Rule, Totals};

/// A line ready to be taxed.
pub(crate) struct Priced<'a> {
    pub(crate) index: usize,
    pub(crate) rules: Vec<&'a Rule>,
    /// After discounts, in whole minor units.
    pub(crate) price: Decimal,
    /// The quantity, positive for a sale and negative for a return: a fixed tax follows the money.
    pub(crate) units: Decimal,
    pub(crate) sale: bool,
    contents: Contents,
    pub(crate) discount: Decimal,
    pub(crate) document_discount: Decimal,
}

/// Which taxes the price contains.
#[derive(Clone, Copy)]
enum Contents {
    AsRuled,
    None,
    All,
}

impl<'a> Priced<'a> {
    pub(crate) fn new(document: &Document, index: usize, line: &'a Line) -> Result<Self, Error> {
        let list = mul(line.quantity, line.unit_price)?;
        let too_large = Error::LineDiscount { line: index };
        let own = match line.discount {
            Discount::None => list,
            Discount::Percent(percent) => reduce(list, percent_of(list, percent)?, too_large)?,
            Discount::Amount(amount) => reduce(list, towards_zero(amount, list), too_large)?,
        };
        let price = match document.discount {
            Some(DocumentDiscount::Percent(percent)) => {
                reduce(own, percent_of(own, percent)?, Error::DocumentDiscount)?
            }
            Some(DocumentDiscount::Net(_) | DocumentDiscount::Gross(_) | DocumentDiscount::PercentOfSum(_)) | None => {
                own
            }
        };
        let [list, own, price] = [list, own, price].map(|amount| round_half_up(amount, document.digits));
        let sale = if list.is_zero() { line.quantity >= Decimal::ZERO } else { list > Decimal::ZERO };
        let mut rules: Vec<&Rule> = line.rules.iter().collect();
        rules.sort_by_key(|rule| rule.order);
        Ok(Self {
            index,
            rules,
            price,
            units: if sale { line.quantity.abs() } else { -line.quantity.abs() },
            sale,
            contents: Contents::AsRuled,
            discount: sub(list, own)?,
            document_discount: sub(own, price)?,
        })
    }

    pub(crate) fn contains(&self, rule: &Rule) -> bool {
        match self.contents {
            Contents::AsRuled => rule.included,
            Contents::None => false,
            Contents::All => true,
        }
    }
}

/// Takes a percentage off the sum of the prices, sales and returns apart.
pub(crate) fn take_percent_off(lines: &mut [Priced<'_>], percent: Decimal, digits: u32) -> Result<(), Error> {
    for sale in [true, false] {
        let prices: Vec<Decimal> = lines.iter().filter(|line| line.sale == sale).map(|line| line.price).collect();
        let whole = sum(prices.iter().copied())?;
        let discount = round_half_up(percent_of(whole, percent)?, digits);
        reduce(whole, discount, Error::DocumentDiscount)?;
        let group = lines.iter_mut().filter(|line| line.sale == sale);
        for (line, share) in group.zip(allocate(discount, &prices, digits)) {
            line.price = sub(line.price, share)?;
            line.document_discount = share;
        }
    }
    Ok(())
}

/// Takes an amount off the document, given what it came to without.
///
/// Off the net, the rest of each line is a price without tax; off the total, a price with all its taxes.
pub(crate) fn take_off(
    lines: &mut [Priced<'_>],
    totals: &Totals,
    discount: DocumentDiscount,
    digits: u32,
) -> Result<(), Error> {
    let (discount, contents, amount): (Decimal, Contents, fn(&LineTotals) -> Decimal) = match discount {
        DocumentDiscount::Percent(_) | DocumentDiscount::PercentOfSum(_) => return Ok(()),
        DocumentDiscount::Net(discount) => (discount, Contents::None, |line| line.net),
        DocumentDiscount::Gross(discount) => (discount, Contents::All, |line| line.gross),
    };
    let amounts: Vec<Decimal> = totals.lines.iter().map(amount).collect();
    let sells = amounts.iter().any(|amount| *amount > Decimal::ZERO);
    let falls_on = |amount: Decimal| if sells { amount.max(Decimal::ZERO) } else { amount };
    let weights: Vec<Decimal> = amounts.iter().copied().map(falls_on).collect();
    let whole = sum(weights.iter().copied())?;
    let discount = round_half_up(towards_zero(discount, whole), digits);
    reduce(whole, discount, Error::DocumentDiscount)?;
    for ((line, amount), share) in lines.iter_mut().zip(amounts).zip(allocate(discount, &weights, digits)) {
        // A line without a share keeps the tax that was taken out of its price.
        if !share.is_zero() {
            line.price = sub(amount, share)?;
            line.contents = contents;
            line.document_discount = share;
        }
    }
    Ok(())
}

/// A discount on money that goes back may be given with or without its sign.
fn towards_zero(discount: Decimal, amount: Decimal) -> Decimal {
    if amount < Decimal::ZERO { -discount.abs() } else { discount }
}

/// The amount less the discount, which must not turn a sale into a return.
fn reduce(amount: Decimal, discount: Decimal, too_large: Error) -> Result<Decimal, Error> {
    let rest = sub(amount, discount)?;
    let crosses_zero = if amount < Decimal::ZERO { rest > Decimal::ZERO } else { rest < Decimal::ZERO };
    if crosses_zero { Err(too_large) } else { Ok(rest) }
}
