//! Audit rows: what changed, with secrets masked.

use serde_json::Value;

/// One change of one noun.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The noun, such as `sale`.
    pub subject_kind: &'static str,
    pub subject_id: String,
    /// The changed fields before; none for a creation.
    pub before: Option<Value>,
    /// The changed fields after; none for a removal.
    pub after: Option<Value>,
}

impl Audit {
    pub fn created(subject_kind: &'static str, subject_id: impl ToString, after: Value) -> Self {
        Self { subject_kind, subject_id: subject_id.to_string(), before: None, after: Some(after) }
    }

    pub fn changed(subject_kind: &'static str, subject_id: impl ToString, before: Value, after: Value) -> Self {
        Self { subject_kind, subject_id: subject_id.to_string(), before: Some(before), after: Some(after) }
    }

    pub fn removed(subject_kind: &'static str, subject_id: impl ToString, before: Value) -> Self {
        Self { subject_kind, subject_id: subject_id.to_string(), before: Some(before), after: None }
    }

    pub(crate) fn masked(mut self) -> Self {
        self.before.as_mut().map(mask);
        self.after.as_mut().map(mask);
        self
    }
}

/// Fields whose names speak of secrets keep their name and lose their value.
fn mask(value: &mut Value) {
    const SECRET: [&str; 6] = ["password", "secret", "token", "pin", "hash", "key"];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_lowercase();
                if SECRET.iter().any(|word| name == *word || name.ends_with(&format!("_{word}"))) {
                    *value = Value::String("***".to_owned());
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let record =
            Audit::created("user", 1, json!({"email": "a@b.c", "lines": [{"refresh_token": "x"}], "password": "y"}));
        assert_eq!(
            record.masked().after,
            Some(json!({"email": "a@b.c", "lines": [{"refresh_token": "***"}], "password": "***"}))
        );
    }
}
