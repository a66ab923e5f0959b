//! What an update names, and what it changed.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Whether an update means a field; without a mask it means all of them.
pub(crate) fn named(mask: Option<&[String]>, field: &str) -> bool {
    mask.is_none_or(|mask| mask.iter().any(|path| path == field))
}

/// The fields that differ, before and after; none when nothing does.
pub(crate) fn difference(before: &impl Serialize, after: &impl Serialize) -> Option<(Value, Value)> {
    let (before, after) = (json!(before), json!(after));
    let (before, after) = (before.as_object()?, after.as_object()?);
    let lacking = |from: &Map<String, Value>, other: &Map<String, Value>| -> Map<String, Value> {
        let differs = |(field, value): &(&String, &Value)| other.get(*field) != Some(*value);
        from.iter().filter(differs).map(|(field, value)| (field.clone(), value.clone())).collect()
    };
    let (old, new) = (lacking(before, after), lacking(after, before));
    (!old.is_empty() || !new.is_empty()).then(|| (old.into(), new.into()))
}

/// A text without the blanks around it; nothing but blanks is nothing.
pub(crate) fn text(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"name": "Miller", "phone": "1", "notes": null});
        assert_eq!(difference(&before, &before), None);
        assert_eq!(
            difference(&before, &json!({"name": "Miller", "phone": "2", "notes": "late"})),
            Some((json!({"phone": "1", "notes": null}), json!({"phone": "2", "notes": "late"})))
        );
    }

    #[test]
    fn blanks_are_nothing() {
        for (typed, kept) in [(None, None), (Some("  "), None), (Some(" a b "), Some("a b"))] {
            assert_eq!(text(typed).as_deref(), kept);
        }
    }
}
