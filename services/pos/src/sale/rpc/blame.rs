//! Which field is to blame, in the words of who asked pos.

use kit::client::Answer;
use tonic_types::{FieldViolation, StatusExt};
use types::Violation;

use crate::error::Error;

/// What inventory answered, with its lines called as the lines of the request that they came from.
pub(super) fn renamed(answer: Answer, names: &[String]) -> Answer {
    let mut details = answer.get_error_details();
    let Some(bad) = details.bad_request() else { return answer };
    let rename = |violation: &FieldViolation| FieldViolation {
        field: name(&violation.field, names).unwrap_or_else(|| violation.field.clone()),
        ..violation.clone()
    };
    let fields: Vec<FieldViolation> = bad.field_violations.iter().map(rename).collect();
    details.set_bad_request(fields);
    let (code, message, metadata) = (answer.code(), answer.message().to_owned(), answer.metadata().clone());
    Answer::with_error_details_and_metadata(code, message, details, metadata)
}

/// `lines[1].quantity` is what the second name says, and its quantity.
fn name(field: &str, names: &[String]) -> Option<String> {
    let (line, rest) = field.strip_prefix("lines[")?.split_once(']')?;
    Some(format!("{}{rest}", names.get(line.parse::<usize>().ok()?)?))
}

/// The refusal of a line that is added, where the request has no others.
pub(super) fn on_line(error: Error, added: usize) -> Error {
    let Error::Field(Violation { field, message }) = error else { return error };
    let field = match field.strip_prefix(&format!("lines[{added}]")) {
        Some(rest) => format!("line{rest}"),
        None => field,
    };
    Violation { field, message }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_called_as_in_the_request_it_came_from() {
        let names = ["lines[2]".to_owned(), "line".to_owned()];
        for (field, called) in [
            ("lines[0].product_id", Some("lines[2].product_id")),
            ("lines[1].quantity", Some("line.quantity")),
            ("lines[2].quantity", None),
            ("location_id", None),
        ] {
            assert_eq!(name(field, &names).as_deref(), called);
        }
    }
}
