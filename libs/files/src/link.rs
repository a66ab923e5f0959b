//! Links that open one file for a while, for those who cannot show a token.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, Utc};
use cipher::Keys;
use kit::Fault;
use uuid::Uuid;

/// Makes and checks links: `<id>.<seconds since 1970>.<signature>`. The id has its dashes, so that nobody takes its digits
/// for a card number.
#[derive(Clone, Debug)]
pub struct Links(Keys);

impl Links {
    /// The keys should be of a purpose of their own, such as `file-links`.
    pub fn new(keys: Keys) -> Self {
        Self(keys)
    }

    /// What the link holds.
    ///
    /// # Errors
    /// When there is no key.
    pub fn sign(&self, id: Uuid, expires_at: DateTime<Utc>) -> Result<String, Fault> {
        let about = format!("{id}.{}", expires_at.timestamp());
        let signature = self.0.blind(&about)?;
        Ok(format!("{about}.{signature}"))
    }

    /// The file that a link opens now; none when it is not ours or its time is over.
    pub fn open(&self, link: &str, now: DateTime<Utc>) -> Option<Uuid> {
        let (about, signature) = link.rsplit_once('.')?;
        let expected = self.0.blind(about).ok()?;
        verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).ok()?;
        let (id, expires) = about.split_once('.')?;
        let expires: i64 = expires.parse().ok()?;
        (now.timestamp() < expires).then(|| Uuid::try_parse(id).ok())?
    }
}
