//! PINs: the quick way from one person to the next at a till, and no way in anywhere else.

pub(crate) mod desk;
pub(crate) mod rpc;
pub(crate) mod store;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use types::Violation;

use crate::Error;

types::ids! {
    /// A till's own id; it makes it up, and keeps it to itself.
    DeviceId
}

/// So many may fail within the window. Then only a full sign-in helps: a PIN has too few digits for more.
const TRIES_MAX: i32 = 5;
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// How long PINs work on a till after somebody signed in there fully.
pub(crate) const TRUSTED: TimeDelta = TimeDelta::hours(12);

/// A PIN that somebody may choose. It never shows itself.
pub(crate) struct Pin(String);

impl Pin {
    /// # Errors
    /// A violation of `pin` when it has not four to six digits, or is among the first that anybody would guess.
    pub(crate) fn parse(text: &str, employee_number: i64) -> Result<Self, Error> {
        if !(4..=6).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Violation::new("pin", "must have 4 to 6 digits").into());
        }
        if is_trivial(text) || text == employee_number.to_string() {
            return Err(Violation::new("pin", "is too easy to guess; choose another").into());
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Repeats and runs, such as 1111, 1212, 123456 and 9876.
fn is_trivial(digits: &str) -> bool {
    let digits: Vec<i16> = digits.bytes().map(i16::from).collect();
    let steps: Vec<i16> = digits.windows(2).map(|pair| (pair[1] - pair[0]).rem_euclid(10)).collect();
    let run = steps.iter().all(|step| *step == steps[0]) && matches!(steps[0], 0 | 1 | 9);
    let repeats = |length: usize| {
        digits.len().is_multiple_of(length)
            && digits.len() > length
            && digits.chunks(length).all(|part| part == &digits[..length])
    };
    run || repeats(2) || repeats(3)
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tries of one person, or at one till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tries {
    pub(crate) failures: i32,
    /// When the first of them was.
    pub(crate) since: DateTime<Utc>,
}

impl Tries {
    pub(crate) fn none(now: DateTime<Utc>) -> Self {
        Self { failures: 0, since: now }
    }

    /// One more try, which counts as failed until it is known better; none when there were too many.
    pub(crate) fn tried(self, now: DateTime<Utc>) -> Option<Self> {
        if self.failures >= TRIES_MAX {
            return None;
        }
        if now - self.since >= WINDOW {
            return Some(Self { failures: 1, since: now });
        }
        Some(Self { failures: self.failures + 1, ..self })
    }

    pub(crate) fn is_locked(self) -> bool {
        self.failures >= TRIES_MAX
    }

    /// The try was right, and is given back.
    pub(crate) fn given_back(self) -> Self {
        Self { failures: (self.failures - 1).max(0), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_four_to_six_digits_and_is_not_trivial() {
        for good in ["2580", "19374", "840217", "1357"] {
            assert_eq!(Pin::parse(good, 1001).unwrap().reveal(), good);
        }
        for bad in [
            "",
            "123",
            "1234567",
            "12a4",
            "１２３４",
            "0000",
            "1234",
            "4321",
            "123456",
            "7890",
            "1212",
            "123123",
            "989898",
            "1001",
        ] {
            assert!(matches!(Pin::parse(bad, 1001), Err(Error::Field(_))), "{bad}");
        }
        assert_eq!(format!("{:?}", Pin::parse("2580", 1001).unwrap()), "***");
    }

    #[test]
    fn the_sixth_try_within_a_quarter_of_an_hour_is_none_and_waiting_does_not_help() {
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let mut tries = Tries::none(at(0));
        for _ in 0..5 {
            tries = tries.tried(at(100)).unwrap();
        }
        assert!(tries.is_locked());
        for later in [101, 900, 1_000_000] {
            assert_eq!(tries.tried(at(later)), None, "{later}");
        }
        let four = Tries { failures: 4, since: at(0) };
        assert_eq!(four.tried(at(899)), Some(Tries { failures: 5, since: at(0) }));
        assert_eq!(four.tried(at(900)), Some(Tries { failures: 1, since: at(900) }));
        assert_eq!(four.given_back().failures, 3);
    }
}
