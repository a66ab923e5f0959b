//! Members: the people on the accounts.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use types::uuid::Uuid;
use types::{Date, Majority, Violation};

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
    /// The phone in E.164, when it is a number.
    pub(crate) phone_e164: Option<String>,
    /// What is known against the date of birth.
    pub(crate) age_override: Option<AgeOverride>,
    /// Nobody has ever answered for this person.
    pub(crate) awaits_adult: bool,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CountsAs {
    Minor,
    Adult,
}

/// What is known of somebody's age against the date of birth, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgeOverride {
    pub(crate) counts_as: CountsAs,
    pub(crate) reason: String,
    pub(crate) by: Option<Uuid>,
    pub(crate) by_name: String,
    pub(crate) at: DateTime<Utc>,
}

/// Why somebody counts as under age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MinorReason {
    UnderAge,
    BornOnUnknown,
    Override,
}

/// Who is of age on the day of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// The day it is at the shop.
    pub(crate) today: Date,
    /// Who was born later is under age.
    pub(crate) adults_born_by: Date,
}

/// Which members a list holds.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) account_id: Option<AccountId>,
    pub(crate) state: State,
    pub(crate) minor: Option<bool>,
    pub(crate) tag: Option<String>,
    pub(crate) needs_adult: Option<bool>,
    pub(crate) born_on_unknown: Option<bool>,
    pub(crate) ages: Ages,
}

/// A member as seen on a day: who is under age is never stored, only seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) member: Member,
    pub(crate) minor: Option<MinorReason>,
    pub(crate) needs_adult: bool,
}

impl Filter {
    /// All that still come.
    pub(crate) fn live(ages: Ages) -> Self {
        let (state, minor) = (State::Active, None);
        Self { account_id: None, state, minor, needs_adult: None, born_on_unknown: None, tag: None, ages }
    }
}

impl Ages {
    pub(crate) fn on(today: Date, majority: Majority) -> Self {
        Self { today, adults_born_by: majority.born_by(today) }
    }
}

impl Member {
    pub(crate) fn archive(self) -> Result<Self, Error> {
        match self.state {
            State::Active => Ok(Self { state: State::Archived, ..self }),
            State::Archived => Err(Error::AlreadyArchived { number: self.number }),
        }
    }

    /// It may have been moved while its account was waited for.
    pub(crate) fn still_on(self, account_id: AccountId) -> Result<Self, Error> {
        if self.account_id == account_id { Ok(self) } else { Err(Error::MemberChanged) }
    }

    /// On another account.
    pub(crate) fn go_to(self, account_id: AccountId) -> Result<Self, Error> {
        if self.account_id == account_id {
            return Err(Violation::new("account_id", "is the account that the member is on").into());
        }
        Ok(Self { account_id, ..self })
    }

    /// Why this person counts as under age; none for who is of age.
    pub(crate) fn minor(&self, ages: Ages) -> Option<MinorReason> {
        match self.age_override.as_ref().map(|known| known.counts_as) {
            Some(CountsAs::Adult) => None,
            Some(CountsAs::Minor) => Some(MinorReason::Override),
            None => match self.person.born_on {
                None => Some(MinorReason::BornOnUnknown),
                Some(born_on) => (born_on > ages.adults_born_by).then_some(MinorReason::UnderAge),
            },
        }
    }

    /// Known to be under age, and nobody has ever answered for him. Who merely has not said when he was born is not
    /// made a child by it.
    pub(crate) fn needs_adult(&self, ages: Ages) -> bool {
        let known = matches!(self.minor(ages), Some(MinorReason::UnderAge | MinorReason::Override));
        known && self.awaits_adult && self.state == State::Active
    }

    pub(crate) fn is_live(&self) -> Result<(), Error> {
        match self.state {
            State::Active => Ok(()),
            State::Archived => Err(Error::MemberArchived { number: self.number }),
        }
    }

    pub(crate) fn seen(self, ages: Ages) -> Seen {
        Seen { minor: self.minor(ages), needs_adult: self.needs_adult(ages), member: self }
    }
}

/// A date of birth, which is not in the future.
pub(crate) fn born_by(today: Date, field: &str, born_on: Option<Date>) -> Result<Option<Date>, Violation> {
    match born_on {
        Some(born_on) if born_on > today => Err(Violation::new(field, "must not be in the future")),
        born_on => Ok(born_on),
    }
}
