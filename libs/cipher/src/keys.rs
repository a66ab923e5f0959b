//! The data keys of one purpose, as a process holds them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::{Context, Db};
use kit::config::Secret;
use kit::{App, Clock, Fault};
use uuid::Uuid;

use crate::envelope::{Key, Place, Sealed};
use crate::operator::Operator;
use crate::store;

/// How soon a replica that only writes takes a new key, and lets go of a destroyed one.
pub(crate) const REFRESH: Duration = Duration::from_secs(2);

/// Seals and opens values of one purpose, such as `identity-documents`. Clones share what they know.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    schema: &'static str,
    purpose: &'static str,
    operator: Operator,
    ring: RwLock<Arc<Ring>>,
}

/// What the database held when it was last asked.
#[derive(Default)]
struct Ring {
    current: Option<Arc<Key>>,
    keys: HashMap<String, Arc<Key>>,
    blind: Option<hmac::Key>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.purpose)
    }
}

impl Keys {
    /// Reads the keys of a purpose; the first replica makes them.
    ///
    /// # Errors
    /// A sentence for the operator: the setting is malformed, does not fit the database's keys, or the database is away.
    pub async fn load(app: &App, purpose: &'static str, field_key: &Secret<String>) -> Result<Self, String> {
        let keys = Self(Arc::new(Inner {
            db: app.db.clone(),
            clock: app.clock.clone(),
            schema: app.name,
            purpose,
            operator: Operator::read(field_key)?,
            ring: RwLock::default(),
        }));
        let begun = async {
            keys.reload().await?;
            if !keys.ring().is_complete() {
                keys.begin().await?;
                keys.reload().await?;
            }
            if keys.ring().is_complete() { Ok(()) } else { Err(Fault::new("FIELD_KEY does not open the current keys")) }
        };
        begun.await.map_err(|fault| format!("the keys of {purpose}: {fault}"))?;
        let (held, stop) = (keys.clone(), app.tasks.stopping());
        app.tasks.spawn(async move {
            let mut pace = tokio::time::interval(REFRESH);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = pace.tick() => {}
                }
                if let Err(error) = held.reload().await {
                    tracing::debug!(purpose = held.0.purpose, error = %error, "the keys could not be read again");
                }
            }
        });
        Ok(keys)
    }

    /// Seals a value for its place, with the current key.
    ///
    /// # Errors
    /// When there is no key any more.
    pub fn seal(&self, place: &Place, plain: &[u8]) -> Result<String, Fault> {
        self.current()?.seal(&self.about(place), plain)
    }

    /// Opens a value at its place. A key that is not known yet is looked up.
    ///
    /// # Errors
    /// When it was sealed for another place, was changed, or its key is gone.
    pub async fn open(&self, place: &Place, sealed: &str) -> Result<Vec<u8>, Fault> {
        let parsed = Sealed::parse(sealed)?;
        let key = match self.find(&parsed.key) {
            Some(key) => key,
            None => {
                self.reload().await?;
                self.find(&parsed.key).ok_or_else(|| Fault::new("the key of a sealed value is gone"))?
            }
        };
        key.open(&self.about(place), &parsed)
    }

    /// The same for text.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub async fn open_text(&self, place: &Place, sealed: &str) -> Result<String, Fault> {
        String::from_utf8(self.open(place, sealed).await?).map_err(Fault::new)
    }

    /// Whether the current key sealed it.
    pub fn is_current(&self, sealed: &str) -> bool {
        match (Sealed::parse(sealed), self.current()) {
            (Ok(sealed), Ok(current)) => sealed.key == current.id,
            _ => false,
        }
    }

    /// A blind index: equal values have equal ones, and nobody without the key can make them. The caller brings values
    /// to one form first. Rotation leaves it as it is.
    ///
    /// # Errors
    /// When there is no key any more.
    pub fn blind(&self, value: &str) -> Result<String, Fault> {
        let ring = self.ring();
        let key = ring.blind.as_ref().ok_or_else(no_key)?;
        Ok(URL_SAFE_NO_PAD.encode(hmac::sign(key, value.as_bytes())))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn schema(&self) -> &'static str {
        self.0.schema
    }

    pub(crate) fn purpose(&self) -> &'static str {
        self.0.purpose
    }

    pub(crate) fn current(&self) -> Result<Arc<Key>, Fault> {
        self.ring().current.clone().ok_or_else(no_key)
    }

    pub(crate) fn context(&self, action: &str) -> Context {
        Context::of_service(self.0.schema, action, self.0.clock.now())
    }

    /// Replaces what is known by what the database holds.
    pub(crate) async fn reload(&self) -> Result<(), Fault> {
        let purposes = [self.0.purpose.to_owned(), self.blind_purpose()];
        let rows = store::list(&mut *self.0.db.background().await?, &purposes).await?;
        let mut ring = Ring::default();
        for row in rows {
            let bytes = match self.0.operator.unwrap(&self.wrapping(row.id, &row.purpose), &row.wrapped) {
                Ok(bytes) => bytes,
                Err(fault) if row.current => return Err(fault),
                // What nobody can unwrap any more is as good as destroyed.
                Err(_) => continue,
            };
            if row.purpose == purposes[1] {
                ring.blind = Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
                continue;
            }
            let key = Arc::new(Key::new(row.id.simple().to_string(), &bytes)?);
            if row.current {
                ring.current = Some(Arc::clone(&key));
            }
            ring.keys.insert(key.id.clone(), key);
        }
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Retires the current key and makes the next one; wraps all keys under the first of the operator's.
    pub(crate) async fn renew(&self) -> Result<(), Fault> {
        let mut tx = self.0.db.begin_background(self.context("rotate-keys")).await?;
        store::retire(&mut tx, self.0.purpose).await?;
        self.add(&mut tx, self.0.purpose).await?;
        for row in store::list(&mut tx, &[self.0.purpose.to_owned(), self.blind_purpose()]).await? {
            let about = self.wrapping(row.id, &row.purpose);
            if self.0.operator.is_current(&row.wrapped) {
                continue;
            }
            if let Ok(bytes) = self.0.operator.unwrap(&about, &row.wrapped) {
                store::rewrap(&mut tx, row.id, &self.0.operator.wrap(&about, &bytes)?).await?;
            }
        }
        self.0.db.commit(tx).await?;
        self.reload().await
    }

    async fn begin(&self) -> Result<(), Fault> {
        let mut tx = self.0.db.begin_background(self.context("first-keys")).await?;
        self.add(&mut tx, self.0.purpose).await?;
        self.add(&mut tx, &self.blind_purpose()).await?;
        Ok(self.0.db.commit(tx).await?)
    }

    async fn add(&self, tx: &mut kit::Tx, purpose: &str) -> Result<(), Fault> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::new("no random bytes"))?;
        let id = Uuid::now_v7();
        let wrapped = self.0.operator.wrap(&self.wrapping(id, purpose), &bytes)?;
        Ok(store::insert(tx, id, purpose, &wrapped).await?)
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.ring().keys.get(id).cloned()
    }

    fn blind_purpose(&self) -> String {
        format!("{}.blind", self.0.purpose)
    }

    fn about(&self, place: &Place) -> String {
        let Place { table, column, row } = place;
        format!("{}|{table}|{column}|{row}", self.0.schema)
    }

    fn wrapping(&self, id: Uuid, purpose: &str) -> String {
        format!("{}|data_key|{purpose}|{id}", self.0.schema)
    }
}

impl Ring {
    fn is_complete(&self) -> bool {
        self.current.is_some() && self.blind.is_some()
    }
}

fn no_key() -> Fault {
    Fault::new("there is no key to seal with")
}
