//! Payment card numbers: they are refused everywhere, and masked where they are met all the same.

use std::borrow::Cow;
use std::ops::Range;

/// Fewer digits are no card number.
const DIGITS_MIN: usize = 12;
const DIGITS_MAX: usize = 19;
/// Shorter numbers that touch a letter belong to some other name, such as a digest.
const AMID_LETTERS_MIN: usize = 15;
/// The longest telephone number with its plus sign.
const PHONE_MAX: usize = 15;
/// How long an id is as it is written.
const UUID: usize = 36;
/// The longest barcode of goods has 14 digits.
const LONGER_THAN_BARCODES: usize = 15;

/// Whether the text holds something that is a card number by its length, its issuer and its check digit. Digits may be
/// split by spaces and dashes.
pub fn holds_card_number(text: &str) -> bool {
    find(text, DIGITS_MIN).is_some()
}

/// The same where a barcode may stand: those of up to 14 digits are left alone.
pub fn holds_long_card_number(text: &str) -> bool {
    find(text, LONGER_THAN_BARCODES).is_some()
}

/// The text with every card number replaced by stars and its last four digits.
pub fn mask_card_numbers(text: &str) -> Cow<'_, str> {
    let Some(first) = find(text, DIGITS_MIN) else { return Cow::Borrowed(text) };
    let (mut masked, mut rest, mut found) = (String::with_capacity(text.len()), text, Some(first));
    while let Some(range) = found {
        let digits: String = rest[range.clone()].chars().filter(char::is_ascii_digit).collect();
        masked.push_str(&rest[..range.start]);
        masked.push_str("****");
        masked.push_str(&digits[digits.len() - 4..]);
        rest = &rest[range.end..];
        found = find(rest, DIGITS_MIN);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Where the first one stands.
fn find(text: &str, digits_min: usize) -> Option<Range<usize>> {
    // Nearly every text ends here.
    if text.len() < digits_min || text.bytes().filter(u8::is_ascii_digit).count() < digits_min {
        return None;
    }
    let mut run = Run::default();
    let mut gap = 0;
    for (at, c) in text.char_indices() {
        if let Some(digit) = c.to_digit(10) {
            run.push(at, u8::try_from(digit).unwrap_or_default(), gap > 0);
            gap = 0;
        } else if separates(c) && gap < 3 {
            gap += 1;
        } else {
            if let Some(found) = run.card(text, digits_min) {
                return Some(found);
            }
            run.clear();
            gap = 0;
        }
    }
    run.card(text, digits_min)
}

/// What people put between the groups of a number.
fn separates(c: char) -> bool {
    matches!(c, ' ' | '-' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2010}'..='\u{2014}' | '\t')
}

/// Digits that follow each other, with their places.
#[derive(Default)]
struct Run {
    digits: Vec<u8>,
    places: Vec<usize>,
    /// Where groups begin, as places in `digits`.
    groups: Vec<usize>,
}

impl Run {
    fn push(&mut self, at: usize, digit: u8, after_gap: bool) {
        if self.digits.is_empty() || after_gap {
            self.groups.push(self.digits.len());
        }
        self.digits.push(digit);
        self.places.push(at);
    }

    fn clear(&mut self) {
        self.digits.clear();
        self.places.clear();
        self.groups.clear();
    }

    /// A card number begins and ends with a group: a part of a longer number is none.
    fn card(&self, text: &str, digits_min: usize) -> Option<Range<usize>> {
        if self.digits.len() < digits_min {
            return None;
        }
        let ends = || self.groups.iter().skip(1).copied().chain([self.digits.len()]);
        for start in &self.groups {
            // The longest first: what is masked leaves nothing of a longer number.
            for end in ends().rev().filter(|end| (start + digits_min..=start + DIGITS_MAX).contains(end)) {
                let range = self.places[*start]..self.places[end - 1] + 1;
                if is_card(&self.digits[*start..end]) && !is_other(text, &range, end - start) {
                    return Some(range);
                }
            }
        }
        None
    }
}

/// A telephone number with its plus, or a part of a word or of an id.
fn is_other(text: &str, range: &Range<usize>, digits: usize) -> bool {
    if is_in_uuid(text, range) {
        return true;
    }
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    (before == Some('+') && digits <= PHONE_MAX) || ((letter(before) || letter(after)) && digits < AMID_LETTERS_MIN)
}

/// Ids are hexadecimal, and now and then all of their last digits are decimal.
fn is_in_uuid(text: &str, range: &Range<usize>) -> bool {
    (range.end.saturating_sub(UUID)..=range.start)
        .filter_map(|start| text.get(start..start + UUID))
        .any(|part| uuid::Uuid::try_parse(part).is_ok())
}

fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && luhn(digits)
}

