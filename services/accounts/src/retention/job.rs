//! The job that removes what is past its time.

use std::time::Duration;

use db::{Context, Subject};
use kit::{App, Fault, Job, Tx};
use proto::accounts::v1 as pb;
use serde_json::json;

use super::{Retention, kept_from, kept_since, store};
use crate::audit::Audit;
use crate::{Error, account_import, file};

const EVERY: Duration = Duration::from_secs(3600);

pub(crate) fn job(app: &App, retention: Retention) -> Job {
    let app = app.clone();
    Job::new("retention", EVERY, move || {
        let app = app.clone();
        async move { remove(&app, retention).await.map_err(Fault::new) }
    })
}

/// Class by class, some at a time; each removal is recorded and told.
async fn remove(app: &App, retention: Retention) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin_background(Context::of_service("accounts", "retention", now)).await?;
        let today = shop::today(&mut tx, now).await?;
        let mut some = 0;
        if let Some(from) = kept_from(today, retention.documents_days) {
            let documents = store::documents(&mut tx, from).await?;
            file::rpc::remove_scans(&mut tx, &documents).await?;
            for id in documents {
                let event = pb::IdentityDocumentDeleted { identity_document_id: id.to_string() };
                gone(&mut tx, "identity_document", id.uuid(), &event);
                some += 1;
            }
        }
        if let Some(since) = kept_since(now, retention.sensitive_notes_days) {
            for id in store::sensitive_notes(&mut tx, since).await? {
                gone(&mut tx, "note", id.uuid(), &pb::NoteDeleted { note_id: id.to_string() });
                some += 1;
            }
        }
        if let Some(since) = kept_since(now, retention.imports_days) {
            for id in store::imports(&mut tx, since).await? {
                account_import::rpc::discard(&mut tx, id).await?;
                some += 1;
            }
        }
        app.db.commit(tx).await?;
        if some == 0 {
            return Ok(removed);
        }
        removed += some;
    }
}

/// Records and tells that something is past its time. Nothing follows it, so its version is the last there can be.
fn gone<E: proto::Event>(tx: &mut Tx, kind: &'static str, id: types::uuid::Uuid, event: &E) {
    tx.audit(Audit::removed(kind, id, json!({ "past_its_time": true })));
    tx.publish(Subject { id, version: i64::MAX }, event);
}
