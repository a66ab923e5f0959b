//! Days, and who is of age on one.

use chrono::Datelike;
pub use chrono::NaiveDate as Date;

use crate::Violation;

/// The age of majority in years.
const MAJORITY_YEARS: i32 = 18;

/// A day written YYYY-MM-DD, between 1900 and 2199.
///
/// # Errors
/// A violation of the field when there is no such day.
pub fn parse_date(field: &str, text: &str) -> Result<Date, Violation> {
    let day = (text.len() == 10).then(|| Date::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
    match day {
        Some(day) if (1900..2200).contains(&day.year()) => Ok(day),
        _ => Err(Violation::new(field, "must be a day written YYYY-MM-DD")),
    }
}

/// Whether somebody is under age on a day. An unknown date of birth counts as under age.
///
/// Somebody born on 29 February comes of age on 1 March of a common year: the later day protects him longer
/// (services.md, cases C11 and C12).
pub fn is_minor_on(today: Date, born_on: Option<Date>) -> bool {
    let Some(born_on) = born_on else { return true };
    let year = born_on.year() + MAJORITY_YEARS;
    let birthday = born_on.with_year(year).or_else(|| Date::from_ymd_opt(year, 3, 1));
    birthday.is_none_or(|birthday| today < birthday)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_a_leap_day_child_comes_of_age_on_1_march() {
        let day = |text| parse_date("on", text).unwrap();
        for (born, today, minor) in [
            ("2008-02-29", "2026-02-28", true),
            ("2008-02-29", "2026-03-01", false),
            ("2004-02-29", "2022-03-01", false),
            ("2008-06-15", "2026-06-14", true),
            ("2008-06-15", "2026-06-15", false),
        ] {
            assert_eq!(is_minor_on(day(today), Some(day(born))), minor, "born {born}, on {today}");
        }
    }

    #[test]
    fn c12_the_earlier_day_of_naive_libraries_is_not_taken() {
        let born = parse_date("on", "2000-02-29").unwrap();
        assert!(is_minor_on(parse_date("on", "2018-02-28").unwrap(), Some(born)));
    }

    #[test]
    fn an_unknown_date_of_birth_counts_as_under_age() {
        assert!(is_minor_on(parse_date("on", "2026-01-01").unwrap(), None));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for bad in ["2023-02-29", "2023-1-1", "1899-12-31", "today", ""] {
            assert!(parse_date("on", bad).is_err(), "{bad}");
        }
    }
}
