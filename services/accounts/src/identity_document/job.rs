//! Documents whose last day is over.

use std::time::Duration;

use db::Context;
use kit::{App, Fault, Job};
use serde_json::json;

use super::{rpc, store};
use crate::Error;
use crate::audit::Audit;

const EVERY: Duration = Duration::from_secs(60);

pub(crate) fn job(app: &App) -> Job {
    let app = app.clone();
    Job::new("expire-identity-documents", EVERY, move || {
        let app = app.clone();
        async move { expire(&app).await.map_err(Fault::new) }
    })
}

/// Missed days are made up for; what was marked once is not marked again.
async fn expire(app: &App) -> Result<u64, Error> {
    let mut expired = 0;
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin_background(Context::of_service("accounts", "expire-identity-documents", now)).await?;
        let today = shop::today(&mut tx, now).await?;
        let documents = store::expire(&mut tx, today).await?;
        if documents.is_empty() {
            return Ok(expired);
        }
        for document in &documents {
            let state = |state: &str| json!({ "state": state });
            tx.audit(Audit::changed("identity_document", document.id, state("active"), state("expired")));
            rpc::tell(&mut tx, document);
        }
        expired += documents.len() as u64;
        app.db.commit(tx).await?;
    }
}
