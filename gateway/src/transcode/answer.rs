//! From the bytes of an answer to the response.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::{Status, Streaming};
use tower::BoxError;

use crate::json::wire::find;
use crate::json::{Malformed, Shapes, Writer};
use crate::metadata::REPLAYED;
use crate::route::{Answer, Download, Route};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// A page that was made by a service shows itself and loads nothing.
const PAGE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'");

/// The response to a call that went well.
pub(crate) fn respond(
    shapes: &Shapes,
    route: &Route,
    digits: u32,
    path: &str,
    answer: tonic::Response<Bytes>,
) -> Result<Response, Malformed> {
    let replayed = answer.metadata().get(REPLAYED.as_str()).is_some_and(|value| value.as_bytes() == b"true");
    let message = answer.into_inner();
    let mut response = match &route.answer {
        Answer::Nothing => with(StatusCode::NO_CONTENT, Bytes::new()),
        Answer::File(field) => {
            let file = find(&message, field.number)?.map_or(Ok(&[][..]), |value| value.bytes())?;
            return file_response(&message, file);
        }
        Answer::Message(shape) => {
            let mut writer = Writer::new(shapes, digits, 64 + message.len() * 3);
            writer.message(*shape, &message)?;
            json(writer)
        }
        Answer::Field(field) => {
            let mut writer = Writer::new(shapes, digits, 64 + message.len() * 3);
            writer.field_of(field, &message)?;
            json(writer)
        }
    };
    if let Some(thing) = thing(route, &message)? {
        describe(route, path, thing, &mut response)?;
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The message that the body is made of.
fn thing<'a>(route: &Route, message: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    match &route.answer {
        Answer::Message(_) => Ok(Some(message)),
        Answer::Field(field) if !field.repeated => find(message, field.number)?.map(|value| value.bytes()).transpose(),
        _ => Ok(None),
    }
}

/// Its version, and where it is found when it is new.
fn describe(route: &Route, path: &str, thing: &[u8], response: &mut Response) -> Result<(), Malformed> {
    let text = |number: Option<u32>| -> Result<Option<&str>, Malformed> {
        let Some(number) = number else { return Ok(None) };
        let Some(value) = find(thing, number)? else { return Ok(None) };
        let text = std::str::from_utf8(value.bytes()?).map_err(|_| Malformed)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    };
    if let Some(etag) = text(route.etag)?.and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok()) {
        response.headers_mut().insert(ETAG, etag);
    }
    let Some(created) = &route.created else { return Ok(()) };
    *response.status_mut() = StatusCode::CREATED;
    let Some(id) = text(Some(created.id))? else { return Ok(()) };
    let id = utf8_percent_encode(id, SEGMENT);
    let place = match &created.collection {
        Some(collection) => format!("{collection}{id}"),
        None => format!("{}/{id}", path.trim_end_matches('/')),
    };
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(())
}

/// What a path segment may hold as it is.
const SEGMENT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn json(writer: Writer<'_>) -> Response {
    let mut response = with(StatusCode::OK, writer.finish().into());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn file_response(message: &Bytes, file: &[u8]) -> Result<Response, Malformed> {
    let field = |number| -> Result<&[u8], Malformed> { find(file, number)?.map_or(Ok(&[][..]), |value| value.bytes()) };
    let kind = HeaderValue::from_bytes(field(1)?).ok().filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = with(StatusCode::OK, message.slice_ref(field(2)?));
    if kind.as_bytes().starts_with(b"text/html") {
        response.headers_mut().insert(http::header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// The response that a stream becomes: the first message says what it is, all of them hold parts.
pub(crate) async fn stream(route: &Route, download: Download, mut parts: Streaming<Bytes>) -> Result<Response, Status> {
    let bad = |_: Malformed| Status::internal("the answer is no message");
    let Answer::File(field) = &route.answer else { return Err(bad(Malformed)) };
    let number = field.number;
    let first = parts.message().await?.ok_or_else(|| Status::internal("the answer is empty"))?;
    let file = find(&first, number).map_err(bad)?.map_or(Ok(&[][..]), |value| value.bytes()).map_err(bad)?;
    let mut response = file_response(&first, file).map_err(bad)?;
    let begin = std::mem::take(response.body_mut());
    let rest = parts.map(move |message| -> Result<Bytes, BoxError> {
        data(&message?, number).map_err(|_| BoxError::from("the answer is no message"))
    });
    let begin = begin.into_data_stream().map(|part| part.map_err(BoxError::from));
    *response.body_mut() = Body::from_stream(begin.chain(rest));
    let headers = response.headers_mut();
    let value = |number: Option<u32>| number.and_then(|number| find(&first, number).ok().flatten());
    if let Some(name) = value(download.filename).and_then(|name| std::str::from_utf8(name.bytes().ok()?).ok()) {
        let name = utf8_percent_encode(name, SEGMENT);
        if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}")) {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
    }
    if let Some(size) = value(download.size).and_then(|size| size.number().ok()) {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    Ok(response)
}

/// The bytes of one part of a file.
fn data(message: &Bytes, number: u32) -> Result<Bytes, Malformed> {
    let file = find(message, number)?.map_or(Ok(&[][..]), |value| value.bytes())?;
    let data = find(file, 2)?.map_or(Ok(&[][..]), |value| value.bytes())?;
    Ok(message.slice_ref(data))
}

fn with(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(16);
    response
}
