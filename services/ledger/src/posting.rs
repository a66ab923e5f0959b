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
    pub(crate) movement: Movement,
}

/// The date that a fact counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    On(Date),
    /// The date at a location at an instant.
    At { location_id: Uuid, at: DateTime<Utc> },
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
#[path = "posting/tests.rs"]
mod tests;
