//! Problems (RFC 9457): the one form of every error, and the one table from gRPC codes to HTTP.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use types::mask_card_numbers;

use crate::json::{FieldError, Unread};

/// Fields are wrong; the services say it in the same word.
const INVALID: &str = "INVALID";
pub const CONTENT: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why there is no answer. As a response it is empty at first: [`crate::front`] writes it, since it knows the request.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub title: &'static str,
    /// What clients match on, such as `STOCK_REMAINS`.
    pub code: Cow<'static, str>,
    pub detail: Cow<'static, str>,
    pub errors: Vec<FieldError>,
    pub retry_after_seconds: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    instance: String,
    request_id: &'a str,
    errors: &'a [FieldError],
}

impl Problem {
    pub fn new(
        status: StatusCode,
        title: &'static str,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self { status, title, code, detail, errors: Vec::new(), retry_after_seconds: None }
    }

    /// Fields, parameters or headers that are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", INVALID, "").blaming(errors)
    }

    /// The same problem with other fields; a sentence that only lists fields is made anew from them.
    #[must_use]
    pub fn blaming(self, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            _ if self.code != INVALID => self.detail,
            [] => self.detail,
            [one] if !one.field.is_empty() => format!("{} {}", one.field, one.message).into(),
            [one] => one.message.clone().into(),
            all => format!("{} fields are not right", all.len()).into(),
        };
        Self { errors, detail, ..self }
    }

    pub fn invalid_one(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    pub fn route_not_found(path: &str) -> Self {
        let path: String = percent_decode_str(path).decode_utf8_lossy().chars().take(200).collect();
        let detail = format!("there is nothing at {path}; /openapi.json lists what there is");
        Self::new(StatusCode::NOT_FOUND, "Not found", "ROUTE_NOT_FOUND", detail)
    }

    pub fn method_not_allowed(method: &http::Method) -> Self {
        let detail = format!("{method} is not possible here; see the Allow header");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Not possible this way", "METHOD_NOT_ALLOWED", detail)
    }

    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Not signed in", "UNAUTHENTICATED", "sign in first")
    }

    pub fn token_refused() -> Self {
        let detail = "the access token does not hold (any more); sign in again";
        Self::new(StatusCode::UNAUTHORIZED, "Not signed in", "TOKEN_REFUSED", detail)
    }

    pub fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the body must not be longer than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", "BODY_TOO_LARGE", detail)
    }

    pub fn body_broken() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", "BODY_BROKEN", "the body broke off")
    }

    pub fn body_too_slow(seconds: u64) -> Self {
        let detail = format!("the body did not come within {seconds} seconds");
        Self::new(StatusCode::REQUEST_TIMEOUT, "Too slow", "BODY_TOO_SLOW", detail)
    }

    pub fn too_many(detail: &'static str, retry_after_seconds: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", "TOO_MANY_REQUESTS", detail);
        Self { retry_after_seconds: Some(retry_after_seconds), ..problem }
    }

    pub fn unavailable() -> Self {
        let detail = "a part of the system is not available right now, try again";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "UNAVAILABLE", detail);
        Self { retry_after_seconds: Some(1), ..problem }
    }

    pub fn internal() -> Self {
        let detail = "something went wrong on our side; the request id helps to find out what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Our mistake", "INTERNAL", detail)
    }

    /// What a service answered. `if_match`: the caller named the version that he had seen.
    pub fn of_status(status: &Status, if_match: bool) -> Self {
        let details = status.get_error_details();
        let (http, title, code) = meaning(status.code(), if_match);
        // The names of what broke inside are nobody's business, nor is its text.
        if http.is_server_error() {
            return match http {
                StatusCode::SERVICE_UNAVAILABLE => Self {
                    retry_after_seconds: details
                        .retry_info()
                        .and_then(|info| info.retry_delay)
                        .map_or(Some(1), seconds),
                    ..Self::unavailable()
                },
                StatusCode::GATEWAY_TIMEOUT => {
                    let detail = "no answer came in time, and the outcome is unknown; ask again, with the same \
                                  Idempotency-Key if there was one";
                    Self::new(http, title, code, detail)
                }
                _ => Self::internal(),
            };
        }
        let reason = details.error_info().map(|info| info.reason.clone()).filter(|reason| !reason.is_empty());
        let errors = details.bad_request().map(|bad| {
            let each = bad.field_violations.iter();
            each.map(|v| FieldError { field: v.field.clone(), message: v.description.clone() }).collect()
        });
        let retry = details.retry_info().and_then(|info| info.retry_delay).and_then(seconds);
        Self {
            status: http,
            title,
            code: reason.map_or(Cow::Borrowed(code), Cow::Owned),
            detail: status.message().to_owned().into(),
            errors: errors.unwrap_or_default(),
            retry_after_seconds: retry.or_else(|| (http == StatusCode::TOO_MANY_REQUESTS).then_some(1)),
        }
    }

    /// The slug of the page about this kind of problem.
    pub fn slug(&self) -> String {
        self.code.to_ascii_lowercase().replace('_', "-")
    }

    /// The body, and the headers that go with it. What a caller wrote may stand in it, such as the name of a field that
    /// nothing has; a card number does not come back even so.
    pub fn render(&self, request_id: &str, headers: &mut HeaderMap) -> Vec<u8> {
        headers.insert(CONTENT_TYPE, CONTENT);
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let masked = |error: &FieldError| FieldError {
            field: mask_card_numbers(&error.field).into_owned(),
            message: mask_card_numbers(&error.message).into_owned(),
        };
        let errors: Vec<FieldError> = self.errors.iter().map(masked).collect();
        let body = Body {
            r#type: format!("/problems/{}", self.slug()),
            title: self.title,
            status: self.status.as_u16(),
            detail: &mask_card_numbers(&self.detail),
            code: &self.code,
            instance: format!("/requests/{request_id}"),
            request_id,
            errors: &errors,
        };
        serde_json::to_vec(&body).expect("a problem is JSON")
    }

    /// The same for a gRPC client.
    pub fn grpc_status(&self) -> Status {
        let code = match self.status {
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
            StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
            status if status.is_server_error() => Code::Internal,
            _ => Code::InvalidArgument,
        };
        let mut details = tonic_types::ErrorDetails::with_error_info(&*self.code, "gateway.lunarfront", []);
        if let Some(seconds) = self.retry_after_seconds {
            details.set_retry_info(Some(std::time::Duration::from_secs(seconds)));
        }
        Status::with_error_details(code, mask_card_numbers(&self.detail), details)
    }
}

