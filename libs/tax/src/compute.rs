//! A document: its lines taxed, rounded and added up.

use std::collections::HashMap;

use rust_decimal::Decimal;

use crate::price::{Priced, take_off, take_percent_off};
use crate::round::{add, even_out, round_half_up, settle, sub, sum};
use crate::split::{Split, split};
use crate::{Amount, DIGITS_MAX, Document, DocumentDiscount, Error, LineTotals, Rounding, Rule, TaxAmount, Totals};

/// Net, tax and total of every line and of the document.
///
/// # Errors
/// When a number is out of range, a discount exceeds what it is taken off, or a price cannot contain its taxes.
pub fn compute(document: &Document) -> Result<Totals, Error> {
    if document.digits > DIGITS_MAX {
        return Err(Error::Digits);
    }
    let lines = document.lines.iter().enumerate();
    let mut lines = lines.map(|(index, line)| Priced::new(document, index, line)).collect::<Result<Vec<_>, Error>>()?;
    if let Some(DocumentDiscount::PercentOfSum(percent)) = document.discount {
        take_percent_off(&mut lines, percent, document.digits)?;
    }
    let totals = tax(document, &lines)?;
    let Some(discount @ (DocumentDiscount::Net(_) | DocumentDiscount::Gross(_))) = document.discount else {
        return Ok(totals);
    };
    take_off(&mut lines, &totals, discount, document.digits)?;
    tax(document, &lines)
}

fn tax(document: &Document, lines: &[Priced<'_>]) -> Result<Totals, Error> {
    let digits = document.digits;
    let splits = match document.rounding {
        Rounding::Line => {
            lines.iter().map(|line| split(line, |amount| settle(amount, digits))).collect::<Result<_, Error>>()?
        }
        Rounding::Document => {
            let exact = lines.iter().map(|line| split(line, |amount| amount)).collect::<Result<_, Error>>()?;
            round_once(lines, exact, digits)?
        }
    };
    add_up(lines, splits, digits)
}

/// Rounds each tax once over the document, sales and returns apart, and hands the residual out to the lines.
fn round_once(lines: &[Priced<'_>], mut splits: Vec<Split>, digits: u32) -> Result<Vec<Split>, Error> {
    for group in groups(lines, |line| line.sale) {
        let exact: Vec<Decimal> = group.iter().map(|&(line, rule)| splits[line].amounts[rule]).collect();
        let mut rounded: Vec<Decimal> = exact.iter().map(|amount| settle(*amount, digits)).collect();
        let target = settle(sum(exact.iter().copied())?, digits);
        even_out(&mut rounded, target, &exact, digits);
        for ((line, rule), amount) in group.into_iter().zip(rounded) {
            splits[line].amounts[rule] = amount;
        }
    }
    for (line, split) in lines.iter().zip(&mut splits) {
        let taxes = line.rules.iter().zip(&split.amounts);
        let contained = sum(taxes.filter(|(rule, _)| line.contains(rule)).map(|(_, amount)| *amount))?;
        split.net = sub(line.price, contained)?;
    }
    Ok(splits)
}

fn add_up(lines: &[Priced<'_>], splits: Vec<Split>, digits: u32) -> Result<Totals, Error> {
    let money = |amount: Decimal| round_half_up(amount, digits);
    let totals = lines
        .iter()
        .zip(splits)
        .map(|(line, split)| line_totals(line, &split, digits))
        .collect::<Result<Vec<_>, _>>()?;
    let mut taxes = Vec::new();
    for group in groups(lines, |_| true) {
        let of_lines: Vec<&TaxAmount> = group.iter().map(|&(line, rule)| &totals[line].taxes[rule]).collect();
        let Some(first) = of_lines.first() else { continue };
        taxes.push(TaxAmount {
            base: money(sum(of_lines.iter().map(|tax| tax.base))?),
            amount: money(sum(of_lines.iter().map(|tax| tax.amount))?),
            ..(*first).clone()
        });
    }
    let net = money(sum(totals.iter().map(|line| line.net))?);
    let tax = money(sum(totals.iter().map(|line| line.tax))?);
    Ok(Totals { lines: totals, taxes, net, tax, total: money(add(net, tax)?) })
}

fn line_totals(line: &Priced<'_>, split: &Split, digits: u32) -> Result<LineTotals, Error> {
    let money = |amount: Decimal| round_half_up(amount, digits);
    let taxes = line.rules.iter().zip(split.bases(line)?).zip(&split.amounts);
    let tax = sum(split.amounts.iter().copied())?;
    Ok(LineTotals {
        net: money(split.net),
        tax: money(tax),
        gross: money(add(split.net, tax)?),
        taxes: taxes
            .map(|((rule, base), amount)| TaxAmount {
                name: rule.name.clone(),
                rate: rule.amount,
                base: money(base),
                amount: money(*amount),
            })
            .collect(),
        discount: money(line.discount),
        document_discount: money(line.document_discount),
    })
}

/// The places, line and rule, of each tax, in the order in which the taxes first appear.
///
/// A tax is a name and a rate, the first of that kind in its line or the second, among the lines that `part` puts
/// together.
fn groups(lines: &[Priced<'_>], part: impl Fn(&Priced<'_>) -> bool) -> Vec<Vec<(usize, usize)>> {
    let mut seen: HashMap<(&str, Amount, usize, bool), usize> = HashMap::new();
    let mut groups: Vec<Vec<(usize, usize)>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for (position, rule) in line.rules.iter().enumerate() {
            let same = |other: &&&Rule| other.name == rule.name && other.amount == rule.amount;
            let nth = line.rules[..position].iter().filter(same).count();
            let group = *seen.entry((&rule.name, rule.amount, nth, part(line))).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push((index, position));
        }
    }
    groups
}
