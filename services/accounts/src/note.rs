//! Notes: what is to be remembered of accounts and members.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::Violation;
use types::uuid::Uuid;

use crate::account::AccountId;
use crate::member::MemberId;

types::ids! {
    /// Something to remember.
    NoteId,
}

/// A note as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) id: NoteId,
    pub(crate) about: About,
    pub(crate) words: Words,
    pub(crate) author_id: Option<Uuid>,
    pub(crate) author_name: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// Whom a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Account(AccountId),
    Member(MemberId),
}

/// What a note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Plain(String),
    /// Sensitive: to be read only by who asks for it, and that is recorded.
    Sealed(String),
}

/// The text of a new note.
pub(crate) fn said(text: Option<String>) -> Result<String, Violation> {
    text.ok_or_else(|| Violation::new("note.text", "is required"))
}
