//! Responsible adults: who answers for somebody under age, and what he may do (services.md §1.3, A1 and A8).

pub(crate) mod hand_over;
pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use types::Violation;

use crate::Error;
use crate::member::{Ages, Member, MemberId};

types::ids! {
    /// An adult who answers for one person under age.
    ResponsibleAdultId,
}

/// An adult who answers for one person under age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResponsibleAdult {
    pub(crate) id: ResponsibleAdultId,
    /// Who is under age.
    pub(crate) member_id: MemberId,
    pub(crate) adult_id: MemberId,
    pub(crate) member_name: String,
    pub(crate) adult_name: String,
    pub(crate) details: Details,
    pub(crate) state: State,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What he may do, and who he is to the minor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) powers: BTreeSet<Power>,
    pub(crate) relation: Option<String>,
}

/// A new one.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: ResponsibleAdultId,
    pub(crate) member_id: MemberId,
    pub(crate) adult_id: MemberId,
    pub(crate) details: Details,
}

/// What an adult may do for a minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Power {
    Pickup,
    Portal,
    Consent,
    Pay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    Ended,
}

impl Power {
    pub(crate) const ALL: [Self; 4] = [Self::Pickup, Self::Portal, Self::Consent, Self::Pay];
}

impl Details {
    /// What a parent may do, unless somebody says otherwise.
    pub(crate) fn all() -> Self {
        Self { powers: Power::ALL.into(), relation: None }
    }
}

impl ResponsibleAdult {
    pub(crate) fn is_active(&self) -> Result<(), Error> {
        match self.state {
            State::Active => Ok(()),
            State::Ended => Err(Error::ResponsibleAdultEnded),
        }
    }

    /// Whether the minor may be left without him, the database says.
    pub(crate) fn end(self, now: DateTime<Utc>) -> Result<Self, Error> {
        self.is_active()?;
        Ok(Self { state: State::Ended, ended_at: Some(now), ..self })
    }

    /// What is left when the minor is of age: at most the power to pay. None when nothing changes.
    pub(crate) fn hand_over(self, now: DateTime<Utc>) -> Option<Self> {
        if self.state == State::Ended || self.details.powers == BTreeSet::from([Power::Pay]) {
            return None;
        }
        if !self.details.powers.contains(&Power::Pay) {
            return self.end(now).ok();
        }
        let details = Details { powers: BTreeSet::from([Power::Pay]), ..self.details };
        Some(Self { details, ..self })
    }

    /// The fields as the audit shows them.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!(self.details);
        shown["state"] = json!(<&str>::from(self.state));
        shown
    }
}

/// Whether an adult may answer for somebody: he himself must be known to be of age, and the other one not be.
pub(crate) fn may_answer(adult: &Member, member: &Member, ages: Ages) -> Result<(), Error> {
    if adult.id == member.id {
        return Err(Violation::new("responsible_adult.adult_id", "must be somebody else").into());
    }
    member.is_live()?;
    adult.is_live()?;
    if adult.minor(ages).is_some() {
        return Err(Error::AdultNotOfAge);
    }
    if member.minor(ages).is_none() {
        return Err(Error::MemberOfAge { number: member.number });
    }
    Ok(())
}
