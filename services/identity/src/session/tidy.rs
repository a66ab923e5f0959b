//! Sessions that are long over are forgotten; the audit remembers them.

use std::time::Duration;

use chrono::TimeDelta;
use kit::{App, Fault, Job};

use super::store;

const EVERY: Duration = Duration::from_secs(3600);
const KEEP: TimeDelta = TimeDelta::days(90);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("forget_sessions", EVERY, move || {
        let app = app.clone();
        async move {
            let mut conn = app.db.background().await?;
            store::forget_old(&mut conn, app.clock.now() - KEEP).await.map_err(Fault::new)
        }
    })
}
