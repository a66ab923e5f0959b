//! What of a request's headers becomes metadata of the call; nothing else does.

use http::header::{AUTHORIZATION, HeaderName, IF_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataMap;

use crate::context::{Context, REQUEST_ID};
use crate::problem::Problem;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const APPROVAL: HeaderName = HeaderName::from_static("x-approval-token");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const CLIENT_IP: HeaderName = HeaderName::from_static("x-client-ip");
const CLIENT_AGENT: HeaderName = HeaderName::from_static("x-user-agent");
const KEY_MAX: usize = 255;
const AGENT_MAX: usize = 200;

/// The headers that every call carries on.
pub(crate) fn carried(context: &Context, headers: &HeaderMap) -> HeaderMap {
    let mut carried = HeaderMap::with_capacity(8);
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        carried.insert(AUTHORIZATION, authorization.clone());
    }
    carried.insert(REQUEST_ID, context.request_id.clone());
    if let Some(traceparent) = context.traceparent.get().and_then(|text| HeaderValue::from_str(text).ok()) {
        carried.insert(TRACEPARENT, traceparent);
    }
    if let Ok(ip) = HeaderValue::from_str(&context.client_ip.to_string()) {
        carried.insert(CLIENT_IP, ip);
    }
    if let Some(agent) = headers.get(USER_AGENT) {
        let agent: Vec<u8> = agent.as_bytes().iter().copied().filter(u8::is_ascii).take(AGENT_MAX).collect();
        if let Ok(agent) = HeaderValue::from_bytes(&agent) {
            carried.insert(CLIENT_AGENT, agent);
        }
    }
    carried
}

/// What a call that changes something carries besides: the key that makes it repeatable, and the version it is meant for.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub key: Option<HeaderValue>,
    pub if_match: Option<HeaderValue>,
    /// Somebody else's leave to do it; the service judges it.
    pub approval: Option<HeaderValue>,
}

impl Change {
    /// # Errors
    /// What is wrong with the headers, or that the key is missing.
    pub(crate) fn of(headers: &HeaderMap, key_allowed: bool, key_required: bool) -> Result<Self, Problem> {
        let key = match headers.get(IDEMPOTENCY_KEY).filter(|_| key_allowed) {
            Some(key) if is_key(key) => Some(key.clone()),
            Some(_) => {
                let message = format!("must have 1 to {KEY_MAX} visible ASCII characters");
                return Err(Problem {
                    code: "IDEMPOTENCY_KEY_INVALID".into(),
                    ..Problem::invalid_one("Idempotency-Key", message)
                });
            }
            None if key_required => {
                return Err(Problem {
                    code: "IDEMPOTENCY_KEY_REQUIRED".into(),
                    detail: "send an Idempotency-Key header with this request, and the same one when you repeat it"
                        .into(),
                    ..Problem::invalid_one("Idempotency-Key", "is required")
                });
            }
            None => None,
        };
        let if_match = headers.get(IF_MATCH).map(etag).transpose()?.flatten();
        Ok(Self { key, if_match, approval: headers.get(APPROVAL).cloned() })
    }

    pub(crate) fn add_to(self, carried: &mut HeaderMap) {
        if let Some(key) = self.key {
            carried.insert(IDEMPOTENCY_KEY, key);
        }
        if let Some(etag) = self.if_match {
            carried.insert(IF_MATCH, etag);
        }
        if let Some(approval) = self.approval {
            carried.insert(APPROVAL, approval);
        }
    }
}

pub(crate) fn into_metadata(headers: HeaderMap) -> MetadataMap {
    MetadataMap::from_headers(headers)
}

fn is_key(key: &HeaderValue) -> bool {
    (1..=KEY_MAX).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// One etag without its quotes; none for `*`, which any version satisfies.
fn etag(header: &HeaderValue) -> Result<Option<HeaderValue>, Problem> {
    let wrong = || Problem::invalid_one("If-Match", "must be one etag, such as \"3\"");
    let text = header.to_str().map_err(|_| wrong())?.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let quoted = text.strip_prefix('"').map(|rest| rest.strip_suffix('"'));
    let bare = match quoted {
        Some(None) => return Err(wrong()),
        Some(Some(bare)) => bare,
        None if text == "*" => return Ok(None),
        None => text,
    };
    if bare.is_empty()
        || bare.len() > KEY_MAX
        || !bare.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",".contains(&byte))
    {
        return Err(wrong());
    }
    HeaderValue::from_str(bare).map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_taken_with_or_without_quotes() {
        for (header, bare) in
            [("\"3\"", Some("3")), ("3", Some("3")), ("W/\"3\"", Some("3")), ("*", None), (" \"a-b\" ", Some("a-b"))]
        {
            let etag = etag(&HeaderValue::from_str(header).unwrap()).unwrap();
            assert_eq!(etag.as_ref().map(|etag| etag.to_str().unwrap()), bare, "{header}");
        }
        for bad in ["\"3", "\"\"", "\"3\", \"4\"", "a b", ""] {
            assert!(etag(&HeaderValue::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_visible_ascii_of_a_bounded_length() {
        let change = |key: &str, required| {
            let mut headers = HeaderMap::new();
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_bytes(key.as_bytes()).unwrap());
            Change::of(&headers, true, required)
        };
        assert!(change("till-7/42", true).is_ok_and(|change| change.key.is_some()));
        for bad in ["", "a b", "é", &"k".repeat(256)] {
            assert_eq!(
                change(bad, false).err().map(|problem| problem.code),
                Some("IDEMPOTENCY_KEY_INVALID".into()),
                "{bad}"
            );
        }
        let missing = Change::of(&HeaderMap::new(), true, true).err().unwrap();
        assert_eq!(
            (missing.code, missing.errors[0].field.as_str()),
            ("IDEMPOTENCY_KEY_REQUIRED".into(), "Idempotency-Key")
        );
    }
}
