//! The columns of a file, the same for what comes in and what goes out.

use proto::accounts::v1 as pb;
use proto::common::v1::Address;
use types::Violation;

use crate::change::text;

/// One row: a member with its account, or an account alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// What the rows of one account have in common, such as its number in the shop's former program.
    pub(crate) key: String,
    pub(crate) account: pb::Account,
    pub(crate) member: pb::Member,
}

/// One column.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// What the rules of the API call it.
    pub(crate) path: &'static str,
    pub(crate) get: fn(&Row) -> Option<String>,
    pub(crate) set: fn(&mut Row, &str) -> Result<(), Violation>,
}

/// A column of a field that holds a text.
macro_rules! column {
    ($name:literal, $path:literal, $($field:ident).+) => {
        Column {
            name: $name,
            path: $path,
            get: |row| text(Some(&row.$($field).+)),
            set: |row, value| {
                value.clone_into(&mut row.$($field).+);
                Ok(())
            },
        }
    };
    ($name:literal, $path:literal, optional $($field:ident).+) => {
        Column {
            name: $name,
            path: $path,
            get: |row| row.$($field).+.clone(),
            set: |row, value| {
                row.$($field).+ = text(Some(value));
                Ok(())
            },
        }
    };
    ($name:literal, $path:literal, address $part:ident) => {
        Column {
            name: $name,
            path: $path,
            get: |row| text(row.account.address.as_ref().map(|address| address.$part.as_str())),
            set: |row, value| {
                if !value.is_empty() {
                    value.clone_into(&mut address(row).$part);
                }
                Ok(())
            },
        }
    };
    ($name:literal, $path:literal, optional address $part:ident) => {
        Column {
            name: $name,
            path: $path,
            get: |row| row.account.address.as_ref().and_then(|address| address.$part.clone()),
            set: |row, value| {
                if !value.is_empty() {
                    address(row).$part = text(Some(value));
                }
                Ok(())
            },
        }
    };
}

pub(crate) static COLUMNS: &[Column] = &[
    column!("account", "key", key),
    Column { name: "kind", path: "account.kind", get: kind, set: set_kind },
    column!("name", "account.name", account.name),
    column!("email", "account.email", optional account.email),
    column!("phone", "account.phone", optional account.phone),
    column!("address_line1", "account.address.line1", address line1),
    column!("address_line2", "account.address.line2", optional address line2),
    column!("city", "account.address.city", address city),
    column!("region", "account.address.region", optional address region),
    column!("postal_code", "account.address.postal_code", address postal_code),
    column!("country", "account.address.country", address country),
    column!("notes", "account.notes", optional account.notes),
    Column {
        name: "tags",
        path: "account.tags",
        get: |row| joined(&row.account.tags),
        set: |row, value| {
            row.account.tags = tags(value);
            Ok(())
        },
    },
    Column { name: "billing_mode", path: "account.billing_mode", get: billing_mode, set: set_billing_mode },
    column!("member_first_name", "member.first_name", member.first_name),
    column!("member_last_name", "member.last_name", member.last_name),
    column!("member_email", "member.email", optional member.email),
    column!("member_phone", "member.phone", optional member.phone),
    column!("member_born_on", "member.born_on", optional member.born_on),
    Column {
        name: "member_tags",
        path: "member.tags",
        get: |row| joined(&row.member.tags),
        set: |row, value| {
            row.member.tags = tags(value);
            Ok(())
        },
    },
];

/// Columns without which a file says nothing.
pub(crate) const REQUIRED: [&str; 2] = ["kind", "name"];

/// The column of a field that a rule blames.
pub(crate) fn blamed(path: &str) -> String {
    let known = COLUMNS.iter().find(|column| column.path == path);
    known.map_or_else(|| path.to_owned(), |column| column.name.to_owned())
}

/// What a formula begins with for a spreadsheet, also in the width that is written beside Chinese and Japanese.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// A value as a cell. What a spreadsheet would take for a formula gets an apostrophe in front.
pub(crate) fn cell(value: &str) -> String {
    let formula = value.starts_with(FORMULA) || guarded(value);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\n', '\r']) || value != value.trim() {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value
}

/// What a cell says, without the apostrophe that keeps it from being a formula.
pub(crate) fn value(cell: &str) -> &str {
    let cell = cell.trim();
    if guarded(cell) { &cell[1..] } else { cell }
}

/// Apostrophes and then what could be a formula.
fn guarded(value: &str) -> bool {
    value.starts_with('\'') && value.trim_start_matches('\'').starts_with(FORMULA)
}

/// Several tags in one cell.
fn joined(tags: &[String]) -> Option<String> {
    text(Some(&tags.join(";")))
}

fn tags(value: &str) -> Vec<String> {
    value.split(';').filter_map(|tag| text(Some(tag))).collect()
}

fn address(row: &mut Row) -> &mut Address {
    row.account.address.get_or_insert_default()
}

const KINDS: [(&str, pb::account::Kind); 3] = [
    ("family", pb::account::Kind::Family),
    ("individual", pb::account::Kind::Individual),
    ("business", pb::account::Kind::Business),
];

fn kind(row: &Row) -> Option<String> {
    KINDS.iter().find(|(_, kind)| *kind == row.account.kind()).map(|(word, _)| (*word).to_owned())
}

fn set_kind(row: &mut Row, value: &str) -> Result<(), Violation> {
    let kind = match value {
        "" => pb::account::Kind::Unspecified,
        word => KINDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Violation::new("account.kind", "must be one of family, individual, business"))?,
    };
    row.account.set_kind(kind);
    Ok(())
}

const BILLING_MODES: [(&str, pb::account::BillingMode); 2] =
    [("consolidated", pb::account::BillingMode::Consolidated), ("split", pb::account::BillingMode::Split)];

fn billing_mode(row: &Row) -> Option<String> {
    let known = BILLING_MODES.iter().find(|(_, mode)| *mode == row.account.billing_mode());
    known.map(|(word, _)| (*word).to_owned())
}

fn set_billing_mode(row: &mut Row, value: &str) -> Result<(), Violation> {
    let mode = match value {
        "" => pb::account::BillingMode::Unspecified,
        word => BILLING_MODES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map(|(_, mode)| *mode)
            .ok_or_else(|| Violation::new("account.billing_mode", "must be one of consolidated, split"))?,
    };
    row.account.set_billing_mode(mode);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_says_what_it_said() {
        for (said, written) in [
            ("Miller", "Miller"),
            ("=1+1", "'=1+1"),
            ("+1 555 0100", "'+1 555 0100"),
            ("-", "'-"),
            ("@sum", "'@sum"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－", "'－"),
            ("＠sum", "'＠sum"),
            ("'＝1", "''＝1"),
            ("'=1", "''=1"),
            ("'quoted'", "'quoted'"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(cell(said), written);
            let read = written.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(written);
            assert_eq!(value(&read.replace("\"\"", "\"")), said);
        }
    }

    #[test]
    fn every_column_writes_what_it_reads() {
        for column in COLUMNS {
            let said = match column.name {
                "kind" => "business",
                "billing_mode" => "split",
                _ => "something",
            };
            let mut row = Row::default();
            assert_eq!((column.get)(&row), None, "{}", column.name);
            (column.set)(&mut row, "").unwrap();
            assert_eq!(row, Row::default(), "{}", column.name);
            (column.set)(&mut row, said).unwrap();
            assert_eq!((column.get)(&row).as_deref(), Some(said), "{}", column.name);
        }
    }
}
