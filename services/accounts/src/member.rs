//! Members: the people on the accounts.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use types::{Date, Violation, is_minor_on};

use crate::Error;
use crate::account::AccountId;

types::ids! {
    /// A person on an account.
    MemberId,
}

/// A person on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) account_id: AccountId,
    /// Six digits, given in turn.
    pub(crate) number: i64,
    pub(crate) person: Person,
    pub(crate) state: State,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What a clerk writes down of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: Option<String>,
    /// As it was typed.
    pub(crate) phone: Option<String>,
    pub(crate) born_on: Option<Date>,
    /// Folded, in order.
    pub(crate) tags: Vec<String>,
}

/// A new member.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: MemberId,
    pub(crate) account_id: AccountId,
    pub(crate) person: Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    Archived,
}

/// Which members a list holds.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) account_id: Option<AccountId>,
    pub(crate) state: State,
    pub(crate) minor: Option<bool>,
    pub(crate) tag: Option<String>,
    /// The day it is at the shop.
    pub(crate) today: Date,
}

/// A member as seen on a day: who is under age is never stored, only seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) member: Member,
    pub(crate) is_minor: bool,
}

impl Member {
    pub(crate) fn archive(self) -> Result<Self, Error> {
        match self.state {
            State::Active => Ok(Self { state: State::Archived, ..self }),
            State::Archived => Err(Error::AlreadyArchived { number: self.number }),
        }
    }

    pub(crate) fn seen_on(self, today: Date) -> Seen {
        let is_minor = is_minor_on(today, self.person.born_on);
        Seen { member: self, is_minor }
    }
}

/// A date of birth, which is not in the future.
pub(crate) fn born_by(today: Date, field: &str, born_on: Option<Date>) -> Result<Option<Date>, Violation> {
    match born_on {
        Some(born_on) if born_on > today => Err(Violation::new(field, "must not be in the future")),
        born_on => Ok(born_on),
    }
}
