//! The birthday on which somebody comes of age: from then on he answers for himself, and those who answered for him keep
//! at most the power to pay.

use std::time::Duration;

use db::Context;
use kit::{App, Fault, Job};

use super::{rpc, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::difference;
use crate::member;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("hand-over", EVERY, move || {
        let app = app.clone();
        async move { hand_over(&app).await.map_err(Fault::new) }
    })
}

/// What is not done in one go is done in the next.
async fn hand_over(app: &App) -> Result<u64, Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_background(Context::of_service("accounts", "hand-over", now)).await?;
    let ages = member::store::say_ages(&mut tx, now).await?;
    let mut done = 0;
    for (id, member_id) in store::grown(&mut tx, ages).await? {
        // Somebody may have corrected the date of birth before the row was locked.
        if member::store::lock(&mut tx, member_id).await?.minor(ages).is_some() {
            continue;
        }
        let before = store::lock(&mut tx, id).await?;
        let Some(after) = before.clone().hand_over(now) else { continue };
        let adult = store::save(&mut tx, &after).await?;
        if let Some((old, new)) = difference(&before.shown(), &after.shown()) {
            tx.audit(Audit::changed("responsible_adult", id, old, new));
        }
        rpc::tell(&mut tx, &adult);
        done += 1;
    }
    app.db.commit(tx).await?;
    Ok(done)
}
