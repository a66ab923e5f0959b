//! Why the ledger says no.

use kit::{Class, Fault, Refusal};
use types::{Violation, Violations};

use crate::journal_entry::JournalEntryId;
use crate::ledger_account::LedgerAccountId;
use crate::tax_rate::TaxRateId;

#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("no ledger account {0}")]
    LedgerAccountNotFound(LedgerAccountId),
    #[error("no journal entry {0}")]
    JournalEntryNotFound(JournalEntryId),
    #[error("journal entry {0} was reversed already")]
    JournalEntryReversed(JournalEntryId),
    #[error("entry {number} books to {account}, which only events may move; void the sale or adjust the stock instead")]
    ControlAccount { number: i64, account: String },
    #[error("no tax rate {0}")]
    TaxRateNotFound(TaxRateId),
    #[error("the location already charges a tax named {0} on this category")]
    TaxRateTaken(String),
    #[error("tax rate {0} is retired; add a new one")]
    TaxRateRetired(TaxRateId),
    #[error("the tax rate was changed meanwhile; read it again")]
    TaxRateChanged,
    #[error(transparent)]
    Invalid(#[from] Violations),
    #[error(transparent)]
    #[strum(serialize = "INVALID")]
    Field(#[from] Violation),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::LedgerAccountNotFound(_) | Self::JournalEntryNotFound(_) | Self::TaxRateNotFound(_) => {
                Class::NotFound
            }
            Self::TaxRateTaken(_) => Class::Exists,
            Self::JournalEntryReversed(_) | Self::ControlAccount { .. } | Self::TaxRateRetired(_) => Class::Conflict,
            Self::TaxRateChanged => Class::Stale,
            Self::Invalid(_) | Self::Field(_) => Class::Invalid,
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        self.into()
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::Field(violation) => Some(violation.clone().into()),
            Self::TaxRateTaken(_) => {
                Some(Violation::new("tax_rate.name", "is charged on this category already").into())
            }
            _ => None,
        }
    }
}
