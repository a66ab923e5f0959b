//! The service under test: the real one behind its real door, reached over an in-memory channel.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use db::{Context, Db, Pools, Subject};
use hyper_util::rt::TokioIo;
use kit::auth::{ServiceKeys, ServiceTokens, Trust, Verifier};
use kit::client::Peer;
use kit::{App, Clock, DoorLayer, Heard, Service};
use proto::Event;
use sqlx::{PgConnection, Row};
use tokio::io::DuplexStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Interceptor, Routes, RoutesBuilder};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};
use types::uuid::Uuid;

use crate::{AUDIENCE, ISSUER, Keys, TestDb};

/// A channel that speaks for somebody: `ProductServiceClient::new(house.user(&["inventory.edit"]))`.
pub type Voice = InterceptedService<Channel, Credentials>;

/// What a [`Voice`] shows at the door.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    entries: Vec<(&'static str, String)>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.entries {
            request.metadata_mut().insert(*name, MetadataValue::try_from(value.as_str()).unwrap());
        }
        Ok(request)
    }
}

/// A service in a test, with its database.
pub struct House<S> {
    pub service: Arc<S>,
    pub app: App,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub db: TestDb,
    channel: Channel,
}

/// What surrounds the service under test.
pub struct Builder {
    keys: Arc<Keys>,
    clock: Clock,
    fakes: Vec<(&'static str, Routes)>,
    pools: Pools,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            keys: Arc::default(),
            clock: Clock::system(),
            fakes: Vec::new(),
            pools: Pools { requests: 6, background: 2 },
        }
    }
}

impl Builder {
    /// A clock that stands still at an instant such as `2026-11-21T12:00:00Z`.
    #[must_use]
    pub fn at(mut self, now: &str) -> Self {
        self.clock = Clock::at(now.parse::<DateTime<Utc>>().unwrap());
        self
    }

    /// The keys that will hold in the house, for settings that name them.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// More connections for a test that needs them.
    #[must_use]
    pub fn pools(mut self, pools: Pools) -> Self {
        self.pools = pools;
        self
    }

    /// Another service that is asked: a small fake of its generated trait.
    #[must_use]
    pub fn asks(mut self, name: &'static str, add: impl FnOnce(&mut RoutesBuilder)) -> Self {
        let mut routes = RoutesBuilder::default();
        add(&mut routes);
        self.fakes.push((name, routes.routes()));
        self
    }

    /// Opens the service on a fresh database.
    pub async fn open<S: Service>(self, settings: S::Settings) -> House<S> {
        let db = TestDb::new::<S>().await;
        let trust = Trust::default();
        trust.tell(&[self.keys.jwk()], &[]);
        let tokens = ServiceTokens::new(S::NAME, self.keys.service_key(S::NAME)).unwrap();
        let mut peers = Vec::new();
        for (name, routes) in self.fakes {
            peers.push((name, Peer::over(name, serve(Server::builder().add_routes(routes)), tokens.clone())));
        }
        let prints = tokens.prints();
        let pool = Db::open(&db.url(), self.pools).unwrap();
        let app = App::new(S::NAME, pool, self.clock.clone(), trust.clone(), tokens, peers);
        let service = Arc::new(S::open(app.clone(), settings).await.unwrap());
        let door = DoorLayer {
            name: S::NAME,
            verifier: Verifier::new(trust, ISSUER, AUDIENCE),
            service_keys: ServiceKeys::new(S::NAME, &self.keys.service_keys()).unwrap(),
            prints,
            clock: self.clock.clone(),
            places: Arc::new(Semaphore::new(256)),
        };
        let channel = serve(Server::builder().layer(door).add_routes(kit::rpcs(&app, service.as_ref())));
        House { service, app, clock: self.clock, keys: self.keys, db, channel }
    }
}

/// Serves over in-memory pipes; every connection attempt makes one.
fn serve<L>(router: tonic::transport::server::Router<L>) -> Channel
where
    L: tower::Layer<Routes> + Clone + Send + 'static,
    L::Service: tower::Service<http_request::Request, Response = http_request::Response, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    <L::Service as tower::Service<http_request::Request>>::Future: Send,
{
    let (connections, accepted) = mpsc::unbounded_channel::<DuplexStream>();
    let incoming = UnboundedReceiverStream::new(accepted).map(Ok::<_, std::io::Error>);
    kit::task::spawn(async move { router.serve_with_incoming(incoming).await });
    Endpoint::from_static("http://memory").connect_with_connector_lazy(tower::service_fn(
        move |_: tonic::transport::Uri| {
            let connections = connections.clone();
            async move {
                let (ours, theirs) = tokio::io::duplex(256 * 1024);
                connections.send(theirs).map_err(|_| std::io::Error::other("the service has stopped"))?;
                Ok::<_, std::io::Error>(TokioIo::new(ours))
            }
        },
    ))
}

