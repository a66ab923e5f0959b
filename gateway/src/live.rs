//! `/v1/events`: what changed, as server-sent events merged from every service's outbox.
//!
//! The gateway keeps no state: the id of an event holds one cursor for each service, so that `Last-Event-ID` resumes at
//! any gateway. What a user may see, each service decides.

mod cursor;
mod follow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use chrono::Utc;
use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::time::{Instant, Interval, interval_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Gateway;
use crate::context::Context;
use crate::metadata::{carried, into_metadata};
use crate::problem::Problem;
pub use cursor::Cursors;
use follow::{Follow, Told};

/// How many streams each user has open.
#[derive(Debug, Default)]
pub struct Places(Mutex<HashMap<Uuid, usize>>);

/// One open stream; the place is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    user: Uuid,
}

impl Places {
    /// A place for one more stream of a user.
    ///
    /// # Errors
    /// When he has `most` of them.
    pub(crate) fn take(self: &Arc<Self>, user: Uuid, most: usize) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = open.entry(user).or_insert(0);
        if *count >= most {
            return Err(Problem::too_many("too many open streams for one user", 5));
        }
        *count += 1;
        Ok(Place { places: Arc::clone(self), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

/// Opens a stream, or says what the problem is.
pub async fn serve(gateway: Arc<Gateway>, request: Request) -> Result<Response, Problem> {
    let context = request.extensions().get::<Arc<Context>>().cloned().ok_or_else(Problem::internal)?;
    let user = Arc::clone(crate::auth::user(&context)?);
    let cursors = resume(&request)?;
    let most = gateway.config.event_streams_per_user_max;
    let place = gateway.places.take(user.id, most)?;
    let metadata = into_metadata(carried(&context, request.headers()));
    let services: SelectAll<BoxStream<'static, Told>> = gateway
        .upstreams
        .iter()
        .map(|upstream| {
            let cursor = cursors.of(&upstream.name).to_owned();
            Follow::new(Arc::clone(upstream), metadata.clone(), cursor).stream().boxed()
        })
        .collect();
    // The client comes back with a new token.
    let life = (user.expires_at - Utc::now()).to_std().unwrap_or_default();
    let heartbeat = Duration::from_secs(gateway.config.heartbeat_seconds.max(1));
    let merged = Merged {
        services,
        cursors,
        heartbeat: interval_at(Instant::now() + heartbeat, heartbeat),
        until: Instant::now() + life,
        stop: gateway.tasks.stopping(),
        unsaid: false,
        begun: false,
        over: false,
        _place: place,
    };
    let body = Body::from_stream(stream::unfold(merged, Merged::next));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Where the client was, by `Last-Event-ID` or, for those who cannot set headers, `?lastEventId=`.
fn resume(request: &Request) -> Result<Cursors, Problem> {
    let header = request.headers().get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut sent = header;
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match &*name {
            "lastEventId" => sent = sent.or_else(|| Some(value.into_owned())),
            _ => return Err(Problem::invalid_one(&name, "no such parameter")),
        }
    }
    match sent.filter(|sent| !sent.is_empty()) {
        None => Ok(Cursors::default()),
        Some(sent) => Cursors::parse(&sent)
            .ok_or_else(|| Problem::invalid_one("Last-Event-ID", "is no id of an event that was sent here")),
    }
}

/// All services as one stream of bytes.
struct Merged {
    services: SelectAll<BoxStream<'static, Told>>,
    cursors: Cursors,
    heartbeat: Interval,
    until: Instant,
    stop: CancellationToken,
    /// Cursors moved on, and the client does not know.
    unsaid: bool,
    begun: bool,
    over: bool,
    _place: Place,
}

impl Merged {
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        if !std::mem::replace(&mut self.begun, true) {
            // Proxies and clients see at once that the stream is open; those that lose it come back after a second.
            return Some((Ok(Bytes::from_static(b"retry: 1000\n\n")), self));
        }
        loop {
            if self.over {
                return None;
            }
            let told = tokio::select! {
                () = self.stop.cancelled() => None,
                () = tokio::time::sleep_until(self.until) => None,
                _ = self.heartbeat.tick() => {
                    let line = if std::mem::take(&mut self.unsaid) { self.position() } else { Bytes::from_static(b":\n\n") };
                    return Some((Ok(line), self));
                }
                told = self.services.next() => told,
            };
            match told {
                None | Some(Told::Refused) => {
                    self.over = true;
                    return self.unsaid.then(|| (Ok(self.position()), self));
                }
                Some(Told::Cursor { service, cursor }) => {
                    let first = self.cursors.of(&service).is_empty();
                    self.cursors.set(service, cursor);
                    // A position that was unknown is said at once: without it a reconnect would miss what lies between.
                    if first {
                        return Some((Ok(self.position()), self));
                    }
                    self.unsaid = true;
                }
                Some(Told::Event { service, cursor, event }) => {
                    self.cursors.set(service, cursor);
                    self.unsaid = false;
                    let text = format!("id: {}\nevent: {}\ndata: {}\n\n", self.cursors, event.kind, event.data);
                    return Some((Ok(text.into()), self));
                }
            }
        }
    }

    /// An id without data: clients remember it, and nothing happens.
    fn position(&self) -> Bytes {
        format!("id: {}\n\n", self.cursors).into()
    }
}
