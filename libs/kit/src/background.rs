//! Relay, consumer, sealer and housekeeping of a service.

use std::sync::Arc;
use std::time::Duration;

use db::{Db, Tx};
use events::{Hear, HearError, Heard};

use crate::config::Settings;
use crate::{App, Fault, Job, Service, jobs};

/// Rows wait this long for their seal.
const SEAL_EVERY: Duration = Duration::from_millis(500);
const MEASURE_EVERY: Duration = Duration::from_secs(10);
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// A service as its consumer calls it.
struct Ear<S>(Arc<S>);

impl<S: Service> Hear for Ear<S> {
    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), HearError> {
        Ok(self.0.hear(tx, heard).await?)
    }

    async fn prepare(&self, tx: &mut Tx, batch: &[Heard]) -> Result<(), HearError> {
        Ok(self.0.prepare(tx, batch).await?)
    }
}

/// Starts what works without being asked.
pub(crate) fn start<S: Service>(app: &App, service: &Arc<S>, settings: &Settings) -> Result<(), String> {
    let stop = app.tasks.stopping();
    let amqp_url = settings.amqp_url.as_ref().ok_or("AMQP_URL is not set")?.reveal();
    let mut told = events::Settings::new(S::NAME, amqp_url);
    let clock = app.clock.clone();
    told.clock = Arc::new(move || clock.now());
    told.span = |heard| {
        let span = tracing::info_span!(
            "hear",
            kind = heard.kind,
            event.id = %heard.event_id,
            request.id = heard.request_id,
            trace.id = tracing::field::Empty,
        );
        crate::telemetry::continue_trace(&span, heard.traceparent.as_deref());
        span
    };
    app.tasks.spawn(events::relay(app.db.clone(), told.clone(), stop.clone()));
    app.tasks.spawn(events::consume(app.db.clone(), told, Ear(Arc::clone(service)), stop));
    jobs::start(&app.tasks, &app.db, S::NAME, crate::operate::all_jobs::<S>(app, service));
    Ok(())
}

/// The jobs that every service has.
pub(crate) fn jobs<S: Service>(app: &App) -> Vec<Job> {
    vec![sealer::<S>(app.db.clone()), measurer::<S>(app.db.clone()), tidier(app.db.clone())]
}

fn sealer<S: Service>(db: Db) -> Job {
    Job::new("seal", SEAL_EVERY, move || {
        let db = db.clone();
        async move {
            let mut conn = db.background().await?;
            db::seal::seal(&mut conn, &crate::run::chains::<S>()).await?;
            Ok::<_, Fault>(())
        }
    })
}

/// How old the oldest row is that no chain holds yet.
fn measurer<S: Service>(db: Db) -> Job {
    Job::new("measure", MEASURE_EVERY, move || {
        let db = db.clone();
        async move {
            let mut conn = db.background().await?;
            for chain in crate::run::chains::<S>() {
                let oldest = db::seal::oldest(&mut conn, &chain).await?;
                let made = oldest.and_then(|id| id.get_timestamp()).map_or(u64::MAX, |time| time.to_unix().0);
                let now = chrono::Utc::now().timestamp().unsigned_abs();
                let lag = u32::try_from(now.saturating_sub(made)).unwrap_or(u32::MAX);
                metrics::gauge!("seal_lag_seconds", "chain" => chain.name).set(lag);
            }
            Ok::<_, Fault>(())
        }
    })
}

/// Removes what is past its time: told and heard events, idempotency keys that moved no money.
fn tidier(db: Db) -> Job {
    Job::new("tidy", TIDY_EVERY, move || {
        let db = db.clone();
        async move {
            let mut conn = db.background().await?;
            db::outbox::prune(&mut conn).await?;
            db::inbox::prune(&mut conn).await?;
            db::forget_old(&mut conn, chrono::Utc::now()).await?;
            Ok::<_, Fault>(())
        }
    })
}
