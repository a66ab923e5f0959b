//! Tax exemptions: who pays no tax, and until when.

pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod sweep;

use chrono::{DateTime, Utc};
use serde::Serialize;
use types::uuid::Uuid;
use types::{Date, Violation, Violations};

use crate::Error;
use crate::account::AccountId;

types::ids! {
    /// An exemption of one account.
    TaxExemptionId,
}

/// An exemption of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaxExemption {
    pub(crate) id: TaxExemptionId,
    pub(crate) account_id: AccountId,
    pub(crate) state: State,
    pub(crate) details: Details,
    pub(crate) requested_by: Who,
    pub(crate) approved: Option<Done>,
    /// When it last ran out.
    pub(crate) expired_at: Option<DateTime<Utc>>,
    pub(crate) revoked: Option<(Done, String)>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What is claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Details {
    pub(crate) reason: String,
    pub(crate) certificate_number: Option<String>,
    /// The last day on which it holds.
    pub(crate) expires_on: Option<Date>,
}

/// Somebody who works here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) id: Option<Uuid>,
    pub(crate) name: String,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) by: Who,
    pub(crate) at: DateTime<Utc>,
}

/// A new one.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: TaxExemptionId,
    pub(crate) account_id: AccountId,
    pub(crate) details: Details,
    pub(crate) requested_by: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// It waits to be approved: for the first time, or anew since it ran out.
    Pending,
    Approved,
    Revoked,
}

impl TaxExemption {
    pub(crate) fn is_pending(&self) -> Result<(), Error> {
        match self.state {
            State::Pending => Ok(()),
            state => Err(Error::TaxExemptionSettled { state }),
        }
    }

    /// Nobody is exempt without a certificate that still holds.
    pub(crate) fn approve(self, details: Details, by: Done, today: Date) -> Result<Self, Error> {
        self.is_pending()?;
        let mut out = Violations::default();
        if details.certificate_number.is_none() {
            out.add("certificate_number", "is required");
        }
        match details.expires_on {
            None => out.add("expires_on", "is required"),
            Some(day) if day < today => out.add("expires_on", "must not be in the past"),
            Some(_) => {}
        }
        out.into_result()?;
        Ok(Self { state: State::Approved, details, approved: Some(by), ..self })
    }

    pub(crate) fn revoke(self, reason: String, by: Done) -> Result<Self, Error> {
        match self.state {
            State::Pending | State::Approved => Ok(Self { state: State::Revoked, revoked: Some((by, reason)), ..self }),
            State::Revoked => Err(Error::TaxExemptionSettled { state: self.state }),
        }
    }

    /// It waits for a new certificate.
    pub(crate) fn expire(self, now: DateTime<Utc>, today: Date) -> Option<Self> {
        let over = self.state == State::Approved && self.details.expires_on.is_some_and(|day| day < today);
        over.then_some(Self { state: State::Pending, approved: None, expired_at: Some(now), ..self })
    }
}

/// A last day that is not over.
pub(crate) fn until(field: &str, day: Option<Date>, today: Date) -> Result<Option<Date>, Violation> {
    match day {
        Some(day) if day < today => Err(Violation::new(field, "must not be in the past")),
        day => Ok(day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        types::parse_date("on", text).unwrap()
    }

    fn done() -> Done {
        Done { by: Who { id: None, name: "Marcus Bell".to_owned() }, at: DateTime::UNIX_EPOCH }
    }

    fn pending() -> TaxExemption {
        TaxExemption {
            id: TaxExemptionId::new(),
            account_id: AccountId::new(),
            state: State::Pending,
            details: Details { reason: "a public school".to_owned(), certificate_number: None, expires_on: None },
            requested_by: done().by,
            approved: None,
            expired_at: None,
            revoked: None,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn proven(expires_on: &str) -> Details {
        let certificate_number = Some("E-9941".to_owned());
        Details { certificate_number, expires_on: Some(day(expires_on)), ..pending().details }
    }

    #[test]
    fn approval_needs_a_number_and_a_day_to_come() {
        let today = day("2026-06-15");
        let refused = |details| pending().approve(details, done(), today).unwrap_err().to_string();
        assert_eq!(refused(pending().details), "certificate_number is required; expires_on is required");
        assert_eq!(refused(proven("2026-06-14")), "expires_on must not be in the past");
        assert_eq!(pending().approve(proven("2026-06-15"), done(), today).unwrap().state, State::Approved);
    }

    #[test]
    fn what_ran_out_waits_again_and_what_is_revoked_never_comes_back() {
        let approved = pending().approve(proven("2026-06-15"), done(), day("2026-06-15")).unwrap();
        assert!(approved.clone().approve(proven("2026-06-15"), done(), day("2026-06-15")).is_err());
        assert_eq!(approved.clone().expire(DateTime::UNIX_EPOCH, day("2026-06-15")), None, "the last day counts");
        let waiting = approved.clone().expire(DateTime::UNIX_EPOCH, day("2026-06-16")).unwrap();
        assert!(waiting.state == State::Pending && waiting.approved.is_none() && waiting.expired_at.is_some());
        let revoked = approved.revoke("closed".to_owned(), done()).unwrap();
        assert!(revoked.clone().revoke("again".to_owned(), done()).is_err());
        assert!(revoked.approve(proven("2026-06-15"), done(), day("2026-06-15")).is_err());
    }
}
