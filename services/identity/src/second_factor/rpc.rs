//! Second factors on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Tx};
use kit::{App, Caller, Reply, check, refuse, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::check::{Factors, Proof, place};
use super::{Code, RECOVERY_BYTES, RECOVERY_CODES, SECRET_BYTES, base32, hashed, shown, store, uri};
use crate::session::rpc as sessions;
use crate::session::tokens::random_bytes;
use crate::sign_in::examine::{Examiner, Known};
use crate::trust::told::Told;
use crate::user::{UserId, store as users};
use crate::{Error, NAME, shop};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) examiner: Examiner,
    pub(crate) factors: Factors,
    pub(crate) told: Arc<Told>,
}

#[async_trait]
impl pb::second_factor_service_server::SecondFactorService for Rpc {
    async fn enrol_totp(&self, request: Request<pb::EnrolTotpRequest>) -> Reply<pb::EnrolTotpResponse> {
        let (caller, message) = check(&request)?;
        let prepared = self.enrolling(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        write_with(&self.app.db, request, &prepared, async |tx, caller, _message, (known, secret, sealed)| {
            let (id, _) = sessions::own(caller)?;
            let user = users::lock(tx, id).await?;
            known.counted.forgive(tx).await?;
            if !store::begin(tx, id, sealed).await? {
                return Err(Error::SecondFactorInUse);
            }
            tx.audit(Audit::created("second_factor", id, json!({ "state": "enrolled" })));
            let shop = shop::store::get(tx).await?.profile.name;
            let uri = uri(&shop, &user.person.email, secret);
            Ok::<_, Error>(pb::EnrolTotpResponse { secret: base32(secret), uri })
        })
        .await
    }

    async fn confirm_totp(&self, request: Request<pb::ConfirmTotpRequest>) -> Reply<pb::ConfirmTotpResponse> {
        let (caller, message) = check(&request)?;
        let prepared = self.confirming(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let answer = write_with(&self.app.db, request, &prepared, async |tx, caller, message, (step, codes)| {
            let (user, asking) = sessions::own(caller)?;
            users::lock(tx, user).await?;
            if !store::confirm(tx, user, *step, caller.now).await? {
                return Err(Error::SecondFactorInUse);
            }
            store::set_recovery(tx, user, &codes.iter().map(|code| hashed(code)).collect::<Vec<_>>()).await?;
            changed(tx, caller, (user, asking), message.keep_other_sessions, "on").await?;
            Ok::<_, Error>(pb::ConfirmTotpResponse { recovery_codes: codes.clone() })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn disable_totp(&self, request: Request<pb::DisableTotpRequest>) -> Reply<pb::DisableTotpResponse> {
        let (caller, message) = check(&request)?;
        let caller = caller.clone();
        let prepared = self.disabling(&caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let disabled = write_with(&self.app.db, request, &prepared, async |tx, caller, message, (known, proof)| {
            let (user, asking) = sessions::own(caller)?;
            users::lock(tx, user).await?;
            known.counted.forgive(tx).await?;
            proof.use_up(tx, user).await.map_err(wrong_code)?;
            if !store::remove(tx, user).await? {
                return Err(Error::SecondFactorOff);
            }
            changed(tx, caller, (user, asking), message.keep_other_sessions, "off").await?;
            Ok::<_, Error>(pb::DisableTotpResponse {})
        })
        .await;
        if disabled.as_ref().is_err_and(|refused| refused.code() == tonic::Code::InvalidArgument) {
            let recorded = self.examiner.record_refused_of(&caller, prepared.0.id).await;
            recorded.map_err(|error| refuse(NAME, &error))?;
        }
        let answer = disabled?;
        self.told.renew_now().await;
        Ok(answer)
    }
}

impl Rpc {
    /// A new secret, sealed, of somebody who knows his password.
    async fn enrolling(
        &self,
        caller: &Caller,
        message: &pb::EnrolTotpRequest,
    ) -> Result<(Known, Vec<u8>, String), Error> {
        let known = self.examiner.confirm(caller, &message.current_password).await?;
        let secret = random_bytes::<SECRET_BYTES>()?.to_vec();
        let sealed = self.factors.keys.seal(&place(known.id), &secret)?;
        Ok((known, secret, sealed))
    }

    /// The app shows the right code; and the codes for the paper.
    async fn confirming(&self, caller: &Caller, message: &pb::ConfirmTotpRequest) -> Result<(i64, Vec<String>), Error> {
        let (user, _) = sessions::own(caller)?;
        self.examiner.guard.admit_address(caller)?;
        let totp = store::find(&mut *self.app.db.read().await?, user).await?.ok_or(Error::SecondFactorOff)?;
        let step = match Code::read(&message.code) {
            Code::Totp(code) => self.factors.step(caller, &totp, &code).await?,
            Code::Recovery(_) => None,
        };
        let step = step.ok_or(Error::CodeWrong)?;
        self.examiner.guard.forgive_address(caller);
        let codes = (0..RECOVERY_CODES).map(|_| Ok(shown(&random_bytes::<RECOVERY_BYTES>()?)));
        Ok((step, codes.collect::<Result<_, kit::Fault>>()?))
    }

    async fn disabling(&self, caller: &Caller, message: &pb::DisableTotpRequest) -> Result<(Known, Proof), Error> {
        let known = self.examiner.confirm(caller, &message.current_password).await?;
        match self.factors.look(caller, known.id, Some(&message.code)).await {
            Ok(proof) => Ok((known, proof)),
            Err(refused @ (Error::SignInRefused | Error::SecondFactorRequired)) => {
                self.examiner.record_refused_of(caller, known.id).await?;
                Err(wrong_code(refused))
            }
            Err(other) => Err(other),
        }
    }
}

/// He is signed in, so it is the code that is wrong and not he.
fn wrong_code(error: Error) -> Error {
    match error {
        Error::SignInRefused | Error::SecondFactorRequired => Error::CodeWrong,
        other => other,
    }
}

/// What follows when somebody signs in with something else from now on.
async fn changed(
    tx: &mut Tx,
    caller: &Caller,
    (user, asking): (UserId, crate::SessionId),
    keep_other_sessions: bool,
    state: &str,
) -> Result<(), Error> {
    if !keep_other_sessions {
        sessions::end_others(tx, user, asking, caller.now, "the second factor was changed").await?;
    }
    store::bump(tx, user).await?;
    tx.audit(Audit::created("second_factor", user, json!({ "state": state })));
    Ok(())
}
