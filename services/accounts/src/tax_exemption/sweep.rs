//! Exemptions that run out.

use std::time::Duration;

use db::Context;
use kit::{App, Fault, Job};

use super::{TaxExemption, rpc, store};
use crate::Error;

const EVERY: Duration = Duration::from_secs(60);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("expire-tax-exemptions", EVERY, move || {
        let app = app.clone();
        async move { expire(&app).await.map_err(Fault::new) }
    })
}

async fn expire(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_background(Context::of_service("accounts", "expire-tax-exemptions", now)).await?;
    let today = shop::today(&mut tx, now).await?;
    for id in store::over(&mut tx, today).await? {
        let before: TaxExemption = store::get(&mut tx, id).await?;
        if let Some(expired) = before.clone().expire(now, today) {
            rpc::moved(&mut tx, &before, &expired).await?;
        }
    }
    app.db.commit(tx).await?;
    Ok(())
}
