//! Decimals in requests.

use rust_decimal::Decimal;

use crate::Violation;

/// A plain decimal such as "2" or "0.5" with at most `places` decimals and a value below 10^9 either way.
///
/// # Errors
/// A violation of the field when the text is anything else; exponents and blanks are refused.
pub fn parse_decimal(field: &str, text: &str, places: u32) -> Result<Decimal, Violation> {
    let refuse = |why: String| Err(Violation::new(field, why));
    if text.is_empty() {
        return refuse("is required".to_owned());
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return refuse("must be a decimal such as \"2\" or \"0.5\"".to_owned());
    }
    if fraction.trim_end_matches('0').len() > places as usize {
        return refuse(format!("must have at most {places} decimals"));
    }
    if whole.trim_start_matches('0').len() > 9 || fraction.len() > 18 {
        return refuse("is too large".to_owned());
    }
    match text.parse::<Decimal>() {
        Ok(value) => Ok(value.normalize()),
        Err(_) => refuse("must be a decimal such as \"2\" or \"0.5\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimals_are_read() {
        for good in ["1", "0.5", "-2.2500", "999999999"] {
            assert!(parse_decimal("quantity", good, 4).is_ok(), "{good}");
        }
        for bad in ["", "1e3", ".5", "5.", "1,5", "NaN", "1.23456", "1000000000", "--1", "٣"] {
            assert!(parse_decimal("quantity", bad, 4).is_err(), "{bad}");
        }
    }
}
