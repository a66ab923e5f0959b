//! /metrics, /healthz and /readyz of a service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether calls should come here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready(Arc<AtomicBool>);

impl Ready {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }
}

/// Serves until stopped. Liveness touches neither database nor broker; readiness is the state of the process alone.
pub(crate) async fn serve(listener: TcpListener, ready: Ready, db: db::Db, stop: CancellationToken) {
    let metrics = crate::telemetry::metrics_handle();
    let app = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || async move {
                if ready.0.load(Ordering::SeqCst) {
                    (StatusCode::OK, "ready")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "not ready")
                }
            }),
        )
        .route(
            "/metrics",
            get(move || async move {
                for (pool, size, idle) in db.sizes() {
                    metrics::gauge!("db_connections", "pool" => pool).set(size);
                    metrics::gauge!("db_connections_idle", "pool" => pool).set(u32::try_from(idle).unwrap_or(u32::MAX));
                }
                metrics.render()
            }),
        );
    // An operator's port: not reachable from outside, so it needs no guard against slow clients.
    let _ = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await;
}
