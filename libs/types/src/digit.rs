//! Decimal digits, whatever their script.

/// The zeros of Unicode but the plain one; nine more digits follow each.
#[rustfmt::skip]
const ZEROS: [char; 67] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}',
    '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{1090}',
    '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}', '\u{1b50}', '\u{1bb0}', '\u{1c40}',
    '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}', '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}',
    '\u{104a0}', '\u{10d30}', '\u{11066}', '\u{110f0}', '\u{11136}', '\u{111d0}', '\u{112f0}', '\u{11450}',
    '\u{114d0}', '\u{11650}', '\u{116c0}', '\u{11730}', '\u{118e0}', '\u{11950}', '\u{11c50}', '\u{11d50}',
    '\u{11da0}', '\u{11f50}', '\u{16a60}', '\u{16ac0}', '\u{16b50}', '\u{1d7ce}', '\u{1d7d8}', '\u{1d7e2}',
    '\u{1d7ec}', '\u{1d7f6}', '\u{1e140}', '\u{1e2f0}', '\u{1e4f0}', '\u{1e950}', '\u{1fbf0}',
];

/// What a digit counts.
pub fn decimal(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        _ if c < ZEROS[0] => return None,
        _ => *ZEROS.get(ZEROS.partition_point(|zero| *zero <= c).checked_sub(1)?)?,
    };
    u8::try_from(u32::from(c) - u32::from(zero)).ok().filter(|digit| *digit < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_the_same_in_every_script() {
        for text in ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९"]
        {
            let digits: Vec<u8> = text.chars().filter_map(decimal).collect();
            assert_eq!(digits, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "{text}");
        }
        assert!(ZEROS.is_sorted());
        assert!(" a/:é²①一\u{65f}\u{66a}\u{ff0f}\u{ff1a}\u{10ffff}".chars().all(|c| decimal(c).is_none()));
    }
}
