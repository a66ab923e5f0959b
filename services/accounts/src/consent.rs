//! Consents: what somebody was asked, and what became of it (services.md §1.4). Only steps are added.

pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod sweep;

use chrono::{DateTime, Days, Utc};
use types::uuid::Uuid;
use types::{Date, Violation};

use crate::Error;
use crate::consent_document::{ConsentDocument, ConsentDocumentId};
use crate::member::{Ages, Member, MemberId};
use crate::responsible_adult::{Power, ResponsibleAdult, State as AnswerState};

types::ids! {
    /// One thing that one person was asked.
    ConsentId,
}

/// A consent as its last step left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) id: ConsentId,
    pub(crate) member_id: MemberId,
    pub(crate) member_name: String,
    pub(crate) kind: String,
    pub(crate) step: Step,
    pub(crate) created_at: DateTime<Utc>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Counted from 1; that of the last step is the version.
    pub(crate) number: i32,
    pub(crate) state: State,
    pub(crate) document: Shown,
    pub(crate) grantor: Option<(MemberId, String)>,
    /// Decided by a responsible adult for somebody under age.
    pub(crate) on_behalf: bool,
    /// The last day on which it holds.
    pub(crate) expires_on: Option<Date>,
    pub(crate) note: Option<String>,
    pub(crate) recorded_by: Option<Uuid>,
    pub(crate) recorded_by_name: String,
    pub(crate) client_ip: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) id: ConsentDocumentId,
    pub(crate) version: i32,
    pub(crate) hash: String,
}

/// A step to add.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) consent_id: ConsentId,
    pub(crate) number: i32,
    pub(crate) state: State,
    pub(crate) document_id: ConsentDocumentId,
    pub(crate) grantor_id: Option<MemberId>,
    pub(crate) on_behalf: bool,
    pub(crate) expires_on: Option<Date>,
    pub(crate) note: Option<String>,
    pub(crate) by: Recorder,
}

/// Who writes a step down, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) client_ip: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Requested,
    Granted,
    Declined,
    Withdrawn,
    Superseded,
    Expired,
    Outgrown,
}

/// Which consents a list holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) member_id: Option<MemberId>,
    pub(crate) kind: Option<String>,
    pub(crate) state: Option<State>,
}

impl State {
    /// Whether one state may follow another; the same is in the database.
    pub(crate) fn leads_to(self, next: Self) -> bool {
        match self {
            // Asked again, for a newer version of the text.
            Self::Requested => matches!(next, Self::Requested | Self::Granted | Self::Declined),
            Self::Granted => matches!(next, Self::Withdrawn | Self::Superseded | Self::Expired | Self::Outgrown),
            Self::Declined | Self::Withdrawn | Self::Superseded | Self::Expired | Self::Outgrown => false,
        }
    }
}

impl Consent {
    /// The step that follows, when it may.
    pub(crate) fn next(&self, state: State, by: Recorder) -> Result<Next, Error> {
        if !self.step.state.leads_to(state) {
            return Err(Error::ConsentSettled { state: self.step.state });
        }
        Ok(Next {
            consent_id: self.id,
            number: self.step.number + 1,
            state,
            document_id: self.step.document.id,
            grantor_id: None,
            on_behalf: false,
            expires_on: None,
            note: None,
            by,
        })
    }

    /// The first step of a new consent.
    pub(crate) fn request(id: ConsentId, document_id: ConsentDocumentId, by: Recorder) -> Next {
        Next {
            consent_id: id,
            number: 1,
            state: State::Requested,
            document_id,
            grantor_id: None,
            on_behalf: false,
            expires_on: None,
            note: None,
            by,
        }
    }

    /// Only the text that holds now can be consented to.
    pub(crate) fn shows(&self, newest: &ConsentDocument, hash: Option<&str>) -> Result<(), Error> {
        if self.step.document.id != newest.id || hash.is_some_and(|hash| !hash.eq_ignore_ascii_case(&newest.hash)) {
            return Err(Error::ConsentTextOutdated);
        }
        Ok(())
    }

    /// Who granted it may withdraw it, and who is of age now and answers for himself.
    pub(crate) fn may_withdraw(&self, by: MemberId, member: &Member, ages: Ages) -> Result<(), Error> {
        let granted = self.step.grantor.as_ref().is_some_and(|(grantor, _)| *grantor == by);
        if granted || (by == member.id && member.minor(ages).is_none()) { Ok(()) } else { Err(Error::MayNotConsent) }
    }
}

/// Whether somebody decides on behalf of another: for who is under age a live responsible adult with the power to
/// consent, for who is of age only he himself.
pub(crate) fn decides(
    by: MemberId,
    member: &Member,
    answering: &[ResponsibleAdult],
    ages: Ages,
) -> Result<bool, Error> {
    if member.minor(ages).is_none() {
        return if by == member.id { Ok(false) } else { Err(Error::MayNotConsent) };
    }
    let answers = answering.iter().any(|adult| {
        adult.adult_id == by && adult.state == AnswerState::Active && adult.details.powers.contains(&Power::Consent)
    });
    if answers { Ok(true) } else { Err(Error::MayNotConsent) }
}

/// The last day on which a consent holds, as it is granted or else as the document says.
pub(crate) fn holds_until(
    document: &ConsentDocument,
    asked: Option<Date>,
    today: Date,
) -> Result<Option<Date>, Violation> {
    match asked {
        Some(day) if day < today => Err(Violation::new("expires_on", "must not be in the past")),
        Some(day) => Ok(Some(day)),
        None => Ok(document
            .text
            .valid_days
            .and_then(|days| today.checked_add_days(Days::new(u64::from(days.unsigned_abs()))))),
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Declined, Expired, Granted, Outgrown, Requested, Superseded, Withdrawn};

    #[test]
    fn a_consent_goes_the_ways_of_the_state_machine_and_no_other() {
        let all = [Requested, Granted, Declined, Withdrawn, Superseded, Expired, Outgrown];
        let ways: Vec<_> =
            all.into_iter().flat_map(|from| all.map(|to| (from, to))).filter(|(from, to)| from.leads_to(*to)).collect();
        assert_eq!(
            ways,
            [
                (Requested, Requested),
                (Requested, Granted),
                (Requested, Declined),
                (Granted, Withdrawn),
                (Granted, Superseded),
                (Granted, Expired),
                (Granted, Outgrown)
            ]
        );
    }
}
