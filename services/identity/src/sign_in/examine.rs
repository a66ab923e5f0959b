//! Looking at passwords: it takes as long, and says as little, for whoever is not known.

use std::sync::Arc;

use db::Audit;
use kit::{App, Caller, Fault};
use serde_json::json;

use super::guard::{Admitted, Guard, Try};
use super::masked;
use crate::password::Password;
use crate::password::hasher::{Hasher, Verdict};
use crate::session::Device;
use crate::user::{State, UserId, store as users};
use crate::{Error, NAME};

#[derive(Clone)]
pub(crate) struct Examiner {
    pub(crate) app: App,
    pub(crate) hasher: Hasher,
    pub(crate) guard: Arc<Guard>,
}

/// What comes of looking at a password.
pub(crate) enum Examined {
    Right(Known),
    /// Wrong, or its owner may not come in or must wait; whose it was, when that is known.
    Refused(Option<UserId>),
}

/// Somebody whose password was right.
pub(crate) struct Known {
    pub(crate) id: UserId,
    /// The credentials that were right; a session refers to them.
    pub(crate) credential_version: i64,
    /// The same password hashed with today's parameters, when its hash was weaker.
    pub(crate) stronger_hash: Option<String>,
    pub(crate) counted: Try,
}

impl Examiner {
    /// Whether the password is that of the e-mail address, and its owner may come in.
    ///
    /// # Errors
    /// When the client address or this process has too much to do, and the database's.
    pub(crate) async fn examine(&self, caller: &Caller, email: &str, password: &str) -> Result<Examined, Error> {
        self.guard.admit_address(caller)?;
        let admitted = self.guard.admit(email, caller).await?;
        let found = users::credentials(&mut *self.app.db.read().await?, email).await?;
        // While one waits nothing is compared, in the time that comparing takes.
        let hash = match &admitted {
            Admitted::Try(_) => found.as_ref().and_then(|found| found.password_hash.clone()),
            Admitted::Waits => None,
        };
        let verdict = self.hasher.verify(password.to_owned(), hash).await?;
        let refused = Ok(Examined::Refused(found.as_ref().map(|found| found.user_id)));
        let (Some(found), Admitted::Try(counted)) = (found, admitted) else { return refused };
        let stronger_hash = match verdict {
            Verdict::Wrong => return refused,
            _ if found.state != State::Active => return refused,
            Verdict::Right => None,
            Verdict::RightButWeak => Some(self.hasher.hash_known(Password::known(password)).await?),
        };
        Ok(Examined::Right(Known {
            id: found.user_id,
            credential_version: found.credential_version,
            stronger_hash,
            counted,
        }))
    }

    /// Whether the password is that of the user who asks, before he changes how he signs in. A wrong one counts as a
    /// failed sign-in.
    ///
    /// # Errors
    /// [`Error::PasswordWrong`], also while one must wait.
    pub(crate) async fn confirm(&self, caller: &Caller, password: &str) -> Result<Known, Error> {
        let id = caller.user_id().ok_or_else(|| Fault::new("the door lets nobody through without a user"))?;
        let user = users::get(&mut *self.app.db.read().await?, UserId::from_uuid(id)).await?;
        match self.examine(caller, &user.person.email, password).await? {
            Examined::Right(known) if known.id == user.id => {
                self.guard.forgive_address(caller);
                Ok(known)
            }
            Examined::Right(_) | Examined::Refused(_) => {
                self.record_refused(caller, &user.person.email, Some(user.id)).await?;
                Err(Error::PasswordWrong)
            }
        }
    }

    /// The password was right, and something else is still missing.
    pub(crate) async fn take_back(&self, caller: &Caller, known: &Known) -> Result<(), Error> {
        let mut tx = self.app.db.begin(caller.context(NAME)).await?;
        known.counted.take_back(&mut tx).await?;
        Ok(self.app.db.commit(tx).await?)
    }

    /// The same of somebody known.
    pub(crate) async fn record_refused_of(&self, caller: &Caller, id: UserId) -> Result<(), Error> {
        let user = users::get(&mut *self.app.db.read().await?, id).await?;
        self.record_refused(caller, &user.person.email, Some(id)).await
    }

    /// A failed sign-in is recorded in a transaction of its own: there is none that it could roll back with.
    pub(crate) async fn record_refused(&self, caller: &Caller, email: &str, id: Option<UserId>) -> Result<(), Error> {
        let Device { user_agent, ip_address } = Device::new(&caller.user_agent, &caller.client_ip);
        let fields = json!({
            "refused": true,
            "email": masked(email),
            "ip_address": ip_address,
            "user_agent": user_agent,
        });
        let mut tx = self.app.db.begin(caller.context(NAME)).await?;
        let whose = id.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
        tx.audit(Audit::created("sign_in", whose, fields));
        Ok(self.app.db.commit(tx).await?)
    }
}
