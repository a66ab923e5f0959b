//! A secret that a browser keeps where no script can read it.
//!
//! An RPC's option `cookie` names the field. Who sends `X-Refresh: cookie` has it taken out of the answer and set as a
//! cookie, and put into the request from the cookie. Everybody else sends and reads the field as it is.
//!
//! No other site can make a browser do that: the cookie is `SameSite=Strict`, the header needs the leave of CORS, and an
//! origin that is named must be one of ours.

use bytes::Bytes;
use http::header::{COOKIE, HOST, HeaderName, HeaderValue, ORIGIN, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use crate::json::wire::{find, put_bytes, remove};
use crate::problem::Problem;
use crate::route::Route;

pub(crate) const CHOICE: HeaderName = HeaderName::from_static("x-refresh");
/// The longest life of what is kept, in seconds. Whether it still holds, the service knows.
const SECONDS: u32 = 30 * 86_400;

/// What one request has to do with the cookie.
pub(crate) struct Jar {
    name: String,
    /// Where it is sent: everything beside this route.
    path: String,
    /// The field in the request, and in the answer.
    asked: Option<u32>,
    answered: Option<u32>,
    held: Option<String>,
}

impl Jar {
    /// None when the caller wants no cookies, or the RPC has none.
    ///
    /// # Errors
    /// When the caller comes from a place that is none of ours.
    pub(crate) fn open(route: &Route, headers: &HeaderMap, origins: &str) -> Result<Option<Self>, Problem> {
        let Some(field) = &route.options.cookie else { return Ok(None) };
        if headers.get(CHOICE).is_none_or(|choice| choice.as_bytes() != b"cookie") {
            return Ok(None);
        }
        if !is_ours(headers, origins) {
            let detail = "cookies are for pages of our own";
            return Err(Problem::new(StatusCode::FORBIDDEN, "Not allowed", "ORIGIN_REFUSED", detail));
        }
        let name = format!("__Secure-{field}");
        let (path, _) = route.template.rsplit_once('/').unwrap_or(("/", ""));
        let number = |message: prost_reflect::MessageDescriptor| Some(message.get_field_by_name(field)?.number());
        Ok(Some(Self {
            path: path.to_owned(),
            asked: number(route.rpc.input()),
            answered: number(route.rpc.output()),
            held: held(headers, &name),
            name,
        }))
    }

    /// The request with what the cookie holds.
    ///
    /// # Errors
    /// When neither the request nor a cookie holds it.
    pub(crate) fn fill(&self, message: Bytes) -> Result<Bytes, Problem> {
        let Some(number) = self.asked else { return Ok(message) };
        let sent = find(&message, number).ok().flatten().and_then(|value| value.bytes().ok());
        if sent.is_some_and(|sent| !sent.is_empty()) {
            return Ok(message);
        }
        let held = self.held.as_ref().ok_or_else(Problem::unauthenticated)?;
        let mut message = Vec::from(message);
        put_bytes(&mut message, number, held.as_bytes());
        Ok(message.into())
    }

    /// The answer without what goes into the cookie, and the cookie. An answer that has no place for it ends it.
    pub(crate) fn take(&self, answer: Bytes) -> (Bytes, Option<HeaderValue>) {
        let Some(number) = self.answered else {
            // Whoever asks with it and is answered without it keeps it.
            return (answer, self.asked.is_none().then(|| self.cookie("", 0)).flatten());
        };
        let found = find(&answer, number).ok().flatten().and_then(|value| value.bytes().ok());
        let cookie = found.and_then(|value| self.cookie(std::str::from_utf8(value).ok()?, SECONDS));
        let mut rest = Vec::from(answer);
        remove(&mut rest, number);
        (rest.into(), cookie)
    }

    fn cookie(&self, value: &str, seconds: u32) -> Option<HeaderValue> {
        let Self { name, path, .. } = self;
        let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict");
        let mut cookie = HeaderValue::from_str(&text).ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }
}

/// Sets the cookie on a response.
pub(crate) fn set(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(SET_COOKIE, cookie);
    }
}

/// A request without an origin comes from no page of another site, since it bears a header that needs the leave of CORS.
fn is_ours(headers: &HeaderMap, origins: &str) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").map(|(_, host)| host);
    (own.is_some() && own == host) || origins.split(',').any(|known| known.trim() == origin && !origin.is_empty())
}

fn held(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value.to_owned())
}
