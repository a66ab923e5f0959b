//! Files: photos of members, scans of their documents, and forms they signed.

pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod sweep;

use chrono::{DateTime, Days, TimeDelta, Utc};
use files::{Kind, Rules};
use types::Violation;

use crate::identity_document::{IdentityDocument, IdentityDocumentId};
use crate::member::MemberId;

types::ids! {
    /// A file of a member.
    FileId,
}

/// The longest file, in bytes; the proto says the same.
const BYTES_MAX: u64 = 10 * 1024 * 1024;
const NAME_LENGTH_MAX: usize = 200;
/// For how long a link opens its file, in seconds.
const LINK_SECONDS: i64 = 300;

/// A file as it is known; its bytes are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) id: FileId,
    pub(crate) member_id: MemberId,
    pub(crate) purpose: Purpose,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) size_bytes: i64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) identity_document_id: Option<IdentityDocumentId>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Purpose {
    Photo,
    Document,
    Form,
}

impl File {
    /// Whoever sees it sees the number of a document.
    pub(crate) fn shows_a_number(&self) -> bool {
        self.identity_document_id.is_some()
    }
}

impl Purpose {
    /// What is taken for it.
    pub(crate) fn rules(self) -> Rules {
        let kinds: &[Kind] = match self {
            Self::Photo => &[Kind::Jpeg, Kind::Png, Kind::Webp],
            Self::Document | Self::Form => &[Kind::Jpeg, Kind::Png, Kind::Webp, Kind::Pdf],
        };
        Rules { bytes_max: BYTES_MAX, kinds }
    }

    /// Whether a new file takes the place of the one before.
    pub(crate) fn is_single(self) -> bool {
        match self {
            Self::Photo => true,
            Self::Document | Self::Form => false,
        }
    }
}

/// A name without the blanks around it. It is no path, and nothing in it turns what is shown about.
pub(crate) fn name(typed: &str) -> Result<String, Violation> {
    let name = typed.trim();
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.is_empty() || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Violation::new("name", format!("must have 1 to {NAME_LENGTH_MAX} characters")));
    }
    if name.chars().any(|c| c.is_control() || turns(c) || matches!(c, '/' | '\\')) {
        return Err(Violation::new("name", "must not hold slashes or characters that cannot be seen"));
    }
    Ok(name.to_owned())
}

/// Only a document is the scan of one, and only of the member's own.
pub(crate) fn scan_of(document: &IdentityDocument, purpose: Purpose, member: MemberId) -> Result<(), Violation> {
    let refused = |why: &str| Err(Violation::new("identity_document_id", why));
    match purpose {
        _ if document.member_id != member => refused("is a document of another member"),
        Purpose::Document => Ok(()),
        Purpose::Photo | Purpose::Form => refused("is for a file whose purpose is document"),
    }
}

/// When bytes that no file came to have may be removed.
pub(crate) fn forsaken_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now + Days::new(1)
}

/// When a link that is made now ends; links know whole seconds.
pub(crate) fn link_ends_at(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now) + TimeDelta::seconds(LINK_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(name("  Ann Müller (2).png ").unwrap(), "Ann Müller (2).png");
        let long = "x".repeat(201);
        for bad in ["", "  ", "../etc/passwd", "c:\\x", "a\nb", "a\u{202e}gnp.exe", long.as_str()] {
            assert_eq!(name(bad).unwrap_err().field, "name", "{bad:?}");
        }
    }

    #[test]
    fn a_photo_is_a_picture() {
        for (purpose, takes_pdf) in [(Purpose::Photo, false), (Purpose::Document, true), (Purpose::Form, true)] {
            let kinds = purpose.rules().kinds;
            assert_eq!(kinds.contains(&Kind::Pdf), takes_pdf, "{purpose:?}");
            assert!(kinds.contains(&Kind::Webp) && !kinds.contains(&Kind::Csv), "{purpose:?}");
        }
    }

    #[test]
    fn a_link_ends_after_five_minutes() {
        let now: DateTime<Utc> = "2026-02-28T05:30:00.750Z".parse().unwrap();
        assert_eq!(link_ends_at(now).to_string(), "2026-02-28 05:35:00 UTC");
        assert_eq!(forsaken_at(now).to_string(), "2026-03-01 05:30:00.750 UTC");
    }
}
