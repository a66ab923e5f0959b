//! Posting exceptions: events that no rule could book. They are kept whole and tried again.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::uuid::Uuid;

types::ids! {
    /// A posting exception.
    PostingExceptionId
}

#[derive(Clone, Debug)]
pub(crate) struct PostingException {
    pub(crate) id: PostingExceptionId,
    pub(crate) event_id: Uuid,
    pub(crate) event_kind: String,
    /// Empty when the event could not be read.
    pub(crate) source_id: String,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) resolved_at: Option<DateTime<Utc>>,
}
