//! The event stream: merged, resumed, and ended when it must.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::Request;
use http_body_util::BodyExt;
use proto::common::v1::outbox_service_server::{OutboxService, OutboxServiceServer};
use proto::common::v1::{WatchRequest, WatchResponse};
use serde_json::{Value as Json, json};
use testing::claims;
use tonic::{Response, Status};
use tower::ServiceExt;
use uuid::Uuid;

use crate::till::{Till, echo, generous};
use gateway::config::Config;

/// An outbox with three events; the second watch after `breaks` goes on where it was asked to.
#[derive(Clone, Default)]
struct Outbox {
    cursors: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<Option<Status>>>,
    breaks_after: Option<u64>,
}

#[tonic::async_trait]
impl OutboxService for Outbox {
    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn watch(&self, request: tonic::Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        assert!(request.metadata().contains_key("x-service-token") && request.metadata().contains_key("authorization"));
        let cursor = request.into_inner().cursor;
        self.cursors.lock().unwrap().push(cursor.clone());
        if let Some(status) = self.refuses.lock().unwrap().clone() {
            return Err(status);
        }
        let seen: u64 = cursor.parse().unwrap_or(0);
        let hello = WatchResponse { cursor: seen.to_string(), ..WatchResponse::default() };
        let events = (seen + 1..=3).map(|n| WatchResponse {
            cursor: n.to_string(),
            event_id: format!("e{n}"),
            kind: "echo.thing.made".to_owned(),
            subject_id: format!("s{n}"),
            occurred_at: Some(proto::timestamp(chrono::DateTime::UNIX_EPOCH)),
        });
        let all = std::iter::once(hello).chain(events);
        if let Some(last) = self.breaks_after.filter(|last| seen < *last) {
            let some: Vec<_> = all.take_while(|event| event.cursor.parse::<u64>().unwrap() <= last).map(Ok).collect();
            let broken = std::iter::once(Err(Status::unavailable("away")));
            return Ok(Response::new(futures_util::stream::iter(some.into_iter().chain(broken)).boxed()));
        }
        let all: Vec<_> = all.map(Ok).collect();
        Ok(Response::new(futures_util::stream::iter(all).chain(futures_util::stream::pending()).boxed()))
    }
}

async fn till(outbox: &Outbox, config: Config) -> Till {
    let typed: Router = tonic::service::Routes::new(OutboxServiceServer::new(outbox.clone())).into_axum_router();
    Till::over(config, echo(), typed.reset_fallback()).await
}

/// One open stream.
struct Listening {
    body: Body,
    text: String,
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: Json,
}

impl Listening {
    async fn open(till: &Till, token: &str, last: Option<&str>) -> Self {
        let mut request = Request::get("/v1/events").header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = till.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next block of lines; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let frame =
                tokio::time::timeout(Duration::from_secs(10), self.body.frame()).await.expect("something is said");
            self.text.push_str(std::str::from_utf8(&frame?.unwrap().into_data().unwrap()).unwrap());
        }
    }

    /// The next event with data, and the ids that were said before it.
    async fn event(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let mut event = Event::default();
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => event.id = id.to_owned(),
                    Some(("event", name)) => event.name = name.to_owned(),
                    Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
            }
            if !event.data.is_null() {
                return Some(event);
            }
        }
    }
}

#[tokio::test]
async fn open_streams_keep_nobody_from_calling() {
    let outbox = Outbox::default();
    let till = till(&outbox, Config { event_streams_per_user_max: 1_000, ..generous() }).await;
    let token = till.keys.token(&[]);
    // More than one connection carries at once.
    let mut open = Vec::new();
    for _ in 0..250 {
        open.push(Listening::open(&till, &token, None).await);
    }
    let mut first = futures_util::future::join_all(open[..150].iter_mut().map(Listening::event)).await;
    assert!(first.drain(..).all(|event| event.is_some()));
    assert_eq!(till.get("/v1/things/7").await.status, 200);
}

