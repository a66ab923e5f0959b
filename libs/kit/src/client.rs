//! Asking other services.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::MissedTickBehavior;
use tonic::metadata::MetadataValue;
use tonic::transport::channel::Change;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::auth::ServiceTokens;
use crate::{Caller, Class, Fault};

/// How long another service may take to answer.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// How often names are looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// How often several addresses are looked at, and how long one may take to accept.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const KNOCK: Duration = Duration::from_millis(400);

/// A channel that spreads calls over all addresses of `urls` (`http://host:port`, separated by commas), looks names up
/// again every five seconds, leaves out addresses where nobody listens, and notices dead peers. Nothing is connected
/// before the first call.
///
/// # Errors
/// When an address cannot be read.
pub fn channel(urls: &str) -> Result<Channel, String> {
    let mut targets = Vec::new();
    for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let uri: http::Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = uri.host().ok_or_else(|| format!("{url}: no host"))?.to_owned();
        targets.push((host, uri.port_u16().unwrap_or(80)));
    }
    if targets.is_empty() {
        return Err("no address is set".to_owned());
    }
    let (channel, changes) = Channel::balance_channel::<SocketAddr>(64);
    let written: HashSet<SocketAddr> =
        targets.iter().filter_map(|(host, port)| Some(SocketAddr::new(host.parse().ok()?, *port))).collect();
    for address in &written {
        // The queue holds 64; more addresses than that come with the first look-up.
        let _ = changes.try_send(Change::Insert(*address, endpoint(*address)));
    }
    crate::task::spawn(follow(targets, written, changes));
    Ok(channel)
}

/// Keeps the addresses of a channel as they are found, until nobody holds the channel any more.
async fn follow(
    targets: Vec<(String, u16)>,
    mut listed: HashSet<SocketAddr>,
    changes: Sender<Change<SocketAddr, Endpoint>>,
) {
    let mut found = listed.clone();
    let mut pace = tokio::time::interval(LOOK_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resolve_at = tokio::time::Instant::now();
    while !changes.is_closed() {
        let now = pace.tick().await;
        if now >= resolve_at {
            resolve_at = now + RESOLVE_EVERY;
            let resolved = resolve(&targets).await;
            // A failed look-up keeps what is known.
            if !resolved.is_empty() {
                found = resolved;
            }
        }
        let wanted = listening(&found).await;
        let gone = listed.difference(&wanted).map(|address| Change::Remove(*address));
        let new = wanted.difference(&listed).map(|address| Change::Insert(*address, endpoint(*address)));
        for change in new.chain(gone).collect::<Vec<_>>() {
            if changes.send(change).await.is_err() {
                return;
            }
        }
        listed = wanted;
    }
}

async fn resolve(targets: &[(String, u16)]) -> HashSet<SocketAddr> {
    let mut found = HashSet::new();
    for (host, port) in targets {
        if let Ok(addresses) = tokio::net::lookup_host((host.as_str(), *port)).await {
            found.extend(addresses.filter(SocketAddr::is_ipv4));
        }
    }
    found
}

/// Those of several addresses where somebody listens: an address that refuses answers fastest of all, and a balancer
/// that only counts what is under way would prefer it. When nobody listens anywhere, all are kept.
async fn listening(found: &HashSet<SocketAddr>) -> HashSet<SocketAddr> {
    if found.len() < 2 {
        return found.clone();
    }
    let knocks = found.iter().map(async |address| {
        let knock = tokio::time::timeout(KNOCK, tokio::net::TcpStream::connect(address)).await;
        matches!(knock, Ok(Ok(_))).then_some(*address)
    });
    let open: HashSet<_> = futures_util::future::join_all(knocks).await.into_iter().flatten().collect();
    if open.is_empty() { found.clone() } else { open }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    let uri: http::Uri = format!("http://{address}").parse().expect("a socket address is an authority");
    Endpoint::from(uri)
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
}

/// Another service, and how we show it who we are.
#[derive(Clone, Debug)]
pub struct Peer {
    name: &'static str,
    channel: Channel,
    tokens: ServiceTokens,
}

impl Peer {
    /// # Errors
    /// When an address cannot be read.
    pub fn new(name: &'static str, urls: &str, tokens: ServiceTokens) -> Result<Self, String> {
        let channel = channel(urls).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, channel, tokens })
    }

    /// A peer over a channel that is there already, for tests.
    pub fn over(name: &'static str, channel: Channel, tokens: ServiceTokens) -> Self {
        Self { name, channel, tokens }
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A request on behalf of a caller: our token, the user's, and the threads of request and trace.
    ///
    /// # Errors
    /// When our key cannot sign.
    pub fn request<M>(&self, caller: Option<&Caller>, message: M) -> Result<Request<M>, Fault> {
        let mut request = Request::new(message);
        request.set_timeout(CALL_DEADLINE);
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = MetadataValue::try_from(value) {
                request.metadata_mut().insert(name, value);
            }
        };
        put("x-service-token", &self.tokens.token_for(self.name).map_err(Fault::new)?);
        if let Some(caller) = caller {
            put("x-request-id", &caller.request_id);
            if let Some(traceparent) = &caller.traceparent {
                put("traceparent", traceparent);
            }
            if let Some(bearer) = &caller.bearer {
                put("authorization", &format!("Bearer {bearer}"));
            }
        }
        Ok(request)
    }
}

/// The status that another service answered with.
pub type Answer = Status;

/// What another service answered when it did not answer as hoped. It goes on to our caller as it came, except that its
/// mistakes and its absence are its own.
#[derive(Clone, Debug, thiserror::Error)]
#[error("another service refused: {}", .0.message())]
pub struct Refused(Status);

impl Refused {
    pub fn class(&self) -> Class {
        match self.0.code() {
            tonic::Code::Unavailable
            | tonic::Code::Unknown
            | tonic::Code::Cancelled
            | tonic::Code::DeadlineExceeded => Class::Unavailable,
            tonic::Code::NotFound
            | tonic::Code::FailedPrecondition
            | tonic::Code::InvalidArgument
            | tonic::Code::AlreadyExists => Class::Conflict,
            tonic::Code::Aborted => Class::Stale,
            tonic::Code::ResourceExhausted => Class::Limited,
            _ => Class::Fault,
        }
    }

    /// The status to pass on: refusals of the other service, not its failures.
    pub fn passed_on(&self) -> Option<Status> {
        match self.class() {
            Class::Conflict | Class::Stale | Class::Limited => Some(self.0.clone()),
            _ => None,
        }
    }

    pub fn is_absence(&self) -> bool {
        self.class() == Class::Unavailable
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_where_nobody_listens_is_left_out_unless_it_is_the_last() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (open_at, closed_at) = (open.local_addr().unwrap(), closed.local_addr().unwrap());
        drop(closed);
        assert_eq!(listening(&[open_at, closed_at].into()).await, [open_at].into());
        drop(open);
        assert_eq!(listening(&[open_at, closed_at].into()).await, [open_at, closed_at].into());
        assert_eq!(listening(&[closed_at].into()).await, [closed_at].into());
    }
}
