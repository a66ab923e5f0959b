//! The few routes that no RPC answers: what the gateway says about itself, its pages, and the event stream.

mod pages;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use crate::Gateway;
use crate::context::Matched;
use crate::live;
use crate::problem::Problem;

/// Every route of this file, for `routes.txt`: method, path, access.
pub const LISTED: &[(&str, &str, &str)] = &[
    ("GET", "/", "public"),
    ("GET", "/docs", "public"),
    ("GET", "/docs/docs.css", "public"),
    ("GET", "/docs/docs.js", "public"),
    ("GET", "/healthz", "public"),
    ("GET", "/metrics", "public"),
    ("GET", "/openapi.json", "public"),
    ("GET", "/problems", "public"),
    ("GET", "/problems/{slug}", "public"),
    ("GET", "/readyz", "public"),
    ("GET", "/v1/events", "signed-in"),
    ("GET", "/v1/version", "public"),
];

pub(crate) fn router(gateway: &Arc<Gateway>) -> Router {
    let route = |path: &'static str| -> MethodRouter<Arc<Gateway>> {
        match path {
            "/" => get(async || pages::welcome()),
            "/docs" => get(async || pages::docs()),
            "/docs/docs.css" => get(async || pages::docs_style()),
            "/docs/docs.js" => get(async || pages::docs_script()),
            "/healthz" => get(async || "ok"),
            "/metrics" => get(metrics),
            "/openapi.json" => get(openapi),
            "/problems" => get(async || pages::problems()),
            "/problems/{slug}" => get(problem),
            "/readyz" => get(ready),
            "/v1/events" => get(events),
            "/v1/version" => get(version),
            _ => unreachable!("every listed route is here"),
        }
    };
    LISTED
        .iter()
        .fold(Router::new(), |router, (_, path, _)| {
            let matched = Matched(Arc::from(*path));
            let named = route(path).layer(axum::middleware::map_response(move |mut response: Response| {
                let matched = matched.clone();
                async move {
                    response.extensions_mut().insert(matched);
                    response
                }
            }));
            router.route(path, named)
        })
        .with_state(Arc::clone(gateway))
}

/// The version of the gateway, and the commit that it was built from when that is known.
async fn version() -> Response {
    let commit = option_env!("GIT_COMMIT").unwrap_or("unknown");
    Json(json!({ "version": env!("CARGO_PKG_VERSION"), "commit": commit })).into_response()
}

/// 503 until the shop's currency and the keys of its users are known, and again when the end is near.
async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let upstreams: serde_json::Map<String, serde_json::Value> =
        gateway.upstreams.iter().map(|upstream| (upstream.name.clone(), upstream.is_reachable().into())).collect();
    let ready = gateway.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "currencyKnown": gateway.currency.is_known(),
        "keysKnown": gateway.verifier.trust().is_told(),
        "stopping": gateway.is_stopping(),
        "upstreams": upstreams,
    });
    (status, Json(body)).into_response()
}

async fn metrics() -> Response {
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, text)], kit::telemetry::metrics_handle().render()).into_response()
}

async fn openapi(State(gateway): State<Arc<Gateway>>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], gateway.document.text()).into_response()
}

async fn problem(Path(slug): Path<String>) -> Response {
    pages::problem(&slug).unwrap_or_else(|| Problem::route_not_found(&format!("/problems/{slug}")).into_response())
}

async fn events(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    live::serve(gateway, request).await.unwrap_or_else(IntoResponse::into_response)
}
