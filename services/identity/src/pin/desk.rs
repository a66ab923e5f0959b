//! Looking at PINs: it takes as long, and says as little, for whoever is not known.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use db::{Audit, Tx};
use kit::{App, Caller};
use serde_json::json;
use types::Violation;

use super::store::{self, Held};
use super::{DeviceId, Tries};
use crate::password::hasher::{Hasher, Verdict};
use crate::session::Device;
use crate::sign_in::guard::Guard;
use crate::user::UserId;
use crate::{Error, NAME};

#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) app: App,
    pub(crate) hasher: Hasher,
    pub(crate) guard: Arc<Guard>,
}

/// What comes of looking at a PIN.
pub(crate) enum Looked {
    Right(Known),
    /// Wrong, locked, or of nobody; whose it was, when that is known.
    Refused(Option<UserId>),
}

/// Somebody whose PIN was right.
pub(crate) struct Known {
    pub(crate) id: UserId,
    pub(crate) credential_version: i64,
    device: DeviceId,
    /// Of the PIN that was right.
    hash: String,
    tried_at: DateTime<Utc>,
}

impl Desk {
    /// Whether the PIN is that of the employee, at a till where somebody signed in fully.
    ///
    /// # Errors
    /// When the client address or this process has too much to do, and the database's.
    pub(crate) async fn look(
        &self,
        caller: &Caller,
        device: DeviceId,
        employee_number: &str,
        pin: &str,
    ) -> Result<Looked, Error> {
        self.guard.admit_address(caller)?;
        // Numbers begin at one, so what is no number is nobody's.
        let employee_number = employee_number.trim().parse().unwrap_or_default();
        let (held, admitted) = self.count(caller, device, employee_number).await?;
        let hash = held.as_ref().filter(|_| admitted).map(|held| held.hash.clone());
        let verdict = self.hasher.verify(pin.to_owned(), hash).await?;
        match held {
            Some(held) if admitted && verdict != Verdict::Wrong => {
                self.guard.forgive_address(caller);
                Ok(Looked::Right(Known {
                    id: held.user,
                    credential_version: held.credential_version,
                    device,
                    hash: held.hash,
                    tried_at: caller.now,
                }))
            }
            held => Ok(Looked::Refused(held.map(|held| held.user))),
        }
    }

    /// Counts a try of the person and at the till, before the PIN is looked at. False when either had too many.
    async fn count(
        &self,
        caller: &Caller,
        device: DeviceId,
        employee_number: i64,
    ) -> Result<(Option<Held>, bool), Error> {
        let mut tx = self.app.db.begin(caller.context(NAME)).await?;
        let till = store::lock_till(&mut tx, device, caller.now).await?;
        let held = store::lock_pin(&mut tx, employee_number).await?;
        let tried_till = till.as_ref().and_then(|tries| tries.tried(caller.now));
        let tried_pin = held.as_ref().and_then(|held| held.tries.tried(caller.now));
        // A try at a locked till costs the person nothing, and the other way round.
        if let (Some(tries), true) = (&tried_till, held.is_none() || tried_pin.is_some()) {
            store::save_till(&mut tx, device, tries).await?;
            record_lock(&mut tx, "till", device.to_string(), tries);
        }
        if let (Some(held), Some(tries), true) = (&held, &tried_pin, tried_till.is_some()) {
            store::save_pin(&mut tx, held.user, tries).await?;
            record_lock(&mut tx, "pin", held.user.to_string(), tries);
        }
        self.app.db.commit(tx).await?;
        Ok((held, tried_till.is_some() && tried_pin.is_some()))
    }

    /// A PIN that was refused is recorded in a transaction of its own.
    pub(crate) async fn record_refused(&self, caller: &Caller, id: Option<UserId>) -> Result<(), Error> {
        let Device { user_agent, ip_address } = Device::new(&caller.user_agent, &caller.client_ip);
        let fields = json!({ "refused": true, "by": "pin", "ip_address": ip_address, "user_agent": user_agent });
        let mut tx = self.app.db.begin(caller.context(NAME)).await?;
        let whose = id.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
        tx.audit(Audit::created("sign_in", whose, fields));
        Ok(self.app.db.commit(tx).await?)
    }
}

impl Known {
    /// The PIN was right: the person's failures are forgotten, the till has its try back.
    ///
    /// # Errors
    /// [`Error::SignInRefused`] when the PIN is another one by now, or the till nobody's whom we trust.
    pub(crate) async fn settle(&self, tx: &mut Tx) -> Result<(), Error> {
        self.give_back(tx).await?;
        store::save_pin(tx, self.id, &Tries::none()).await
    }

    /// The PIN was right, but he may not do what he wants: his try is given back, and what failed before still counts.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub(crate) async fn take_back(&self, tx: &mut Tx) -> Result<(), Error> {
        let tries = self.give_back(tx).await?;
        store::save_pin(tx, self.id, &tries).await
    }

    /// Gives the till its try back; answers what is left of the person's.
    async fn give_back(&self, tx: &mut Tx) -> Result<Tries, Error> {
        let now = tx.context().now;
        let till = store::lock_till(tx, self.device, now).await?.ok_or(Error::SignInRefused)?;
        let own = store::lock_own(tx, self.id).await?.filter(|(hash, _)| *hash == self.hash);
        let (_, tries) = own.ok_or(Error::SignInRefused)?;
        store::save_till(tx, self.device, &till.given_back(self.tried_at)).await?;
        Ok(tries.given_back(self.tried_at))
    }
}

/// A till's id as it was sent.
///
/// # Errors
/// A violation of `device_id`.
pub(crate) fn device(text: &str) -> Result<DeviceId, Violation> {
    DeviceId::parse("device_id", text)
}

/// That nobody can try any more is worth a look: it counts as failed, unless the last try was right.
fn record_lock(tx: &mut Tx, kind: &'static str, id: String, tries: &Tries) {
    if tries.is_locked() {
        tx.audit(Audit::changed(kind, id, json!({}), json!({ "tries_used_up": true })));
    }
}
