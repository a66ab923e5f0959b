//! The gateway: REST, gRPC-web and events in front of the services.
//!
//! It knows no noun of the business. What it serves is read from the descriptors at start, and one handler serves it.

mod auth;
mod by_hand;
pub mod codec;
pub mod config;
mod context;
mod cookie;
mod front;
pub mod json;
mod limit;
pub mod live;
mod metadata;
pub mod openapi;
pub mod problem;
pub mod route;
mod serve;
mod shop;
mod trace;
mod transcode;
pub mod upstream;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{HeaderValue, Method, Uri};
use kit::auth::{ServiceTokens, Trust, Verifier};
use kit::task::Tasks;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub use by_hand::LISTED;
use config::Config;
use context::Matched;
use limit::Limits;
use problem::Problem;
use route::Table;
pub use serve::serve;
pub use shop::Currency;
use transcode::Handler;
use upstream::Upstreams;

/// Who tells the currency and the keys.
const IDENTITY: &str = "identity";
/// How often the services are looked at, and those who were limited forgotten.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// All that a request may need.
pub struct Gateway {
    pub config: Config,
    pub table: Table,
    pub upstreams: Upstreams,
    pub verifier: Verifier,
    pub currency: Arc<Currency>,
    limits: Limits,
    places: Arc<live::Places>,
    document: openapi::Served,
    hsts: Option<HeaderValue>,
    tasks: Tasks,
    stopping: AtomicBool,
}

impl Gateway {
    pub fn new(
        config: Config,
        table: Table,
        document: openapi::Served,
        upstreams: Upstreams,
        verifier: Verifier,
    ) -> Self {
        let hsts = (config.hsts_seconds > 0).then(|| format!("max-age={}; includeSubDomains", config.hsts_seconds));
        Self {
            limits: Limits::new(&config),
            currency: Arc::default(),
            places: Arc::default(),
            hsts: hsts.and_then(|value| HeaderValue::from_str(&value).ok()),
            tasks: Tasks::default(),
            stopping: AtomicBool::new(false),
            document,
            config,
            table,
            upstreams,
            verifier,
        }
    }

    /// Whether requests should come here.
    pub fn is_ready(&self) -> bool {
        self.currency.is_known() && self.verifier.trust().is_told() && !self.is_stopping()
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Ends streams, connections and background work.
    pub fn stopping(&self) -> CancellationToken {
        self.tasks.stopping()
    }

    /// What is kept up to date behind the requests.
    pub fn start_background(self: &Arc<Self>) {
        if let Some(identity) = self.upstreams.get(IDENTITY) {
            let every = Duration::from_secs(self.config.shop_refresh_seconds.max(1));
            let currency = Arc::clone(&self.currency);
            self.tasks.spawn(currency.keep(Arc::clone(identity), every, self.stopping()));
            let (trust, peer, stop) = (self.verifier.trust().clone(), identity.peer(IDENTITY), self.stopping());
            self.tasks.spawn(async move { kit::trust::follow_until(&trust, &peer, stop).await });
        }
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut every = tokio::time::interval(LOOK_EVERY);
            while gateway.stopping().run_until_cancelled(every.tick()).await.is_some() {
                gateway.limits.forget();
                futures_util::future::join_all(gateway.upstreams.iter().map(|upstream| upstream.look())).await;
            }
        });
    }
}

/// Everything that is served.
///
/// # Errors
/// When a route has no service behind it, or an origin cannot be read.
pub fn app(gateway: &Arc<Gateway>) -> Result<Router, String> {
    let routes = rest(gateway)?.merge(by_hand::router(gateway)).merge(web::router(gateway));
    Ok(routes
        .fallback(async |uri: Uri| Problem::route_not_found(uri.path()))
        .method_not_allowed_fallback(async |method: Method| Problem::method_not_allowed(&method))
        .layer(front::compression())
        .layer(map_request(async |request: Request| front::gzip_or_plain(request)))
        .layer(from_fn_with_state(Arc::clone(gateway), front::count))
        .layer(front::cors(&gateway.config.cors_origins)?)
        .layer(from_fn_with_state(Arc::clone(gateway), front::name_and_finish)))
}

