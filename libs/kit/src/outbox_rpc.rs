//! The stream of what the hosting service told.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use db::outbox::Cursor;
use proto::common::v1 as pb;
use proto::common::v1::outbox_service_server::OutboxService;
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::refusal::Common;
use crate::{App, Reply, check, refuse};

/// How often the outbox is looked at when nothing wakes us, and how often a silent stream shows a sign of life.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const SIGN_EVERY: u32 = 40;
/// Streams of a process. They take turns at one connection, so that they never starve the consumer.
const STREAMS_MAX: usize = 256;
static TURN: Semaphore = Semaphore::const_new(1);

/// Implements `OutboxService` for any service.
#[derive(Clone, Debug)]
pub(crate) struct OutboxRpc {
    app: App,
    places: Arc<Semaphore>,
}

impl OutboxRpc {
    pub(crate) fn new(app: App) -> Self {
        Self { app, places: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }
}

#[async_trait]
impl OutboxService for OutboxRpc {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Reply<Self::WatchStream> {
        let (caller, message) = check(&request)?;
        let user = caller.user.clone().ok_or_else(|| refuse(self.app.name, &Common::Unauthenticated))?;
        let kinds: Vec<&'static str> = proto::EVENTS
            .iter()
            .filter(|(_, permission)| permission.is_some_and(|word| user.permissions.allow(word)))
            .map(|(kind, _)| *kind)
            .collect();
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| refuse(self.app.name, &Common::Overloaded))?;
        let refused = |error: db::Error| refuse(self.app.name, &Common::from(error));
        let mut conn = self.app.db.background().await.map_err(refused)?;
        let end = db::outbox::end(&mut conn).await.map_err(refused)?;
        drop(conn);
        let mut cursor = match message.cursor.as_str() {
            "" => end,
            // One beyond the end is of another database, as before a restore: it would wait in silence.
            text => text.parse::<Cursor>().ok().filter(|cursor| cursor.tx <= end.tx).ok_or_else(|| {
                refuse(self.app.name, &Common::from(types::Violation::new("cursor", "is not one of ours")))
            })?,
        };
        let (send, receive) = tokio::sync::mpsc::channel(64);
        let app = self.app.clone();
        let stop = app.draining.clone();
        app.tasks.clone().spawn(async move {
            let _place = place;
            // The first look tells the place, or who loses a silent stream would come back without one.
            let mut looks = SIGN_EVERY - 1;
            let mut pace = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = send.closed() => return,
                    _ = pace.tick() => {}
                }
                // The token's end is the stream's end: the next connection brings a new one.
                if user.expires_at < app.clock.now() {
                    return;
                }
                if !app.trust.holds(&user) {
                    let _ = send.send(Err(refuse(app.name, &Common::TokenRefused))).await;
                    return;
                }
                match look(&app, &kinds, &cursor).await {
                    Ok((told, next)) => {
                        looks = if told.is_empty() && next == cursor { looks + 1 } else { 0 };
                        cursor = next;
                        for event in told {
                            if send.send(Ok(event)).await.is_err() {
                                return;
                            }
                        }
                        if looks.is_multiple_of(SIGN_EVERY) {
                            let sign = pb::WatchResponse { cursor: cursor.to_string(), ..Default::default() };
                            if send.send(Ok(sign)).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(error) => {
                        let _ = send.send(Err(refuse(app.name, &Common::from(error)))).await;
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }
}

async fn look(app: &App, kinds: &[&str], cursor: &Cursor) -> Result<(Vec<pb::WatchResponse>, Cursor), db::Error> {
    // It is never closed, so there is always a turn.
    let _turn = TURN.acquire().await;
    let mut conn = app.db.background().await?;
    let watched = db::outbox::watch(&mut conn, *cursor, kinds, 100).await?;
    let told = watched
        .events
        .into_iter()
        .map(|row| pb::WatchResponse {
            cursor: row.cursor.to_string(),
            event_id: row.event_id.to_string(),
            kind: row.kind,
            subject_id: row.aggregate_id.to_string(),
            occurred_at: Some(proto::timestamp(row.created_at)),
        })
        .collect();
    Ok((told, watched.cursor))
}
