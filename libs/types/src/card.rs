//! Payment card numbers: they are refused everywhere, and masked where they are met all the same.

use std::borrow::Cow;
use std::ops::Range;

use crate::digit::decimal;

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
/// of any script, and split by spaces and dashes, or by points, slashes and lines where a card number is written so.
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
        let digits: Vec<u8> = rest[range.clone()].chars().filter_map(decimal).collect();
        masked.push_str(&rest[..range.start]);
        masked.push_str("****");
        masked.extend(digits[digits.len() - 4..].iter().map(|digit| char::from(b'0' + digit)));
        rest = &rest[range.end..];
        found = find(rest, DIGITS_MIN);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Where the first one stands.
fn find(text: &str, digits_min: usize) -> Option<Range<usize>> {
    if text.len() < digits_min || has_fewer_digits(text, digits_min) {
        return None;
    }
    let mut run = Run::default();
    let mut gap = 0;
    for (at, c) in text.char_indices() {
        if let Some(digit) = decimal(c) {
            run.push(at..at + c.len_utf8(), digit, gap > 0);
            gap = 0;
        } else if (separates(c) || points(c)) && gap < 3 {
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

/// Nearly every text has: the bytes of plain text are all that is looked at.
fn has_fewer_digits(text: &str, digits_min: usize) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() < digits_min
        && (text.is_ascii() || text.chars().filter(|c| decimal(*c).is_some()).count() < digits_min)
}

/// What people put between the groups of a number, and what nobody sees there.
fn separates(c: char) -> bool {
    matches!(c, ' ' | '-' | '\t' | '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{2014}' | '\u{202f}' | '\u{205f}' | '\u{2060}')
        || matches!(c, '\u{2212}' | '\u{3000}' | '\u{feff}' | '\u{ff0d}')
}

/// What stands in dates, prices, addresses, versions and names of files as well.
fn points(c: char) -> bool {
    matches!(c, '.' | '/' | '_' | '\u{b7}' | '\u{2022}' | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3f}')
}

/// Digits that follow each other, with their places.
#[derive(Default)]
struct Run {
    digits: Vec<u8>,
    places: Vec<Range<usize>>,
    /// Where groups begin, as places in `digits`.
    groups: Vec<usize>,
}

impl Run {
    fn push(&mut self, at: Range<usize>, digit: u8, after_gap: bool) {
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
        for (first, start) in self.groups.iter().copied().enumerate() {
            let near = |group: &usize| self.end(*group) <= start + DIGITS_MAX;
            let count = (first..self.groups.len()).take_while(near).count();
            // The longest first: what is masked leaves nothing of a longer number.
            for last in (first..first + count).rev() {
                let end = self.end(last);
                if end < start + digits_min {
                    break;
                }
                let range = self.places[start].start..self.places[end - 1].end;
                if is_card(&self.digits[start..end])
                    && self.is_written_so(text, first, last)
                    && !is_other(text, &range, end - start)
                {
                    return Some(range);
                }
            }
        }
        None
    }

    /// Where a group ends, as a place in `digits`.
    fn end(&self, group: usize) -> usize {
        self.groups.get(group + 1).copied().unwrap_or(self.digits.len())
    }

    fn size(&self, group: usize) -> usize {
        self.end(group) - self.groups[group]
    }

    /// With points between them, only groups of four or more digits are a card number's, or digits and threes that are
    /// split the same way throughout: pairs are days, times and prices, and a single point is an amount's.
    fn is_written_so(&self, text: &str, first: usize, last: usize) -> bool {
        let gap = |group: usize| {
            let at = self.groups[group];
            &text[self.places[at - 1].end..self.places[at].start]
        };
        let mut gaps = (first + 1..=last).map(gap);
        if !gaps.clone().any(|gap| gap.contains(points)) {
            return true;
        }
        let whole = |wanted: fn(usize) -> bool| (first..last).all(|group| wanted(self.size(group)));
        if whole(|size| size >= 4) {
            return last > first + 1 || self.size(last) >= 4;
        }
        let alike = gaps.next().is_some_and(|one| gaps.all(|gap| gap == one));
        alike && last > first + 1 && (whole(|size| size == 1) || whole(|size| size == 3))
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

/// Ids are hexadecimal, and now and then all of their last digits are decimal. What goes on after an id that stands for
/// itself is no card number's end.
fn is_in_uuid(text: &str, range: &Range<usize>) -> bool {
    let bare = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    (range.start.saturating_sub(UUID - 1)..range.end)
        .filter(|start| text.get(*start..start + UUID).is_some_and(|part| uuid::Uuid::try_parse(part).is_ok()))
        .any(|start| {
            let end = start + UUID;
            let holds = start <= range.start && range.end <= end;
            holds || (bare(text[..start].chars().next_back()) && bare(text[end..].chars().next()))
        })
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
    fn points_slashes_and_lines_hide_no_card_number() {
        for text in [
            "4111.1111.1111.1111",
            "4111/1111/1111/1111",
            "4111_1111_1111_1111",
            "4111 / 1111.1111 1111",
            "41111111.11111111",
            "3782.822463.10005",
            "3056/930902/5904",
            "4222.2222.2222.2",
            "4000_0000_0000_0000_006",
            "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
            "411/111/111/111/111/1",
            "card_4111_1111_1111_1111.jpg",
            "on 26.11.2026 with 4111.1111.1111.1111.",
            "26.11.2026/4111 1111 1111 1111",
            "4111111111111111.",
            "4111\u{ff0e}1111\u{ff0e}1111\u{ff0e}1111",
            "4111\u{200b}1111\u{ad}1111\u{3000}1111",
        ] {
            assert!(holds_card_number(text), "{text}");
            assert!(mask_card_numbers(text).contains("****"), "{text}");
        }
    }

    #[test]
    fn digits_of_other_scripts_hide_no_card_number() {
        let zeros = ['\u{ff10}', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{1d7ce}', '\u{1d7f6}'];
        for zero in zeros {
            let written = |digits: &str| -> String {
                let of = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(u32::from(zero) + digit));
                digits.chars().map(|c| of(c).unwrap_or(c)).collect()
            };
            for digits in ["4111111111111111", "4111 1111 1111 1111", "5555.5555.5555.4444"] {
                let text = format!("paid with {}, thanks", written(digits));
                assert!(holds_card_number(&text), "{text}");
                let end = &digits[digits.len() - 4..];
                assert_eq!(mask_card_numbers(&text), format!("paid with ****{end}, thanks"));
            }
            assert!(!holds_card_number(&written("4111111111111112")), "{zero}");
        }
        assert_eq!(mask_card_numbers("\u{ff14}11111111111\u{661}111"), "****1111");
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
    fn no_day_time_price_address_version_or_file_is_taken_for_a_card_number() {
        // Each is tried with every last digit, so that one of the ten has the check digit of a card number.
        for text in [
            "2026-11-26T05.47.04.123456",
            "IMG_20261126_054704_123",
            "IMG_20261126_054704_4111",
            "23.12.2026 - 02.01.2027",
            "23/11/2026/24/11/2026",
            "4.10.2026-12.11.2026",
            "23.11.2026 05.47.04.12",
            "23_11_2026_05_47_04_12",
            "62.178.123.145 62.178.123.20",
            "39.90 / 49.90 / 59.90 / 69.90",
            "4.50/12.99/100.00/49.99",
            "sizes 36/37/38/39/40/41/42/43",
            "in 4/4 3/4 2/4 6/8 3/8 9/8 12/8",
            "4.234.567.890.123,00",
            "4222222222222222.22",
            "47.12345678901234",
            "4.123456789012345",
            "1764108720.123456",
            "v4.12.3.20261126.1",
            "01a2154f-0000-7000-4111-111111111111_2.123",
            "01a2154f-0000-7000-4111-111111111111.1 4",
        ] {
            for digit in '0'..='9' {
                let text = format!("{}{digit}", &text[..text.len() - 1]);
                assert!(!holds_card_number(&text), "{text}");
            }
        }
    }

    #[test]
    fn long_texts_of_short_groups_are_read_in_one_go() {
        assert!(!["9 ", "9."].iter().any(|group| holds_card_number(&group.repeat(100_000))));
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
