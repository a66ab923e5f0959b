//! From the change's transaction to the carrier.

use std::sync::Arc;
use std::time::Duration;

use db::{Context, Db};
use kit::{App, Clock, Fault, Job, Tx};
use uuid::Uuid;

use crate::carrier::{Carrier, Refused};
use crate::letter::Letter;
use crate::store;

/// The job's name.
const SEND: &str = "send-mail";
const EVERY: Duration = Duration::from_secs(1);
/// All that one turn may take; a letter that was taken is nobody else's for longer than this.
const TURN: Duration = Duration::from_secs(60);
const LEASE_SECONDS: i32 = 120;
/// Letters of one turn.
const MOST: i64 = 4;
/// Seconds of rest after each failure; after the last one the letter is given up, more than a day later.
const RESTS: [i32; 11] = [1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200];

/// Queues a letter; it is sent when the transaction is committed, and never otherwise.
///
/// # Errors
/// The database's.
pub async fn enqueue(tx: &mut Tx, letter: &Letter) -> Result<Uuid, db::Error> {
    let id = Uuid::now_v7();
    store::insert(tx, id, letter).await?;
    Ok(id)
}

/// Sends what is due, every second. Services that enqueue have it among their jobs.
pub fn job(app: &App, carrier: Arc<dyn Carrier>) -> Job {
    let (db, clock, name) = (app.db.clone(), app.clock.clone(), app.name);
    Job::new(SEND, EVERY, move || {
        let round = Round { db: db.clone(), clock: clock.clone(), service: name, carrier: Arc::clone(&carrier) };
        async move { round.send_due().await }
    })
    .within(TURN)
}

struct Round {
    db: Db,
    clock: Clock,
    service: &'static str,
    carrier: Arc<dyn Carrier>,
}

impl Round {
    async fn send_due(&self) -> Result<u64, Fault> {
        let mut sent = 0;
        // No transaction is open while the carrier works.
        let mut tx = self.begin().await?;
        let due = store::take(&mut tx, MOST, LEASE_SECONDS).await?;
        store::prune(&mut tx).await?;
        self.db.commit(tx).await?;
        for row in due {
            let (id, kind, attempts) = (row.id, row.kind.clone(), row.attempts);
            let outcome = self.carrier.carry(&row.parcel()).await;
            sent += u64::from(outcome.is_ok());
            self.note(id, &kind, attempts, outcome).await?;
        }
        let (waiting, parked) = store::counts(&mut *self.db.background().await?).await?;
        gauge("mail_waiting", waiting);
        gauge("mail_parked", parked);
        Ok(sent)
    }

    /// Remembers how it went. Neither address nor text is told to anybody.
    async fn note(&self, id: Uuid, kind: &str, attempts: i32, outcome: Result<(), Refused>) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        let result = match outcome {
            Ok(()) => {
                store::sent(&mut tx, id).await?;
                tracing::info!(mail.id = %id, kind, "mail was sent");
                "sent"
            }
            Err(Refused::ForNow(why)) => match rest(attempts) {
                Some(seconds) => {
                    store::retry(&mut tx, id, &why, seconds).await?;
                    tracing::warn!(mail.id = %id, kind, attempts, why, "mail was not sent and will be tried again");
                    "failed"
                }
                None => park(&mut tx, id, kind, &why).await?,
            },
            Err(Refused::ForGood(why)) => park(&mut tx, id, kind, &why).await?,
        };
        self.db.commit(tx).await?;
        metrics::counter!("mail_total", "kind" => kind.to_owned(), "result" => result).increment(1);
        Ok(())
    }

    async fn begin(&self) -> Result<Tx, Fault> {
        Ok(self.db.begin_background(Context::of_service(self.service, SEND, self.clock.now())).await?)
    }
}

async fn park(tx: &mut Tx, id: Uuid, kind: &str, why: &str) -> Result<&'static str, Fault> {
    store::park(tx, id, why).await?;
    tracing::error!(mail.id = %id, kind, why, "mail was given up");
    Ok("parked")
}

fn rest(attempts: i32) -> Option<i32> {
    usize::try_from(attempts - 1).ok().and_then(|at| RESTS.get(at)).copied()
}

fn gauge(name: &'static str, value: i64) {
    metrics::gauge!(name).set(u32::try_from(value).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_end() {
        assert_eq!((rest(1), rest(2), rest(11), rest(12)), (Some(1), Some(5), Some(43_200), None));
    }
}
