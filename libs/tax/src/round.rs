//! Rounding, splitting without losing a cent, and arithmetic that refuses to overflow.

use std::cmp::Reverse;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::Error;

/// Digits kept beyond the currency's when a quotient is about to be rounded.
///
/// A quotient is cut off after some 28 digits: a true 0.005 may arrive as 0.00499…9 and would be lost. Twelve digits
/// are fewer than the error needs and more than any real rate can tell apart from a half.
const GUARD_DIGITS: u32 = 12;

/// Half a minor unit goes away from zero. The result shows all `digits` decimals, and zero no sign.
pub fn round_half_up(amount: Decimal, digits: u32) -> Decimal {
    let digits = digits.min(Decimal::MAX_SCALE);
    let mut rounded = amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(digits);
    if rounded.is_zero() {
        rounded.set_sign_positive(true);
    }
    rounded
}

/// Like [`round_half_up`], for an amount that comes from a division.
pub(crate) fn settle(amount: Decimal, digits: u32) -> Decimal {
    round_half_up(
        amount.round_dp_with_strategy(digits.saturating_add(GUARD_DIGITS), RoundingStrategy::MidpointAwayFromZero),
        digits,
    )
}

/// The nearest multiple of the increment, such as 0.05; halves go away from zero.
///
/// Without a positive increment, or beyond the range of decimals, the total stays as it is.
pub fn cash_round(total: Decimal, increment: Decimal) -> Decimal {
    if increment <= Decimal::ZERO {
        return total;
    }
    let coins = total.checked_div(increment).map(|coins| settle(coins, 0));
    let rounded = coins.and_then(|coins| coins.checked_mul(increment)).unwrap_or(total);
    round_half_up(rounded, total.scale().max(increment.scale()))
}

/// Splits an amount in proportion to the sizes of the weights; the parts add up to it exactly.
///
/// Each part is rounded half-up; the residual goes out one minor unit each to the largest weights, the first of
/// equals before the others. Where all weights are zero they count as equal.
pub fn allocate(amount: Decimal, weights: &[Decimal], digits: u32) -> Vec<Decimal> {
    let mut weights: Vec<Decimal> = weights.iter().map(Decimal::abs).collect();
    if weights.iter().all(Decimal::is_zero) {
        weights.fill(Decimal::ONE);
    }
    let total = weights.iter().fold(Decimal::ZERO, |total, weight| total.saturating_add(*weight));
    let share = |weight: &Decimal| weight.checked_div(total).and_then(|ratio| ratio.checked_mul(amount));
    let mut parts: Vec<Decimal> =
        weights.iter().map(|weight| settle(share(weight).unwrap_or_default(), digits)).collect();
    even_out(&mut parts, amount, &weights, digits);
    parts
}

/// Makes the parts add up to the target, a minor unit each, largest weight first; an odd rest goes to the largest.
pub(crate) fn even_out(parts: &mut [Decimal], target: Decimal, weights: &[Decimal], digits: u32) {
    let mut residual = parts.iter().fold(target, |rest, part| rest.saturating_sub(*part));
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&part| Reverse(weights[part].abs()));
    let mut unit = Decimal::new(1, digits.min(Decimal::MAX_SCALE));
    unit.set_sign_negative(residual < Decimal::ZERO);
    for &part in &order {
        if residual.abs() < unit.abs() {
            break;
        }
        parts[part] = parts[part].saturating_add(unit);
        residual = residual.saturating_sub(unit);
    }
    if let Some(&largest) = order.first() {
        parts[largest] = parts[largest].saturating_add(residual);
    }
}

pub(crate) fn add(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_add(b).ok_or(Error::Overflow)
}

pub(crate) fn sub(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_sub(b).ok_or(Error::Overflow)
}

pub(crate) fn mul(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_mul(b).ok_or(Error::Overflow)
}

pub(crate) fn percent_of(amount: Decimal, percent: Decimal) -> Result<Decimal, Error> {
    mul(amount, mul(percent, Decimal::new(1, 2))?)
}

pub(crate) fn sum(amounts: impl IntoIterator<Item = Decimal>) -> Result<Decimal, Error> {
    amounts.into_iter().try_fold(Decimal::ZERO, add)
}
