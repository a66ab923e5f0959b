//! gRPC-web: translated at the edge, then passed on untouched.
//!
//! Every service is found under its own name, as `/lunarfront.pos.v1.SaleService/GetSale`; RPCs that each service
//! answers for itself, under the name of the one that is asked, as `/pos/lunarfront.common.v1.AuditService/…`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::future::ready;
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, TE};
use http::uri::PathAndQuery;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::body::Body;
use tonic::{Status, TimeoutExpired};
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceExt, service_fn};

use crate::Gateway;
use crate::context::{Context, Matched};
use crate::metadata::{Change, carried};
use crate::problem::Problem;
use crate::route::Options;
use crate::upstream::Upstream;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// What gRPC itself needs of the headers.
const PROTOCOL: [HeaderName; 2] =
    [HeaderName::from_static("grpc-encoding"), HeaderName::from_static("grpc-accept-encoding")];

/// One RPC of one service.
struct Passage {
    gateway: Arc<Gateway>,
    upstream: Arc<Upstream>,
    options: Options,
    wire_path: PathAndQuery,
    streams: bool,
    matched: Matched,
}

/// A route for each RPC that somebody from outside may call.
pub(crate) fn router(gateway: &Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for (rpc, options, owner) in gateway.table.rpcs() {
        if options.access == crate::route::Access::Service {
            continue;
        }
        let path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let Ok(wire_path) = path.parse::<PathAndQuery>() else { continue };
        let places: Vec<(String, String)> = match owner {
            Some(owner) => vec![(path.clone(), owner)],
            None => gateway.table.services.iter().map(|name| (format!("/{name}{path}"), name.clone())).collect(),
        };
        for (place, service) in places {
            let Some(upstream) = gateway.upstreams.get(&service) else { continue };
            let passage = Arc::new(Passage {
                gateway: Arc::clone(gateway),
                upstream: Arc::clone(upstream),
                options: options.clone(),
                wire_path: wire_path.clone(),
                streams: rpc.is_server_streaming(),
                matched: Matched(Arc::from(place.as_str())),
            });
            let handler = move |request: Request| {
                let passage = Arc::clone(&passage);
                async move { passage.serve(request).await }
            };
            router = router.route(&place, post(handler));
        }
    }
    router
}

impl Passage {
    async fn serve(&self, request: Request) -> Response {
        let mut response = self.answer(request).await.unwrap_or_else(IntoResponse::into_response);
        response.extensions_mut().insert(self.matched.clone());
        response
    }

    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        let context = request.extensions().get::<Arc<Context>>().cloned().ok_or_else(Problem::internal)?;
        let Some(kind) = &context.grpc else {
            let detail = "this is the place of gRPC-web; its content type is application/grpc-web+proto";
            let status = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "Unsupported media type", "UNSUPPORTED_MEDIA_TYPE", detail));
        };
        crate::auth::admit(&self.options.access, &context)?;
        if self.options.is_sign_in() {
            self.gateway.limits.sign_in(context.client_ip)?;
        }
        let place = match context.user() {
            Some(user) if self.streams => {
                Some(self.gateway.places.take(user.id, self.gateway.config.event_streams_per_user_max)?)
            }
            _ => None,
        };
        let version = request.version();
        let (parts, body) = request.into_parts();
        let mut headers = self.headers(&context, &parts.headers)?;
        headers.insert(CONTENT_TYPE, kind.clone());
        // The answer comes in the form of the question.
        headers.insert(ACCEPT, kind.clone());
        let body = crate::transcode::whole(&self.gateway.config, &parts.headers, body).await?;
        // Of unknown length: what is sent as text is shorter once it is read, and a length that is not kept is an error.
        let body = StreamBody::new(stream::once(ready(Ok::<_, Status>(Frame::data(body)))));
        let mut request = http::Request::new(Body::new(body));
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = version;
        *request.uri_mut() = self.wire_path.clone().into();
        *request.headers_mut() = headers;
        let upstream = if self.streams { self.upstream.streams() } else { self.upstream.calls() };
        let forward = service_fn(move |request: http::Request<Body>| {
            let upstream = upstream.clone();
            async move {
                let answer = upstream.oneshot(request).await;
                Ok::<_, std::convert::Infallible>(answer.unwrap_or_else(|error| unanswered(&error).into_http()))
            }
        });
        let answer = GrpcWebLayer::new().layer(forward).oneshot(request).await;
        let answer = answer.unwrap_or_else(|never| match never {});
        // The place is free again when the stream is dropped.
        Ok(answer.map(|body| {
            axum::body::Body::new(body.map_frame(move |frame| {
                let _held = &place;
                frame
            }))
        }))
    }

    /// The headers of the call: the protocol's own, and what every call carries.
    fn headers(&self, context: &Context, sent: &HeaderMap) -> Result<HeaderMap, Problem> {
        let mut headers = carried(context, sent);
        for name in PROTOCOL {
            if let Some(value) = sent.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(TE, HeaderValue::from_static("trailers"));
        Change::of(sent, true, self.options.key_required)?.add_to(&mut headers);
        let token = self.upstream.service_token().map_err(|_| Problem::internal())?;
        let token = HeaderValue::from_str(token.to_str().unwrap_or_default()).map_err(|_| Problem::internal())?;
        headers.insert("x-service-token", token);
        if !self.streams {
            let most = self.gateway.config.deadline(true);
            let asked = sent.get(TIMEOUT).and_then(|value| timeout(value.to_str().ok()?));
            let deadline = asked.unwrap_or_else(|| self.gateway.config.deadline(false)).min(most);
            if let Ok(value) = HeaderValue::from_str(&format!("{}m", deadline.as_millis())) {
                headers.insert(TIMEOUT, value);
            }
        }
        Ok(headers)
    }
}

/// Why the service did not answer. When time ran out, whether the call took place is unknown: nobody is told to try again.
fn unanswered(error: &tonic::transport::Error) -> Status {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return Status::deadline_exceeded("the service did not answer in time");
        }
        cause = error.source();
    }
    tracing::debug!(error = %error, "the service is away");
    Status::unavailable("a part of the system is not available right now, try again")
}

/// A `grpc-timeout`, such as `500m` for half a second.
fn timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_grpc_are_read() {
        assert_eq!(timeout("500m"), Some(Duration::from_millis(500)));
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        for bad in ["", "m", "5", "-1S", "123456789S", "5x", "é"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }
}
