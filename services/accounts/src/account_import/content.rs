//! A file's content on its way in: whole on the disk before any of it is stored, so that who breaks off changes nothing
//! and who sends slowly holds no transaction.

use std::io::SeekFrom;

use kit::{Fault, Parts, refuse};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tonic::Status;

use super::PART_BYTES_MAX;
use crate::Error;

/// A file without a name: it is gone with the process.
pub(super) struct Content(File);

impl Content {
    /// Takes all parts, holding one at a time.
    pub(super) async fn of(mut parts: Parts) -> Result<Self, Status> {
        let failed = |error| refuse("accounts", &Error::from(Fault::new(error)));
        let mut file = File::from_std(tempfile::tempfile().map_err(failed)?);
        while let Some(part) = parts.next().await? {
            file.write_all(&part).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(Self(file))
    }

    /// Its pieces from the beginning.
    pub(super) async fn pieces(&self) -> Result<Pieces, Error> {
        let mut file = self.0.try_clone().await.map_err(Fault::new)?;
        file.seek(SeekFrom::Start(0)).await.map_err(Fault::new)?;
        Ok(Pieces { file, piece: Vec::with_capacity(PART_BYTES_MAX) })
    }
}

pub(super) struct Pieces {
    file: File,
    piece: Vec<u8>,
}

impl Pieces {
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        self.piece.clear();
        let limit = u64::try_from(PART_BYTES_MAX).unwrap_or(u64::MAX);
        (&mut self.file).take(limit).read_to_end(&mut self.piece).await.map_err(Fault::new)?;
        Ok(Some(self.piece.as_slice()).filter(|piece| !piece.is_empty()))
    }
}
