//! Passwords on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Tx};
use kit::{App, Reply, check, refuse, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{Password, store};
use crate::session::rpc as sessions;
use crate::sign_in::examine::{Examiner, Known};
use crate::trust::told::Told;
use crate::user::{UserId, store as users};
use crate::{Error, NAME};

pub(crate) struct Rpc {
    pub(crate) app: App,
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
}

impl Rpc {
    /// The password so far is right, and the hash of the next one.
    async fn prepare(
        &self,
        caller: &kit::Caller,
        message: &pb::ChangePasswordRequest,
    ) -> Result<(Known, String), Error> {
        let password = Password::parse(&message.password)?;
        let known = self.examiner.confirm(caller, &message.current_password).await?;
        Ok((known, self.examiner.hasher.hash(password).await?))
    }
}

/// Sets a password and records that it was.
///
/// # Errors
/// [`Error::PasswordWrong`] when the one that was shown was changed meanwhile.
async fn set(tx: &mut Tx, user: UserId, shown: Option<i64>, hash: &str, why: &str) -> Result<(), Error> {
    if !store::set(tx, user, shown, hash).await? {
        return Err(Error::PasswordWrong);
    }
    tx.audit(Audit::created("password", user, json!({ "changed": why })));
    Ok(())
}
