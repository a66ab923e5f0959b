//! Failed events, and such as may have killed their consumer, are tried again from the inbox, alone, and counted first.

use std::time::Duration;

use db::inbox::{self, Due, Next};
use tokio_util::sync::CancellationToken;

use crate::apply::Ear;
use crate::hear::Fault;
use crate::supervise::rest_or_stop;
use crate::{Hear, HearError, Heard};

/// Between looks at a database that is away.
const DATABASE_AWAY: Duration = Duration::from_secs(1);

impl<H: Hear> Ear<H> {
    pub(crate) async fn retry(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.retry_one().await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::select! {
                        () = self.recorded.notified() => {}
                        () = rest_or_stop(self.settings.retry_poll, stop) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(error = error.message, "no retries");
                    rest_or_stop(DATABASE_AWAY, stop).await;
                }
            }
        }
    }

    /// False when nothing is due.
    async fn retry_one(&self) -> Result<bool, HearError> {
        let mut tx = self.begin().await?;
        let next = inbox::next_due(&mut tx, &self.settings.rests).await?;
        self.db.commit(tx).await?;
        match next {
            Next::Nothing => return Ok(false),
            Next::Parked { event_id, kind } => {
                tracing::error!(event.id = %event_id, kind, "event parked: its attempts never ended");
            }
            Next::Try(due) => self.attempt(&due).await?,
        }
        Ok(true)
    }

    async fn attempt(&self, due: &Due) -> Result<(), HearError> {
        let (event_id, kind, attempt) = (due.entry.event_id, &due.entry.kind, due.attempts);
        let span = self.span(&due.entry);
        let Err(error) = self.effect_of(due).await else {
            span.in_scope(|| tracing::info!(event.id = %event_id, kind, attempt, "event applied by a retry"));
            return Ok(());
        };
        if error.fault == Fault::Database {
            return Err(error);
        }
        let mut conn = self.db.background().await?;
        let text = error.stored();
        let parked = inbox::failed(&mut conn, due, &text, &self.settings.rests).await?;
        span.in_scope(|| {
            if parked {
                tracing::error!(error = text, event.id = %event_id, kind, attempt, "event parked");
            } else {
                tracing::warn!(error = text, event.id = %event_id, kind, attempt, "event failed");
            }
        });
        Ok(())
    }

    async fn effect_of(&self, due: &Due) -> Result<(), HearError> {
        let mut tx = self.begin().await?;
        if !inbox::finish(&mut tx, due.entry.event_id).await? {
            return Ok(());
        }
        let heard = [Heard::read(&due.entry)?];
        self.effects(&mut tx, &heard).await?;
        self.db.commit(tx).await?;
        self.measure(&heard);
        Ok(())
    }
}