/// Whether an issuer gives out numbers of this length with these first digits.
fn is_issued(digits: &[u8]) -> bool {
    let first = |count: usize| digits[..count].iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (two, three, four) = (first(2), first(3), first(4));
    let maestro = [5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763].contains(&four);
    match digits.len() {
        13 => digits[0] == 4 || maestro,
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39) || maestro,
        15 => matches!(two, 34 | 37) || maestro,
        16 => {
            digits[0] == 4
                || matches!(two, 51..=55)
                || matches!(four, 2221..=2720)
                || matches!(three, 300..=305 | 309)
                || matches!(two, 36 | 38 | 39)
                || discover(two, three, four)
                || matches!(four, 3528..=3589)
                || two == 62
                || maestro
        }
        17 | 18 => matches!(four, 3528..=3589) || two == 62 || discover(two, three, four) || maestro,
        19 => digits[0] == 4 || matches!(four, 3528..=3589) || two == 62 || discover(two, three, four) || maestro,
        _ => maestro,
    }
}

fn discover(two: u32, three: u32, four: u32) -> bool {
    four == 6011 || matches!(three, 644..=649) || two == 65
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_card_number_whatever_its_digits() {
        for id in ["01a2154f-0000-7000-4111-111111111111", "4111-1111-1111-1111"] {
            assert_eq!(holds_card_number(id), id.len() != 36, "{id}");
        }
        assert!(!holds_card_number("moved to 01a2154f-0000-7000-4111-111111111111, then closed"));
        for key in ["order-01a2154f-0000-7000-4111-111111111111", "01a2154f-0000-7000-4111-111111111111-2"] {
            assert!(!holds_card_number(key), "{key}");
        }
        assert!(holds_card_number("01a2154f4111111111111111b0000000"), "a trace id may be made to hold one");
        assert!(holds_card_number("01a2154f-0000-7000-4111-111111111111 4111111111111111"));
    }

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "card: 4111-1111-1111-1111, thanks",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "4222222222222",
            "4000000000000000006",
            "5555555555554444",
            "2223003122003222",
            "3782 822463 10005",
            "6011111111111117",
            "30569309025904",
            "3566002020360505",
            "6200000000000005",
            "6759649826438453",
            "no 12 but 4111111111111111",
            "PAN4111111111111111x",
            "\u{a0}5105\u{2011}1051\u{2011}0510\u{2011}5100",
            "order 77 4111 1111 1111 1111",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_long_numbers_are_left_alone() {
        for text in [
            "",
            "4111111111111112",
            "41111111111111110",
            "+4915112345678",
            "+49 30 12345674",
            "1764108720123456",
            "2026-11-25 22:12:00",
            "018f2a44-4111-7111-8111-411111111111",
            "550e8400-e29b-41d4-a716-446655440000",
            "9780306406157",
            "036000291452",
            "DE89370400440532013000",
            "a4222222222222b",
            "call 555-0100 or 555-0199",
            "1234567890123456789012345678901234567890",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn where_a_barcode_may_stand_only_longer_numbers_are_refused() {
        assert!(!holds_long_card_number("4006381333931") && !holds_long_card_number("4222222222222"));
        assert!(holds_long_card_number("4111111111111111") && holds_long_card_number("378282246310005"));
    }

    #[test]
    fn masking_keeps_the_last_four_and_the_rest_of_the_text() {
        assert_eq!(mask_card_numbers("a 4111 1111 1111 1111, b 5555555555554444."), "a ****1111, b ****4444.");
        assert!(matches!(mask_card_numbers("nothing here"), Cow::Borrowed(_)));
    }
}
