//! This process's own trust, so that identity refuses at once what it has revoked.

use std::sync::Arc;
use std::time::Duration;

use cipher::Keys;
use kit::{App, Conn, Fault};
use tokio::sync::Mutex;

use crate::Error;
use crate::session::store;
use crate::session::tokens::{Signer, Tokens};
use crate::signing_key::begin::place;
use crate::signing_key::{self, Pair, SigningKey, State};

/// What another replica revoked is refused here within two seconds.
const EVERY: Duration = Duration::from_millis(500);

/// Keeps the door's trust as the database says.
pub(crate) struct Told {
    app: App,
    tokens: Arc<Tokens>,
    /// What opens the private halves of signing keys.
    keys: Keys,
    /// Reading and telling are one step, or an older reading could replace a newer one.
    gate: Mutex<()>,
}

impl Told {
    /// Tells once, and from then on twice a second. Every replica does, so it is no job.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn open(app: App, tokens: Arc<Tokens>, keys: Keys) -> Result<Arc<Self>, Error> {
        let told = Arc::new(Self { app, tokens, keys, gate: Mutex::new(()) });
        told.renew(&mut *told.app.db.read().await?).await?;
        told.app.tasks.spawn(Arc::clone(&told).follow());
        Ok(told)
    }

    /// After a revocation was committed. It holds already: when the database is away now, the next round tells.
    pub(crate) async fn renew_now(&self) {
        let renewed = async { self.renew(&mut *self.app.db.read().await?).await };
        if let Err(error) = renewed.await {
            tracing::warn!(%error, "a revocation is not known here yet");
        }
    }

    async fn renew(&self, conn: &mut Conn) -> Result<(), Error> {
        let _gate = self.gate.lock().await;
        let revoked = store::revoked(conn).await?;
        let keys = signing_key::store::published(conn).await?;
        self.sign_with(&keys).await?;
        self.app.trust.tell(&self.tokens.published(), &revoked);
        Ok(())
    }

    /// The key that is current now signs, and all that are there are published.
    async fn sign_with(&self, keys: &[SigningKey]) -> Result<(), Error> {
        let published = keys.iter().map(|key| (key.kid.clone(), key.public_key.clone())).collect();
        let current = keys.iter().find(|key| key.state == State::Current);
        let Some((key, sealed)) = current.and_then(|key| Some((key, key.sealed.as_ref()?))) else { return Ok(()) };
        let signer = self.tokens.signer();
        if signer.kid == key.kid {
            self.tokens.sign_with(signer.among(published));
            return Ok(());
        }
        let pkcs8 = self.keys.open(&place(key.id), sealed).await?;
        let pair = Pair::read(&pkcs8).map_err(Fault::new)?;
        self.tokens.sign_with(Signer::new(&pair, published));
        Ok(())
    }

    async fn follow(self: Arc<Self>) {
        let stop = self.app.tasks.stopping();
        let mut pace = tokio::time::interval(EVERY);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut renewed_last = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = pace.tick() => {}
            }
            let renewed = async { self.renew(&mut *self.app.db.background().await?).await };
            match renewed.await {
                Ok(()) => renewed_last = true,
                Err(error) if std::mem::take(&mut renewed_last) => {
                    tracing::warn!(%error, "revocations cannot be read; what is known of tokens still holds");
                }
                Err(_) => {}
            }
        }
    }
}
