//! Passwords: any characters, taken as they are; only the short and the well-known are refused (ASVS 5.0, 6.2).

pub(crate) mod breached;
pub(crate) mod hasher;
pub(crate) mod reset;
pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use types::Violation;

use crate::Error;

const CHARACTERS_MIN: usize = 8;
const CHARACTERS_MAX: usize = 256;

/// The 3,000 commonest passwords of at least eight characters, in lower case, commonest first.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("password/common.txt").lines().collect());

/// A password that somebody may choose. It never shows itself.
pub(crate) struct Password(String);

impl Password {
    /// # Errors
    /// A violation of `password` for its length; that it is too common, whatever its case.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if !(CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.chars().count()) {
            let message = format!("must have {CHARACTERS_MIN} to {CHARACTERS_MAX} characters");
            return Err(Violation::new("password", message).into());
        }
        if COMMON.contains(text.to_lowercase().as_str()) {
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

    #[test]
    fn e7_any_characters_are_taken_unmodified() {
        let long = "correct horse battery staple ".repeat(8);
        for good in ["qzvbnmtr", "with trailing space ", "пароль-длинный", "🎻🎺🥁🎷🎸🪕🎹🪗", &long, "        x"]
        {
            assert_eq!(Password::parse(good).unwrap().reveal(), good);
        }
    }

    #[test]
    fn e7_the_commonest_are_refused_whatever_the_case() {
        assert_eq!(COMMON.len(), 3000);
        for bad in ["password", "Password", "12345678", "QWERTYUIOP", "iloveyou", "password1"] {
            assert!(matches!(Password::parse(bad), Err(Error::PasswordTooCommon)), "{bad}");
        }
        for short in ["", "seven77", "🎻🎺🥁"] {
            assert!(matches!(Password::parse(short), Err(Error::Field(_))), "{short}");
        }
    }

    #[test]
    fn a_password_does_not_show_itself() {
        assert_eq!(format!("{:?}", Password::parse("a secret one").unwrap()), "***");
    }
}
