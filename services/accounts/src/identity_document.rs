//! Identity documents: by what members showed who they are.

pub(crate) mod job;
pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::Date;

use crate::member::MemberId;

types::ids! {
    /// A document of a member.
    IdentityDocumentId,
}

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityDocument {
    pub(crate) id: IdentityDocumentId,
    pub(crate) member_id: MemberId,
    pub(crate) kind: Kind,
    /// The number, sealed.
    pub(crate) sealed: String,
    /// What tells equal numbers without telling the number.
    pub(crate) blind: String,
    pub(crate) number_end: String,
    pub(crate) issuer: Option<String>,
    /// The last day on which it holds.
    pub(crate) expires_on: Option<Date>,
    pub(crate) state: State,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    DrivingLicence,
    Passport,
    SchoolId,
    NationalId,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    Expired,
}

/// Whether a document holds on a day.
pub(crate) fn state_on(expires_on: Option<Date>, today: Date) -> State {
    if expires_on.is_some_and(|day| day < today) { State::Expired } else { State::Active }
}

/// A number as it is compared: its letters and digits, in upper case.
pub(crate) fn compared(number: &str) -> String {
    number.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The last characters, at most four and never more than a third: who reads them cannot guess the rest.
pub(crate) fn end_of(number: &str) -> String {
    let letters: Vec<char> = compared(number).chars().collect();
    let shown = (letters.len() / 3).clamp(1, 4).min(letters.len());
    letters[letters.len() - shown..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::parse_date;

    #[test]
    fn little_of_a_number_is_shown() {
        for (number, end) in [("D123-4567-8901", "8901"), ("ab 1", "1"), ("X12345", "45"), ("1 2 3 4 5 6 7 8 9", "789")]
        {
            assert_eq!(end_of(number), end, "{number}");
        }
        assert_eq!(compared(" d12-3x "), "D123X");
    }

    #[test]
    fn a_document_holds_on_its_last_day() {
        let day = |text| parse_date("on", text).unwrap();
        for (expires_on, state) in
            [(None, State::Active), (Some(day("2026-02-27")), State::Active), (Some(day("2026-02-26")), State::Expired)]
        {
            assert_eq!(state_on(expires_on, day("2026-02-27")), state);
        }
    }
}
