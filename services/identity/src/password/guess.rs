//! What is guessed first: the commonest passwords, words and names, and what stands around their owner (ASVS 5.0, 6.2.4 and
//! 6.2.11). Also with capitals, figures in place of letters, and a few figures or signs before or behind, since every list
//! of guesses has those.

use std::collections::HashSet;
use std::sync::LazyLock;

use zxcvbn::Match;
use zxcvbn::matching::patterns::MatchPattern;

use crate::user::Person;

/// The 3,000 commonest passwords of at least eight characters, in lower case, commonest first.
pub(super) static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().collect());
/// A word this long is worth a guess.
const WORD_CHARACTERS_MIN: usize = 3;
/// What may stand around a word and makes it no harder to guess: a year and a sign, or as much.
const TRIMMING_CHARACTERS_MAX: usize = 5;
const TRIMMING_DIGITS_MAX: usize = 4;
/// What is longer is no word with something around it.
const CHARACTERS_MAX: usize = 64;

/// What somebody's password must not be, because it stands around him.
pub(crate) struct Around(Vec<String>);

impl Around {
    /// The words of a shop and of somebody in it.
    pub(crate) fn new(shop: &str, person: &Person) -> Self {
        let Person { email, first_name, last_name } = person;
        let local = email.split('@').next().unwrap_or_default();
        let turned = format!("{last_name} {first_name}");
        let whole = [shop, email, local, first_name, last_name, &person.full_name(), &turned, "lunarfront"];
        let parts = [shop, email, first_name, last_name].into_iter().flat_map(|text| text.split(|c| !is_letter(c)));
        let words = whole.into_iter().flat_map(|word| [word.to_owned(), letters(word)]);
        let words = words.chain(parts.map(str::to_owned)).map(|word| word.to_lowercase());
        Self(words.filter(|word| word.chars().count() >= WORD_CHARACTERS_MIN).collect())
    }
}

/// Whether a password is among those that anybody would guess who knows the shop and its owner.
pub(super) fn is_guessed(password: &str, around: &Around) -> bool {
    let folded = password.to_lowercase();
    if COMMON.contains(folded.as_str()) || around.0.contains(&folded) {
        return true;
    }
    if password.chars().count() > CHARACTERS_MAX {
        return false;
    }
    let others: String = folded.chars().filter(|c| !is_letter(*c)).collect();
    if is_trimming(&others) && around.0.contains(&letters(&folded)) {
        return true;
    }
    let around: Vec<&str> = around.0.iter().map(String::as_str).collect();
    let found = zxcvbn::zxcvbn(password, &around);
    found.sequence().iter().any(|part| is_word(part) && is_trimming(&rest(found.sequence(), part)))
}

/// Whether it is a word of a dictionary, or one that is repeated.
fn is_word(part: &Match) -> bool {
    match &part.pattern {
        MatchPattern::Dictionary(_) => part.token.chars().count() >= WORD_CHARACTERS_MIN,
        MatchPattern::Repeat(repeat) => matches!(repeat.base_matches.as_slice(), [word] if is_word(word)),
        _ => false,
    }
}

/// What stands before and behind a part, without figures in a row, well-known ones and years: they are guessed as well.
fn rest(sequence: &[Match], part: &Match) -> String {
    let is_hard = |other: &&Match| {
        let is_chance = matches!(other.pattern, MatchPattern::BruteForce | MatchPattern::Date(_));
        is_chance || other.token.chars().any(is_letter)
    };
    let others = sequence.iter().filter(|other| other.i != part.i);
    others.filter(is_hard).map(|other| other.token.as_str()).collect()
}

fn is_trimming(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.chars().count() <= TRIMMING_CHARACTERS_MAX && digits <= TRIMMING_DIGITS_MAX && !text.chars().any(is_letter)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| is_letter(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Around {
        let person = Person {
            email: "olivia.harmon@harmony-music.test".to_owned(),
            first_name: "Olivia".to_owned(),
            last_name: "Harmon".to_owned(),
        };
        Around::new("Harmony Music", &person)
    }

    #[test]
    fn e7_what_is_common_is_guessed_also_with_capitals_figures_and_a_year() {
        assert_eq!(COMMON.len(), 3000);
        for bad in [
            "password",
            "PASSWORD",
            "12345678",
            "QWERTYUIOP",
            "Password123!",
            "Password1!",
            "Passw0rd!",
            "P@ssword1",
            "Qwerty123!",
            "Summer2024!",
            "guitar123",
            "1Password",
            "drowssap",
            "violinist",
            "Monkey12345",
            "guitarguitar",
        ] {
            assert!(is_guessed(bad, &around()), "{bad}");
        }
    }

    #[test]
    fn what_stands_around_somebody_is_guessed() {
        for bad in [
            "lunarfront",
            "LunarFront1!",
            "Harmony Music",
            "harmonymusic",
            "HarmonyMusic2026",
            "Harmony-Music",
            "0livia1!",
            "olivia.harmon@harmony-music.test",
            "olivia.harmon",
            "OliviaHarmon",
            "Harmon-Olivia1",
            "Olivia2026",
        ] {
            assert!(is_guessed(bad, &around()), "{bad}");
        }
    }

    #[test]
    fn phrases_and_chance_are_not_guessed_whatever_they_are_made_of() {
        let long = "correct horse battery staple ".repeat(8);
        for good in [
            "plum violin kettle orbit",
            "a violin in the rain",
            "correcthorse",
            "qzvbnmtr",
            "G8!kdp2Lq",
            "        x",
            "lunarfront-demo",
            "guitar738294",
            "пароль-длинный",
            "🎻🎺🥁🎷🎸🪕🎹🪗",
            "olivia hates mondays",
            &long,
        ] {
            assert!(!is_guessed(good, &around()), "{good}");
        }
    }
}
