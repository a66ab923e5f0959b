//! Whether somebody whose password was right shows his second factor, too.

use cipher::{Keys, Place};
use db::Tx;
use kit::{App, Caller};

use super::store::Totp;
use super::{Code, step_of, store};
use crate::Error;
use crate::user::UserId;

/// What the secrets of the apps are sealed for.
pub(crate) const PURPOSE: &str = "second-factors";

#[derive(Clone)]
pub(crate) struct Factors {
    pub(crate) app: App,
    pub(crate) keys: Keys,
}

/// A code that was right; it is used up with the transaction.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// He has no second factor.
    NotNeeded,
    Step(i64),
    Recovery(Vec<u8>),
}

impl Factors {
    /// Looks at the code of a user.
    ///
    /// # Errors
    /// [`Error::SecondFactorRequired`] when there is none and should be, [`Error::SignInRefused`] when it is wrong.
    pub(crate) async fn look(&self, caller: &Caller, user: UserId, code: Option<&str>) -> Result<Proof, Error> {
        let totp = store::find(&mut *self.app.db.read().await?, user).await?;
        let Some(totp) = totp.filter(|totp| totp.confirmed_at.is_some()) else { return Ok(Proof::NotNeeded) };
        let code = code.filter(|code| !code.trim().is_empty()).ok_or(Error::SecondFactorRequired)?;
        match Code::read(code) {
            Code::Totp(code) => self.step(caller, &totp, &code).await?.map(Proof::Step).ok_or(Error::SignInRefused),
            Code::Recovery(hash) => Ok(Proof::Recovery(hash)),
        }
    }

    /// The step of a code that holds now.
    pub(crate) async fn step(&self, caller: &Caller, totp: &Totp, code: &str) -> Result<Option<i64>, Error> {
        let secret = self.keys.open(&place(totp.user), &totp.sealed).await?;
        Ok(step_of(code, &secret, totp.last_step, caller.now))
    }
}

impl Proof {
    /// Uses the code up.
    ///
    /// # Errors
    /// [`Error::SignInRefused`] when it was used before.
    pub(crate) async fn use_up(&self, tx: &mut Tx, user: UserId) -> Result<(), Error> {
        let now = tx.context().now;
        let right = match self {
            Self::NotNeeded => true,
            Self::Step(step) => store::use_step(tx, user, *step).await?,
            Self::Recovery(hash) => store::use_recovery(tx, user, hash, now).await?,
        };
        if right { Ok(()) } else { Err(Error::SignInRefused) }
    }
}

pub(crate) fn place(user: UserId) -> Place {
    Place { table: "totp", column: "secret", row: user.uuid() }
}
