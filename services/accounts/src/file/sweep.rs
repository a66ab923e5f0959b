//! Bytes that no file has: those of files that were deleted, and of uploads that came to nothing.

use std::time::Duration;

use db::Context;
use files::Files;
use kit::{App, Fault, Job};

use super::store;
use crate::Error;

const NAME: &str = "remove-file-bytes";
const EVERY: Duration = Duration::from_secs(60);
/// Bytes that are removed before it is written down.
const BATCH: usize = 100;

/// Removes them: at once where it can, else when the job comes round.
#[derive(Clone)]
pub(crate) struct Sweeper {
    app: App,
    files: Files,
}

impl Sweeper {
    pub(crate) fn new(app: App, files: Files) -> Self {
        Self { app, files }
    }

    pub(crate) fn job(&self) -> Job {
        let sweeper = self.clone();
        Job::new(NAME, EVERY, move || {
            let sweeper = sweeper.clone();
            async move { sweeper.sweep().await.map_err(Fault::new) }
        })
    }

    /// Begins to remove what a transaction that is committed left behind; nobody waits for it.
    pub(crate) fn begin(&self) {
        let sweeper = self.clone();
        self.app.tasks.spawn(async move {
            if let Err(error) = sweeper.sweep().await {
                tracing::warn!(error = %error, "bytes of deleted files are left for the job");
            }
        });
    }

    /// What cannot be removed stays written down, and keeps nothing else from going.
    async fn sweep(&self) -> Result<u64, Error> {
        let (mut removed, mut last, mut failed) = (0, None, None);
        loop {
            let now = self.app.clock.now();
            let limit = i64::try_from(BATCH).map_err(Fault::new)?;
            let ids = store::removable(&mut *self.app.db.background().await?, now, last, limit).await?;
            let mut gone = Vec::with_capacity(ids.len());
            for id in &ids {
                match self.files.remove(id.uuid()).await {
                    Ok(()) => gone.push(*id),
                    Err(fault) => failed = Some(fault),
                }
            }
            if !gone.is_empty() {
                let mut tx = self.app.db.begin_background(Context::of_service("accounts", NAME, now)).await?;
                store::forget_bytes(&mut tx, &gone).await?;
                self.app.db.commit(tx).await?;
                removed += gone.len() as u64;
            }
            if ids.len() < BATCH {
                return failed.map_or(Ok(removed), |fault| Err(fault.into()));
            }
            last = ids.last().copied();
        }
    }
}