#[tokio::test]
async fn what_happens_is_told_and_a_lost_stream_goes_on_where_it_was() {
    let outbox = Outbox::default();
    let till = till(&outbox, generous()).await;
    let token = till.keys.token(&[]);
    let mut listening = Listening::open(&till, &token, None).await;
    assert_eq!(listening.block().await.unwrap(), "retry: 1000");
    let first = listening.event().await.unwrap();
    assert_eq!(first.name, "echo.thing.made");
    assert_eq!(
        first.data,
        json!({ "id": "e1", "kind": "echo.thing.made", "subjectId": "s1", "occurredAt": "1970-01-01T00:00:00Z" })
    );
    let second = listening.event().await.unwrap();
    drop(listening);

    let mut again = Listening::open(&till, &token, Some(&second.id)).await;
    assert_eq!(again.event().await.unwrap().data["id"], "e3");
    assert_eq!(*outbox.cursors.lock().unwrap(), ["", "2"]);

    let path = format!("/v1/events?lastEventId={}", first.id);
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let body = till.app.clone().oneshot(request).await.unwrap().into_body();
    assert_eq!(Listening { body, text: String::new() }.event().await.unwrap().data["id"], "e2");
}

#[tokio::test]
async fn a_position_is_told_before_anything_happens() {
    let outbox = Outbox::default();
    let till = till(&outbox, generous()).await;
    let mut listening = Listening::open(&till, &till.keys.token(&[]), None).await;
    listening.block().await.unwrap();
    let position = listening.block().await.unwrap();
    let id = position.strip_prefix("id: ").unwrap();
    assert_eq!(gateway::live::Cursors::parse(id).unwrap().of("echo"), "0");
}

#[tokio::test]
async fn a_service_that_goes_away_is_followed_again_without_a_gap() {
    let outbox = Outbox { breaks_after: Some(2), ..Outbox::default() };
    let till = till(&outbox, generous()).await;
    let mut listening = Listening::open(&till, &till.keys.token(&[]), None).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(listening.event().await.unwrap().data["id"].clone());
    }
    assert_eq!(ids, ["e1", "e2", "e3"]);
    assert_eq!(*outbox.cursors.lock().unwrap(), ["", "2"]);
}

#[tokio::test]
async fn only_users_listen_and_only_on_some_streams_at_once() {
    let outbox = Outbox::default();
    let till = till(&outbox, Config { event_streams_per_user_max: 2, ..generous() }).await;
    assert_eq!(till.get("/v1/events").await.status, 401);
    let token = till.keys.token(&[]);
    let one = Listening::open(&till, &token, None).await;
    let _two = Listening::open(&till, &token, None).await;
    let ask = async || {
        let request = Request::get("/v1/events").header("authorization", format!("Bearer {token}"));
        till.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 429);
    drop(one);
    assert_eq!(ask().await, 200, "a place that is left is free again");
    let bad = Request::get("/v1/events")
        .header("authorization", format!("Bearer {}", till.keys.token(&[])))
        .header("last-event-id", "%%");
    assert_eq!(till.send(bad.body(Body::empty()).unwrap()).await.errors()[0].0, "Last-Event-ID");
}

#[tokio::test]
async fn the_stream_ends_with_the_token_the_session_or_the_gateway() {
    let outbox = Outbox::default();
    let till = till(&outbox, generous()).await;
    let mut short = claims(Uuid::now_v7(), &[]);
    short.exp = chrono::Utc::now().timestamp() + 1;
    let mut listening = Listening::open(&till, &till.keys.sign(&short), None).await;
    while listening.block().await.is_some() {}

    *outbox.refuses.lock().unwrap() = Some(Status::unauthenticated("the session ended"));
    let mut refused = Listening::open(&till, &till.keys.token(&[]), None).await;
    while refused.block().await.is_some() {}

    *outbox.refuses.lock().unwrap() = None;
    let mut stopped = Listening::open(&till, &till.keys.token(&[]), None).await;
    stopped.event().await.unwrap();
    till.gateway.stopping().cancel();
    while stopped.block().await.is_some() {}
}

#[tokio::test]
async fn the_stream_is_kept_alive_while_nothing_happens() {
    let outbox = Outbox::default();
    let till = till(&outbox, Config { heartbeat_seconds: 1, ..generous() }).await;
    let mut listening = Listening::open(&till, &till.keys.token(&[]), None).await;
    for _ in 0..3 {
        listening.event().await.unwrap();
    }
    assert_eq!(listening.block().await.unwrap(), ":");
}
