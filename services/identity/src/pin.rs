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
const TRIES_MAX: usize = 5;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tries {
    /// When those were that failed, oldest first.
    pub(crate) failed_at: Vec<DateTime<Utc>>,
}

impl Tries {
    pub(crate) fn none() -> Self {
        Self { failed_at: Vec::new() }
    }

    /// One more try, which counts as failed until it is known better; none when too many failed within the window.
    pub(crate) fn tried(&self, now: DateTime<Utc>) -> Option<Self> {
        if self.is_locked() {
            return None;
        }
        let counting = self.failed_at.iter().copied().filter(|at| now - *at < WINDOW);
        Some(Self { failed_at: counting.chain([now]).collect() })
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.failed_at.len() >= TRIES_MAX
    }

    /// The try of an instant was right, and is given back.
    pub(crate) fn given_back(mut self, tried_at: DateTime<Utc>) -> Self {
        // The database keeps microseconds.
        let is_it = |at: &DateTime<Utc>| at.timestamp_micros() == tried_at.timestamp_micros();
        if let Some(place) = self.failed_at.iter().position(is_it) {
            self.failed_at.remove(place);
        }
        self
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

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn tried(seconds: &[i64]) -> Tries {
        seconds.iter().fold(Tries::none(), |tries, second| tries.tried(at(*second)).unwrap())
    }

    #[test]
    fn the_sixth_try_within_a_quarter_of_an_hour_is_none_and_waiting_does_not_help() {
        let tries = tried(&[100; 5]);
        assert!(tries.is_locked());
        for later in [101, 900, 1_000_000] {
            assert_eq!(tries.tried(at(later)), None, "{later}");
        }
    }

    #[test]
    fn five_failures_within_any_quarter_of_an_hour_are_too_many_wherever_it_begins() {
        let tries = tried(&[0, 894, 895, 896, 901]);
        assert_eq!(tries.failed_at.len(), 4, "the first is over");
        assert!(tries.tried(at(902)).unwrap().is_locked());
        assert_eq!(tried(&[0, 1, 2, 3]).tried(at(899)).unwrap().failed_at.len(), 5);
        assert_eq!(tried(&[0, 1, 2, 3]).tried(at(902)).unwrap().failed_at, [at(3), at(902)]);
    }

    #[test]
    fn a_try_that_was_right_is_given_back_and_makes_the_others_no_younger() {
        let tries = tried(&[0, 500, 800]).given_back(at(500));
        assert_eq!(tries.failed_at, [at(0), at(800)]);
        assert_eq!(tries.clone().given_back(at(1)), tries, "it was forgotten meanwhile");
    }
}