mod http_request {
    pub(super) type Request = tonic::codegen::http::Request<tonic::body::Body>;
    pub(super) type Response = tonic::codegen::http::Response<tonic::body::Body>;
}

impl<S: Service> House<S> {
    /// Speaks as a signed-in user with these permissions, through the gateway.
    pub fn user(&self, permissions: &[&str]) -> Voice {
        self.token(&self.keys.token(permissions))
    }

    /// Speaks with this access token, through the gateway.
    pub fn token(&self, token: &str) -> Voice {
        self.voice("gateway", vec![("authorization", format!("Bearer {token}"))])
    }

    /// The same user with further metadata, such as `idempotency-key` or `if-match`.
    pub fn user_with(&self, permissions: &[&str], metadata: &[(&'static str, &str)]) -> Voice {
        let mut entries = vec![("authorization", format!("Bearer {}", self.keys.token(permissions)))];
        entries.extend(metadata.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.voice("gateway", entries)
    }

    /// Speaks with a token and further metadata.
    pub fn token_with(&self, token: &str, metadata: &[(&'static str, &str)]) -> Voice {
        let mut entries = vec![("authorization", format!("Bearer {token}"))];
        entries.extend(metadata.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.voice("gateway", entries)
    }

    /// Nobody, through the gateway.
    pub fn nobody(&self) -> Voice {
        self.voice("gateway", Vec::new())
    }

    /// Another service, for itself.
    pub fn service(&self, name: &str) -> Voice {
        self.voice(name, Vec::new())
    }

    fn voice(&self, service: &str, mut entries: Vec<(&'static str, String)>) -> Voice {
        let tokens = ServiceTokens::new(service, self.keys.service_key(service)).unwrap();
        entries.push(("x-service-token", tokens.token_for(S::NAME).unwrap()));
        InterceptedService::new(self.channel.clone(), Credentials { entries })
    }

    /// The bare channel, for what must fail at the door.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A connection as superuser.
    pub async fn sql(&self) -> PgConnection {
        self.db.admin().await
    }

    /// The kinds of all events told so far, in order.
    pub async fn told(&self) -> Vec<String> {
        sqlx::query_scalar("select kind from outbox order by position").fetch_all(&mut self.sql().await).await.unwrap()
    }

    /// All events of one kind told so far, in order.
    pub async fn events<E: Event>(&self) -> Vec<E> {
        let rows = sqlx::query("select body from outbox where kind = $1 order by position").bind(E::KIND);
        let rows = rows.fetch_all(&mut self.sql().await).await.unwrap();
        rows.iter().map(|row| E::decode(row.get::<Vec<u8>, _>("body").as_slice()).unwrap()).collect()
    }

    /// The service hears an event, as its consumer would apply it.
    pub async fn hears<E: Event>(&self, event: &E) -> Result<(), S::Error> {
        self.hears_about(Subject { id: Uuid::now_v7(), version: 1 }, event).await
    }

    /// The same, for an event about something with an id and a version.
    ///
    /// # Panics
    /// When no such event would ever reach the service.
    pub async fn hears_about<E: Event>(&self, subject: Subject, event: &E) -> Result<(), S::Error> {
        let heard = events::topology::hears(S::NAME);
        assert!(heard.is_empty() || heard.contains(&E::KIND), "{} does not hear {}", S::NAME, E::KIND);
        let heard = Heard::for_test(E::KIND, subject, event.encode_to_vec(), self.clock.now());
        let context = Context::of_service(S::NAME, E::KIND, self.clock.now());
        let mut tx = self.app.db.begin_background(context).await?;
        self.service.hear(&mut tx, &heard).await?;
        self.app.db.commit(tx).await?;
        Ok(())
    }

    /// Audit records so far: action and subject kind.
    pub async fn audited(&self) -> Vec<(String, String)> {
        let rows = sqlx::query_as("select action, subject_kind from audit order by position");
        rows.fetch_all(&mut self.sql().await).await.unwrap()
    }
}
