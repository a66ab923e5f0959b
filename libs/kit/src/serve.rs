//! Serving: the door before the RPCs, and a clean end.

use std::sync::Arc;
use std::time::Duration;

use proto::common::v1::audit_service_server::AuditServiceServer;
use proto::common::v1::outbox_service_server::OutboxServiceServer;
use proto::common::v1::personal_data_source_service_server::PersonalDataSourceServiceServer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::service::RoutesBuilder;

use crate::audit_rpc::AuditRpc;
use crate::auth::{ServiceKeys, ServiceTokens, Trust, Verifier};
use crate::client::Peer;
use crate::config::Settings;
use crate::outbox_rpc::OutboxRpc;
use crate::personal_rpc::PersonalRpc;
use crate::task::Tasks;
use crate::{Clock, Db, DoorLayer, Service};

/// How long calls at work may take to end before the process goes anyway; a client that never speaks would hold the
/// server for ever (hyper #4170).
const DRAIN: Duration = Duration::from_secs(20);

/// What a service gets to work with.
#[derive(Clone, Debug)]
pub struct App {
    pub name: &'static str,
    pub db: Db,
    pub clock: Clock,
    pub trust: Trust,
    pub tokens: ServiceTokens,
    pub tasks: Tasks,
    /// Cancelled when calls are to end: streams stop, or they would hold the drain.
    pub(crate) draining: CancellationToken,
    pub(crate) peers: Arc<std::collections::HashMap<&'static str, Peer>>,
}

impl App {
    /// For tests: everything given, nothing read from the environment.
    pub fn new(
        name: &'static str,
        db: Db,
        clock: Clock,
        trust: Trust,
        tokens: ServiceTokens,
        peers: Vec<(&'static str, Peer)>,
    ) -> Self {
        Self {
            name,
            db,
            clock,
            trust,
            tokens,
            tasks: Tasks::default(),
            draining: CancellationToken::default(),
            peers: Arc::new(peers.into_iter().collect()),
        }
    }

    /// Another service, to ask what must be known now.
    ///
    /// # Errors
    /// When its address was not set.
    pub fn peer(&self, name: &'static str) -> Result<Peer, String> {
        self.peers.get(name).cloned().ok_or_else(|| format!("{name}: no address is set"))
    }

    pub(crate) fn from_settings(name: &'static str, settings: &Settings) -> Result<Self, String> {
        let pools = db::Pools { requests: settings.pool_requests, background: settings.pool_background };
        let db = Db::open(settings.database_url.reveal(), pools).map_err(|error| format!("DATABASE_URL: {error}"))?;
        let tokens = ServiceTokens::new(name, settings.service_key.reveal())?;
        let mut peers = Vec::new();
        for peer in db::provision::SERVICES {
            let urls = settings.url_of(peer);
            if !urls.is_empty() {
                peers.push((peer, Peer::new(peer, urls, tokens.clone())?));
            }
        }
        Ok(Self::new(name, db, Clock::system(), Trust::default(), tokens, peers))
    }
}

/// The RPCs of a service with those that every service answers.
pub fn rpcs<S: Service>(app: &App, service: &S) -> Routes {
    let mut routes = RoutesBuilder::default();
    service.routes(&mut routes);
    routes.add_service(AuditServiceServer::new(AuditRpc::new(app.clone(), crate::run::chains::<S>())));
    routes.add_service(PersonalDataSourceServiceServer::new(PersonalRpc::new(app.clone(), S::PERSONAL)));
    routes.add_service(OutboxServiceServer::new(OutboxRpc::new(app.clone())));
    routes.routes().prepare()
}

/// The door of a service.
///
/// # Errors
/// When the keys of the callers cannot be read.
pub(crate) fn door(app: &App, settings: &Settings) -> Result<DoorLayer, String> {
    Ok(DoorLayer {
        name: app.name,
        verifier: Verifier::new(app.trust.clone(), &settings.token_issuer, &settings.token_audience),
        service_keys: ServiceKeys::new(app.name, &settings.service_keys)?,
        prints: app.tokens.prints(),
        clock: app.clock.clone(),
        places: Arc::new(Semaphore::new(settings.concurrency_max)),
    })
}

/// More than the event streams that a service bears, so that it refuses them in words instead of letting a caller wait.
const STREAMS_PER_CONNECTION: u32 = 512;

/// Serves gRPC until stopped, then lets calls end.
pub(crate) async fn serve(
    listener: TcpListener,
    door: DoorLayer,
    routes: Routes,
    reflection: bool,
    stop: CancellationToken,
) -> Result<(), String> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let mut routes = routes.add_service(health_service);
    if reflection {
        // Health and the details of refusals can be read as well.
        let set = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let v1 = set().build_v1().map_err(|error| error.to_string())?;
        let v1alpha = set().build_v1alpha().map_err(|error| error.to_string())?;
        routes = routes.add_service(v1).add_service(v1alpha);
    }
    let ended = stop.clone();
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(16 * 1024)
        .http2_max_pending_accept_reset_streams(Some(1000))
        .http2_max_local_error_reset_streams(None)
        .max_connection_age(Duration::from_secs(300))
        .max_connection_age_grace(Duration::from_secs(20))
        .layer(door)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming(listener), async move { ended.cancelled().await });
    let mut server = crate::task::spawn(server);
    tokio::select! {
        done = &mut server => return done.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN, &mut server).await {
        Ok(done) => done.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
        Err(_) => {
            server.abort();
            tracing::warn!("calls or silent clients outlasted the drain and were cut off");
            Ok(())
        }
    }
}

/// Connections as they come. An error of one, or a moment without file descriptors, must not end the listening, which it
/// would inside tonic. TCP_NODELAY is set here: with an incoming stream of one's own the builder's setting does nothing.
fn incoming(listener: TcpListener) -> impl tokio_stream::Stream<Item = std::io::Result<tokio::net::TcpStream>> {
    futures_util::stream::unfold(listener, |listener| async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    return Some((Ok(stream), listener));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    #[expect(clippy::disallowed_methods, reason = "a moment for what is missing to come back")]
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
}