/// The routes of the table. axum names its captures by their place, since it cannot name one `product.id`.
fn rest(gateway: &Arc<Gateway>) -> Result<Router, String> {
    let mut paths: BTreeMap<String, MethodRouter> = BTreeMap::new();
    for route in &gateway.table.routes {
        let upstream = gateway.upstreams.get(&route.service);
        let handler = Arc::new(Handler {
            gateway: Arc::clone(gateway),
            route: Arc::clone(route),
            upstream: Arc::clone(upstream.ok_or_else(|| format!("there is no service {}", route.service))?),
            matched: Matched(Arc::from(route.public.as_str())),
        });
        let filter = MethodFilter::try_from(route.method.clone()).map_err(|error| error.to_string())?;
        let served = on(filter, move |request: Request| answer(Arc::clone(&handler), request));
        let path = route.template.split('{').enumerate().map(|(place, piece)| match piece.split_once('}') {
            Some((_, rest)) if place > 0 => format!("{{v{place}}}{rest}"),
            _ => piece.to_owned(),
        });
        let path: String = path.collect();
        let methods = paths.remove(&path).unwrap_or_default();
        paths.insert(path, methods.merge(served));
    }
    Ok(paths.into_iter().fold(Router::new(), |router, (path, methods)| router.route(&path, methods)))
}

async fn answer(handler: Arc<Handler>, request: Request) -> Response {
    let mut response = handler.serve(request).await.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(handler.matched.clone());
    response
}

/// The OpenAPI document, as it is served.
///
/// # Errors
/// When a rule of the protos is wrong.
pub fn openapi_text() -> Result<String, String> {
    let document = openapi::document(&Table::read(proto::COMMENTED_DESCRIPTORS)?);
    serde_json::to_string_pretty(&document).map_err(|error| error.to_string())
}

/// Every route, one on each line.
///
/// # Errors
/// When a rule of the protos is wrong.
pub fn routes_text() -> Result<String, String> {
    Ok(Table::read(proto::DESCRIPTORS)?.listing(LISTED))
}

/// Runs the gateway until SIGTERM or SIGINT.
///
/// # Errors
/// When a setting or a rule of the protos is wrong, or the port is taken.
pub async fn run() -> Result<(), String> {
    let config = Config::load()?;
    let telemetry = kit::telemetry::start("gateway", &config.log, config.otlp_endpoint.as_deref())?;
    let table = Table::read(proto::DESCRIPTORS)?;
    let tokens = ServiceTokens::new("gateway", config.service_key.reveal())?;
    let upstreams = Upstreams::open(&table.services, &config.urls, &tokens)?;
    let verifier = Verifier::new(Trust::default(), &config.token_issuer, &config.token_audience);
    let document = openapi::Served::new(proto::COMMENTED_DESCRIPTORS);
    let gateway = Arc::new(Gateway::new(config, table, document, upstreams, verifier));
    let app = app(&gateway)?;
    let listen = gateway.config.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    gateway.start_background();
    tracing::info!(routes = gateway.table.routes.len(), "listening on {listen}");
    let stop = gateway.stopping();
    let server = serve::serve(listener, app, &gateway.config, stop);
    let end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        gateway.stopping.store(true, Ordering::Relaxed);
        #[expect(clippy::disallowed_methods, reason = "callers are given time to look elsewhere")]
        tokio::time::sleep(Duration::from_secs(gateway.config.drain_delay_seconds)).await;
        gateway.stopping().cancel();
    };
    tokio::join!(server, end);
    gateway.tasks.stop().await;
    tracing::info!("stopped");
    drop(telemetry);
    Ok(())
}
