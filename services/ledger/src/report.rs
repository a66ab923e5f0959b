//! What the books say: balances as of a date, and whether control accounts agree with those who own the value.

pub(crate) mod rpc;
pub(crate) mod store;

use proto::Event;
use proto::inventory::v1::{StockAdjusted, StockIssued, StockReceived, StockReturned};
use proto::pos::v1::{DrawerClosed, DrawerOpened, SaleCompleted, SaleVoided};
use types::Money;

use crate::journal_entry::Side;
use crate::ledger_account::{Kind, LedgerAccountId, code};

/// The balance of one account.
#[derive(Clone, Debug)]
pub(crate) struct Balance {
    pub(crate) ledger_account_id: LedgerAccountId,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) side: Side,
}

/// The side on which debits less credits stand.
pub(crate) fn side(debits_less_credits: Money) -> Side {
    if debits_less_credits.is_negative() {
        Side::Credit(debits_less_credits.abs())
    } else {
        Side::Debit(debits_less_credits)
    }
}

/// A control account, the service that owns the value, and the events by which it tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) kinds: &'static [&'static str],
}

pub(crate) const INVENTORY: Control = Control {
    name: "inventory",
    code: code::INVENTORY,
    owner: "inventory",
    kinds: &[StockReceived::KIND, StockAdjusted::KIND, StockIssued::KIND, StockReturned::KIND],
};

pub(crate) const DRAWER_CASH: Control = Control {
    name: "drawer_cash",
    code: code::DRAWERS,
    owner: "pos",
    kinds: &[SaleCompleted::KIND, SaleVoided::KIND, DrawerOpened::KIND, DrawerClosed::KIND],
};

/// What an owner says of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnerTotals {
    /// Of the owner's database, in PostgreSQL's form.
    pub(crate) snapshot: String,
    pub(crate) events: i64,
    pub(crate) total: Money,
    /// Sales that it heard of but has not booked, so that neither its total nor its events have them.
    pub(crate) unbooked: Unbooked,
}

/// What an owner heard and could not book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unbooked {
    /// It will be tried again.
    pub(crate) waiting: i64,
    /// It waits for a person.
    pub(crate) parked: i64,
}

impl Unbooked {
    /// A sentence for the bookkeeper; none when all is booked.
    pub(crate) fn reason(self, owner: &str) -> Option<String> {
        let Self { waiting, parked } = self;
        let parked =
            (parked > 0).then(|| format!("{owner} could not book some sales or voids ({parked}); somebody must look"));
        let waiting = (waiting > 0).then(|| format!("{owner} will try some sales or voids ({waiting}) again"));
        parked.into_iter().chain(waiting).reduce(|all, next| format!("{all}; {next}"))
    }
}

/// What the ledger holds of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) balance: Money,
    pub(crate) events: i64,
}

/// How a control account stands to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agrees,
    Differs,
    /// The ledger has not heard all that the owner counted, or the owner has something left to book.
    Pending,
}

pub(crate) fn verdict(owner: &OwnerTotals, held: Held) -> Verdict {
    if held.events < owner.events {
        Verdict::Pending
    } else if held.balance != owner.total || owner.unbooked.parked > 0 {
        // What nobody will book by itself is missing in both amounts: they agree, and are wrong.
        Verdict::Differs
    } else if owner.unbooked.waiting > 0 {
        Verdict::Pending
    } else {
        Verdict::Agrees
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(unbooked: Unbooked) -> OwnerTotals {
        OwnerTotals { snapshot: "7:7:".to_owned(), events: 3, total: Money::minor(500), unbooked }
    }

    #[test]
    fn amounts_that_lack_the_same_sale_do_not_agree() {
        let held = Held { balance: Money::minor(500), events: 3 };
        for (waiting, parked, expected) in
            [(1, 0, Verdict::Pending), (0, 1, Verdict::Differs), (1, 1, Verdict::Differs), (0, 0, Verdict::Agrees)]
        {
            let unbooked = Unbooked { waiting, parked };
            assert_eq!(verdict(&owner(unbooked), held), expected);
            assert_eq!(unbooked.reason("inventory").is_none(), expected == Verdict::Agrees);
        }
    }

    #[test]
    fn amounts_are_compared_only_when_all_was_heard() {
        let owner = owner(Unbooked::default());
        for (events, balance, expected) in [
            (3, 500, Verdict::Agrees),
            (3, 499, Verdict::Differs),
            (2, 500, Verdict::Pending),
            (2, 100, Verdict::Pending),
        ] {
            assert_eq!(verdict(&owner, Held { balance: Money::minor(balance), events }), expected);
        }
    }

    #[test]
    fn a_balance_stands_on_its_side() {
        assert_eq!(side(Money::minor(5)), Side::Debit(Money::minor(5)));
        assert_eq!(side(Money::minor(-5)), Side::Credit(Money::minor(5)));
    }
}
