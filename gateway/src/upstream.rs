//! The services behind the gateway: two balanced channels each, with a deadline and careful retries.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::uri::PathAndQuery;
use kit::auth::ServiceTokens;
use kit::client::Peer;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Extensions, Request, Response, Status, Streaming};
use tower::retry::budget::{Budget, TpsBudget};

use crate::codec::Raw;

/// How often a call is tried, the first time included.
const TRIES: u32 = 3;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Retries a second that are always allowed; beyond them, one for every ten calls.
const RETRIES_PER_SECOND_MIN: u32 = 10;
/// The service is told a little more than we wait, so that it never gives up first.
const DEADLINE_SLACK: Duration = Duration::from_millis(100);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One service.
pub struct Upstream {
    pub name: String,
    calls: Channel,
    streams: Channel,
    tokens: ServiceTokens,
    reachable: AtomicBool,
    budget: TpsBudget,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One call of an RPC.
#[derive(Debug)]
pub struct Call<'a> {
    pub wire_path: &'a PathAndQuery,
    pub metadata: MetadataMap,
    pub message: Bytes,
    pub deadline: Duration,
    /// Doing it twice does no harm.
    pub repeatable: bool,
}

impl Upstream {
    /// `calls` is for what is soon over, `streams` for what may stay open or be read slowly: on one connection a few
    /// streams would take the places, and the window, of all calls.
    pub fn new(name: &str, calls: Channel, streams: Channel, tokens: ServiceTokens) -> Self {
        let budget = TpsBudget::new(Duration::from_secs(10), RETRIES_PER_SECOND_MIN, 0.1);
        Self { name: name.to_owned(), calls, streams, tokens, reachable: AtomicBool::new(false), budget }
    }

    pub fn calls(&self) -> Channel {
        self.calls.clone()
    }

    pub fn streams(&self) -> Channel {
        self.streams.clone()
    }

    /// The same for what kit does with other services.
    pub fn peer(&self, name: &'static str) -> Peer {
        Peer::over(name, self.calls(), self.tokens.clone())
    }

    /// Whether the last look found it healthy.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// What shows the service that the call comes from the gateway.
    ///
    /// # Errors
    /// When our key cannot sign.
    pub fn service_token(&self) -> Result<MetadataValue<Ascii>, Status> {
        let token = self.tokens.token_for(&self.name).map_err(Status::internal)?;
        MetadataValue::try_from(token).map_err(|_| Status::internal("the service token is no header"))
    }

