//! Amounts in JSON: `"97.43"`, with exactly the digits of the shop's currency.

/// Writes an amount without its quotes.
pub fn write(out: &mut Vec<u8>, minor_units: i64, digits: u32) {
    use std::io::Write;
    let scale = 10_u64.pow(digits);
    let units = minor_units.unsigned_abs();
    let sign = if minor_units < 0 { "-" } else { "" };
    let (whole, rest) = (units / scale, units % scale);
    let written = match digits {
        0 => write!(out, "{sign}{whole}"),
        _ => write!(out, "{sign}{whole}.{rest:0width$}", width = digits as usize),
    };
    written.expect("a vector takes all");
}

/// Reads an amount into minor units.
///
/// # Errors
/// What an amount must be; fewer digits than the currency has are fine, more are not.
pub fn read(text: &str, digits: u32) -> Result<i64, String> {
    let shape = || {
        let mut example = Vec::new();
        write(&mut example, 9743, digits);
        format!("must be an amount such as \"{}\"", String::from_utf8_lossy(&example))
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(shape()),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return Err(shape());
    }
    if fraction.len() > digits as usize {
        return Err(match digits {
            0 => "must have no decimals".to_owned(),
            digits => format!("must have at most {digits} decimals"),
        });
    }
    let padding = "0".repeat(digits as usize - fraction.len());
    let sign = if text.starts_with('-') { "-" } else { "" };
    format!("{sign}{whole}{fraction}{padding}").parse().map_err(|_| "is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        for (minor, digits, text) in [
            (9743, 2, "97.43"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (9743, 0, "9743"),
            (9743, 3, "9.743"),
            (i64::MIN, 2, "-92233720368547758.08"),
        ] {
            let mut out = Vec::new();
            write(&mut out, minor, digits);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(read(text, digits), Ok(minor));
        }
    }

    #[test]
    fn fewer_digits_are_filled_up_and_more_are_refused() {
        assert_eq!(read("12", 2), Ok(1200));
        assert_eq!(read("12.5", 2), Ok(1250));
        assert_eq!(read("1.005", 2), Err("must have at most 2 decimals".to_owned()));
        assert_eq!(read("1.5", 0), Err("must have no decimals".to_owned()));
        for bad in ["", "-", ".5", "5.", "1e3", "1,5", "NaN", "--1", "+1", " 1", "٣", "0x1", "1.2.3"] {
            assert!(read(bad, 2).unwrap_err().starts_with("must be an amount"), "{bad}");
        }
        assert_eq!(read("92233720368547758.08", 2), Err("is too large".to_owned()));
    }
}
