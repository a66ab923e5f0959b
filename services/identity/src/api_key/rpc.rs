//! API keys on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Audit, Context, List, Page, Subject, Tx};
use kit::{App, Caller, Fault, Principal, Reply, check, read, refuse, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{ApiKey, ApiKeyId, Draft, Secret, State, store};
use crate::role::{self, rpc::own};
use crate::session::store as sessions;
use crate::session::tokens::{Tokens, hash, random};
use crate::session::{Device, SessionId};
use crate::sign_in::guard::Guard;
use crate::trust::told::Told;
use crate::user::{UserId, store as users};
use crate::{Error, NAME};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) told: Arc<Told>,
    pub(crate) guard: Arc<Guard>,
}

#[async_trait]
impl pb::api_key_service_server::ApiKeyService for Rpc {
    async fn list_api_keys(&self, request: Request<pb::ListApiKeysRequest>) -> Reply<pb::ListApiKeysResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let state = match message.state() {
                pb::api_key::State::Unspecified => None,
                pb::api_key::State::Active => Some(State::Active),
                pb::api_key::State::Expired => Some(State::Expired),
                pb::api_key::State::Revoked => Some(State::Revoked),
                pb::api_key::State::MakerOut => Some(State::MakerOut),
            };
            let Page { data, total } = store::list(conn, state, caller.now, &list).await?;
            let data = data.into_iter().map(|key| Shown { key, now: caller.now }).collect();
            Ok::<_, Error>(Page { data, total }.answer(&list))
        })
        .await
    }

    async fn get_api_key(&self, request: Request<pb::GetApiKeyRequest>) -> Reply<pb::GetApiKeyResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let key = store::get(conn, ApiKeyId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetApiKeyResponse { api_key: Some(Shown { key, now: caller.now }.into()) })
        })
        .await
    }

    async fn create_api_key(&self, request: Request<pb::CreateApiKeyRequest>) -> Reply<pb::CreateApiKeyResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let permissions = role::store::registered(tx, "permissions", &message.permissions).await?;
            role::may_give(&own(caller), &permissions)?;
            let secret = Secret::new(&random()?);
            let draft = Draft::new(&message.name, permissions, message.valid_days, caller.now)?;
            let key = store::insert(tx, maker(caller)?, &draft, &secret.prefix(), &hash(secret.reveal())).await?;
            tell(tx, &key);
            tx.audit(Audit::created("api_key", key.id, key.fields()));
            let shown = pb::ApiKey::from(Shown { key, now: caller.now });
            let api_key = Some(pb::ApiKey { secret: Some(secret.reveal().to_owned()), ..shown });
            Ok::<_, Error>(pb::CreateApiKeyResponse { api_key })
        })
        .await
    }

    async fn revoke_api_key(&self, request: Request<pb::RevokeApiKeyRequest>) -> Reply<pb::RevokeApiKeyResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let key = store::lock(tx, ApiKeyId::parse("id", &message.id)?).await?.revoke(caller.now)?;
            let key = store::save(tx, &key).await?;
            sessions::revoke_tokens(tx, SessionId::from_uuid(key.id.uuid()), key.created_by).await?;
            tell(tx, &key);
            tx.audit(Audit::changed("api_key", key.id, json!({ "revoked": false }), json!({ "revoked": true })));
            Ok::<_, Error>(pb::RevokeApiKeyResponse { api_key: Some(Shown { key, now: caller.now }.into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn exchange_api_key(&self, request: Request<pb::ExchangeApiKeyRequest>) -> Reply<pb::ExchangeApiKeyResponse> {
        let caller = check(&request)?.0.clone();
        self.guard.admit_address(&caller).map_err(|error| refuse(NAME, &error))?;
        let tokens = Arc::clone(&self.tokens);
        let answer = write(&self.app.db, request, async move |tx, caller, message| {
            let key = store::lock_shown(tx, &hash(&message.api_key)).await?.ok_or(Error::ApiKeyRefused)?;
            let maker = users::hold(tx, key.created_by).await?;
            let permissions = key.allows(&maker, caller.now)?;
            store::used(tx, key.id, caller.now).await?;
            record_used(tx, caller, &key);
            let expires_in = key.token_seconds(caller.now);
            let access_token = tokens.of_key(&key, &permissions, expires_in, sessions::clock(tx).await?)?;
            let permissions = permissions.words();
            Ok::<_, Error>(pb::ExchangeApiKeyResponse { access_token, expires_in, permissions })
        })
        .await?;
        self.guard.forgive_address(&caller);
        Ok(answer)
    }
}

/// Who makes a key: a person, since a key that makes others would outlive its own end.
fn maker(caller: &Caller) -> Result<UserId, Error> {
    let user = caller.user.as_ref().ok_or_else(|| Fault::new("the door lets nobody through without a user"))?;
    match user.principal {
        Principal::Staff => Ok(UserId::from_uuid(user.id)),
        Principal::Key | Principal::Portal { .. } => Err(Error::PersonRequired),
    }
}

/// The program acts from here on, on behalf of who made its key.
fn record_used(tx: &mut Tx, caller: &Caller, key: &ApiKey) {
    let context = tx.context().clone();
    tx.act_for(Context { actor_id: Some(key.created_by.uuid()), actor_name: key.actor_name(), ..context });
    let Device { user_agent, ip_address } = Device::new(&caller.user_agent, &caller.client_ip);
    let fields = json!({ "signed_in": true, "ip_address": ip_address, "user_agent": user_agent });
    tx.audit(Audit::created("api_key", key.id, fields));
}

fn tell(tx: &mut Tx, key: &ApiKey) {
    let shown = Shown { key: key.clone(), now: tx.context().now };
    let event = pb::ApiKeyChanged { api_key: Some(shown.into()), version: key.version };
    tx.publish(Subject { id: key.id.uuid(), version: key.version }, &event);
}

/// A key as it is at an instant.
struct Shown {
    key: ApiKey,
    now: DateTime<Utc>,
}

impl From<Shown> for pb::ApiKey {
    fn from(Shown { key, now }: Shown) -> Self {
        let state = match key.state(now) {
            State::Active => pb::api_key::State::Active,
            State::Expired => pb::api_key::State::Expired,
            State::Revoked => pb::api_key::State::Revoked,
            State::MakerOut => pb::api_key::State::MakerOut,
        };
        let ApiKey { id, draft, prefix, created_by, created_by_name, last_used_at, revoked_at, .. } = key;
        Self {
            id: id.to_string(),
            name: draft.name,
            prefix,
            permissions: draft.permissions.words(),
            state: state.into(),
            created_by: created_by.to_string(),
            created_by_name,
            created_at: Some(proto::timestamp(draft.created_at)),
            expires_at: Some(proto::timestamp(draft.expires_at)),
            last_used_at: last_used_at.map(proto::timestamp),
            revoked_at: revoked_at.map(proto::timestamp),
            secret: None,
        }
    }
}
