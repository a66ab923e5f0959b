//! The port: who carries letters.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kit::config::Secret;
use lettre::Message;
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use crate::file::Directory;
use crate::smtp::Smtp;

/// A letter as it is carried.
#[derive(Clone)]
pub struct Parcel {
    pub id: Uuid,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// It may hold a secret link.
impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a letter was not carried.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It may work later.
    ForNow(String),
    /// It will never work, such as an address that does not exist.
    ForGood(String),
}

/// Carries letters to where they are read.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// # Errors
    /// When the letter was not taken.
    async fn carry(&self, parcel: &Parcel) -> Result<(), Refused>;
}

/// The carrier that `MAIL_URL` names: `smtp://…` or `smtps://…` (with user, password and `?tls=required`), or `file:<dir>`
/// which writes one `.eml` for each letter. `mail_from` is the sender, such as `Shop <shop@example.com>`.
///
/// # Errors
/// A sentence for the operator when a setting cannot be read.
pub fn carrier(mail_url: &Secret<String>, mail_from: &str) -> Result<Arc<dyn Carrier>, String> {
    let from: Mailbox = mail_from.parse().map_err(|error| format!("MAIL_FROM: {error}"))?;
    let url = mail_url.reveal();
    if let Some(directory) = url.strip_prefix("file:").filter(|directory| !directory.is_empty()) {
        return Ok(Arc::new(Directory::open(directory, from)?));
    }
    if url.starts_with("smtp://") || url.starts_with("smtps://") {
        return Ok(Arc::new(Smtp::open(url, from)?));
    }
    Err("MAIL_URL must be smtp://…, smtps://… or file:<directory>".to_owned())
}

/// The message on the wire. Its id is the letter's, however often it is sent.
pub(crate) fn message(parcel: &Parcel, from: &Mailbox) -> Result<Message, Refused> {
    let never = |error: &dyn fmt::Display| Refused::ForGood(error.to_string());
    let to: Mailbox = parcel.to.parse().map_err(|error| never(&error))?;
    Message::builder()
        .message_id(Some(format!("<{}@{}>", parcel.id, from.email.domain())))
        .from(from.clone())
        .to(to)
        .subject(parcel.subject.clone())
        .multipart(MultiPart::alternative_plain_html(parcel.text.clone(), parcel.html.clone()))
        .map_err(|error| never(&error))
}
