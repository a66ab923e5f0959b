//! Phone numbers as they are typed, and in E.164.

use phonenumber::Mode;
use phonenumber::country::Id;
use types::Violation;

/// A number as it was typed and as every network understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) typed: String,
    pub(crate) e164: String,
}

/// The number in E.164, when it is one: of the country given, or of the one that it says itself.
pub(crate) fn e164(typed: &str, country: &str) -> Option<String> {
    let number = phonenumber::parse(country.parse::<Id>().ok(), typed).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
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
}
