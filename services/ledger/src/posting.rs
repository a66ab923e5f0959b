//! Posting rules: what moved, as each event tells it, and which accounts that is booked to.

pub(crate) mod fact;

use chrono::{DateTime, Utc};
use types::uuid::Uuid;
use types::{Date, Money};

use crate::journal_entry::{Booking, Draft, JournalEntryId, Lines, Memo, Reverses, Source, Unbalanced};
use crate::ledger_account::code;

/// The kind whose entry a voided sale takes back.
const SALE_COMPLETED: &str = "pos.sale.completed";

/// An event that moves value, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) source: Source,
    pub(crate) day: Day,
    pub(crate) memo: Memo,
    /// Whose business it was: the customer's account, as the event names it.
    pub(crate) account_id: Option<Uuid>,
    pub(crate) movement: Movement,
}

/// The date that a fact counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    On(Date),
    /// The date at a location at an instant.
    At {
        location_id: Uuid,
        at: DateTime<Utc>,
    },
}

/// What moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Movement {
    SaleCompleted(Sale),
    SaleVoided(Sale),
    DrawerOpened { float: Money },
    DrawerClosed { expected: Money, counted: Money, over_short: Money },
    StockReceived { value: Money },
    StockAdjusted { value: Money },
    StockIssued { value: Money },
    StockReturned { value: Money },
}

/// The money of a sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sale {
    /// Cash handed over less change.
    pub(crate) cash: Money,
    pub(crate) card: Money,
    /// Net of the lines that are goods, and of those that are services.
    pub(crate) goods: Money,
    pub(crate) services: Money,
    pub(crate) net: Money,
    pub(crate) tax: Money,
    pub(crate) total: Money,
    /// Paid less total.
    pub(crate) cash_rounding: Money,
}

/// Why no rule could post an event; a sentence for the bookkeeper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unpostable {
    #[error("no rule books events of this kind")]
    NoRule,
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
    #[error("the event lacks {0}")]
    Lacks(&'static str),
    #[error("the event says nonsense: {0}")]
    Nonsense(String),
    #[error("the sale's {0} do not add up")]
    DoesNotAddUp(&'static str),
    #[error("the difference is not counted less expected cash")]
    WrongDifference,
    #[error("location {0} is not known yet")]
    LocationUnknown(Uuid),
    #[error("the sale's entry was reversed by hand already")]
    ReversedByHand,
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
}

impl Fact {
    /// The entry of this fact; none when nothing moved.
    ///
    /// # Errors
    /// When the fact contradicts itself.
    pub(crate) fn draft(self, effective_on: Date, producer_tx: i64) -> Result<Option<Draft>, Unpostable> {
        let Some(lines) = self.movement.lines()? else { return Ok(None) };
        let reverses = match self.movement {
            Movement::SaleVoided(_) => Reverses::EntryOf(SALE_COMPLETED),
            Movement::SaleCompleted(_)
            | Movement::DrawerOpened { .. }
            | Movement::DrawerClosed { .. }
            | Movement::StockReceived { .. }
            | Movement::StockAdjusted { .. }
            | Movement::StockIssued { .. }
            | Movement::StockReturned { .. } => Reverses::Nothing,
        };
        Ok(Some(Draft {
            id: JournalEntryId::new(),
            effective_on,
            memo: self.memo,
            source: self.source,
            reverses,
            producer_tx: Some(producer_tx),
            account_id: self.account_id,
            lines,
        }))
    }
}

impl Movement {
    /// The lines it is booked with; none when nothing moved.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub(crate) fn lines(&self) -> Result<Option<Lines>, Unpostable> {
        let book = Booking::default;
        let booking = match self {
            Self::SaleCompleted(sale) => return sale.lines(),
            Self::SaleVoided(sale) => return Ok(sale.lines()?.map(Lines::turned)),
            Self::DrawerOpened { float } => book().debit(code::DRAWERS, *float).credit(code::SAFE, *float),
            Self::DrawerClosed { expected, counted, over_short } => {
                if *counted - *expected != *over_short {
                    return Err(Unpostable::WrongDifference);
                }
                // The drawer is brought to what was counted, then emptied.
                book()
                    .debit(code::DRAWERS, *over_short)
                    .credit(code::OVER_SHORT, *over_short)
                    .debit(code::SAFE, *counted)
                    .credit(code::DRAWERS, *counted)
            }
            Self::StockReceived { value } => book().debit(code::INVENTORY, *value).credit(code::GOODS_RECEIVED, *value),
            Self::StockAdjusted { value } => book().debit(code::INVENTORY, *value).credit(code::SHRINK, *value),
            Self::StockIssued { value } => book().debit(code::COST_OF_GOODS, *value).credit(code::INVENTORY, *value),
            Self::StockReturned { value } => book().debit(code::INVENTORY, *value).credit(code::COST_OF_GOODS, *value),
        };
        Ok(booking.close()?)
    }
}

