//! The audit of people: that something of theirs changed, never what it was or is.
//!
//! Audit records are chained and stay for ever. What is never written there need not be erased from there.

use serde_json::Value;

/// Fields that tell who somebody is, or what he is like.
const PERSONAL: &[&str] = &[
    "name",
    "first_name",
    "last_name",
    "email",
    "phone",
    "phone_e164",
    "typed",
    "e164",
    "address",
    "line1",
    "line2",
    "city",
    "postal_code",
    "notes",
    "note",
    "text",
    "born_on",
    "relation",
    "issuer",
    "client_ip",
    "grantor_name",
    "member_name",
    "label",
    "region",
];

/// Audit records of this service.
pub(crate) struct Audit;

impl Audit {
    pub(crate) fn created(subject_kind: &'static str, subject_id: impl ToString, after: Value) -> db::Audit {
        db::Audit::created(subject_kind, subject_id, hidden(after))
    }

    pub(crate) fn changed(
        subject_kind: &'static str,
        subject_id: impl ToString,
        before: Value,
        after: Value,
    ) -> db::Audit {
        db::Audit::changed(subject_kind, subject_id, hidden(before), hidden(after))
    }

    pub(crate) fn removed(subject_kind: &'static str, subject_id: impl ToString, before: Value) -> db::Audit {
        let subject_id = subject_id.to_string();
        db::Audit { subject_kind, subject_id, before: Some(hidden(before)), after: None }
    }
}

/// Personal fields keep their name and lose their value; that there was none may be seen.
fn hidden(mut value: Value) -> Value {
    hide(&mut value);
    value
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Null => {}
                    value if PERSONAL.contains(&name.as_str()) => *value = Value::String("***".to_owned()),
                    value => hide(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_personal_is_hidden_wherever_it_stands() {
        let record = Audit::changed(
            "member",
            1,
            json!({"email": null, "kind": "family"}),
            json!({"email": "a@b.c", "kind": "business", "adults": [{"relation": "mother", "powers": ["pay"]}]}),
        );
        assert_eq!(record.before, Some(json!({"email": null, "kind": "family"})));
        assert_eq!(
            record.after,
            Some(json!({"email": "***", "kind": "business", "adults": [{"relation": "***", "powers": ["pay"]}]}))
        );
    }
}
