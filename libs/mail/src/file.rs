//! A directory instead of a mail server: for the demo, and for shops that send nothing.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use lettre::message::Mailbox;

use crate::carrier::{Carrier, Parcel, Refused, message};

pub(crate) struct Directory {
    path: PathBuf,
    from: Mailbox,
}

impl Directory {
    pub(crate) fn open(path: &str, from: Mailbox) -> Result<Self, String> {
        fs::create_dir_all(path).map_err(|error| format!("MAIL_URL: {path}: {error}"))?;
        Ok(Self { path: path.into(), from })
    }
}

#[async_trait]
impl Carrier for Directory {
    async fn carry(&self, parcel: &Parcel) -> Result<(), Refused> {
        let bytes = message(parcel, &self.from)?.formatted();
        // Named by its id, so that a letter that is carried twice is there once.
        let (draft, place) = (self.path.join(format!(".{}", parcel.id)), self.path.join(format!("{}.eml", parcel.id)));
        let written =
            tokio::task::spawn_blocking(move || fs::write(&draft, bytes).and_then(|()| fs::rename(draft, place)));
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refused::ForNow(error.to_string())),
            Err(error) => Err(Refused::ForNow(error.to_string())),
        }
    }
}
