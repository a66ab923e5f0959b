//! Instants in JSON: RFC 3339 in UTC, such as `2026-11-21T14:05:00.123Z`.

use super::wire::Malformed;

const DAY: i64 = 86_400;
/// The first second of the year 1, and the last of the year 9999: what RFC 3339 can write.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Writes an instant without its quotes, with 0, 3, 6 or 9 digits after the seconds.
///
/// A list has two instants in every row, so this is one of the few places where the general way is too slow.
///
/// # Errors
/// When RFC 3339 cannot write it.
pub fn write(out: &mut Vec<u8>, seconds: i64, nanos: i64) -> Result<(), Malformed> {
    if !(FIRST..=LAST).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(Malformed);
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, second / 3600, 2);
    out.push(b':');
    digits(out, second / 60 % 60, 2);
    out.push(b':');
    digits(out, second % 60, 2);
    match nanos {
        0 => {}
        _ if nanos % 1_000_000 == 0 => fraction(out, nanos / 1_000_000, 3),
        _ if nanos % 1_000 == 0 => fraction(out, nanos / 1_000, 6),
        _ => fraction(out, nanos, 9),
    }
    out.push(b'Z');
    Ok(())
}

fn fraction(out: &mut Vec<u8>, value: i64, count: usize) {
    out.push(b'.');
    digits(out, value, count);
}

/// The last `count` digits of a number that is not negative.
fn digits(out: &mut Vec<u8>, mut value: i64, count: usize) {
    let from = out.len();
    out.resize(from + count, b'0');
    for place in out[from..].iter_mut().rev() {
        *place += u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Year, month and day of a day counted from 1970, by years that begin in March: the leap day is then the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_everybody_else_writes_it() {
        let spread = (0..40_000).map(|n| (FIRST + n * 7_888_434_999 % (LAST - FIRST), n * 24_999 % 1_000_000_000));
        let known =
            [(0, 0), (FIRST, 0), (LAST, 999_999_999), (951_782_400, 500_000_000), (-1, 1_000), (1_709_164_800, 7)];
        for (seconds, nanos) in known.into_iter().chain(spread) {
            let mut out = Vec::new();
            write(&mut out, seconds, nanos).unwrap();
            let expected = prost_types::Timestamp { seconds, nanos: i32::try_from(nanos).unwrap() }.to_string();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{seconds} {nanos}");
        }
        for (seconds, nanos) in [(FIRST - 1, 0), (LAST + 1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(write(&mut Vec::new(), seconds, nanos), Err(Malformed));
        }
    }
}
