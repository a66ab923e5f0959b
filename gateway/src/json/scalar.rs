//! Single values: from a JSON token, or from the text of a query or path, to the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::money;
use super::shape::{Field, Int, Kind};
use super::wire::{put_bytes, put_message, put_tagged_varint, put_varint};

/// Writes the value of a query or path parameter.
///
/// # Errors
/// What the value must be.
pub fn put_param(out: &mut Vec<u8>, field: &Field, text: &str, digits: u32) -> Result<(), String> {
    match &field.kind {
        Kind::Int(int) => {
            let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
            let value = text.parse().ok().filter(|_| plain).ok_or_else(|| expected(field, digits))?;
            put_int(out, field.number, *int, value)
        }
        Kind::Bool => match text {
            "true" | "false" => {
                put_tagged_varint(out, field.number, u64::from(text == "true"));
                Ok(())
            }
            _ => Err(expected(field, digits)),
        },
        _ => put_text(out, field, text, digits),
    }
}

/// Writes a value that JSON has as a string.
pub(super) fn put_text(out: &mut Vec<u8>, field: &Field, text: &str, digits: u32) -> Result<(), String> {
    match &field.kind {
        Kind::Text => put_bytes(out, field.number, text.as_bytes()),
        Kind::Bytes => put_bytes(out, field.number, &STANDARD.decode(text).map_err(|_| expected(field, digits))?),
        // UNSPECIFIED has no word, so a blank says it.
        Kind::Enum(_) if text.trim().is_empty() && !field.repeated => {}
        Kind::Enum(words) => {
            let number = words.number(text).ok_or_else(|| expected(field, digits))?;
            put_tagged_varint(out, field.number, i64::from(number).cast_unsigned());
        }
        Kind::Money => {
            let minor = money::read(text, digits)?;
            put_message(out, field.number, |out| put_tagged_varint(out, 1, minor.cast_unsigned()));
        }
        Kind::Timestamp => {
            // The parser also takes a bare date and a missing zone; RFC 3339 does not.
            let zoned = text.len() >= 20 && text.as_bytes().get(10).is_some_and(|byte| b"Tt".contains(byte));
            let at: prost_types::Timestamp =
                text.parse().ok().filter(|_| zoned).ok_or_else(|| expected(field, digits))?;
            put_message(out, field.number, |out| {
                put_tagged_varint(out, 1, at.seconds.cast_unsigned());
                put_tagged_varint(out, 2, i64::from(at.nanos).cast_unsigned());
            });
        }
        Kind::Bool | Kind::Int(_) | Kind::Message(_) | Kind::Mask | Kind::File => return Err(expected(field, digits)),
    }
    Ok(())
}

/// Writes a whole number, if its type can hold it.
pub(super) fn put_int(out: &mut Vec<u8>, number: u32, int: Int, value: i128) -> Result<(), String> {
    let (min, max) = match int {
        Int::Int32 | Int::Sint32 | Int::Sfixed32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Int::Uint32 | Int::Fixed32 => (0, i128::from(u32::MAX)),
        Int::Int64 | Int::Sint64 | Int::Sfixed64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Int::Uint64 | Int::Fixed64 => (0, i128::from(u64::MAX)),
    };
    if value < min || value > max {
        return Err(format!("must be between {min} and {max}"));
    }
    let raw = i64::try_from(value).map_or_else(|_| u64::try_from(value).unwrap_or(0), i64::cast_unsigned);
    let signed = raw.cast_signed();
    match int {
        Int::Int32 | Int::Uint32 | Int::Int64 | Int::Uint64 => put_tagged_varint(out, number, raw),
        Int::Sint32 | Int::Sint64 => put_tagged_varint(out, number, ((signed << 1) ^ (signed >> 63)).cast_unsigned()),
        Int::Fixed32 | Int::Sfixed32 => {
            put_varint(out, u64::from(number) << 3 | 5);
            out.extend_from_slice(&raw.to_le_bytes()[..4]);
        }
        Int::Fixed64 | Int::Sfixed64 => {
            put_varint(out, u64::from(number) << 3 | 1);
            out.extend_from_slice(&raw.to_le_bytes());
        }
    }
    Ok(())
}

/// What a value of the field must be.
pub(super) fn expected(field: &Field, digits: u32) -> String {
    match &field.kind {
        Kind::Bool => "must be true or false".to_owned(),
        Kind::Int(_) => "must be a whole number".to_owned(),
        Kind::Text => "must be text".to_owned(),
        Kind::Bytes => "must be base64".to_owned(),
        Kind::Enum(words) => format!("must be one of {}", words.list()),
        Kind::Money => money::read("", digits).expect_err("a blank is no amount"),
        Kind::Timestamp => "must be a time such as \"2026-11-21T14:05:00Z\"".to_owned(),
        Kind::Message(_) => "must be an object".to_owned(),
        Kind::Mask | Kind::File => "cannot be given".to_owned(),
    }
}
