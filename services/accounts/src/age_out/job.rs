//! The job that tells who came of age.

use std::time::Duration;

use db::{Context, Subject};
use kit::{App, Fault, Job, Tx};
use proto::accounts::v1 as pb;
use serde_json::json;

use super::store;
use crate::Error;
use crate::audit::Audit;
use crate::member::{self, Ages, MemberId};

const EVERY: Duration = Duration::from_secs(300);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("age-out", EVERY, move || {
        let app = app.clone();
        async move { tell(&app).await.map_err(Fault::new) }
    })
}

/// Some at a time, until nobody is due. Done again, it does nothing.
async fn tell(app: &App) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin_background(Context::of_service("accounts", "age-out", now)).await?;
        let ages = member::store::say_ages(&mut tx, now).await?;
        let due = store::due(&mut tx, ages).await?;
        if due.is_empty() {
            store::mark(&mut tx, ages.adults_born_by).await?;
            app.db.commit(tx).await?;
            return Ok(done);
        }
        for id in &due {
            one(&mut tx, *id, ages).await?;
        }
        app.db.commit(tx).await?;
        done += due.len() as u64;
    }
}

async fn one(tx: &mut Tx, id: MemberId, ages: Ages) -> Result<(), Error> {
    let member = member::store::lock(tx, id).await?;
    // Somebody may have changed the date of birth before the row was locked.
    if member.clone().seen(ages).minor.is_some() {
        return Ok(());
    }
    if store::note(tx, id, ages.today).await? {
        let member = store::touch(tx, id).await?;
        tx.audit(Audit::created("member", id, json!({ "came_of_age": ages.today.to_string() })));
        member::rpc::tell(tx, &member, ages);
        let event = pb::MemberCameOfAge {
            member_id: id.to_string(),
            account_id: member.account_id.to_string(),
            noticed_on: ages.today.to_string(),
        };
        tx.publish(Subject { id: id.uuid(), version: member.version }, &event);
    }
    Ok(())
}
