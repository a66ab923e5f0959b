//! Imports: accounts and their members from a file, all of them or none.

mod check;
pub(crate) mod columns;
mod content;
mod records;
pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod work;

use chrono::{DateTime, Utc};

use crate::Error;

types::ids! {
    /// A file on its way in.
    AccountImportId,
    /// Something that is wrong with a value of a file.
    AccountImportErrorId,
}

/// The most that one file may hold, in bytes.
const BYTES_MAX: i64 = 64 * 1024 * 1024;
/// The most that one piece of it may hold, in bytes.
const PART_BYTES_MAX: usize = 1024 * 1024;
/// How often a check is begun, and how often publishing is tried.
const ATTEMPTS_MAX: i32 = 3;

/// A file that is checked and published as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountImport {
    pub(crate) id: AccountImportId,
    pub(crate) file_name: String,
    /// Publishing it must be asked for.
    pub(crate) dry_run: bool,
    pub(crate) state: State,
    pub(crate) bytes: i64,
    pub(crate) checked: Checked,
    pub(crate) attempts: i32,
    pub(crate) failure: Option<String>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// How far a check has come, and what it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) bytes: i64,
    pub(crate) rows: i32,
    pub(crate) accounts: i32,
    pub(crate) members: i32,
    pub(crate) errors: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Open,
    Uploaded,
    Checking,
    Checked,
    Rejected,
    Publishing,
    Published,
    Failed,
    Discarded,
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blame {
    pub(crate) id: AccountImportErrorId,
    /// Counted from 1, the header.
    pub(crate) line: i64,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// A good row. The account stands in the row that opens it, as it was written; the member in every row that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) line: i64,
    pub(crate) account_id: crate::AccountId,
    pub(crate) key: String,
    pub(crate) account: Option<Vec<u8>>,
    pub(crate) member: Option<(crate::MemberId, Vec<u8>)>,
}

impl AccountImport {
    /// Takes a piece of the content. Answers whether it is to be stored: a piece that came before is not.
    pub(crate) fn take(self, offset: i64, length: usize, last: bool) -> Result<(Self, bool), Error> {
        let end = offset.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
        if end <= self.bytes && (self.state != State::Open || !last) {
            return Ok((self, false));
        }
        self.must_be(&[State::Open])?;
        if length > PART_BYTES_MAX || end > BYTES_MAX {
            return Err(Error::ContentTooLarge);
        }
        let new = offset == self.bytes && length > 0;
        if !new && end != self.bytes {
            return Err(Error::PartOutOfPlace { bytes: self.bytes });
        }
        let state = if last { State::Uploaded } else { State::Open };
        Ok((Self { bytes: end, state, ..self }, new))
    }

    /// Awaits its content from the beginning.
    pub(crate) fn empty(self) -> Result<Self, Error> {
        self.must_be(&[State::Open])?;
        Ok(Self { bytes: 0, ..self })
    }

    /// Checks it from the beginning, unless that was tried often enough.
    pub(crate) fn begin_check(self) -> Result<Self, Error> {
        self.must_be(&[State::Uploaded, State::Checking])?;
        let import = self.tried("checking broke off each time it was tried; nothing was published");
        if import.state == State::Failed {
            return Ok(import);
        }
        Ok(Self { state: State::Checking, checked: Checked::default(), ..import })
    }

    /// What a check found decides what comes next.
    pub(crate) fn end_check(self, checked: Checked) -> Result<Self, Error> {
        self.must_be(&[State::Checking])?;
        let state = if checked.errors > 0 { State::Rejected } else { State::Checked };
        Ok(Self { state, checked, attempts: 0, ..self })
    }

    pub(crate) fn publish(self) -> Result<Self, Error> {
        self.must_be(&[State::Checked])?;
        Ok(Self { state: State::Publishing, ..self })
    }

