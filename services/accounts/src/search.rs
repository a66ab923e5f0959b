//! Searching: what contains a text, and when nothing does, what resembles it.

pub(crate) mod store;

/// Fewer letters and digits in a row than this are no help to an index of three-letter pieces.
const PIECE: usize = 3;

/// A text that is sought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    /// Folded first. What contains any of them is found.
    pub(crate) texts: Vec<String>,
    /// An index can find them.
    pub(crate) indexed: bool,
}

impl Sought {
    /// Nothing is sought when nothing is typed. What looks like a phone number is sought by its digits too.
    fn of(folded: String, typed: &str) -> Option<Self> {
        if typed.is_empty() {
            return None;
        }
        let digits = phone_digits(&folded);
        let mut texts = vec![folded, lower(typed)];
        texts.extend(digits);
        texts.retain(|text| !text.is_empty());
        texts.dedup();
        let indexed = texts.iter().all(|text| {
            let mut runs = text.split(|letter: char| !letter.is_alphanumeric());
            runs.any(|run| run.chars().count() >= PIECE)
        });
        Some(Self { texts, indexed })
    }
}

/// Letter by letter, as PostgreSQL's `lower` does it.
pub(crate) fn lower(text: &str) -> String {
    text.chars().map(|letter| letter.to_lowercase().next().unwrap_or(letter)).collect()
}

/// The digits of what is written like a phone number, when it is not digits alone.
fn phone_digits(text: &str) -> Option<String> {
    let like_a_phone = text.chars().all(|letter| letter.is_ascii_digit() || " +-()./".contains(letter));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (like_a_phone && digits.len() >= PIECE && digits.len() < text.len()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_sought_by_its_digits_too() {
        for (typed, texts) in [
            ("(555) 123", vec!["(555) 123", "555123"]),
            ("555123", vec!["555123"]),
            ("+1 555-0100", vec!["+1 555-0100", "15550100"]),
            ("24/7 Music", vec!["24/7 music"]),
            ("1-2", vec!["1-2"]),
        ] {
            assert_eq!(Sought::of(typed.to_ascii_lowercase(), typed).unwrap().texts, texts, "{typed}");
        }
        assert_eq!(Sought::of(String::new(), ""), None);
    }

    #[test]
    fn a_text_with_accents_is_sought_without_them_too() {
        let texts = |folded: &str, typed| Sought::of(folded.to_owned(), typed).unwrap().texts;
        assert_eq!(texts("asa", "ÅSA"), ["asa", "åsa"]);
        assert_eq!(texts("", "\u{301}"), ["\u{301}"]);
        assert_eq!(texts("0664 1", "\u{ff10}664 1"), ["0664 1", "\u{ff10}664 1", "06641"]);
    }

    #[test]
    fn short_texts_are_no_help_to_the_index() {
        for (typed, indexed) in [("an", false), ("ann", true), ("a.b c", false), ("%%%", false), ("(555) 123", true)] {
            assert_eq!(Sought::of(typed.to_owned(), typed).unwrap().indexed, indexed, "{typed}");
        }
    }
}
