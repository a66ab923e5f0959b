//! Consent documents: the texts that people are asked to consent to, in versions that never change.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::uuid::Uuid;

types::ids! {
    /// One version of a text.
    ConsentDocumentId,
}

/// One version of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsentDocument {
    pub(crate) id: ConsentDocumentId,
    pub(crate) kind: String,
    /// Counted from 1 within the kind.
    pub(crate) version: i32,
    pub(crate) text: Text,
    /// SHA-256 of the body, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) published_by_name: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// What is shown, and for how long a consent to it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) valid_days: Option<i32>,
}

/// A new version.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: ConsentDocumentId,
    pub(crate) kind: String,
    pub(crate) text: Text,
    pub(crate) published_by: Option<Uuid>,
    pub(crate) published_by_name: String,
}
