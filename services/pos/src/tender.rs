//! How a sale is paid.

use types::{Decimal, Money};
use uuid::Uuid;

use crate::error::Error;
use crate::sale::Totals;

/// Money handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tender {
    pub id: Uuid,
    pub kind: Kind,
    /// What was handed over.
    pub amount: Money,
    /// What was given back of it.
    pub change: Money,
    pub reference: Option<String>,
}

/// How money comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cash,
    /// Charged by a terminal that is not ours.
    Card,
}

/// The money of a shop.
#[derive(Clone, Copy, Debug)]
pub struct Coins {
    /// The smallest cash amount in minor units.
    pub smallest: i64,
    /// Digits of the currency.
    pub digits: u32,
}

/// Settles what is due. Only cash gives change, and only the part paid in cash is rounded to coins (retail.md, cases C1,
/// C2, D1).
///
/// # Errors
/// When the tenders are too little, or a card pays more than is due.
pub fn settle(totals: Totals, mut tenders: Vec<Tender>, coins: Coins) -> Result<(Totals, Vec<Tender>), Error> {
    let of =
        |kind: Kind| tenders.iter().filter(|tender| tender.kind == kind).map(|tender| tender.amount).sum::<Money>();
    let (card, cash) = (of(Kind::Card), of(Kind::Cash));
    let total = totals.total;
    if card > total {
        return Err(Error::CardOverpays { tender: overpaying(&tenders, total) });
    }
    let rest = total - card;
    let has_cash = tenders.iter().any(|tender| tender.kind == Kind::Cash);
    let due = if has_cash { round_cash(rest, coins.smallest) } else { rest };
    if cash < due {
        return Err(Error::TenderTooLittle { missing: (due - cash).to_decimal(coins.digits) });
    }
    let change = cash - due;
    let mut left = change;
    for tender in tenders.iter_mut().rev().filter(|tender| tender.kind == Kind::Cash) {
        tender.change = left.min(tender.amount);
        left = left - tender.change;
    }
    let totals = Totals { cash_rounding: due - rest, paid: card + due, change, cash_kept: due, ..totals };
    let totals = if has_cash { totals } else { Totals { cash_kept: Money::ZERO, ..totals } };
    Ok((totals, tenders))
}

/// The card tender that goes beyond the total.
fn overpaying(tenders: &[Tender], total: Money) -> usize {
    let mut paid = Money::ZERO;
    let beyond = |tender: &Tender| {
        if tender.kind == Kind::Card {
            paid += tender.amount;
        }
        paid > total
    };
    tenders.iter().position(beyond).unwrap_or_default()
}

fn round_cash(amount: Money, unit: i64) -> Money {
    let rounded = tax::cash_round(amount.to_decimal(0), Decimal::from(unit.max(1)));
    Money::from_decimal(rounded, 0).unwrap_or(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: Coins = Coins { smallest: 1, digits: 2 };
    const FIVE_CENTS: Coins = Coins { smallest: 5, digits: 2 };

    fn given(kind: Kind, amount: i64) -> Tender {
        Tender { id: Uuid::now_v7(), kind, amount: Money::minor(amount), change: Money::ZERO, reference: None }
    }

    fn due(total: i64) -> Totals {
        Totals { net: Money::minor(total), total: Money::minor(total), ..Totals::default() }
    }

    #[test]
    fn d1_change_does_not_stay_in_the_drawer() {
        for (total, tendered, kept) in [(400, 500, 400), (75, 100, 75), (700, 800, 700)] {
            let (totals, tenders) = settle(due(total), vec![given(Kind::Cash, tendered)], CENTS).unwrap();
            assert_eq!(totals.cash_kept, Money::minor(kept));
            assert_eq!(tenders[0].change, Money::minor(tendered - total));
        }
    }

    #[test]
    fn c1_cash_is_rounded_to_the_coin_with_a_line_of_its_own() {
        let (totals, _) = settle(due(1572), vec![given(Kind::Cash, 1570)], FIVE_CENTS).unwrap();
        assert_eq!((totals.paid, totals.cash_rounding), (Money::minor(1570), Money::minor(-2)));
    }

    #[test]
    fn c2_only_the_cash_part_is_rounded() {
        let tenders = vec![given(Kind::Card, 1003), given(Kind::Cash, 570)];
        let (totals, _) = settle(due(1572), tenders, FIVE_CENTS).unwrap();
        assert_eq!((totals.paid, totals.cash_rounding), (Money::minor(1573), Money::minor(1)));
    }

    #[test]
    fn change_never_comes_from_a_card() {
        assert!(matches!(
            settle(due(1000), vec![given(Kind::Card, 1001)], CENTS),
            Err(Error::CardOverpays { tender: 0 })
        ));
        let tenders = vec![given(Kind::Card, 600), given(Kind::Cash, 200), given(Kind::Cash, 500)];
        let (totals, tenders) = settle(due(1000), tenders, CENTS).unwrap();
        assert_eq!((totals.change, totals.cash_kept), (Money::minor(300), Money::minor(400)));
        assert_eq!(tenders.iter().map(|tender| tender.change.minor_units()).collect::<Vec<_>>(), [0, 0, 300]);
    }

    #[test]
    fn too_little_is_refused_with_what_is_missing() {
        let refused = settle(due(1000), vec![given(Kind::Cash, 999)], CENTS);
        assert_eq!(refused.unwrap_err().to_string(), "0.01 is still to be paid");
        assert!(settle(due(1000), vec![], CENTS).is_err());
        assert!(settle(due(0), vec![], CENTS).is_ok());
    }
}