fn seconds(delay: std::time::Duration) -> Option<u64> {
    Some(delay.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1))
}

/// The class table. CANCELLED and UNIMPLEMENTED come from services that stop, or are older than this gateway.
fn meaning(code: Code, if_match: bool) -> (StatusCode, &'static str, &'static str) {
    match code {
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "Bad request", INVALID),
        Code::OutOfRange => (StatusCode::PAYLOAD_TOO_LARGE, "Too large", "BODY_TOO_LARGE"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Not signed in", "UNAUTHENTICATED"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "Not allowed", "PERMISSION_DENIED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Not found", "NOT_FOUND"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "Already exists", "ALREADY_EXISTS"),
        Code::FailedPrecondition => (StatusCode::CONFLICT, "Not possible now", "CONFLICT"),
        Code::Aborted if if_match => (StatusCode::PRECONDITION_FAILED, "Changed meanwhile", "STALE"),
        Code::Aborted => (StatusCode::CONFLICT, "Changed meanwhile", "STALE"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "Too many requests", "TOO_MANY_REQUESTS"),
        Code::Unavailable | Code::Cancelled | Code::Unimplemented => {
            (StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "UNAVAILABLE")
        }
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "Timed out", "TIMED_OUT"),
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Our mistake", "INTERNAL")
        }
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Fields(errors) => Self::invalid(errors),
            Unread::Syntax(error) => {
                let detail = format!("the body is not a JSON object: {error}");
                Self::new(StatusCode::BAD_REQUEST, "Bad request", "MALFORMED_JSON", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
