//! A directory.

use std::io::ErrorKind;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use kit::{Fault, Parts};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;
use tonic::Status;
use uuid::Uuid;

use crate::store::{Store, made};
use crate::take::Taken;

/// The length of a part, in bytes.
const PART: usize = 64 * 1024;

pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub(crate) fn open(root: PathBuf) -> Result<Self, String> {
        Ok(Self { root: made(root)? })
    }

    /// A directory holds a 256th of the files. The last digits of an id are the random ones.
    fn place(&self, id: Uuid) -> PathBuf {
        let name = id.to_string();
        self.root.join(&name[name.len() - 2..]).join(name)
    }
}

#[async_trait]
impl Store for Disk {
    async fn keep(&self, id: Uuid, taken: &Taken) -> Result<(), Fault> {
        let place = self.place(id);
        if fs::try_exists(&place).await.map_err(Fault::new)? {
            return Ok(());
        }
        let directory = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory).await.map_err(Fault::new)?;
        fs::rename(&taken.path, &place).await.map_err(Fault::new)?;
        // The name is on the disk, too, before anybody is told.
        let directory = File::open(directory).await.map_err(Fault::new)?;
        directory.sync_all().await.map_err(Fault::new)
    }

    async fn read(&self, id: Uuid) -> Result<Option<Parts>, Fault> {
        match File::open(self.place(id)).await {
            Ok(file) => Ok(Some(parts(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::new(error)),
        }
    }

    async fn remove(&self, id: Uuid) -> Result<(), Fault> {
        match fs::remove_file(self.place(id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::new(error)),
            _ => Ok(()),
        }
    }
}

/// A file, part by part.
pub(crate) fn parts(file: File) -> Parts {
    Parts::new(futures_util::stream::try_unfold(file, async |mut file| {
        Ok(read(&mut file).await.map_err(|_| Status::internal("the disk failed"))?.map(|part| (part, file)))
    }))
}

pub(crate) async fn read(file: &mut File) -> Result<Option<Bytes>, std::io::Error> {
    let mut part = BytesMut::with_capacity(PART);
    let length = file.read_buf(&mut part).await?;
    Ok((length > 0).then(|| part.freeze()))
}