    /// One more try, unless there were enough.
    pub(crate) fn attempt(self) -> Result<Self, Error> {
        self.must_be(&[State::Publishing])?;
        Ok(self.tried("publishing broke off each time it was tried; nothing was published"))
    }

    /// Counts a try before it is made, or fails.
    fn tried(self, failure: &str) -> Self {
        if self.attempts >= ATTEMPTS_MAX {
            return Self { state: State::Failed, failure: Some(failure.to_owned()), ..self };
        }
        Self { attempts: self.attempts + 1, ..self }
    }

    pub(crate) fn discard(self) -> Result<Self, Error> {
        self.must_be(&[State::Open, State::Uploaded, State::Checking, State::Checked, State::Failed])?;
        Ok(Self { state: State::Discarded, failure: None, ..self })
    }

    fn must_be(&self, states: &[State]) -> Result<(), Error> {
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Error::ImportInOtherState { state: self.state.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(state: State, bytes: i64) -> AccountImport {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        AccountImport {
            id: AccountImportId::new(),
            file_name: "accounts.csv".to_owned(),
            dry_run: true,
            state,
            bytes,
            checked: Checked::default(),
            attempts: 0,
            failure: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn a_piece_is_taken_once_and_in_its_place() {
        let taken = |bytes, offset, length, last| {
            let taken = import(State::Open, bytes).take(offset, length, last).ok();
            taken.map(|(import, new)| (import.bytes, import.state, new))
        };
        assert_eq!(taken(0, 0, 10, false), Some((10, State::Open, true)));
        assert_eq!(taken(10, 10, 5, true), Some((15, State::Uploaded, true)));
        assert_eq!(taken(10, 0, 10, false), Some((10, State::Open, false)), "it came before");
        assert_eq!(taken(10, 10, 0, true), Some((10, State::Uploaded, false)), "nothing more to come");
        assert_eq!(taken(10, 5, 10, false), None, "it overlaps");
        assert_eq!(taken(10, 11, 1, false), None, "something is missing");
        assert_eq!(taken(BYTES_MAX, BYTES_MAX, 1, false), None, "too much");
        assert_eq!(taken(0, 0, PART_BYTES_MAX + 1, false), None, "too much at once");
        let again = import(State::Checked, 10).take(0, 10, true).unwrap();
        assert_eq!((again.0.state, again.1), (State::Checked, false), "the last piece comes twice");
    }

    #[test]
    fn what_the_check_found_decides() {
        let bad = Checked { errors: 1, ..Checked::default() };
        assert_eq!(import(State::Checking, 9).end_check(bad).unwrap().state, State::Rejected);
        assert_eq!(import(State::Checking, 9).end_check(Checked::default()).unwrap().state, State::Checked);
        assert!(import(State::Rejected, 9).publish().is_err() && import(State::Published, 9).discard().is_err());
    }

    #[test]
    fn checking_is_not_tried_for_ever_and_its_tries_are_not_those_of_publishing() {
        let mut checking = import(State::Uploaded, 9);
        for attempt in 1..=ATTEMPTS_MAX {
            checking = checking.begin_check().unwrap();
            assert_eq!((checking.state, checking.attempts), (State::Checking, attempt));
        }
        assert_eq!(checking.clone().end_check(Checked::default()).unwrap().attempts, 0);
        let failed = checking.begin_check().unwrap();
        assert!(failed.state == State::Failed && failed.failure.is_some());
        let discarded = failed.discard().unwrap();
        assert_eq!((discarded.state, discarded.failure), (State::Discarded, None));
    }

    #[test]
    fn publishing_is_not_tried_for_ever() {
        let mut publishing = import(State::Publishing, 9);
        for attempt in 1..=ATTEMPTS_MAX {
            publishing = publishing.attempt().unwrap();
            assert_eq!((publishing.state, publishing.attempts), (State::Publishing, attempt));
        }
        let failed = publishing.attempt().unwrap();
        assert_eq!(failed.state, State::Failed);
        assert!(failed.failure.is_some());
    }
}
