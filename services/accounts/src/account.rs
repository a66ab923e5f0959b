//! Accounts: who pays.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use types::Violation;
use types::uuid::Uuid;

use crate::Error;

types::ids! {
    /// A payer.
    AccountId,
}

/// A billing entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// Six digits, given in turn.
    pub(crate) number: i64,
    pub(crate) details: Details,
    /// The phone in E.164, when it is a number.
    pub(crate) phone_e164: Option<String>,
    pub(crate) state: State,
    /// Where a merged account leads.
    pub(crate) merged_into: Option<AccountId>,
    /// Members that are not archived.
    pub(crate) member_count: i32,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What a clerk writes down of a payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    /// As it was typed.
    pub(crate) phone: Option<String>,
    pub(crate) address: Option<Address>,
    pub(crate) notes: Option<String>,
    pub(crate) billing_mode: BillingMode,
    /// Whom to ask first; a live member of the account.
    pub(crate) primary_member_id: Option<Uuid>,
    /// Folded, in order.
    pub(crate) tags: Vec<String>,
}

/// A new account.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: AccountId,
    pub(crate) details: Details,
    /// Members that come with it in the same transaction.
    pub(crate) member_count: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    Family,
    Individual,
    Business,
}

/// Whose bill it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum BillingMode {
    /// One for all members.
    #[default]
    Consolidated,
    /// One for each member.
    Split,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    /// It keeps its history and takes no new business.
    Archived,
    /// It turned out to be another account.
    Merged,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Address {
    pub(crate) line1: String,
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: String,
    pub(crate) country: String,
}

/// Which accounts a list holds.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) kind: Option<Kind>,
    pub(crate) state: State,
    pub(crate) tag: Option<String>,
}

impl Account {
    /// Not merged into another.
    pub(crate) fn stands(self) -> Result<Self, Error> {
        match self.merged_into {
            None => Ok(self),
            Some(into) => Err(Error::AccountMerged { number: self.number, into }),
        }
    }

    /// Its members stay as they are; who comes back finds them.
    pub(crate) fn archive(self) -> Result<Self, Error> {
        let account = self.stands()?;
        match account.state {
            State::Archived => Err(Error::AlreadyArchived { number: account.number }),
            State::Active | State::Merged => Ok(Self { state: State::Archived, ..account }),
        }
    }

    pub(crate) fn restore(self) -> Result<Self, Error> {
        let account = self.stands()?;
        match account.state {
            State::Archived => Ok(Self { state: State::Active, ..account }),
            State::Active | State::Merged => Err(Error::NotArchived { number: account.number }),
        }
    }

    /// Whether business is done with it.
    pub(crate) fn is_live(&self) -> Result<(), Error> {
        self.takes_members()
    }

    /// What it becomes when it turns out to be another account, which is in business.
    pub(crate) fn merge_into(self, target: &Self) -> Result<Self, Error> {
        if self.id == target.id {
            return Err(Violation::new("source_id", "must be another account").into());
        }
        target.takes_members()?;
        let source = self.stands()?.with_primary(None);
        Ok(Self { state: State::Merged, merged_into: Some(target.id), ..source })
    }

    /// With another primary member, or none.
    pub(crate) fn with_primary(self, primary_member_id: Option<Uuid>) -> Self {
        Self { details: Details { primary_member_id, ..self.details }, ..self }
    }

    /// It stands for itself again, as it did before.
    pub(crate) fn unmerge(self, state: State) -> Self {
        Self { state, merged_into: None, ..self }
    }

    /// Whether a person, or anything else, may be added.
    pub(crate) fn takes_members(&self) -> Result<(), Error> {
        match (self.state, self.merged_into) {
            (State::Archived, _) => Err(Error::AccountArchived { number: self.number }),
            (_, Some(into)) => Err(Error::AccountMerged { number: self.number, into }),
            _ => Ok(()),
        }
    }
}

impl Address {
    pub(crate) fn is_blank(&self) -> bool {
        let Self { line1, line2, city, region, postal_code, country } = self;
        [line1, city, postal_code, country].iter().all(|part| part.is_empty()) && line2.is_none() && region.is_none()
    }
}
