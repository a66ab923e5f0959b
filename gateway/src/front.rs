//! What happens around every request: its id, its limits, its line in the log, its numbers, and the headers that every
//! answer has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::{Instrument, Span};

use crate::Gateway;
use crate::context::{Context, Matched, REQUEST_ID};
use crate::problem::Problem;
use crate::trace::Trace;

/// Answers shorter than this are not worth compressing, in bytes.
const COMPRESS_MIN: u64 = 1024;
/// Those who only want to know whether we live are not counted.
const UNCOUNTED: [&str; 2] = ["/healthz", "/readyz"];

/// Outermost: names the request, and finishes whatever comes back.
pub(crate) async fn name_and_finish(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let context = Arc::new(Context::of(&request, gateway.config.trusted_proxies));
    let span = begin_span(&context, request.headers());
    let method = request.method().clone();
    request.extensions_mut().insert(Arc::clone(&context));
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = write_problem(&problem, &context, response);
    }
    finish_headers(&gateway, &context, response.headers_mut());
    record(&span, &context, &method, &response, begun.elapsed());
    response
}

/// Innermost: who asks, and not too often.
pub(crate) async fn count(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let Some(context) = request.extensions().get::<Arc<Context>>().cloned() else {
        return Problem::internal().into_response();
    };
    if header_bytes(request.headers()) > gateway.config.header_bytes_max {
        let detail = "the headers are too long";
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Problem::new(status, "Too large", "HEADERS_TOO_LARGE", detail).into_response();
    }
    if !UNCOUNTED.contains(&request.uri().path()) {
        if let Err(problem) = gateway.limits.ip(context.client_ip) {
            return problem.into_response();
        }
        // Set once, here.
        let _ = context.caller.set(crate::auth::caller(&gateway.verifier, request.headers()));
        if let Some(Err(problem)) = context.user().map(|user| gateway.limits.user(user.id)) {
            return problem.into_response();
        }
    }
    next.run(request).await
}

fn begin_span(context: &Context, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!("request", "request.id" = context.request_id(), "trace.id" = tracing::field::Empty);
    let sent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let trace = match sent.and_then(|sent| Some((sent, Trace::parse(sent)?))) {
        Some((sent, trace)) => {
            kit::telemetry::continue_trace(&span, Some(sent));
            trace
        }
        None => Trace::begin(),
    };
    let onward = trace.onward(&span);
    if sent.is_none_or(|sent| Trace::parse(sent).is_none()) {
        span.record("trace.id", onward.get(3..35).unwrap_or_default());
    }
    // Set once, here.
    let _ = context.traceparent.set(onward);
    span
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// A problem in the caller's own language: JSON, or a gRPC status.
fn write_problem(problem: &Problem, context: &Context, mut response: Response) -> Response {
    if let Some(kind) = &context.grpc {
        let (status, body) = problem.grpc_status().into_http::<Body>().into_parts();
        *response.status_mut() = status.status;
        *response.body_mut() = body;
        // Beside those that are there: without the CORS headers a page could not read the status.
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.extend(status.headers);
        // The answer is all header, so gRPC-web needs no more translation than this.
        headers.insert(CONTENT_TYPE, kind.clone());
        return response;
    }
    let body = problem.render(context.request_id(), response.headers_mut());
    response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    *response.body_mut() = Body::from(body);
    response
}

fn finish_headers(gateway: &Gateway, context: &Context, headers: &mut HeaderMap) {
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(REFERRER_POLICY, "no-referrer");
    unless_set(X_FRAME_OPTIONS, "DENY");
    unless_set(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    unless_set(CACHE_CONTROL, "no-store");
    headers.insert(REQUEST_ID, context.request_id.clone());
    if let Some(hsts) = &gateway.hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}

/// One line and one observation for each request. Only the template is told, never the path itself.
fn record(span: &Span, context: &Context, method: &Method, response: &Response, took: Duration) {
    let route =
        response.extensions().get::<Matched>().map_or_else(|| Arc::from("unmatched"), |matched| Arc::clone(&matched.0));
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let user_id = context.user().map(|user| user.id);
    tracing::info!(
        parent: span,
        method = method.as_str(),
        route = &*route,
        status,
        duration_ms,
        "user.id" = user_id.map(tracing::field::display),
        "answered {status}",
    );
    // Any word may be a method; those that nobody serves are counted as one.
    let method = match *method {
        Method::GET | Method::POST | Method::PATCH | Method::DELETE | Method::PUT | Method::HEAD | Method::OPTIONS => {
            method.as_str().to_owned()
        }
        _ => "other".to_owned(),
    };
    let labels = [("method", method), ("route", route.to_string()), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route.to_string()).record(took);
}

/// Which browsers may call, and what they may send and see.
///
/// # Errors
/// When an origin cannot be read.
pub(crate) fn cors(origins: &str) -> Result<CorsLayer, String> {
    let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let origins: Vec<HeaderValue> = origins
        .map(|origin| match HeaderValue::from_str(origin) {
            Ok(value) if origin.contains("://") && !origin.ends_with('/') => Ok(value),
            _ => Err(format!("CORS_ORIGINS: {origin} is no origin such as https://shop.example")),
        })
        .collect::<Result<_, _>>()?;
    let names = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(names(&[
            "authorization",
            "content-type",
            "grpc-timeout",
            "idempotency-key",
            "if-match",
            "last-event-id",
            "traceparent",
            "x-approval-token",
            "x-grpc-web",
            "x-refresh",
            "x-request-id",
            "x-user-agent",
        ]))
        .allow_credentials(true)
        .expose_headers(names(&[
            "etag",
            "grpc-message",
            "grpc-status",
            "grpc-status-details-bin",
            "idempotency-replayed",
            "location",
            "retry-after",
            "x-request-id",
        ]))
        .max_age(Duration::from_secs(600)))
}

/// Nobody is refused for what he takes: who forbids plain answers as well as gzip gets them plain, for what he asked may
/// be done by then.
pub(crate) fn gzip_or_plain(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let gzip = takes_gzip(headers);
    headers.remove(ACCEPT_ENCODING);
    if gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    request
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let sent = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = sent.flat_map(|value| value.split(',')).map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        (name.trim().to_ascii_lowercase(), weight.bytes().any(|digit| (b'1'..=b'9').contains(&digit)))
    });
    let codings: Vec<_> = codings.collect();
    let said = |name: &str| codings.iter().find(|(known, _)| known == name).map(|(_, taken)| *taken);
    said("gzip").or_else(|| said("*")).unwrap_or(false)
}

/// Compresses what is long and text; streams and gRPC are left alone.
pub(crate) fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().gzip(true).compress_when(LongText)
}

#[derive(Clone, Copy, Debug)]
struct LongText;

impl Predicate for LongText {
    fn should_compress<B: http_body::Body>(&self, response: &http::Response<B>) -> bool {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let text = kind.starts_with("application/json") || (kind.starts_with("text/") && kind != "text/event-stream");
        text && response.body().size_hint().exact().is_some_and(|length| length >= COMPRESS_MIN)
    }
}
