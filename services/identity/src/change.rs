//! What an update means to change, and what it changed.

use serde_json::Value;

/// Whether an update means the field: the mask names it, or there is no mask.
pub(crate) fn means(mask: Option<&[String]>, field: &str) -> bool {
    mask.is_none_or(|paths| paths.iter().any(|path| path == field))
}

/// The fields of two objects that differ, before and after; none when nothing does.
pub(crate) fn difference(before: Value, after: Value) -> Option<(Value, Value)> {
    let (Value::Object(mut before), Value::Object(mut after)) = (before, after) else { return None };
    before.retain(|name, value| after.get(name) != Some(value));
    after.retain(|name, _| before.contains_key(name));
    if after.is_empty() { None } else { Some((before.into(), after.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_a_change() {
        let before = json!({"name": "Main Street", "time_zone": null});
        assert_eq!(difference(before.clone(), before.clone()), None);
        let after = json!({"name": "Main Street", "time_zone": "UTC"});
        assert_eq!(difference(before, after), Some((json!({"time_zone": null}), json!({"time_zone": "UTC"}))));
    }

    #[test]
    fn without_a_mask_every_field_is_meant() {
        assert!(means(None, "name"));
        assert!(means(Some(&["name".to_owned()]), "name"));
        assert!(!means(Some(&[]), "name"));
    }
}
