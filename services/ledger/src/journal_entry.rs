//! Journal entries: balanced, only ever added, and reversed when they were wrong.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::uuid::Uuid;
use types::{Date, Money};

use crate::Error;
use crate::ledger_account::LedgerAccountId;

types::ids! {
    /// A journal entry.
    JournalEntryId
}

/// Characters that a memo may have.
const MEMO_MAX: usize = 300;

/// An entry that is about to be booked.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: JournalEntryId,
    pub(crate) effective_on: Date,
    pub(crate) memo: Memo,
    pub(crate) source: Source,
    pub(crate) reverses: Reverses,
    /// The transaction of the event's producer, when an event is the cause.
    pub(crate) producer_tx: Option<i64>,
    /// Whose business it was: the customer's account. It stays what it was when accounts are merged.
    pub(crate) account_id: Option<Uuid>,
    pub(crate) lines: Lines,
}

/// What caused an entry; no cause has two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Such as `pos`.
    pub(crate) service: String,
    /// Such as `sale`.
    pub(crate) kind: String,
    pub(crate) id: Uuid,
    /// Such as `pos.sale.completed`.
    pub(crate) event: String,
}

/// Which entry a draft takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reverses {
    Nothing,
    Entry(JournalEntryId),
    /// That of another event of the same source, if it was booked before.
    EntryOf(&'static str),
}

/// A sentence of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memo(String);

impl Memo {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().chars().filter(|character| *character != '\0').take(MEMO_MAX).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One side of a booking; the amount is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Debit(Money),
    Credit(Money),
}

impl Side {
    pub(crate) fn debit(self) -> Money {
        match self {
            Self::Debit(amount) => amount,
            Self::Credit(_) => Money::ZERO,
        }
    }

    pub(crate) fn credit(self) -> Money {
        self.turned().debit()
    }

    pub(crate) fn turned(self) -> Self {
        match self {
            Self::Debit(amount) => Self::Credit(amount),
            Self::Credit(amount) => Self::Debit(amount),
        }
    }
}

/// One line of a draft, to the account with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) code: String,
    pub(crate) side: Side,
}

/// Lines that balance, and are not nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lines(Vec<Line>);

/// Lines as they are written down; they balance when they are closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Booking(Vec<Line>);

/// Debits and credits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("debits of {debit} and credits of {credit} minor units do not balance")]
pub(crate) struct Unbalanced {
    debit: i128,
    credit: i128,
}

impl Booking {
    /// A negative amount is a credit; zero is left out.
    #[must_use]
    pub(crate) fn debit(self, code: &str, amount: Money) -> Self {
        self.line(code, if amount.is_negative() { Side::Credit(amount.abs()) } else { Side::Debit(amount) })
    }

    /// A negative amount is a debit; zero is left out.
    #[must_use]
    pub(crate) fn credit(self, code: &str, amount: Money) -> Self {
        self.debit(code, -amount)
    }

    fn line(mut self, code: &str, side: Side) -> Self {
        if !(side.debit() + side.credit()).is_zero() {
            self.0.push(Line { code: code.to_owned(), side });
        }
        self
    }

    /// None when there is nothing to book.
    ///
    /// # Errors
    /// When the lines do not balance.
    pub(crate) fn close(self) -> Result<Option<Lines>, Unbalanced> {
        let sum = |amount: fn(Side) -> Money| -> i128 {
            self.0.iter().map(|line| i128::from(amount(line.side).minor_units())).sum()
        };
        let (debit, credit) = (sum(Side::debit), sum(Side::credit));
        if debit != credit || i64::try_from(debit).is_err() {
            return Err(Unbalanced { debit, credit });
        }
        Ok((!self.0.is_empty()).then_some(Lines(self.0)))
    }
}

impl Lines {
    pub(crate) fn as_slice(&self) -> &[Line] {
        &self.0
    }

    /// The sum of the debits, which is that of the credits.
    pub(crate) fn amount(&self) -> Money {
        self.0.iter().map(|line| line.side.debit()).sum()
    }

