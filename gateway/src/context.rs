//! What is known of a request before anything is done with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::ConnectInfo;
use axum::extract::Request;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use kit::User;
use uuid::Uuid;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID_MAX: usize = 128;

/// One request, and who makes it.
#[derive(Debug)]
pub(crate) struct Context {
    pub request_id: HeaderValue,
    pub client_ip: IpAddr,
    /// It speaks gRPC, or gRPC-web, of this content type, where RPCs are; its errors are statuses, not problems.
    pub grpc: Option<HeaderValue>,
    /// What the services are sent as `traceparent`.
    pub traceparent: OnceLock<String>,
    pub caller: OnceLock<Caller>,
}

/// What the bearer token says.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Nobody,
    User(Arc<User>),
    /// The token does not hold.
    Refused,
    /// The keys are not known yet, so nothing can be said of the token.
    Unknown,
}

/// The route that answered, as its template; it travels with the response to the access line and the metrics.
#[derive(Clone, Debug)]
pub(crate) struct Matched(pub Arc<str>);

impl Context {
    pub(crate) fn of(request: &Request, trusted_proxies: usize) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self {
            request_id: request_id(request.headers()),
            client_ip: client_ip(request.headers(), peer, trusted_proxies),
            grpc: grpc(request),
            traceparent: OnceLock::new(),
            caller: OnceLock::new(),
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    pub(crate) fn user(&self) -> Option<&Arc<User>> {
        match self.caller.get() {
            Some(Caller::User(user)) => Some(user),
            _ => None,
        }
    }
}

/// The content type of gRPC-web, or of gRPC itself where the connection can carry it.
fn grpc(request: &Request) -> Option<HeaderValue> {
    const WEB: [&str; 4] = [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    ];
    const PLAIN: [&str; 2] = ["application/grpc", "application/grpc+proto"];
    if request.uri().path().starts_with("/v1/") {
        return None;
    }
    let sent = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let plain: &[&str] = if request.version() == http::Version::HTTP_2 { &PLAIN } else { &[] };
    let known = WEB.iter().chain(plain).find(|known| **known == kind)?;
    Some(HeaderValue::from_static(known))
}

/// The caller's own id when it is a plain one, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    match headers.get(REQUEST_ID) {
        Some(id) if (1..=REQUEST_ID_MAX).contains(&id.len()) && id.as_bytes().iter().all(plain) && !is_card(id) => {
            id.clone()
        }
        _ => HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("a UUID is ASCII"),
    }
}

fn is_card(id: &HeaderValue) -> bool {
    id.to_str().is_ok_and(types::holds_card_number)
}

/// The entry that the outermost proxy we trust has added; whatever stands before it, the client may have made up.
fn client_ip(headers: &HeaderMap, peer: IpAddr, trusted_proxies: usize) -> IpAddr {
    if trusted_proxies == 0 {
        return peer;
    }
    let entries: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let place = entries.len().saturating_sub(trusted_proxies);
    entries.get(place).and_then(|entry| entry.parse().ok()).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_as_many_forwarded_addresses_are_believed_as_there_are_proxies() {
        let peer: IpAddr = "10.0.0.9".parse().unwrap();
        let sent = headers(&[("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.0.0.1")]);
        for (proxies, ip) in [(0, "10.0.0.9"), (1, "10.0.0.1"), (2, "203.0.113.7"), (3, "6.6.6.6"), (9, "6.6.6.6")] {
            assert_eq!(client_ip(&sent, peer, proxies).to_string(), ip, "{proxies}");
        }
        assert_eq!(client_ip(&headers(&[("x-forwarded-for", "nonsense")]), peer, 1), peer);
        assert_eq!(client_ip(&headers(&[]), peer, 1), peer);
    }

    #[test]
    fn a_request_id_is_kept_when_it_is_plain() {
        assert_eq!(request_id(&headers(&[("x-request-id", "till-7.A_b")])), "till-7.A_b");
        for bad in ["", "has space", "a/b", "ä", "4111-1111-1111-1111", &"x".repeat(129)] {
            let id = request_id(&headers(&[("x-request-id", bad)]));
            assert!(Uuid::try_parse(id.to_str().unwrap()).is_ok(), "{bad}");
        }
    }
}
