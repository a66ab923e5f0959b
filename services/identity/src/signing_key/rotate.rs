//! A new key, published before it signs; the old one, published while its tokens live.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use cipher::Keys;
use db::{Audit, Context, Tx};
use kit::{App, Command, Fault, Job};
use serde_json::json;

use super::begin::seal;
use super::{LEAD, LEAD_OF_OWN, Pair, RETIRES, SIGNS, SigningKeyId, State, store};
use crate::trust::told::Told;
use crate::{Error, NAME};

const EVERY: Duration = Duration::from_secs(5);
/// How often a command looks whether the time has come.
const LOOK: Duration = Duration::from_millis(200);

/// Changes keys.
#[derive(Clone)]
pub(crate) struct Rotation {
    pub(crate) app: App,
    pub(crate) keys: Keys,
    pub(crate) told: Arc<Told>,
}

impl Rotation {
    /// Puts keys into their next state when their time has come, and makes a new one in time.
    pub(crate) fn job(&self) -> Job {
        let rotation = self.clone();
        Job::new("rotate-signing-key", EVERY, move || {
            let rotation = rotation.clone();
            async move {
                if store::is_old(&mut *rotation.app.db.background().await?, SIGNS).await.map_err(Fault::new)? {
                    rotation.prepare(LEAD).await?;
                }
                rotation.advance().await.map(|_| ())
            }
        })
    }

    /// `rotate-signing-key` publishes the next key, and whoever keeps the published ones for an hour knows it before it
    /// signs. `rotate-signing-key-now` waits for the suite's own processes only.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let (slow, fast) = (self.clone(), self.clone());
        let slow = Command::new("rotate-signing-key", move || {
            let rotation = slow.clone();
            async move {
                let kid = rotation.prepare(LEAD).await?;
                Ok(format!("the key {kid} is published and signs in {} minutes", LEAD.num_minutes()))
            }
        });
        let fast = Command::new("rotate-signing-key-now", move || {
            let rotation = fast.clone();
            async move {
                let kid = rotation.prepare(LEAD_OF_OWN).await?;
                let mut pace = tokio::time::interval(LOOK);
                while rotation.advance().await?.is_none() && rotation.waits_for(&kid).await? {
                    pace.tick().await;
                }
                Ok(format!("the key {kid} signs"))
            }
        });
        vec![slow, fast]
    }

    /// Makes the next key, unless there is one; that one then signs no later than it would have. Answers its name.
    async fn prepare(&self, lead: TimeDelta) -> Result<String, Fault> {
        let made: Result<String, Error> = async {
            let mut tx = self.begin().await?;
            if let Some(next) = store::published(&mut tx).await?.into_iter().find(|key| key.state == State::Next) {
                store::hasten(&mut tx, lead).await?;
                self.app.db.commit(tx).await?;
                return Ok(next.kid);
            }
            let (id, pair) = (SigningKeyId::new(), Pair::generate()?);
            store::insert(&mut tx, id, &pair, &seal(&self.keys, id, &pair)?, State::Next, lead).await?;
            tx.audit(Audit::created("signing_key", id, json!({ "kid": pair.kid, "state": "next" })));
            self.app.db.commit(tx).await?;
            Ok(pair.kid)
        }
        .await;
        self.told.renew_now().await;
        made.map_err(Fault::new)
    }

    /// The next key signs when its time has come, and old ones go. Answers the key that now signs, when it is another.
    async fn advance(&self) -> Result<Option<SigningKeyId>, Fault> {
        let moved: Result<(Option<SigningKeyId>, bool), Error> = async {
            let mut tx = self.begin().await?;
            let current = store::succeed(&mut tx).await?;
            let gone = store::let_go(&mut tx, RETIRES).await?;
            for (id, state) in current.iter().map(|id| (id, "current")).chain(gone.iter().map(|id| (id, "gone"))) {
                tx.audit(Audit::changed("signing_key", *id, json!({}), json!({ "state": state })));
            }
            self.app.db.commit(tx).await?;
            Ok((current, current.is_some() || !gone.is_empty()))
        }
        .await;
        let (current, changed) = moved.map_err(Fault::new)?;
        if changed {
            self.told.renew_now().await;
        }
        Ok(current)
    }

    /// Whether the key does not sign yet.
    async fn waits_for(&self, kid: &str) -> Result<bool, Fault> {
        let keys = store::published(&mut *self.app.db.background().await?).await.map_err(Fault::new)?;
        Ok(keys.iter().any(|key| key.kid == kid && key.state == State::Next))
    }

    async fn begin(&self) -> Result<Tx, Error> {
        let context = Context::of_service(NAME, "rotate-signing-key", self.app.clock.now());
        let mut tx = self.app.db.begin_background(context).await?;
        store::lock(&mut tx).await?;
        Ok(tx)
    }
}
