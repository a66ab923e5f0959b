//! SMTP.

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::carrier::{Carrier, Parcel, Refused, message};

/// How long the server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    pub(crate) fn open(url: &str, from: Mailbox) -> Result<Self, String> {
        // The error may quote the address, and with it the password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| "MAIL_URL cannot be read")?;
        Ok(Self { transport: builder.timeout(Some(PATIENCE)).build(), from })
    }
}

#[async_trait]
impl Carrier for Smtp {
    async fn carry(&self, parcel: &Parcel) -> Result<(), Refused> {
        match self.transport.send(message(parcel, &self.from)?).await {
            Ok(_) => Ok(()),
            // A server may quote the letter or the address, so only its number is told.
            Err(error) if error.is_permanent() => Err(Refused::ForGood(code(&error))),
            Err(error) => Err(Refused::ForNow(code(&error))),
        }
    }
}

fn code(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server said {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    }
}
