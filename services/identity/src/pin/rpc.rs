//! PINs on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::Audit;
use kit::{App, Caller, Reply, check, refuse, write, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::{Code, Request};

use super::desk::{Desk, Known, Looked, device};
use super::{Pin, store};
use crate::password::Password;
use crate::second_factor::store as factors;
use crate::session::tokens::{Tokens, hash as token_hash, random as random_token};
use crate::session::{Device, Kind, Life, rpc as sessions, store as session_store};
use crate::sign_in::examine::Examiner;
use crate::sign_in::rpc::record_begun;
use crate::trust::told::Told;
use crate::user::{State, store as users};
use crate::{Error, NAME, shop, sign_in};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) examiner: Examiner,
    pub(crate) desk: Desk,
    pub(crate) told: Arc<Told>,
}

#[async_trait]
impl pb::pin_service_server::PinService for Rpc {
    async fn set_pin(&self, request: Request<pb::SetPinRequest>) -> Reply<pb::SetPinResponse> {
        let (caller, message) = check(&request)?;
        let prepared = self.prepare(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let answer = write_with(&self.app.db, request, &prepared, async |tx, caller, _message, (known, hash)| {
            let (user, _) = sessions::own(caller)?;
            users::lock(tx, user).await?;
            known.counted.forgive(tx).await?;
            store::set(tx, user, hash, caller.now).await?;
            factors::bump(tx, user).await?;
            sessions::end_tills(tx, user, caller.now, "the PIN was changed").await?;
            tx.audit(Audit::created("pin", user, json!({ "state": "set" })));
            Ok::<_, Error>(pb::SetPinResponse {})
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn remove_pin(&self, request: Request<pb::RemovePinRequest>) -> Reply<pb::RemovePinResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, _message| {
            let (user, _) = sessions::own(caller)?;
            users::lock(tx, user).await?;
            if store::remove(tx, user).await? {
                factors::bump(tx, user).await?;
                sessions::end_tills(tx, user, caller.now, "the PIN was removed").await?;
                tx.audit(Audit::created("pin", user, json!({ "state": "removed" })));
            }
            Ok::<_, Error>(pb::RemovePinResponse {})
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn pin_login(&self, request: Request<pb::PinLoginRequest>) -> Reply<pb::PinLoginResponse> {
        let (caller, message) = check(&request)?;
        let looked = self.look(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let prepared = (looked, Arc::clone(&self.tokens));
        let (caller, id) = (caller.clone(), prepared.0.id);
        let begun = write_with(&self.app.db, request, &prepared, async |tx, caller, _message, (known, tokens)| {
            let user = users::hold(tx, known.id).await?;
            if user.state != State::Active {
                return Err(Error::SignInRefused);
            }
            known.settle(tx).await?;
            let refresh_token = random_token()?;
            let device = Device::new(&caller.user_agent, &caller.client_ip);
            let life = Life::at_till(caller.now, shop::store::get(tx).await?.profile.till_lock());
            let (whose, hash) = ((user.id, known.credential_version), token_hash(&refresh_token));
            let session = session_store::begin(tx, whose, Kind::Till, &device, life, &hash).await?;
            record_begun(tx, &user, &session);
            let expires_in = session.token_seconds(caller.now);
            let access_token = tokens.access(&user, &session, expires_in, session_store::clock(tx).await?)?;
            Ok(pb::PinLoginResponse { access_token, expires_in, refresh_token, user: Some(user.into()) })
        })
        .await;
        if begun.as_ref().is_err_and(|refused| refused.code() == Code::Unauthenticated) {
            self.desk.record_refused(&caller, Some(id)).await.map_err(|error| refuse(NAME, &error))?;
        }
        begun
    }
}

impl Rpc {
    async fn prepare(
        &self,
        caller: &Caller,
        message: &pb::SetPinRequest,
    ) -> Result<(sign_in::examine::Known, String), Error> {
        let (user, _) = sessions::own(caller)?;
        let number = users::get(&mut *self.app.db.read().await?, user).await?.staff()?.employee_number;
        let pin = Pin::parse(&message.pin, number.unwrap_or_default())?;
        let known = self.examiner.confirm(caller, &message.current_password).await?;
        Ok((known, self.examiner.hasher.hash_known(Password::known(pin.reveal())).await?))
    }

    async fn look(&self, caller: &Caller, message: &pb::PinLoginRequest) -> Result<Known, Error> {
        let device = device(&message.device_id)?;
        match self.desk.look(caller, device, &message.employee_number, &message.pin).await? {
            Looked::Right(known) => Ok(known),
            Looked::Refused(id) => {
                self.desk.record_refused(caller, id).await?;
                Err(Error::SignInRefused)
            }
        }
    }
}
