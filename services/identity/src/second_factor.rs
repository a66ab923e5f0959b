//! The second factor: codes that change every half minute (RFC 6238), and recovery codes for when the phone is lost.

pub(crate) mod check;
pub(crate) mod rpc;
pub(crate) mod store;

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, Utc};

const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// Steps that a clock may be off.
const DRIFT: i64 = 1;
/// 160 bits, the size of the hash (RFC 4226).
pub(crate) const SECRET_BYTES: usize = 20;
pub(crate) const RECOVERY_CODES: usize = 10;
/// 120 bits, in six groups of four.
pub(crate) const RECOVERY_BYTES: usize = 15;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What somebody types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Of the app.
    Totp(String),
    /// Of the paper, as its hash.
    Recovery(Vec<u8>),
}

impl Code {
    /// Blanks and hyphens are for the eye.
    pub(crate) fn read(text: &str) -> Self {
        let bare: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
        if bare.len() == DIGITS && bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Totp(bare);
        }
        Self::Recovery(hashed(&bare))
    }
}

/// What is kept of a recovery code.
pub(crate) fn hashed(code: &str) -> Vec<u8> {
    let bare: String = code.chars().filter(|letter| *letter != '-').collect();
    digest::digest(&digest::SHA256, bare.to_ascii_uppercase().as_bytes()).as_ref().to_vec()
}

/// A recovery code as it is shown, once.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = base32(bytes);
    let groups = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).to_ascii_lowercase());
    groups.collect::<Vec<_>>().join("-")
}

/// The step of the code, when it is one of this moment and later than the last one that was used.
pub(crate) fn step_of(code: &str, secret: &[u8], last_step: i64, now: DateTime<Utc>) -> Option<i64> {
    let current = now.timestamp() / STEP_SECONDS;
    (current - DRIFT..=current + DRIFT).filter(|step| *step > last_step).find(|step| code_at(secret, *step) == code)
}

/// The code of a step (RFC 4226, 5.3).
fn code_at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let number = tag.iter().skip(at).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// What an app reads, often as a picture.
pub(crate) fn uri(shop: &str, email: &str, secret: &[u8]) -> String {
    let [shop, email] = [shop, email].map(escaped);
    let secret = base32(secret);
    format!("otpauth://totp/{shop}:{email}?secret={secret}&issuer={shop}&algorithm=SHA1&digits=6&period=30")
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// RFC 4648 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(BASE32[(buffer >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(BASE32[(buffer << (5 - bits) & 31) as usize]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, seconds / STEP_SECONDS), code, "{seconds}");
        }
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!((base32(b"f").as_str(), base32(b"foob").as_str(), base32(b"").as_str()), ("MY", "MZXW6YQ", ""));
    }

    #[test]
    fn a_code_holds_one_step_longer_and_each_once() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let code = code_at(SECRET, 100);
        for (now, found) in [(2969, None), (2970, Some(100)), (3000, Some(100)), (3059, Some(100)), (3060, None)] {
            assert_eq!(step_of(&code, SECRET, 0, at(now)), found, "{now}");
        }
        assert_eq!(step_of(&code, SECRET, 100, at(3000)), None, "it was used");
        assert_eq!(step_of(&code_at(SECRET, 101), SECRET, 100, at(3000)), Some(101));
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(Code::read(" 123 456 "), Code::Totp("123456".to_owned()));
        let code = shown(&[7; RECOVERY_BYTES]);
        assert_eq!(code.len(), 29);
        for typed in [code.clone(), code.to_uppercase(), code.replace('-', ""), format!(" {code} ")] {
            assert_eq!(Code::read(&typed), Code::Recovery(hashed(&code)), "{typed}");
        }
        let uri = uri("Bob & Co", "ada@shop.test", SECRET);
        assert!(uri.starts_with("otpauth://totp/Bob%20%26%20Co:ada@shop.test?secret=GEZD"), "{uri}");
    }
}
