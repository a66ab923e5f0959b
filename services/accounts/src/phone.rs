//! Phone numbers as they are typed, and in E.164.

use std::borrow::Cow;

use phonenumber::Mode;
use phonenumber::country::Id;
use types::Violation;

/// How far the full-width signs are from the plain ones.
const FULL_WIDTH: u32 = 0xfee0;

/// A number as it was typed and as every network understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) typed: String,
    pub(crate) e164: String,
}

/// The number in E.164, when it is one: of the country given, or of the one that it says itself.
pub(crate) fn e164(typed: &str, country: &str) -> Option<String> {
    let typed = plain(typed);
    // What says its own country is read by the rules of that one: its zero in brackets, its prefixes.
    let country = if typed.trim_start().starts_with('+') { None } else { country.parse::<Id>().ok() };
    let number = phonenumber::parse(country, bare(&typed)).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
}

/// Digits of every script and full-width signs as everybody else writes them.
fn plain(typed: &str) -> Cow<'_, str> {
    if typed.is_ascii() {
        return Cow::Borrowed(typed);
    }
    let one = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - FULL_WIDTH).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => types::decimal(c).map_or(c, |digit| char::from(b'0' + digit)),
    };
    Cow::Owned(typed.chars().map(one).collect())
}

/// The number without its extension as RFC 3966 writes it; E.164 knows none.
fn bare(typed: &str) -> &str {
    typed.split_once(";ext=").map_or(typed, |(number, _)| number)
}

/// The same for a number that may not be there.
pub(crate) fn e164_some(typed: Option<&str>, country: &str) -> Option<String> {
    typed.and_then(|typed| e164(typed, country))
}

/// # Errors
/// A violation of the field when nobody can be called there.
pub(crate) fn parse(field: &str, typed: &str, country: &str) -> Result<Phone, Violation> {
    let typed = typed.trim();
    let e164 = e164(typed, country).ok_or_else(|| {
        Violation::new(field, format!("must be a phone number of {country}, or begin with + and its country's code"))
    })?;
    Ok(Phone { typed: typed.to_owned(), e164 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_the_shops_country_unless_it_says_its_own() {
        for (typed, country, wanted) in [
            ("(312) 555-0100", "US", Some("+13125550100")),
            ("312.555.0100", "US", Some("+13125550100")),
            ("+1 312 555 0100", "AT", Some("+13125550100")),
            ("0664 1234567", "AT", Some("+436641234567")),
            ("+43 664 1234567", "US", Some("+436641234567")),
            ("030 901820", "DE", Some("+4930901820")),
            ("555-0100", "US", None),
            ("12", "US", None),
            ("call me", "US", None),
            ("", "US", None),
            ("0664 1234567", "XX", None),
        ] {
            assert_eq!(e164(typed, country).as_deref(), wanted, "{typed} in {country}");
        }
    }

    #[test]
    fn a_number_that_says_its_country_is_read_by_the_rules_of_that_country() {
        for country in ["US", "AT", "IT", "XX"] {
            for (typed, wanted) in [
                ("+43 (0)664 1234567", "+436641234567"),
                ("+43(0)6641234567", "+436641234567"),
                ("+43 664 1234567", "+436641234567"),
                // Vienna begins with the digit that is a prefix in the United States.
                ("+43 1 5880112345", "+4315880112345"),
                ("+44 (0)20 7946 0958", "+442079460958"),
                ("+49 (0) 30 901820", "+4930901820"),
                // Italy dials its zero from everywhere.
                ("+39 06 69821234", "+390669821234"),
                ("+39 (0)6 69821234", "+390669821234"),
                ("+1 (312) 555-0100", "+13125550100"),
                ("+7 (916) 123-45-67", "+79161234567"),
            ] {
                assert_eq!(e164(typed, country).as_deref(), Some(wanted), "{typed} in {country}");
            }
        }
    }

    #[test]
    fn full_width_digits_and_extensions_are_read() {
        for (typed, country, wanted) in [
            ("\u{ff0b}\u{ff14}\u{ff13}\u{3000}664 1234567", "US", "+436641234567"),
            ("\u{ff10}664\u{ff0d}1234567", "AT", "+436641234567"),
            ("+\u{664}\u{663} 664 1234567", "US", "+436641234567"),
            ("+43 664 1234567;ext=7", "AT", "+436641234567"),
            ("+1 312 555 0100;ext=7", "US", "+13125550100"),
            ("312-555-0100;ext=7", "US", "+13125550100"),
            ("312-555-0100 x7", "US", "+13125550100"),
        ] {
            assert_eq!(e164(typed, country).as_deref(), Some(wanted), "{typed} in {country}");
        }
    }
}
