//! JSON for people: what fits on a line stays on a line.

use serde_json::Value;

const WIDTH: usize = 110;

/// The value over as few lines as are readable, each indented by `indent` blanks.
pub(super) fn layout(value: &Value, indent: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    parts(value, indent).into_iter().map(|line| format!("{blanks}{line}")).collect()
}

fn parts(value: &Value, indent: usize) -> Vec<String> {
    let flat = flat(value);
    if flat.chars().count() + indent <= WIDTH {
        return vec![flat];
    }
    let (open, close, items) = match value {
        Value::Array(items) => ("[", "]", items.iter().map(|item| parts(item, indent + 2)).collect::<Vec<_>>()),
        Value::Object(fields) => ("{", "}", fields.iter().map(|(name, item)| field(name, item, indent + 2)).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return vec![flat],
    };
    let count = items.len();
    let mut lines = vec![open.to_owned()];
    for (number, mut item) in (1..).zip(items) {
        if let Some(last) = item.last_mut().filter(|_| number < count) {
            last.push(',');
        }
        lines.extend(item.into_iter().map(|line| format!("  {line}")));
    }
    lines.push(close.to_owned());
    lines
}

fn field(name: &str, item: &Value, indent: usize) -> Vec<String> {
    let mut lines = parts(item, indent + name.len() + 4);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}: {first}", Value::from(name));
    }
    lines
}

/// The whole value on one line, with blanks where they help the eye.
fn flat(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, item)| format!("{}: {}", Value::from(name.as_str()), flat(item)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_stays_on_one_line_and_it_is_still_the_same_json() {
        let small = json!({"a": 1, "b": ["x", null]});
        assert_eq!(layout(&small, 4), ["    {\"a\": 1, \"b\": [\"x\", null]}"]);
        let large = json!({"data": [{"name": "x".repeat(60)}, {"name": "y".repeat(60)}], "total": 2});
        let lines = layout(&large, 0);
        assert_eq!(lines.len(), 7, "{lines:#?}");
        assert_eq!(serde_json::from_str::<Value>(&lines.join("\n")).unwrap(), large);
    }
}
