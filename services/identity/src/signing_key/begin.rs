//! The first key comes from the settings; those that follow are made here.

use chrono::TimeDelta;
use cipher::{Keys, Place};
use db::{Audit, Context};
use kit::{App, Fault};
use serde_json::json;

use super::{Pair, SigningKeyId, State, store};
use crate::{Error, NAME};

/// What the private halves are sealed for.
pub(crate) const PURPOSE: &str = "signing-keys";

/// Stores the first key when there is none yet.
///
/// # Errors
/// The database's.
pub(crate) async fn open(app: &App, keys: &Keys, first: &Pair) -> Result<(), Error> {
    let mut tx = app.db.begin(Context::of_service(NAME, "begin", app.clock.now())).await?;
    store::lock(&mut tx).await?;
    if !store::published(&mut tx).await?.is_empty() {
        return Ok(());
    }
    let id = SigningKeyId::new();
    let sealed = seal(keys, id, first)?;
    store::insert(&mut tx, id, first, &sealed, State::Current, TimeDelta::zero()).await?;
    tx.audit(Audit::created("signing_key", id, json!({ "kid": first.kid, "state": "current" })));
    app.db.commit(tx).await?;
    Ok(())
}

pub(crate) fn place(id: SigningKeyId) -> Place {
    Place { table: "signing_key", column: "sealed", row: id.uuid() }
}

pub(crate) fn seal(keys: &Keys, id: SigningKeyId, pair: &Pair) -> Result<String, Fault> {
    keys.seal(&place(id), &pair.pkcs8)
}
