//! (being written)
use bytes::Bytes;
use chrono::{DateTime, Utc};
use db::Subject;
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct Heard {
    pub event_id: Uuid,
    pub kind: String,
    pub producer: String,
    pub producer_tx: i64,
    pub body: Bytes,
    pub occurred_at: DateTime<Utc>,
}

impl Heard {
    pub fn decode<E: proto::Event>(&self) -> Result<E, db::Error> {
        E::decode(self.body.as_ref()).map_err(|error| db::Error::Decode(error.into()))
    }

    pub fn for_test(kind: &str, _subject: Subject, body: Vec<u8>, at: DateTime<Utc>) -> Self {
        let producer = kind.split('.').next().unwrap_or_default().to_owned();
        Self { event_id: Uuid::now_v7(), kind: kind.to_owned(), producer, producer_tx: 1, body: body.into(), occurred_at: at }
    }
}
