//! Days, and who is of age on one.

use std::ops::RangeInclusive;

use chrono::Datelike;
pub use chrono::NaiveDate as Date;

use crate::Violation;

/// Other years are misprints.
const YEARS: RangeInclusive<i32> = 1900..=2199;

/// When somebody comes of age: the shop's setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Majority {
    pub years: i32,
    pub leap_day: LeapDay,
}

/// The birthday, in a common year, of who was born on 29 February (services.md, cases C11 and C12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeapDay {
    /// The later day protects him longer.
    #[default]
    March1,
    February28,
}

impl Default for Majority {
    fn default() -> Self {
        Self { years: 18, leap_day: LeapDay::March1 }
    }
}

impl Majority {
    /// Who is of age on a day was born on the day answered, or before.
    pub fn born_by(self, today: Date) -> Date {
        let year = today.year() - self.years;
        let leap_birthday = Date::from_ymd_opt(year, 2, 29)
            .filter(|_| (today.month(), today.day()) == (2, 28) && !today.leap_year())
            .filter(|_| self.leap_day == LeapDay::February28);
        // The 29th that a year does not have is its 28th: who was born later in that year has no birthday yet.
        let eve = || Date::from_ymd_opt(year, 2, 28);
        leap_birthday.or_else(|| today.with_year(year)).or_else(eve).unwrap_or(Date::MIN)
    }

    /// Whether somebody is under age on a day. An unknown date of birth counts as under age.
    pub fn is_minor_on(self, today: Date, born_on: Option<Date>) -> bool {
        born_on.is_none_or(|born_on| born_on > self.born_by(today))
    }
}

/// A day written YYYY-MM-DD, between 1900 and 2199.
///
/// # Errors
/// A violation of the field when there is no such day, or its year is another.
pub fn parse_date(field: &str, text: &str) -> Result<Date, Violation> {
    let day = (text.len() == 10).then(|| Date::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
    match day {
        Some(day) if YEARS.contains(&day.year()) => Ok(day),
        Some(_) => Err(Violation::new(field, format!("must be from {} to {}", YEARS.start(), YEARS.end()))),
        None => Err(Violation::new(field, "must be a day written YYYY-MM-DD")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        parse_date("on", text).unwrap()
    }

    #[test]
    fn c11_a_leap_day_child_comes_of_age_on_1_march_or_28_february_as_the_shop_says() {
        let on = |leap_day| Majority { leap_day, ..Majority::default() };
        for (rule, born, today, minor) in [
            (LeapDay::March1, "2008-02-29", "2026-02-28", true),
            (LeapDay::March1, "2008-02-29", "2026-03-01", false),
            (LeapDay::March1, "2004-02-29", "2022-03-01", false),
            (LeapDay::February28, "1980-02-29", "1998-02-27", true),
            (LeapDay::February28, "1980-02-29", "1998-02-28", false),
            (LeapDay::February28, "2008-02-29", "2026-02-28", false),
            (LeapDay::February28, "2008-03-01", "2026-02-28", true),
            (LeapDay::March1, "2008-06-15", "2026-06-14", true),
            (LeapDay::February28, "2008-06-15", "2026-06-15", false),
        ] {
            assert_eq!(on(rule).is_minor_on(day(today), Some(day(born))), minor, "{rule:?}: born {born}, on {today}");
        }
    }

    #[test]
    fn c12_the_earlier_day_of_naive_libraries_is_not_taken() {
        let one_year = Majority { years: 1, ..Majority::default() };
        assert!(one_year.is_minor_on(day("2001-02-28"), Some(day("2000-02-29"))));
        assert!(!one_year.is_minor_on(day("2001-03-01"), Some(day("2000-02-29"))));
    }

    #[test]
    fn the_age_of_majority_is_the_shops() {
        let at = |years| Majority { years, ..Majority::default() };
        for (years, minor) in [(16, false), (18, false), (19, true), (21, true)] {
            assert_eq!(at(years).is_minor_on(day("2026-06-15"), Some(day("2008-06-15"))), minor, "{years}");
        }
    }

    #[test]
    fn every_birthday_is_one_day_and_no_later_birth_comes_first() {
        for leap_day in [LeapDay::March1, LeapDay::February28] {
            let rule = Majority { years: 18, leap_day };
            let mut of_age = rule.born_by(day("2021-01-01"));
            for today in day("2021-01-01").iter_days().take(5000) {
                let next = rule.born_by(today);
                assert!(next >= of_age, "{leap_day:?}: {today}");
                of_age = next;
                let birthday = today.with_year(today.year() - 18);
                assert!(birthday.is_none_or(|born| !rule.is_minor_on(today, Some(born))), "{leap_day:?}: {today}");
                let later =
                    birthday.and_then(|born| born.succ_opt()).filter(|born| (born.month(), born.day()) != (2, 29));
                assert!(later.is_none_or(|born| rule.is_minor_on(today, Some(born))), "{leap_day:?}: {today}");
            }
        }
    }

    #[test]
    fn an_unknown_date_of_birth_counts_as_under_age() {
        assert!(Majority::default().is_minor_on(day("2026-01-01"), None));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for bad in ["2023-02-29", "2023-1-1", "1899-12-31", "today", ""] {
            assert!(parse_date("on", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_of_another_time_is_told_which_years_there_are() {
        let said = |text: &str| parse_date("on", text).unwrap_err().message;
        for bad in ["1890-01-01", "1899-12-31", "2200-01-01", "0001-01-01"] {
            assert_eq!(said(bad), "must be from 1900 to 2199", "{bad}");
        }
        assert_eq!(said("01.02.1990"), "must be a day written YYYY-MM-DD");
        assert!(parse_date("on", "1900-01-01").is_ok() && parse_date("on", "2199-12-31").is_ok());
    }
}
