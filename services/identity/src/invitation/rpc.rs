//! Invitations on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Context, Tx};
use kit::{App, Reply, check, refuse, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{letter, store};
use crate::password::hasher::Hasher;
use crate::password::rpc::around;
use crate::password::{self, Password};
use crate::session::tokens::{hash, random};
use crate::sign_in::guard::Guard;
use crate::user::{self, User, store as users};
use crate::{Error, NAME, shop};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) hasher: Hasher,
    pub(crate) guard: Arc<Guard>,
}

#[async_trait]
impl pb::invitation_service_server::InvitationService for Rpc {
    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Reply<pb::AcceptInvitationResponse> {
        let caller = check(&request)?.0.clone();
        self.guard.admit_address(&caller).map_err(|error| refuse(NAME, &error))?;
        let password_hash = self.examine(&request).await.map_err(|error| refuse(NAME, &error))?;
        let answer = write(&self.app.db, request, async move |tx, caller, message| {
            let token_hash = hash(&message.token);
            // The user before the invitation, as whoever invites again locks them.
            let invited = store::find(tx, &token_hash, caller.now).await?.ok_or(Error::InvitationRefused)?;
            let user = users::lock(tx, invited).await?;
            let active = user.clone().accept()?;
            if !store::consume(tx, &token_hash, caller.now).await? {
                return Err(Error::InvitationRefused);
            }
            let context = tx.context().clone();
            tx.act_for(Context { actor_id: Some(user.id.uuid()), actor_name: user.person.full_name(), ..context });
            password::store::set(tx, user.id, None, &password_hash).await?;
            let active = user::rpc::save(tx, &user, active).await?;
            Ok(pb::AcceptInvitationResponse { email: active.person.email })
        })
        .await?;
        self.guard.forgive_address(&caller);
        Ok(answer)
    }
}

impl Rpc {
    /// The hash of the password to be. It takes its time, so only for a token that opens.
    async fn examine(&self, request: &Request<pb::AcceptInvitationRequest>) -> Result<String, Error> {
        let message = request.get_ref();
        let around = {
            let mut conn = self.app.db.read().await?;
            let known = store::find(&mut conn, &hash(&message.token), self.app.clock.now()).await?;
            let user = users::get(&mut conn, known.ok_or(Error::InvitationRefused)?).await?;
            around(&mut conn, &user.person).await?
        };
        self.hasher.hash(Password::parse(&message.password, &around)?).await
    }
}

/// Writes to somebody who is to choose a password.
pub(crate) async fn send(tx: &mut Tx, web_url: &str, user: &User) -> Result<(), Error> {
    let token = random()?;
    let now = tx.context().now;
    store::insert(tx, user.id, &hash(&token), now).await?;
    let shop = shop::store::get(tx).await?.profile.name;
    let url = format!("{}/accept-invitation#token={token}", web_url.trim_end_matches('/'));
    mail::enqueue(tx, &letter(&shop, &user.person, &url)).await?;
    tx.audit(Audit::created("invitation", user.id, json!({ "email": user.person.email })));
    Ok(())
}
