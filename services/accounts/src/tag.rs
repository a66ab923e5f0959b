//! Tags: words that a shop groups its accounts and people by.

pub(crate) mod rpc;
pub(crate) mod store;

use types::Violation;

use crate::search::lower;

/// Characters of a tag.
const LENGTH_MAX: usize = 40;

/// Tags as they are kept: in small letters and without blanks around them, each once and in order. Lines are what several
/// are sent to the database as, and semicolons what they are written in a file with.
pub(crate) fn folded(field: &str, tags: &[String]) -> Result<Vec<String>, Violation> {
    let mut folded: Vec<String> = tags.iter().map(|tag| fold(tag)).collect();
    folded.sort_unstable();
    folded.dedup();
    if !folded.iter().all(|tag| (1..=LENGTH_MAX).contains(&tag.chars().count())) {
        return Err(Violation::new(field, format!("must be words of 1 to {LENGTH_MAX} characters")));
    }
    if folded.iter().any(|tag| tag.contains(|letter: char| letter == ';' || letter.is_control())) {
        return Err(Violation::new(
            field,
            "must be words without semicolons, line breaks and other control characters",
        ));
    }
    Ok(folded)
}

/// One tag as it is kept.
pub(crate) fn fold(tag: &str) -> String {
    lower(tag.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_and_blanks_make_no_other_tag() {
        let typed = [" VIP", "vip ", "School Band", "åSA"].map(str::to_owned);
        assert_eq!(folded("tags", &typed).unwrap(), ["school band", "vip", "åsa"]);
        for wrong in ["", "  ", &"x".repeat(41), "a\nb", "a;b", "a\0"] {
            assert!(folded("tags", &[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
    }
}