impl Sale {
    fn lines(&self) -> Result<Option<Lines>, Unpostable> {
        if self.goods + self.services != self.net {
            return Err(Unpostable::DoesNotAddUp("lines"));
        }
        if self.net + self.tax != self.total {
            return Err(Unpostable::DoesNotAddUp("net and tax"));
        }
        if self.cash + self.card != self.total + self.cash_rounding {
            return Err(Unpostable::DoesNotAddUp("tenders"));
        }
        let booking = Booking::default()
            .debit(code::DRAWERS, self.cash)
            .debit(code::CARD_CLEARING, self.card)
            .credit(code::GOODS, self.goods)
            .credit(code::SERVICES, self.services)
            .credit(code::SALES_TAX, self.tax)
            .credit(code::CASH_ROUNDING, self.cash_rounding);
        Ok(booking.close()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal_entry::Side;

    fn booked(movement: &Movement) -> Vec<(String, i64)> {
        let lines = movement.lines().unwrap().unwrap();
        lines.as_slice().iter().map(|line| (line.code.clone(), signed(line.side))).collect()
    }

    /// Debits are positive.
    fn signed(side: Side) -> i64 {
        (side.debit() - side.credit()).minor_units()
    }

    fn lines(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(code, amount)| ((*code).to_owned(), *amount)).collect()
    }

    fn money(minor_units: i64) -> Money {
        Money::minor(minor_units)
    }

    #[test]
    fn d1_change_never_reaches_the_drawer() {
        let sale = |tendered, change, total| Sale {
            cash: money(tendered) - money(change),
            goods: money(total),
            net: money(total),
            total: money(total),
            ..Sale::default()
        };
        for (tendered, change, total) in [(50_000, 10_000, 40_000), (10_000, 2_500, 7_500), (80_000, 10_000, 70_000)] {
            let booked = booked(&Movement::SaleCompleted(sale(tendered, change, total)));
            assert_eq!(booked, lines(&[("1010", total), ("4000", -total)]));
        }
    }

    #[test]
    fn c1_what_rounding_cash_took_away_has_its_own_line() {
        let sale = Sale {
            cash: money(1570),
            goods: money(1367),
            net: money(1367),
            tax: money(205),
            total: money(1572),
            cash_rounding: money(-2),
            ..Sale::default()
        };
        let expected = lines(&[("1010", 1570), ("4000", -1367), ("2100", -205), ("5950", 2)]);
        assert_eq!(booked(&Movement::SaleCompleted(sale.clone())), expected);
        let mirrored: Vec<_> = expected.into_iter().map(|(code, amount)| (code, -amount)).collect();
        assert_eq!(booked(&Movement::SaleVoided(sale)), mirrored, "the refund is the void: -15.70");
    }

    #[test]
    fn c2_rounding_the_cash_remainder_up_is_a_gain() {
        let sale = Sale {
            cash: money(573),
            card: money(1000),
            goods: money(1367),
            net: money(1367),
            tax: money(205),
            total: money(1572),
            cash_rounding: money(1),
            ..Sale::default()
        };
        let expected = lines(&[("1010", 573), ("1050", 1000), ("4000", -1367), ("2100", -205), ("5950", -1)]);
        assert_eq!(booked(&Movement::SaleCompleted(sale)), expected);
    }

    #[test]
    fn goods_and_services_earn_apart_and_returns_change_sides() {
        let sale = Sale {
            card: money(700),
            goods: money(-500),
            services: money(1200),
            net: money(700),
            total: money(700),
            ..Sale::default()
        };
        assert_eq!(booked(&Movement::SaleCompleted(sale)), lines(&[("1050", 700), ("4000", 500), ("4100", -1200)]));
    }

    #[test]
    fn d4_a_drawer_with_ten_too_much() {
        let over = Movement::DrawerClosed { expected: money(40_000), counted: money(41_000), over_short: money(1000) };
        assert_eq!(booked(&over), lines(&[("1010", 1000), ("5900", -1000), ("1000", 41_000), ("1010", -41_000)]));
        let short =
            Movement::DrawerClosed { expected: money(40_000), counted: money(39_000), over_short: money(-1000) };
        assert_eq!(booked(&short), lines(&[("1010", -1000), ("5900", 1000), ("1000", 39_000), ("1010", -39_000)]));
        let exact = Movement::DrawerClosed { expected: money(400), counted: money(400), over_short: money(0) };
        assert_eq!(booked(&exact), lines(&[("1000", 400), ("1010", -400)]));
        let wrong = Movement::DrawerClosed { expected: money(400), counted: money(410), over_short: money(11) };
        assert_eq!(wrong.lines(), Err(Unpostable::WrongDifference));
    }

    #[test]
    fn stock_moves_value_in_and_out_of_inventory() {
        for (movement, expected) in [
            (Movement::StockReceived { value: money(900) }, [("1300", 900), ("2050", -900)]),
            (Movement::StockAdjusted { value: money(50) }, [("1300", 50), ("5100", -50)]),
            (Movement::StockAdjusted { value: money(-50) }, [("1300", -50), ("5100", 50)]),
            (Movement::StockIssued { value: money(225) }, [("5000", 225), ("1300", -225)]),
            (Movement::StockReturned { value: money(225) }, [("1300", 225), ("5000", -225)]),
            (Movement::DrawerOpened { float: money(10_000) }, [("1010", 10_000), ("1000", -10_000)]),
        ] {
            assert_eq!(booked(&movement), lines(&expected), "{movement:?}");
        }
    }

    #[test]
    fn where_nothing_moved_nothing_is_booked() {
        assert_eq!(Movement::SaleCompleted(Sale::default()).lines(), Ok(None));
        assert_eq!(Movement::DrawerOpened { float: Money::ZERO }.lines(), Ok(None));
        assert_eq!(Movement::StockIssued { value: Money::ZERO }.lines(), Ok(None));
    }

    #[test]
    fn a_sale_that_contradicts_itself_is_not_booked() {
        let good = Sale {
            cash: money(110),
            goods: money(100),
            net: money(100),
            tax: money(10),
            total: money(110),
            ..Sale::default()
        };
        assert!(good.lines().is_ok());
        for (bad, why) in [
            (Sale { goods: money(99), ..good.clone() }, "lines"),
            (Sale { tax: money(11), ..good.clone() }, "net and tax"),
            (Sale { cash: money(109), ..good.clone() }, "tenders"),
            (Sale { cash_rounding: money(1), ..good }, "tenders"),
        ] {
            assert_eq!(bad.lines(), Err(Unpostable::DoesNotAddUp(why)));
        }
    }

    proptest! {
        #[test]
        fn every_sale_that_adds_up_is_booked_in_balance_and_its_void_takes_all_of_it_back(
            goods in -1_000_000_i64..1_000_000,
            services in -1_000_000_i64..1_000_000,
            tax in -100_000_i64..100_000,
            cash in -1_000_000_i64..1_000_000,
            cash_rounding in -4_i64..5,
        ) {
            let total = goods + services + tax;
            let sale = Sale {
                cash: money(cash),
                card: money(total + cash_rounding - cash),
                goods: money(goods),
                services: money(services),
                net: money(goods + services),
                tax: money(tax),
                total: money(total),
                cash_rounding: money(cash_rounding),
            };
            let completed = Movement::SaleCompleted(sale.clone()).lines().unwrap();
            let voided = Movement::SaleVoided(sale).lines().unwrap();
            let completed = completed.as_ref().map_or(&[][..], |lines| lines.as_slice());
            let voided = voided.as_ref().map_or(&[][..], |lines| lines.as_slice());
            prop_assert_eq!(completed.iter().map(|line| signed(line.side)).sum::<i64>(), 0);
            prop_assert!(completed.iter().all(|line| line.side.debit().is_positive() ^ line.side.credit().is_positive()));
            prop_assert_eq!(completed.len(), voided.len());
            for (line, back) in completed.iter().zip(voided) {
                prop_assert_eq!(&line.code, &back.code);
                prop_assert_eq!(line.side, back.side.turned());
            }
        }
    }
}
