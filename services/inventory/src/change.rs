//! What an update names, and what it changed.

use serde_json::{Map, Value};

/// Whether an update means a field; without a mask it means all of them.
pub fn named(mask: Option<&[String]>, field: &str) -> bool {
    mask.is_none_or(|mask| mask.iter().any(|path| path == field))
}

/// The fields of two records that differ, before and after; none when nothing does.
pub fn difference(before: &Value, after: &Value) -> Option<(Value, Value)> {
    let (before, after) = (before.as_object()?, after.as_object()?);
    let changed = |from: &Map<String, Value>, other: &Map<String, Value>| -> Map<String, Value> {
        from.iter()
            .filter(|(field, value)| other.get(*field) != Some(*value))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect()
    };
    let (left, right) = (changed(before, after), changed(after, before));
    (!left.is_empty() || !right.is_empty()).then(|| (left.into(), right.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"name": "Viola", "price": 5, "sku": "A"});
        assert_eq!(difference(&before, &before), None);
        assert_eq!(
            difference(&before, &json!({"name": "Violin", "price": 5, "sku": "A"})),
            Some((json!({"name": "Viola"}), json!({"name": "Violin"})))
        );
    }
}
