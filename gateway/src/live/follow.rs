//! Follows the outbox of one service, and comes back to it when it was away.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use proto::common::v1::outbox_service_client::OutboxServiceClient;
use proto::common::v1::{WatchRequest, WatchResponse};
use serde::Serialize;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Status, Streaming};

use crate::upstream::Upstream;

const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a service told.
pub(super) enum Told {
    Event {
        service: String,
        cursor: String,
        event: Event,
    },
    /// Nothing happened that the user may see, but the stream moved on.
    Cursor {
        service: String,
        cursor: String,
    },
    /// The token does not hold any more.
    Refused,
}

pub(super) struct Event {
    pub(super) kind: String,
    /// One line of JSON.
    pub(super) data: String,
}

/// One service, from a cursor on.
pub(super) struct Follow {
    upstream: Arc<Upstream>,
    metadata: MetadataMap,
    cursor: String,
    open: Option<Streaming<WatchResponse>>,
    pause: Duration,
    over: bool,
}

impl Follow {
    pub(super) fn new(upstream: Arc<Upstream>, metadata: MetadataMap, cursor: String) -> Self {
        Self { upstream, metadata, cursor, open: None, pause: PAUSE_MIN, over: false }
    }

    /// The stream; it ends only when the user is refused.
    pub(super) fn stream(self) -> impl Stream<Item = Told> + Send + 'static {
        stream::unfold(self, |mut follow| async move {
            let told = follow.next().await?;
            Some((told, follow))
        })
    }

    async fn next(&mut self) -> Option<Told> {
        while !self.over {
            let step = match &mut self.open {
                Some(open) => open.message().await,
                None => {
                    self.open = match self.watch().await {
                        Ok(open) => Some(open),
                        Err(status) => {
                            if self.give_up(&status).await {
                                return Some(Told::Refused);
                            }
                            None
                        }
                    };
                    continue;
                }
            };
            match step {
                Ok(Some(message)) => {
                    self.pause = PAUSE_MIN;
                    return Some(self.told(message));
                }
                // Connections end of age; the service is back at once.
                Ok(None) => {
                    self.open = None;
                    self.rest(PAUSE_MIN).await;
                }
                Err(status) => {
                    self.open = None;
                    if self.give_up(&status).await {
                        return Some(Told::Refused);
                    }
                }
            }
        }
        None
    }

    async fn watch(&self) -> Result<Streaming<WatchResponse>, Status> {
        let message = WatchRequest { cursor: self.cursor.clone() };
        let mut request = Request::from_parts(self.metadata.clone(), Extensions::default(), message);
        request.metadata_mut().insert("x-service-token", self.upstream.service_token()?);
        let mut client = OutboxServiceClient::new(self.upstream.streams());
        Ok(client.watch(request).await?.into_inner())
    }

    /// Whether there is no coming back; else waits a little.
    async fn give_up(&mut self, status: &Status) -> bool {
        match status.code() {
            Code::Unauthenticated => {
                self.over = true;
                return true;
            }
            // A cursor that the service does not know: it begins with what comes next.
            Code::InvalidArgument => self.cursor.clear(),
            _ => {}
        }
        tracing::debug!(upstream.name = self.upstream.name, code = ?status.code(), "the events of a service are away");
        self.rest(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        false
    }

    #[expect(clippy::disallowed_methods, reason = "a pause between tries")]
    async fn rest(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }

    fn told(&mut self, message: WatchResponse) -> Told {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Data<'a> {
            id: &'a str,
            kind: &'a str,
            subject_id: &'a str,
            occurred_at: Option<String>,
        }
        self.cursor.clone_from(&message.cursor);
        let (service, cursor) = (self.upstream.name.clone(), message.cursor);
        if message.event_id.is_empty() {
            return Told::Cursor { service, cursor };
        }
        let data = Data {
            id: &message.event_id,
            kind: &message.kind,
            subject_id: &message.subject_id,
            occurred_at: message.occurred_at.map(|at| at.to_string()),
        };
        let data = serde_json::to_string(&data).expect("four texts are JSON");
        Told::Event { service, cursor, event: Event { kind: message.kind, data } }
    }
}
