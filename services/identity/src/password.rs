//! Passwords: any characters, taken as they are; only the short and the well-known are refused (ASVS 5.0, 6.2).

pub(crate) mod breached;
pub(crate) mod guess;
pub(crate) mod hasher;
pub(crate) mod reset;
pub(crate) mod rpc;
pub(crate) mod store;

use std::fmt;

use types::Violation;

use crate::Error;
use guess::Around;

const CHARACTERS_MIN: usize = 8;
const CHARACTERS_MAX: usize = 256;

/// A password that somebody may choose. It never shows itself.
pub(crate) struct Password(String);

impl Password {
    /// # Errors
    /// A violation of `password` for its length; that anybody would guess it who knows what stands around its owner.
    pub(crate) fn parse(text: &str, around: &Around) -> Result<Self, Error> {
        if !(CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.chars().count()) {
            let message = format!("must have {CHARACTERS_MIN} to {CHARACTERS_MAX} characters");
            return Err(Violation::new("password", message).into());
        }
        if guess::is_guessed(text, around) {
            return Err(Error::PasswordTooCommon);
        }
        Ok(Self(text.to_owned()))
    }

    /// One that somebody has already, whatever the rules are by now.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Password, Error> {
        let person = crate::user::Person {
            email: "ada@shop.test".to_owned(),
            first_name: "Ada".to_owned(),
            last_name: "Quinn".to_owned(),
        };
        Password::parse(text, &Around::new("Test Strings", &person))
    }

    #[test]
    fn e7_any_characters_are_taken_unmodified() {
        let long = "correct horse battery staple ".repeat(8);
        for good in ["qzvbnmtr", "with trailing space ", "пароль-длинный", "🎻🎺🥁🎷🎸🪕🎹🪗", &long, "        x"]
        {
            assert_eq!(parse(good).unwrap().reveal(), good);
        }
    }

    #[test]
    fn e7_the_commonest_and_the_short_are_refused() {
        for bad in ["password", "Password1!", "Test Strings", "ada@shop.test"] {
            assert!(matches!(parse(bad), Err(Error::PasswordTooCommon)), "{bad}");
        }
        for short in ["", "seven77", "🎻🎺🥁"] {
            assert!(matches!(parse(short), Err(Error::Field(_))), "{short}");
        }
    }

    #[test]
    fn a_password_does_not_show_itself() {
        assert_eq!(format!("{:?}", parse("a secret one").unwrap()), "***");
    }
}
