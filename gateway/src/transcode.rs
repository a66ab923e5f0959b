//! REST to gRPC and back: the one handler of every route.

mod answer;
mod message;
mod upload;

pub(crate) use message::in_query;

use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::Gateway;
use crate::context::{Context, Matched};
use crate::cookie::{self, Jar};
use crate::metadata::{Change, carried, into_metadata};
use crate::problem::Problem;
use crate::route::{BodyRule, Route};
use crate::upstream::{Call, Upstream};

/// What serves one route.
pub(crate) struct Handler {
    pub gateway: Arc<Gateway>,
    pub route: Arc<Route>,
    pub upstream: Arc<Upstream>,
    pub matched: Matched,
}

impl Handler {
    /// Answers a request, or says what the problem is.
    pub(crate) async fn serve(&self, request: Request) -> Result<Response, Problem> {
        let gateway = &*self.gateway;
        let route = &*self.route;
        let context = request.extensions().get::<Arc<Context>>().cloned().ok_or_else(Problem::internal)?;
        crate::auth::admit(&route.options.access, &context)?;
        if route.options.is_sign_in() {
            gateway.limits.sign_in(context.client_ip)?;
        }
        let (parts, body) = request.into_parts();
        let jar = Jar::open(route, &parts.headers, &gateway.config.cors_origins)?;
        let change = match route.method {
            Method::GET => Change::default(),
            _ => Change::of(&parts.headers, route.method == Method::POST, route.options.key_required)?,
        };
        let mut body = Some(body);
        let whole = match route.body {
            BodyRule::None | BodyRule::File(_) => Bytes::new(),
            BodyRule::Whole | BodyRule::Field { .. } => {
                json_only(&parts.headers)?;
                whole(&gateway.config, &parts.headers, body.take().unwrap_or_default()).await?
            }
        };
        let digits = gateway.currency.digits();
        let path = parts.uri.path();
        let message = message::build(&gateway.table.shapes, route, digits, path, parts.uri.query(), &whole)?;
        let message = match &jar {
            Some(jar) => jar.fill(message)?,
            None => message,
        };
        let if_match = change.if_match.is_some();
        let repeatable = route.repeatable(change.key.is_some());
        let mut headers = carried(&context, &parts.headers);
        change.add_to(&mut headers);
        let call = Call {
            wire_path: &route.wire_path,
            metadata: into_metadata(headers),
            message,
            deadline: route.options.deadline.unwrap_or_else(|| gateway.config.deadline(route.slow)),
            repeatable,
        };
        if let Some(download) = route.download {
            let answer = self.upstream.download(call).await.map_err(|status| self.refused(&status, if_match))?;
            return answer::stream(route, download, answer).await.map_err(|status| self.refused(&status, if_match));
        }
        let answer = match &route.body {
            BodyRule::File(field) => {
                let limits = upload::Limits {
                    bytes_max: route.options.upload_bytes_max.unwrap_or_default(),
                    patience: Duration::from_secs(gateway.config.body_seconds),
                };
                let body = body.take().unwrap_or_default();
                let (messages, wrong) = upload::messages(&parts.headers, body, &call.message, field, limits)?;
                tokio::select! {
                    biased;
                    Ok(problem) = wrong => return Err(problem),
                    answer = self.upstream.upload(call, messages) => answer,
                }
            }
            _ => self.upstream.unary(call).await,
        };
        match answer {
            Ok(answer) => {
                let (metadata, body, extensions) = answer.into_parts();
                let (body, cookie) = match jar {
                    Some(jar) => jar.take(body),
                    None => (body, None),
                };
                let answer = tonic::Response::from_parts(metadata, body, extensions);
                let response = answer::respond(&gateway.table.shapes, route, digits, path, answer);
                let mut response = response.map_err(|_| {
                    tracing::error!(rpc = route.rpc.full_name(), "the answer is no message");
                    Problem::internal()
                })?;
                cookie::set(response.headers_mut(), cookie);
                Ok(response)
            }
            Err(status) => Err(self.refused(&status, if_match)),
        }
    }

    /// The problem, with its fields named as the caller knows them.
    fn refused(&self, status: &tonic::Status, if_match: bool) -> Problem {
        let mut problem = Problem::of_status(status, if_match);
        let mut errors = std::mem::take(&mut problem.errors);
        for error in &mut errors {
            error.field = self.route.json_path(&self.gateway.table.shapes, &error.field);
        }
        let problem = problem.blaming(errors);
        if problem.status == StatusCode::INTERNAL_SERVER_ERROR {
            let (rpc, code) = (self.route.rpc.full_name(), status.code());
            tracing::error!(rpc, code = ?code, upstream.name = self.upstream.name, "the service failed");
        }
        problem
    }
}

/// Bodies are JSON in UTF-8, and as they are.
fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail: &'static str| {
        Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            "UNSUPPORTED_MEDIA_TYPE",
            detail,
        ))
    };
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refuse("the body must not be compressed");
    }
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let charset = parts.find_map(|parameter| parameter.strip_prefix("charset=")).unwrap_or("utf-8");
    if !json || !["utf-8", "\"utf-8\"", "us-ascii"].contains(&charset) {
        return refuse("the body must be application/json in UTF-8");
    }
    Ok(())
}

/// The whole body, if it comes in time and is not too long.
pub(crate) async fn whole(
    config: &crate::config::Config,
    headers: &HeaderMap,
    mut body: axum::body::Body,
) -> Result<Bytes, Problem> {
    let bytes_max = config.body_bytes_max;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let patience = Duration::from_secs(config.body_seconds);
    if length.is_some_and(|length| length > bytes_max) {
        swallow(body.into_data_stream(), bytes_max, patience);
        return Err(Problem::too_large(bytes_max));
    }
    let collected = tokio::time::timeout(patience, Limited::new(&mut body, bytes_max).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            swallow(body.into_data_stream(), bytes_max, patience);
            Err(Problem::too_large(bytes_max))
        }
        Ok(Err(_)) => Err(Problem::body_broken()),
        Err(_) => Err(Problem::body_too_slow(config.body_seconds)),
    }
}

/// Lets a body that is somewhat too long come to its end unread: a connection that closes on one who still sends is
/// reset, and he would never read why. A much longer one is cut off.
fn swallow(mut body: BodyDataStream, bytes_max: usize, patience: Duration) {
    let mut left = bytes_max.saturating_mul(8);
    kit::task::spawn(tokio::time::timeout(patience, async move {
        while let Some(Ok(part)) = body.next().await {
            let Some(rest) = left.checked_sub(part.len()) else { return };
            left = rest;
        }
    }));
}