    /// A request of the gateway for itself.
    ///
    /// # Errors
    /// When our key cannot sign.
    pub fn own_request<M>(&self, message: M) -> Result<Request<M>, Status> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("x-service-token", self.service_token()?);
        request.set_timeout(PAUSE_MAX);
        Ok(request)
    }

    /// Calls, and calls again while the service is away and that does no harm.
    ///
    /// # Errors
    /// What the service answered, or UNAVAILABLE or DEADLINE_EXCEEDED of our own.
    pub async fn unary(&self, call: Call<'_>) -> Result<Response<Bytes>, Status> {
        let until = Instant::now() + call.deadline;
        let mut tried = 0;
        self.budget.deposit();
        loop {
            tried += 1;
            let answer = self.attempt(&call, until).await;
            let Err(status) = answer else { return answer };
            let again =
                call.repeatable && tried < TRIES && status.code() == Code::Unavailable && self.budget.withdraw();
            let pause = jitter(tried);
            if !again || Instant::now() + pause >= until {
                return Err(status);
            }
            tracing::debug!(upstream.name = self.name, tried, "the service is away, trying again");
            #[expect(clippy::disallowed_methods, reason = "a pause between tries")]
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a stream and answers what the service said to it.
    ///
    /// # Errors
    /// As [`Upstream::unary`]; it is never tried again.
    pub async fn upload(
        &self,
        call: Call<'_>,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Response<Bytes>, Status> {
        let until = Instant::now() + call.deadline;
        let request = self.request(&call, until, messages)?;
        let mut grpc = tonic::client::Grpc::new(self.streams());
        let answer = async {
            grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
            grpc.client_streaming(request, call.wire_path.clone(), Raw).await
        };
        in_time(until, answer).await
    }

    /// Asks for a stream, and answers when it begins.
    ///
    /// # Errors
    /// As [`Upstream::unary`]; it is never tried again.
    pub async fn download(&self, call: Call<'_>) -> Result<Streaming<Bytes>, Status> {
        let until = Instant::now() + call.deadline;
        let request = self.request(&call, until, call.message.clone())?;
        let mut grpc = tonic::client::Grpc::new(self.streams());
        let answer = async {
            grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
            grpc.server_streaming(request, call.wire_path.clone(), Raw).await
        };
        in_time(until, answer).await.map(Response::into_inner)
    }

    fn request<T>(&self, call: &Call<'_>, until: Instant, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::from_parts(call.metadata.clone(), Extensions::default(), message);
        request.metadata_mut().insert("x-service-token", self.service_token()?);
        request.set_timeout(until.saturating_duration_since(Instant::now()) + DEADLINE_SLACK);
        Ok(request)
    }

    async fn attempt(&self, call: &Call<'_>, until: Instant) -> Result<Response<Bytes>, Status> {
        let request = self.request(call, until, call.message.clone())?;
        let mut grpc = tonic::client::Grpc::new(self.calls()).max_decoding_message_size(ANSWER_BYTES_MAX);
        let answer = async {
            grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
            grpc.unary(request, call.wire_path.clone(), Raw).await
        };
        in_time(until, answer).await
    }

    /// Looks whether the service is healthy, by the standard health check.
    pub async fn look(&self) {
        static CHECK: &str = "/grpc.health.v1.Health/Check";
        let call = Call {
            wire_path: &PathAndQuery::from_static(CHECK),
            metadata: MetadataMap::new(),
            message: Bytes::new(),
            deadline: PAUSE_MAX,
            repeatable: false,
        };
        // SERVING is 1. A service without a health check is there all the same.
        let reachable = match self.unary(call).await {
            Ok(answer) => {
                matches!(crate::json::wire::find(answer.get_ref(), 1), Ok(Some(value)) if value.number() == Ok(1))
            }
            Err(status) => status.code() == Code::Unimplemented,
        };
        let before = self.reachable.swap(reachable, Ordering::Relaxed);
        metrics::gauge!("upstream_reachable", "upstream" => self.name.clone()).set(if reachable { 1 } else { 0 });
        match (before, reachable) {
            (true, false) => tracing::warn!(upstream.name = self.name, "{} cannot be reached", self.name),
            (false, true) => tracing::info!(upstream.name = self.name, "{} can be reached", self.name),
            _ => {}
        }
    }
}

async fn in_time<T>(until: Instant, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = |_| Status::deadline_exceeded("the service did not answer in time");
    let answer = tokio::time::timeout_at(until, answer).await.map_err(late)?;
    answer.map_err(|status| absent(status).unwrap_or_else(|status| status))
}

/// A connection that broke has no status of its own: the service is away. Whether the call took place is unknown.
fn absent(status: Status) -> Result<Status, Status> {
    let broken = std::error::Error::source(&status).is_some();
    match status.code() {
        Code::Unknown | Code::Internal | Code::Cancelled if broken => {
            tracing::debug!(error = %status, "a connection broke");
            Ok(Status::unavailable("the service is away"))
        }
        _ => Err(status),
    }
}

/// Full jitter: anything up to the pause of this try.
fn jitter(tried: u32) -> Duration {
    let most = PAUSE_MIN.saturating_mul(1 << tried.min(10)).min(PAUSE_MAX);
    rand::random_range(Duration::ZERO..=most)
}

/// All services by name.
#[derive(Clone, Debug)]
pub struct Upstreams(Arc<BTreeMap<String, Arc<Upstream>>>);

impl Upstreams {
    pub fn new(upstreams: Vec<Upstream>) -> Self {
        Self(Arc::new(upstreams.into_iter().map(|upstream| (upstream.name.clone(), Arc::new(upstream))).collect()))
    }

    /// Opens two channels to each of the services.
    ///
    /// # Errors
    /// When one has no address, or one that cannot be read.
    pub fn open<'a>(
        services: impl IntoIterator<Item = &'a String>,
        urls: &BTreeMap<String, String>,
        tokens: &ServiceTokens,
    ) -> Result<Self, String> {
        let open = |name: &'a String| {
            let setting = format!("{}_URL", name.to_ascii_uppercase());
            let url = urls.get(name).ok_or_else(|| format!("{setting} is not set"))?;
            let channel = || kit::client::channel(url).map_err(|error| format!("{setting}: {error}"));
            Ok(Upstream::new(name, channel()?, channel()?, tokens.clone()))
        };
        services.into_iter().map(open).collect::<Result<Vec<_>, String>>().map(Self::new)
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.0.values()
    }
}
