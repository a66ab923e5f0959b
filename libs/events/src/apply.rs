//! Effects in their transactions: several events together while all goes well, each alone when one does not.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use db::inbox::{self, Entry};
use db::{Context, Db, Tx};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tracing::{Instrument, Span};

use crate::hear::Fault;
use crate::{Hear, HearError, Heard, Settings};

/// How often an event that collides with other transactions is repeated at once.
const COLLISIONS_MAX: u32 = 3;

/// What the loops of a consumer share.
pub(crate) struct Ear<H> {
    pub(crate) db: Db,
    pub(crate) settings: Settings,
    pub(crate) hear: H,
    /// Something was left to the retries.
    pub(crate) recorded: Notify,
}

impl<H: Hear> Ear<H> {
    /// Applies events that were not delivered before. Afterwards each is done, or waits in the inbox.
    ///
    /// # Errors
    /// When the database is away; then any of them may be undone.
    pub(crate) async fn apply(&self, entries: &[Entry]) -> Result<(), HearError> {
        if entries.len() > 1 {
            let Err(error) = self.once(entries).await else { return Ok(()) };
            tracing::debug!(error = error.message, events = entries.len(), "events are applied one by one");
        }
        for entry in entries {
            self.alone(entry).await?;
        }
        Ok(())
    }

    async fn alone(&self, entry: &Entry) -> Result<(), HearError> {
        let mut collisions = 0;
        let error = loop {
            match self.once(std::slice::from_ref(entry)).await {
                Ok(()) => return Ok(()),
                Err(error) if error.fault == Fault::Database => return Err(error),
                Err(error) if error.fault == Fault::Collision && collisions < COLLISIONS_MAX => collisions += 1,
                Err(error) => break error,
            }
        };
        self.span(entry).in_scope(|| {
            tracing::warn!(error = error.message, kind = entry.kind, event.id = %entry.event_id, "event failed, attempt 1");
        });
        let mut conn = self.db.background().await?;
        Ok(inbox::first_failed(&mut conn, entry, &error.stored(), &self.settings.rests).await?)
    }

    /// One transaction: inbox rows, effects, commit.
    async fn once(&self, entries: &[Entry]) -> Result<(), HearError> {
        let mut tx = self.begin().await?;
        let mut fresh: HashSet<_> = inbox::take(&mut tx, entries).await?.into_iter().collect();
        let fresh = entries.iter().filter(|entry| fresh.remove(&entry.event_id));
        let heard = fresh.map(Heard::read).collect::<Result<Vec<_>, _>>()?;
        self.effects(&mut tx, &heard).await?;
        self.db.commit(tx).await?;
        self.measure(&heard);
        Ok(())
    }

    pub(crate) async fn begin(&self) -> Result<Tx, HearError> {
        let context = Context::of_service(self.settings.service, "hears", (self.settings.clock)());
        Ok(self.db.begin_background(context).await?)
    }

    /// What the service makes of the events. A panic and a handler that never ends are errors.
    pub(crate) async fn effects(&self, tx: &mut Tx, heard: &[Heard]) -> Result<(), HearError> {
        if heard.is_empty() {
            return Ok(());
        }
        let limit = self.settings.effect_timeout;
        // After a panic the transaction is given up as a whole.
        let work = AssertUnwindSafe(self.each(tx, heard)).catch_unwind();
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(HearError::new(format!("the handler panicked: {}", words(panic.as_ref())))),
            Err(_) => Err(HearError::new(format!("the handler took longer than {limit:?}"))),
        }
    }

    async fn each(&self, tx: &mut Tx, heard: &[Heard]) -> Result<(), HearError> {
        self.hear.prepare(tx, heard).await?;
        for event in heard {
            tx.act_for(event.context(self.settings.service, (self.settings.clock)()));
            self.hear.hear(tx, event).instrument((self.settings.span)(event)).await?;
        }
        Ok(())
    }

    /// Where lines about an event are written, so that they have its request id. One that cannot be read has none.
    pub(crate) fn span(&self, entry: &Entry) -> Span {
        Heard::read(entry).map_or_else(|_| Span::none(), |heard| (self.settings.span)(&heard))
    }

    pub(crate) fn measure(&self, heard: &[Heard]) {
        let now = chrono::Utc::now();
        let lag = metrics::histogram!("inbox_lag_seconds");
        for event in heard {
            lag.record((now - event.occurred_at).to_std().unwrap_or_default());
        }
        metrics::counter!("inbox_done_total").increment(heard.len() as u64);
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
