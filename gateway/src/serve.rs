//! The public port: connections are counted, slow clients are dropped, and the end is orderly.
//!
//! `axum::serve` has no defence against clients that say nothing; hyper has, when it is given a timer.

mod socket;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::Config;
use socket::Socket;

/// Ours is the first refusal of headers that are too long, with a problem; hyper's own has none, so it comes later.
const HEADER_SLACK: usize = 4;

/// Open connections, by address.
#[derive(Clone, Debug, Default)]
struct Open(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection; it is counted until it is dropped.
struct Counted {
    open: Open,
    ip: IpAddr,
}

impl Open {
    fn take(&self, ip: IpAddr, config: &Config) -> Option<Counted> {
        let mut open = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(ip).or_insert(0);
        // Behind a proxy all connections come from one address.
        let own_max = if config.trusted_proxies > 0 { usize::MAX } else { config.connections_per_ip_max };
        if all >= config.connections_max || *own >= own_max {
            return None;
        }
        *own += 1;
        metrics::gauge!("http_connections").set(u32::try_from(all + 1).unwrap_or(u32::MAX));
        Some(Counted { open: self.clone(), ip })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.ip) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

/// Serves until stopped, then lets the requests at work come to their end, for as long as `config` allows.
pub async fn serve(listener: TcpListener, app: Router, config: &Config, stop: CancellationToken) {
    let server = Arc::new(Server { builder: builder(config), app, config: config.clone(), stop: stop.clone() });
    let open = Open::default();
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: they come back when connections end.
                tracing::warn!(error = %error, "a connection could not be accepted");
                #[expect(clippy::disallowed_methods, reason = "a pause, so that the loop does not spin")]
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(counted) = open.take(peer.ip(), config) else {
            metrics::counter!("http_connections_refused_total").increment(1);
            continue;
        };
        let server = Arc::clone(&server);
        connections.spawn(async move {
            server.connection(stream, peer).await;
            drop(counted);
        });
    }
    drop(listener);
    connections.close();
    let patience = Duration::from_secs(config.drain_seconds);
    if tokio::time::timeout(patience, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some requests did not come to their end");
    }
}

struct Server {
    builder: Builder<TokioExecutor>,
    app: Router,
    config: Config,
    stop: CancellationToken,
}

impl Server {
    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        // Without it, small answers wait 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let first_byte = Duration::from_secs(self.config.first_byte_seconds);
        let stalled = Duration::from_secs(self.config.stalled_seconds);
        let begun = Socket::begin(stream, stalled);
        let begun = self.stop.run_until_cancelled(tokio::time::timeout(first_byte, begun)).await;
        let Some(Ok(Ok(socket))) = begun else { return };
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        });
        let connection = self.builder.serve_connection(TokioIo::new(socket), service);
        tokio::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        // A client that breaks off is no news.
        let _ = connection.await;
    }
}

fn builder(config: &Config) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let header_bytes_max = config.header_bytes_max.saturating_mul(HEADER_SLACK).max(16 * 1024);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(config.header_seconds))
        .max_buf_size(header_bytes_max)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .max_concurrent_streams(config.streams_max)
        .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX));
    builder
}
