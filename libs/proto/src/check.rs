//! The checks that the generated [`Validate`](crate::Validate) code calls. Paths are proto names.

use std::sync::LazyLock;

use regex::Regex;
use types::Violations;

/// A pattern that is compiled at its first use.
pub(crate) type Pattern = LazyLock<Regex>;

/// Compiles a pattern of a proto.
pub(crate) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the snapshot test of the rules has compiled every pattern")
}

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$")
        .expect("the e-mail pattern of HTML 5 compiles")
});

pub(crate) fn asked(mask: Option<&[String]>, field: &str) -> bool {
    mask.is_none_or(|mask| mask.iter().any(|path| path == field))
}

pub(crate) fn join(at: &str, field: &str) -> String {
    match (at, field) {
        ("", field) => field.to_owned(),
        (at, "") => at.to_owned(),
        (at, field) => format!("{at}.{field}"),
    }
}

pub(crate) fn index(at: &str, field: &str, index: usize) -> String {
    format!("{}[{index}]", join(at, field))
}

pub(crate) fn present(at: &str, field: &str, present: bool, out: &mut Violations) {
    if !present {
        out.add(join(at, field), "is required");
    }
}

pub(crate) fn items(at: &str, field: &str, count: usize, min: usize, max: usize, out: &mut Violations) {
    if count < min {
        out.add(
            join(at, field),
            if min == 1 { "is required".to_owned() } else { format!("must have at least {min} items") },
        );
    } else if count > max {
        out.add(join(at, field), format!("must have at most {max} items"));
    }
}

/// Lengths are characters, not bytes. PostgreSQL stores no NUL.
pub(crate) fn text(at: &str, field: &str, value: &str, min: usize, max: usize, out: &mut Violations) {
    let length = value.chars().count();
    if value.contains('\0') {
        out.add(join(at, field), "must not contain the character NUL");
    } else if length < min || (min > 0 && value.trim().is_empty()) {
        out.add(
            join(at, field),
            if min <= 1 { "is required".to_owned() } else { format!("must have at least {min} characters") },
        );
    } else if length > max {
        out.add(join(at, field), format!("must have at most {max} characters"));
    }
}

pub(crate) fn no_card(at: &str, field: &str, value: &str, out: &mut Violations) {
    if types::holds_card_number(value) {
        out.add(join(at, field), "must not hold a card number");
    }
}

/// For fields that may hold a barcode.
pub(crate) fn no_long_card(at: &str, field: &str, value: &str, out: &mut Violations) {
    if types::holds_long_card_number(value) {
        out.add(join(at, field), "must not hold a card number");
    }
}

pub(crate) fn email(at: &str, field: &str, value: &str, out: &mut Violations) {
    if !EMAIL.is_match(value) {
        out.add(join(at, field), "must be an e-mail address");
    }
}

pub(crate) fn matches(at: &str, field: &str, value: &str, pattern: &Regex, out: &mut Violations) {
    if !value.is_empty() && !pattern.is_match(value) {
        out.add(join(at, field), format!("must match {}", pattern.as_str()));
    }
}

pub(crate) fn range(at: &str, field: &str, value: Option<i32>, min: i32, max: i32, out: &mut Violations) {
    if value.is_some_and(|value| value < min || value > max) {
        out.add(join(at, field), format!("must be between {min} and {max}"));
    }
}

pub(crate) fn one_of(at: &str, field: &str, value: Option<i32>, known: &[i32], out: &mut Violations) {
    match value {
        Some(0) if !known.contains(&0) => out.add(join(at, field), "is required"),
        Some(value) if !known.contains(&value) => out.add(join(at, field), "is not one of the known values"),
        _ => {}
    }
}

/// The fields that an update names: all are known and may change. None when there is no mask: every field is meant.
pub(crate) fn mask<'a>(
    at: &str,
    resource: &str,
    mask: Option<&'a prost_types::FieldMask>,
    out: &mut Violations,
    fields: &[&str],
    fixed: &[&str],
) -> Option<&'a [String]> {
    let mask = mask?;
    for path in &mask.paths {
        if !fields.contains(&path.as_str()) {
            out.add(join(&join(at, resource), path), "is not a field");
        } else if fixed.contains(&path.as_str()) {
            out.add(join(&join(at, resource), path), "cannot be changed");
        }
    }
    Some(&mask.paths)
}
