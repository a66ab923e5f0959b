//! Sessions that are long over, and failures that count no more, are forgotten; the audit remembers them.

use std::time::Duration;

use chrono::TimeDelta;
use kit::{App, Fault, Job};

use super::store;
use crate::{invitation, password, pin, sign_in};

const EVERY: Duration = Duration::from_secs(3600);
const KEEP: TimeDelta = TimeDelta::days(90);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("forget_sessions", EVERY, move || {
        let app = app.clone();
        async move {
            let mut conn = app.db.background().await?;
            let now = app.clock.now();
            password::store::forget_resets(&mut conn, now - sign_in::QUIET).await.map_err(Fault::new)?;
            pin::store::forget_tills(&mut conn, now - sign_in::QUIET).await.map_err(Fault::new)?;
            sign_in::store::forget_quiet(&mut conn, now - sign_in::QUIET).await.map_err(Fault::new)?;
            invitation::store::forget_old(&mut conn, now - KEEP).await.map_err(Fault::new)?;
            store::forget_old(&mut conn, now - KEEP).await.map_err(Fault::new)
        }
    })
}
