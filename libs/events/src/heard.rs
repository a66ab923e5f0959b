//! An event as it arrives: from a delivery to an inbox row, and from the row to what a handler reads.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use db::inbox::{Entry, newer_copy};
use db::{Context, Subject, Tx};
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use proto::Event;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::HearError;

/// An event that somebody told.
#[derive(Clone, Debug)]
pub struct Heard {
    pub event_id: Uuid,
    /// Such as `pos.sale.completed`.
    pub kind: String,
    pub body: Bytes,
    /// The service that told it.
    pub producer: String,
    /// The transaction of that service's database that told it.
    pub producer_tx: i64,
    /// What it speaks of.
    pub subject: Subject,
    pub occurred_at: DateTime<Utc>,
    /// Of the request that caused it.
    pub request_id: String,
    pub traceparent: Option<String>,
    /// The user who caused it; none when a service acted for itself.
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
}

impl Heard {
    /// Reads the body.
    ///
    /// # Errors
    /// When it is of another kind or cannot be read.
    pub fn decode<E: Event>(&self) -> Result<E, db::Error> {
        if self.kind != E::KIND {
            return Err(db::Error::Decode(format!("expected {}, heard {}", E::KIND, self.kind).into()));
        }
        E::decode(self.body.clone()).map_err(|error| db::Error::Decode(error.into()))
    }

    /// An event as a test hands it to a service.
    pub fn for_test(kind: &str, subject: Subject, body: Vec<u8>, at: DateTime<Utc>) -> Self {
        let producer = kind.split('.').next().unwrap_or_default().to_owned();
        Self {
            event_id: Uuid::now_v7(),
            kind: kind.to_owned(),
            body: body.into(),
            producer_tx: 1,
            subject,
            occurred_at: at,
            request_id: Uuid::now_v7().to_string(),
            traceparent: None,
            actor_id: None,
            actor_name: producer.clone(),
            producer,
        }
    }

    /// For a handler that does not know the kind.
    pub fn unknown(&self) -> HearError {
        HearError::new(format!("nobody here knows {}", self.kind))
    }

    /// For copies: whether this version of the subject is newer than all heard so far.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_newest(&self, tx: &mut Tx) -> Result<bool, HearError> {
        Ok(newer_copy(tx, &self.kind, self.subject.id, self.subject.version).await?)
    }

    /// The service acts for itself, on behalf of who caused the event.
    pub(crate) fn context(&self, service: &'static str, now: DateTime<Utc>) -> Context {
        Context {
            service,
            action: format!("hears {}", self.kind),
            actor_id: self.actor_id,
            actor_name: self.actor_name.clone(),
            approver_id: None,
            request_id: self.request_id.clone(),
            traceparent: self.traceparent.clone(),
            now,
        }
    }

    /// # Errors
    /// When the envelope is not one of our relays'.
    pub(crate) fn read(entry: &Entry) -> Result<Self, HearError> {
        let envelope: Envelope = serde_json::from_value(entry.headers.clone())?;
        if let Some(flaw) = envelope.flaw {
            return Err(HearError::new(flaw));
        }
        let missing = |name: &str| HearError::new(format!("the envelope lacks {name}"));
        let subject = Subject {
            id: envelope.subject_id.ok_or_else(|| missing("subject-id"))?,
            version: envelope.subject_version.ok_or_else(|| missing("subject-version"))?,
        };
        let occurred_at = envelope.occurred_at_micros.and_then(DateTime::from_timestamp_micros);
        Ok(Self {
            event_id: entry.event_id,
            kind: entry.kind.clone(),
            body: Bytes::copy_from_slice(&entry.body),
            producer: entry.producer.clone(),
            producer_tx: entry.producer_tx,
            subject,
            occurred_at: occurred_at.ok_or_else(|| missing("occurred-at-micros"))?,
            request_id: envelope.request_id.unwrap_or_else(|| entry.event_id.to_string()),
            traceparent: envelope.traceparent,
            actor_id: envelope.actor_id,
            actor_name: envelope.actor_name.unwrap_or_else(|| entry.producer.clone()),
        })
    }
}

/// What the inbox keeps beside the body.
#[derive(Default, Serialize, Deserialize)]
struct Envelope {
    subject_id: Option<Uuid>,
    subject_version: Option<i64>,
    occurred_at_micros: Option<i64>,
    request_id: Option<String>,
    traceparent: Option<String>,
    actor_id: Option<Uuid>,
    actor_name: Option<String>,
    /// Why it can never be applied.
    flaw: Option<String>,
}

/// What a delivery becomes in the inbox. A message that nobody's relay sent becomes a row too, so that it is parked.
pub(crate) fn entry(delivery: &Delivery) -> Entry {
    let none = FieldTable::default();
    let headers = delivery.properties.headers().as_ref().unwrap_or(&none);
    let message_id = delivery.properties.message_id().as_ref().map(ShortString::as_str);
    let id = message_id.and_then(|id| Uuid::try_parse(id).ok());
    let envelope = Envelope {
        subject_id: text(headers, "subject-id").and_then(|id| id.parse().ok()),
        subject_version: number(headers, "subject-version"),
        occurred_at_micros: number(headers, "occurred-at-micros"),
        request_id: text(headers, "request-id"),
        traceparent: text(headers, "traceparent"),
        actor_id: text(headers, "actor-id").and_then(|id| id.parse().ok()),
        actor_name: text(headers, "actor-name"),
        flaw: id.is_none().then(|| "the message has no event id".to_owned()),
    };
    let kind = delivery.properties.kind().as_ref().unwrap_or(&delivery.routing_key);
    Entry {
        event_id: id.unwrap_or_else(|| made_up_id(kind.as_str(), &delivery.data)),
        kind: kind.to_string(),
        producer: text(headers, "producer").unwrap_or_else(|| "unknown".to_owned()),
        producer_tx: number(headers, "producer-tx").unwrap_or(0).max(0),
        body: delivery.data.clone(),
        headers: serde_json::to_value(envelope).unwrap_or_default(),
    }
}

/// The same message has the same id each time it is delivered.
fn made_up_id(kind: &str, body: &[u8]) -> Uuid {
    let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(body).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn text(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

fn number(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(value) => Some(*value),
        AMQPValue::LongInt(value) => Some(i64::from(*value)),
        _ => None,
    }
}
