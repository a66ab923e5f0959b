//! What becomes of consents by itself: a newer version of the text, the last day, the age of majority.

use std::time::Duration;

use db::{Context, Tx};
use kit::{App, Fault, Job};

use super::{Consent, ConsentId, Recorder, State, rpc, store};
use crate::Error;
use crate::consent_document::{self, ConsentDocument};
use crate::member;

const EVERY: Duration = Duration::from_secs(60);

/// What is not done in one go is done in the next.
pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("sweep-consents", EVERY, move || {
        let app = app.clone();
        async move { sweep(&app).await.map_err(Fault::new) }
    })
}

async fn sweep(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_background(Context::of_service("accounts", "sweep-consents", now)).await?;
    let ages = member::store::say_ages(&mut tx, now).await?;
    for kind in consent_document::store::kinds(&mut tx).await? {
        if let Some(newest) = consent_document::store::newest(&mut tx, &kind).await? {
            supersede(&mut tx, &newest).await?;
        }
    }
    let expired = store::expired(&mut tx, ages.today).await?;
    end(&mut tx, &expired, State::Expired).await?;
    let outgrown = store::outgrown(&mut tx, ages).await?;
    // Who is of age now is asked himself.
    for ended in end(&mut tx, &outgrown, State::Outgrown).await? {
        ask(&mut tx, &ended).await?;
    }
    app.db.commit(tx).await?;
    Ok(())
}

/// What was granted for an older version is superseded and asked for again; what is still open is asked for anew.
pub(crate) async fn supersede(tx: &mut Tx, newest: &ConsentDocument) -> Result<(), Error> {
    let outdated = store::outdated(tx, &newest.kind, newest.version).await?;
    for consent in locked(tx, &outdated).await? {
        match consent.step.state {
            State::Granted => {
                step(tx, &consent, State::Superseded).await?;
                ask(tx, &consent).await?;
            }
            _ => {
                let mut next = consent.next(State::Requested, recorder(tx))?;
                next.document_id = newest.id;
                store::append(tx, &[next]).await?;
                rpc::recorded(tx, consent.id, consent.step.state).await?;
            }
        }
    }
    Ok(())
}

async fn end(tx: &mut Tx, ids: &[ConsentId], state: State) -> Result<Vec<Consent>, Error> {
    let mut ended = Vec::new();
    for consent in locked(tx, ids).await? {
        // Somebody may have withdrawn it before it was locked.
        if consent.step.state.leads_to(state) {
            step(tx, &consent, state).await?;
            ended.push(consent);
        }
    }
    Ok(ended)
}

async fn locked(tx: &mut Tx, ids: &[ConsentId]) -> Result<Vec<Consent>, Error> {
    store::lock_members(tx, ids).await?;
    let mut consents = Vec::new();
    for id in ids {
        consents.push(store::get(tx, *id).await?);
    }
    Ok(consents)
}

async fn step(tx: &mut Tx, consent: &Consent, state: State) -> Result<(), Error> {
    let next = consent.next(state, recorder(tx))?;
    store::append(tx, &[next]).await?;
    rpc::recorded(tx, consent.id, consent.step.state).await?;
    Ok(())
}

/// Asks the member of an ended consent for the newest version.
async fn ask(tx: &mut Tx, ended: &Consent) -> Result<(), Error> {
    let by = recorder(tx);
    if let Some(newest) = consent_document::store::newest(tx, &ended.kind).await? {
        rpc::ask(tx, ended.member_id, &newest, by).await?;
    }
    Ok(())
}

/// In whose name the steps are: who published the new version, or the service itself.
fn recorder(tx: &Tx) -> Recorder {
    let context = tx.context();
    Recorder { id: context.actor_id, name: context.actor_name.clone(), client_ip: None }
}
