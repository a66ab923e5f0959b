//! Stands before every place where a secret can be guessed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use db::{Context, Tx};
use kit::{App, Caller};
use tokio::sync::OwnedMutexGuard;

use super::{Failures, Limits, Window, store};
use crate::{Error, NAME};

/// Tries of one name take turns within a process: many right ones at once must not count as failures of each other.
const TURNS: usize = 64;
/// How long one waits for his turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counts failures by name in the database, and by client address in this process.
pub(crate) struct Guard {
    app: App,
    per_name: i32,
    addresses: Mutex<Window>,
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
}

/// Whether a secret may be looked at.
pub(crate) enum Admitted {
    Try(Try),
    /// So many failed that one must wait. The answer is that to a wrong secret.
    Waits,
}

/// A try that counts as failed, until it is forgiven or taken back.
pub(crate) struct Try {
    name_hash: Vec<u8>,
    before: Failures,
    counted: Failures,
    _turn: OwnedMutexGuard<()>,
}

impl Guard {
    pub(crate) fn new(app: &App, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            per_name: limits.per_name,
            addresses: Mutex::new(Window::new(limits.per_ip_max)),
            turns: (0..TURNS).map(|_| Arc::default()).collect(),
        })
    }

    /// Counts a try from a client address.
    ///
    /// # Errors
    /// [`Error::SignInThrottled`] when there were too many within the last minute.
    pub(crate) fn admit_address(&self, caller: &Caller) -> Result<(), Error> {
        self.addresses().admit(&caller.client_ip, caller.now).map_err(Error::SignInThrottled)
    }

    /// The try was right, so the client address has it back.
    pub(crate) fn forgive_address(&self, caller: &Caller) {
        self.addresses().forgive(&caller.client_ip);
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, Window> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a try of a name, such as a folded e-mail address, before its secret is looked at.
    ///
    /// # Errors
    /// [`Error::SignInBusy`], and the database's.
    pub(crate) async fn admit(&self, name: &str, caller: &Caller) -> Result<Admitted, Error> {
        let name_hash = hashed(name);
        let turn = Arc::clone(&self.turns[usize::from(name_hash[0]) % TURNS]).lock_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await.map_err(|_| Error::SignInBusy)?;
        let mut tx = self.app.db.begin(Context::of_service(NAME, "sign_in", caller.now)).await?;
        let before = store::lock(&mut tx, &name_hash, caller.now).await?;
        let counted = before.tried(self.per_name, caller.now);
        store::save(&mut tx, &name_hash, counted.unwrap_or(before)).await?;
        self.app.db.commit(tx).await?;
        Ok(match counted {
            Some(counted) => Admitted::Try(Try { name_hash, before, counted, _turn: turn }),
            None => Admitted::Waits,
        })
    }
}

impl Try {
    /// The secret was right: the name's failures are forgotten.
    pub(crate) async fn forgive(&self, tx: &mut Tx) -> Result<(), Error> {
        store::forgive(tx, &self.name_hash).await
    }

    /// The secret was right, but is not all that is needed: what failed before still counts.
    pub(crate) async fn take_back(&self, tx: &mut Tx) -> Result<(), Error> {
        store::take_back(tx, &self.name_hash, self.counted, self.before).await
    }
}

/// The name's failures are forgotten: its owner has shown otherwise that he is it.
pub(crate) async fn forgive(tx: &mut Tx, name: &str) -> Result<(), Error> {
    store::forgive(tx, &hashed(name)).await
}

/// What is kept of a name.
pub(crate) fn hashed(name: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, name.to_ascii_lowercase().as_bytes()).as_ref().to_vec()
}
