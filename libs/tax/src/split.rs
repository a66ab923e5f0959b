//! Takes the taxes out of a price and puts the others on top.

use rust_decimal::Decimal;

use crate::price::Priced;
use crate::round::{add, mul, percent_of, sub};
use crate::{Amount, Error, Rule};

/// A line's net, and the amount of each of its rules.
pub(crate) struct Split {
    pub(crate) net: Decimal,
    pub(crate) amounts: Vec<Decimal>,
}

/// Splits a line's price; `round` is applied to every tax as soon as it is known.
///
/// Every tax is a linear function of the net, so the price is one too, and the net its inverse. Later taxes are
/// taken out first: what is left is then a price that contains the earlier ones, by the same rule.
pub(crate) fn split(line: &Priced<'_>, round: impl Fn(Decimal) -> Decimal) -> Result<Split, Error> {
    let mut amounts = vec![None; line.rules.len()];
    let mut rest = line.price;
    for (position, rule) in line.rules.iter().enumerate() {
        let Amount::Fixed(per_unit) = rule.amount else { continue };
        let amount = round(mul(per_unit, line.units)?);
        amounts[position] = Some(amount);
        if line.contains(rule) {
            rest = sub(rest, amount)?;
        }
    }
    let terms = terms(line, &amounts)?;
    let mut open: Vec<usize> = (0..amounts.len())
        .filter(|&position| amounts[position].is_none() && line.contains(line.rules[position]))
        .collect();
    while let Some(&last) = open.last() {
        let contained = open.iter().try_fold(Linear::NET, |sum, &position| sum.plus(terms[position].amount))?;
        if contained.slope <= Decimal::ZERO {
            return Err(Error::IncludedTaxes { line: line.index });
        }
        let net = sub(rest, contained.fixed)?.checked_div(contained.slope).ok_or(Error::Overflow)?;
        let (same_base, earlier): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|&&position| terms[position].base == terms[last].base);
        for position in same_base {
            let amount = round(terms[position].amount.at(net)?);
            amounts[position] = Some(amount);
            rest = sub(rest, amount)?;
        }
        open = earlier;
    }
    on_top(line, rest, amounts, round)
}

/// Reckons the taxes still unknown, in order, on the net and the taxes before them.
fn on_top(
    line: &Priced<'_>,
    net: Decimal,
    known: Vec<Option<Decimal>>,
    round: impl Fn(Decimal) -> Decimal,
) -> Result<Split, Error> {
    let mut compounded = net;
    let mut amounts = Vec::with_capacity(known.len());
    for (rule, known) in line.rules.iter().zip(known) {
        let base = if rule.compounded { compounded } else { net };
        let amount = match known {
            Some(amount) => amount,
            None => round(percent_of(base, percent(rule))?),
        };
        if rule.compounds {
            compounded = add(compounded, amount)?;
        }
        amounts.push(amount);
    }
    Ok(Split { net, amounts })
}

impl Split {
    /// What each rule is reckoned on.
    pub(crate) fn bases(&self, line: &Priced<'_>) -> Result<Vec<Decimal>, Error> {
        let mut compounded = self.net;
        let mut bases = Vec::with_capacity(self.amounts.len());
        for (rule, amount) in line.rules.iter().zip(&self.amounts) {
            bases.push(if rule.compounded { compounded } else { self.net });
            if rule.compounds {
                compounded = add(compounded, *amount)?;
            }
        }
        Ok(bases)
    }
}

/// `fixed + slope × net`.
#[derive(Clone, Copy, PartialEq)]
struct Linear {
    fixed: Decimal,
    slope: Decimal,
}

struct Term {
    base: Linear,
    amount: Linear,
}

impl Linear {
    const NET: Self = Self { fixed: Decimal::ZERO, slope: Decimal::ONE };

    fn plus(self, other: Self) -> Result<Self, Error> {
        Ok(Self { fixed: add(self.fixed, other.fixed)?, slope: add(self.slope, other.slope)? })
    }

    fn times(self, percent: Decimal) -> Result<Self, Error> {
        Ok(Self { fixed: percent_of(self.fixed, percent)?, slope: percent_of(self.slope, percent)? })
    }

    fn at(self, net: Decimal) -> Result<Decimal, Error> {
        add(self.fixed, mul(self.slope, net)?)
    }
}

/// Each rule's base and amount as functions of the net; the fixed ones are known.
fn terms(line: &Priced<'_>, known: &[Option<Decimal>]) -> Result<Vec<Term>, Error> {
    let mut compounded = Linear::NET;
    let mut terms = Vec::with_capacity(known.len());
    for (rule, known) in line.rules.iter().zip(known) {
        let base = if rule.compounded { compounded } else { Linear::NET };
        let amount = match known {
            Some(fixed) => Linear { fixed: *fixed, slope: Decimal::ZERO },
            None => base.times(percent(rule))?,
        };
        if rule.compounds {
            compounded = compounded.plus(amount)?;
        }
        terms.push(Term { base, amount });
    }
    Ok(terms)
}

fn percent(rule: &Rule) -> Decimal {
    match rule.amount {
        Amount::Percent(percent) => percent,
        Amount::Fixed(_) => Decimal::ZERO,
    }
}