    /// The exact opposite.
    #[must_use]
    pub(crate) fn turned(mut self) -> Self {
        for line in &mut self.0 {
            line.side = line.side.turned();
        }
        self
    }
}

/// An entry as it was booked.
#[derive(Clone, Debug)]
pub(crate) struct JournalEntry {
    pub(crate) id: JournalEntryId,
    pub(crate) number: i64,
    pub(crate) effective_on: Date,
    pub(crate) memo: String,
    pub(crate) source: Source,
    pub(crate) reverses: Option<JournalEntryId>,
    pub(crate) reversed_by: Option<JournalEntryId>,
    /// Whose business it was.
    pub(crate) account: Option<Customer>,
    pub(crate) lines: Vec<BookedLine>,
    pub(crate) amount: Money,
    pub(crate) recorded_at: DateTime<Utc>,
    /// The place in the hash chain, and the hash in hexadecimal.
    pub(crate) seal: Option<(i64, String)>,
}

/// A customer's account, as accounts tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Customer {
    pub(crate) id: Uuid,
    /// Not known before it was heard.
    pub(crate) name: Option<String>,
}

/// One line of an entry.
#[derive(Clone, Debug)]
pub(crate) struct BookedLine {
    pub(crate) ledger_account_id: LedgerAccountId,
    pub(crate) code: String,
    pub(crate) name: String,
    /// The account must agree with the service that owns the value.
    pub(crate) is_control: bool,
    pub(crate) side: Side,
    pub(crate) memo: Option<String>,
}

impl JournalEntry {
    /// The opposite, booked by hand on a day. `by_hand` counts the reversals by hand in a row that end with this entry:
    /// one too many is put right by one more.
    ///
    /// # Errors
    /// When it was reversed already, or a control account would no longer agree with its owner.
    pub(crate) fn reversal(&self, on: Date, reason: &str, by_hand: i64) -> Result<Draft, Error> {
        if self.reversed_by.is_some() {
            return Err(Error::JournalEntryReversed(self.id));
        }
        if let Some(control) = self.lines.iter().find(|line| line.is_control)
            && by_hand % 2 == 0
        {
            return Err(Error::ControlAccount { number: self.number, account: control.name.clone() });
        }
        let turned = |line: &BookedLine| Line { code: line.code.clone(), side: line.side.turned() };
        Ok(Draft {
            id: JournalEntryId::new(),
            effective_on: on,
            memo: Memo::new(format!("Reversal of entry {}: {reason}", self.number)),
            source: Source {
                service: "ledger".to_owned(),
                kind: "journal_entry".to_owned(),
                id: self.id.uuid(),
                event: "ledger.entry.reversed".to_owned(),
            },
            reverses: Reverses::Entry(self.id),
            producer_tx: None,
            account_id: self.account.as_ref().map(|account| account.id),
            lines: Lines(self.lines.iter().map(turned).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_parts_change_sides_and_nothing_is_left_out() {
        let lines = Booking::default()
            .debit("1010", Money::minor(-500))
            .credit("4000", Money::minor(-500))
            .credit("2100", Money::ZERO)
            .close()
            .unwrap()
            .unwrap();
        let sides: Vec<_> = lines.as_slice().iter().map(|line| (line.code.as_str(), line.side)).collect();
        assert_eq!(sides, [("1010", Side::Credit(Money::minor(500))), ("4000", Side::Debit(Money::minor(500)))]);
        assert_eq!(lines.amount(), Money::minor(500));
    }

    #[test]
    fn a_cent_too_much_is_refused() {
        let booking = Booking::default().debit("1010", Money::minor(500)).credit("4000", Money::minor(499));
        assert_eq!(booking.close(), Err(Unbalanced { debit: 500, credit: 499 }));
        assert_eq!(Booking::default().debit("1010", Money::ZERO).close(), Ok(None));
    }

    #[test]
    fn sums_beyond_the_range_do_not_pass_for_balanced() {
        let huge = Money::minor(i64::MAX);
        let booking =
            Booking::default().debit("1010", huge).debit("1050", huge).credit("4000", huge).credit("4100", huge);
        assert!(booking.close().is_err());
    }
}
