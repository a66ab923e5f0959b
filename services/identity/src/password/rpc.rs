//! Passwords on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Conn, Context, Tx};
use kit::{App, Reply, check, refuse, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::{Request, Response};

use super::guess::Around;
use super::{Password, reset, store};
use crate::session::rpc as sessions;
use crate::session::tokens::hash as token_hash;
use crate::sign_in::examine::{Examiner, Known};
use crate::sign_in::guard;
use crate::trust::told::Told;
use crate::user::{Person, UserId, store as users};
use crate::{Error, NAME, shop};

#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) app: App,
    /// Where people find the shop; links lead there.
    pub(crate) web_url: String,
    pub(crate) examiner: Examiner,
    pub(crate) told: Arc<Told>,
}

#[async_trait]
impl pb::password_service_server::PasswordService for Rpc {
    async fn change_password(&self, request: Request<pb::ChangePasswordRequest>) -> Reply<pb::ChangePasswordResponse> {
        let (caller, message) = check(&request)?;
        let prepared = self.prepare(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let answer = write_with(&self.app.db, request, &prepared, async |tx, caller, message, (known, hash)| {
            let (user, asking) = sessions::own(caller)?;
            users::lock(tx, user).await?;
            let ended_sessions = match message.keep_other_sessions {
                true => 0,
                false => sessions::end_others(tx, user, asking, caller.now, "the password was changed").await?,
            };
            known.counted.forgive(tx).await?;
            set(tx, user, Some(known.credential_version), hash, "by the user").await?;
            Ok::<_, Error>(pb::ChangePasswordResponse { ended_sessions })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn forgot_password(&self, request: Request<pb::ForgotPasswordRequest>) -> Reply<pb::ForgotPasswordResponse> {
        let (caller, message) = check(&request)?;
        let (rpc, context) = (self.clone(), caller.context(NAME));
        let email = message.email.trim().to_owned();
        // The answer does not wait, so it takes as long whoever has the address, or nobody.
        self.app.tasks.spawn(async move {
            if let Err(error) = rpc.forgotten(context, &email).await {
                tracing::error!(%error, "a forgotten password could not be followed by a letter");
            }
        });
        Ok(Response::new(pb::ForgotPasswordResponse {}))
    }

    async fn reset_password(&self, request: Request<pb::ResetPasswordRequest>) -> Reply<pb::ResetPasswordResponse> {
        let (caller, message) = check(&request)?;
        let hash = self.hash_for(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let answer = write_with(&self.app.db, request, &hash, async |tx, caller, message, hash| {
            let token_hash = token_hash(&message.token);
            // The user before his links, as whoever withdraws them locks both.
            let user = store::find_reset(tx, &token_hash, caller.now).await?.ok_or(Error::ResetRefused)?;
            let user = users::lock(tx, user).await?;
            if !user.may_reset() || !store::use_reset(tx, &token_hash, caller.now).await? {
                return Err(Error::ResetRefused);
            }
            let context = tx.context().clone();
            tx.act_for(Context { actor_id: Some(user.id.uuid()), actor_name: user.person.full_name(), ..context });
            sessions::end_all(tx, user.id, caller.now, "the password was reset").await?;
            guard::forgive(tx, &user.person.email).await?;
            set(tx, user.id, None, hash, "by a link").await?;
            Ok::<_, Error>(pb::ResetPasswordResponse {})
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn start_password_reset(
        &self,
        request: Request<pb::StartPasswordResetRequest>,
    ) -> Reply<pb::StartPasswordResetResponse> {
        write_with(&self.app.db, request, &self.web_url, async |tx, caller, message, web_url| {
            let user = users::lock(tx, UserId::parse("id", &message.id)?).await?.staff()?.resettable()?;
            let (administrator, _) = sessions::own(caller)?;
            reset::send(tx, web_url, &user, Some(administrator), caller.now).await?;
            Ok::<_, Error>(pb::StartPasswordResetResponse {})
        })
        .await
    }
}

impl Rpc {
    async fn forgotten(&self, context: Context, email: &str) -> Result<(), Error> {
        let now = context.now;
        let mut tx = self.app.db.begin(context).await?;
        reset::forgotten(&mut tx, &self.web_url, email, now).await?;
        Ok(self.app.db.commit(tx).await?)
    }

    /// The hash of a new password. It takes its time, so only for a link that works; whoever tries many is stopped.
    async fn hash_for(&self, caller: &kit::Caller, message: &pb::ResetPasswordRequest) -> Result<String, Error> {
        self.examiner.guard.admit_address(caller)?;
        let around = {
            let mut conn = self.app.db.read().await?;
            let user = store::find_reset(&mut conn, &token_hash(&message.token), caller.now).await?;
            let user = users::get(&mut conn, user.ok_or(Error::ResetRefused)?).await?;
            around(&mut conn, &user.person).await?
        };
        self.examiner.hasher.hash(Password::parse(&message.password, &around)?).await
    }

    /// The password so far is right, and the hash of the next one.
    async fn prepare(
        &self,
        caller: &kit::Caller,
        message: &pb::ChangePasswordRequest,
    ) -> Result<(Known, String), Error> {
        let (user, _) = sessions::own(caller)?;
        let around = {
            let mut conn = self.app.db.read().await?;
            let user = users::get(&mut conn, user).await?;
            around(&mut conn, &user.person).await?
        };
        let password = Password::parse(&message.password, &around)?;
        let known = self.examiner.confirm(caller, &message.current_password).await?;
        Ok((known, self.examiner.hasher.hash(password).await?))
    }
}

/// What must not be the password of somebody in this shop.
pub(crate) async fn around(conn: &mut Conn, person: &Person) -> Result<Around, Error> {
    Ok(Around::new(&shop::store::get(conn).await?.profile.name, person))
}

/// Sets a password and records that it was. Whoever could read a letter before needs another one.
///
/// # Errors
/// [`Error::PasswordWrong`] when the one that was shown was changed meanwhile.
async fn set(tx: &mut Tx, user: UserId, shown: Option<i64>, hash: &str, why: &str) -> Result<(), Error> {
    if !store::set(tx, user, shown, hash).await? {
        return Err(Error::PasswordWrong);
    }
    store::withdraw(tx, user).await?;
    tx.audit(Audit::created("password", user, json!({ "changed": why })));
    Ok(())
}
