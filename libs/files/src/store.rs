//! The port: where files are kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kit::config::Secret;
use kit::{Fault, Parts};
use uuid::Uuid;

use crate::disk::Disk;
use crate::s3::Bucket;
use crate::take::{self, Refused, Rules, Taken};

/// No upload takes so long.
const DRAFT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the bytes of files by id. What they belong to is the service's own matter.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps a file that was taken, wholly or not at all. Keeping it again changes nothing.
    ///
    /// # Errors
    /// When it cannot be kept.
    async fn keep(&self, id: Uuid, taken: &Taken) -> Result<(), Fault>;

    /// The bytes of a file; none when there is no such file.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn read(&self, id: Uuid) -> Result<Option<Parts>, Fault>;

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// When it may still be there.
    async fn remove(&self, id: Uuid) -> Result<(), Fault>;
}

/// Takes, keeps and gives files.
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn Store>,
    spool: PathBuf,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("spool", &self.spool).finish_non_exhaustive()
    }
}

impl Files {
    /// Opens what `FILES_URL` names: `file:<directory>`, or a bucket that speaks S3 as
    /// `https://<key>:<secret>@<host>/<bucket>?region=<region>`.
    ///
    /// # Errors
    /// A sentence for the operator when the setting cannot be read or the directory not made.
    pub fn open(files_url: &Secret<String>) -> Result<Self, String> {
        let url = files_url.reveal();
        if let Some(directory) = url.strip_prefix("file:").filter(|directory| !directory.is_empty()) {
            let root = PathBuf::from(directory);
            // On the same disk, so that keeping is a change of name.
            let spool = root.join("spool");
            return Ok(Self { store: Arc::new(Disk::open(root)?), spool: cleared(spool)? });
        }
        if url.starts_with("https://") || url.starts_with("http://") {
            let spool = std::env::temp_dir().join("lunarfront-spool");
            return Ok(Self { store: Arc::new(Bucket::open(url)?), spool: cleared(spool)? });
        }
        Err("FILES_URL must be file:<directory> or https://<key>:<secret>@<host>/<bucket>?region=<region>".to_owned())
    }

    /// Takes an upload; it is kept only when [`Files::keep`] says so.
    ///
    /// # Errors
    /// When it breaks the rules, breaks off, or the disk fails; nothing of it is left then.
    pub async fn take(&self, rules: &Rules, content_type: &str, parts: Parts) -> Result<Taken, Refused> {
        take::take(&self.spool, rules, content_type, parts).await
    }

    /// # Errors
    /// As [`Store::keep`].
    pub async fn keep(&self, id: Uuid, taken: &Taken) -> Result<(), Fault> {
        self.store.keep(id, taken).await
    }

    /// # Errors
    /// As [`Store::read`].
    pub async fn read(&self, id: Uuid) -> Result<Option<Parts>, Fault> {
        self.store.read(id).await
    }

    /// # Errors
    /// As [`Store::remove`].
    pub async fn remove(&self, id: Uuid) -> Result<(), Fault> {
        self.store.remove(id).await
    }
}

/// The directory without what an earlier process left there when it was killed. Others may share it, so what is new stays.
fn cleared(spool: PathBuf) -> Result<PathBuf, String> {
    let spool = made(spool)?;
    let entries = std::fs::read_dir(&spool).map_err(|error| format!("FILES_URL: {}: {error}", spool.display()))?;
    for entry in entries.flatten() {
        let written = entry.metadata().and_then(|known| known.modified()).ok();
        if written.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > DRAFT_AGE_MAX) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(spool)
}

pub(crate) fn made(directory: PathBuf) -> Result<PathBuf, String> {
    std::fs::create_dir_all(&directory).map_err(|error| format!("FILES_URL: {}: {error}", directory.display()))?;
    Ok(directory)
}
