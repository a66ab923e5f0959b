//! From path, query and body to the bytes of the request message.
//!
//! Body, then query, then path: a later source wins, because on the wire the last value of a field holds and messages
//! are merged. Where the body is the whole message nothing comes from the query (as `google.api.http` has it): what is
//! secret would lie in the logs of every proxy.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::json::wire::{begin_message, end_message, put_bytes, put_message};
use crate::json::{Field, FieldError, Kind, ShapeId, Shapes, put_param, read};
use crate::problem::Problem;
use crate::route::{BodyRule, Route, Variable};

/// The message that a request asks to send.
pub(crate) fn build(
    shapes: &Shapes,
    route: &Route,
    digits: u32,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<Bytes, Problem> {
    let mut out = Vec::with_capacity(64 + body.len());
    // No body at all says as much as an empty object.
    let body = if body.is_empty() { b"{}" } else { body };
    let mut errors = Vec::new();
    let mut from_body = |result: Result<u128, crate::json::Unread>| match result {
        Ok(named) => Ok(named),
        Err(crate::json::Unread::Fields(wrong)) => {
            errors.extend(wrong);
            Ok(0)
        }
        Err(syntax) => Err(Problem::from(syntax)),
    };
    match &route.body {
        BodyRule::None | BodyRule::File(_) => {}
        BodyRule::Whole => drop(from_body(read(shapes, route.input, digits, body, &mut out))?),
        BodyRule::Field { field, shape } => {
            let place = begin_message(&mut out, field.number);
            let named = from_body(read(shapes, *shape, digits, body, &mut out))?;
            end_message(&mut out, place);
            if let Some(mask) = route.mask {
                put_mask(&mut out, mask, shapes, *shape, named);
            }
        }
    }
    if let Some(query) = query {
        put_query(&mut out, shapes, route, digits, query, &mut errors);
    }
    put_path(&mut out, route, digits, path, &mut errors);
    out.extend_from_slice(&route.prefix);
    if errors.is_empty() { Ok(out.into()) } else { Err(Problem::invalid(errors)) }
}

/// A PATCH names what it changes by naming it: `"sku": null` clears, and a missing `sku` keeps.
fn put_mask(out: &mut Vec<u8>, mask: u32, shapes: &Shapes, shape: ShapeId, named: u128) {
    put_message(out, mask, |out| {
        for (place, field) in shapes[shape].fields.iter().enumerate() {
            if named & (1 << place) != 0 {
                put_bytes(out, 1, field.name.as_bytes());
            }
        }
    });
}

fn put_query(
    out: &mut Vec<u8>,
    shapes: &Shapes,
    route: &Route,
    digits: u32,
    query: &str,
    errors: &mut Vec<FieldError>,
) {
    let shape = &shapes[route.input];
    let mut wrong = |field: &str, message: String| {
        if errors.len() < 50 {
            errors.push(FieldError { field: field.chars().take(100).collect(), message });
        }
    };
    let mut seen = 0_u128;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(text)) = (decode_form(name), decode_form(text)) else {
            wrong(name, "is not in UTF-8".to_owned());
            continue;
        };
        let place = shape.place_of(&name).filter(|place| in_query(route, &shape.fields[*place]));
        let Some(place) = place else {
            wrong(&name, "no such parameter".to_owned());
            continue;
        };
        let field = &shape.fields[place];
        if seen & (1 << place) != 0 && !field.repeated {
            wrong(&name, "is given twice".to_owned());
            continue;
        }
        seen |= 1 << place;
        if field.optional && text.trim().is_empty() {
            continue;
        }
        if let Err(message) = put_param(out, field, &text, digits) {
            wrong(&field.json_name, message);
        }
    }
}

/// Whether a field of the request may be a query parameter.
pub(crate) fn in_query(route: &Route, field: &Field) -> bool {
    let in_body = match &route.body {
        BodyRule::Whole => true,
        BodyRule::Field { field: body, .. } => body.number == field.number,
        BodyRule::None | BodyRule::File(_) => false,
    };
    !in_body && !matches!(field.kind, Kind::Message(_) | Kind::Mask | Kind::File)
}

fn put_path(out: &mut Vec<u8>, route: &Route, digits: u32, path: &str, errors: &mut Vec<FieldError>) {
    let mut segments = path.split('/').skip(1).enumerate();
    for variable in &route.variables {
        let text = segments.find(|(index, _)| *index == variable.segment).map_or("", |(_, text)| text);
        let wrong = match percent_decode_str(text).decode_utf8() {
            Err(_) => Err("is not in UTF-8".to_owned()),
            Ok(text) if text.is_empty() => Err("is required".to_owned()),
            Ok(text) => put_variable(out, variable, 0, &text, digits),
        };
        if let Err(message) = wrong {
            errors.push(FieldError { field: variable.public.clone(), message });
        }
    }
}

fn put_variable(out: &mut Vec<u8>, variable: &Variable, depth: usize, text: &str, digits: u32) -> Result<(), String> {
    let field = &variable.fields[depth];
    if depth + 1 == variable.fields.len() {
        return put_param(out, field, text, digits);
    }
    put_message(out, field.number, |out| put_variable(out, variable, depth + 1, text, digits))
}

/// Text of a query: `+` is a blank.
fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}
