//! Names of people and things, as they may stand on one line.

use types::Violation;

/// A name without the blanks around it. Nothing in it breaks a line, or turns what is shown about.
///
/// # Errors
/// A violation of the field.
pub(crate) fn name(field: &str, typed: &str) -> Result<String, Violation> {
    let name = typed.trim();
    if name.is_empty() {
        return Err(Violation::new(field, "is required"));
    }
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|c| c.is_control() || turns(c)) {
        return Err(Violation::new(field, "must not hold characters that cannot be seen"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_on_one_line() {
        for good in ["Ada", " Jack O'Neill ", "Ludwig van Beethoven", "Zoë Łukasz 李雷", "محمد"] {
            assert_eq!(name("first_name", good).unwrap(), good.trim());
        }
        for bad in ["", "  ", "A\r\nBcc: evil@x.y", "A\tB", "A\0", "A\u{85}B", "A\u{2028}B", "A\u{202e}B", "\u{7f}A"] {
            assert_eq!(name("first_name", bad).unwrap_err().field, "first_name", "{bad:?}");
        }
    }
}
