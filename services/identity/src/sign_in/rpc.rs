//! Signing in and out on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Context, Tx};
use kit::{App, Fault, Reply, check, read, refuse, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::{Code, Request};

use super::examine::{Examined, Examiner, Known};
use crate::pin::{TRUSTED, desk::device, store as pins};
use crate::second_factor::check::{Factors, Proof};
use crate::session::tokens::{Tokens, hash as token_hash, random as random_token};
use crate::session::{Device, Kind, Life, Session, SessionId, Use, rpc as sessions, store};
use crate::trust::told::Told;
use crate::user::{State, User, UserId, store as users};
use crate::{Error, NAME, shop};

#[derive(Clone)]
pub(crate) struct Rpc {
    app: App,
    tokens: Arc<Tokens>,
    told: Arc<Told>,
    examiner: Examiner,
    factors: Factors,
}

#[async_trait]
impl pb::auth_service_server::AuthService for Rpc {
    async fn login(&self, request: Request<pb::LoginRequest>) -> Reply<pb::LoginResponse> {
        let (caller, message) = check(&request)?;
        let (caller, email) = (caller.clone(), message.email.trim().to_owned());
        let no = |error: Error| refuse(NAME, &error);
        match self.examiner.examine(&caller, &email, &message.password).await.map_err(no)? {
            Examined::Right(known) => {
                let factor = self.factors.look(&caller, known.id, message.code.as_deref()).await;
                if matches!(factor, Err(Error::SecondFactorRequired)) {
                    // He did not fail, but what failed before still counts.
                    self.examiner.take_back(&caller, &known).await.map_err(no)?;
                    self.examiner.guard.forgive_address(&caller);
                    return Err(no(Error::SecondFactorRequired));
                }
                let id = known.id;
                let begun = match factor {
                    Ok(factor) => self.begin(request, (known, factor)).await,
                    Err(error) => Err(no(error)),
                };
                match &begun {
                    Ok(_) => self.examiner.guard.forgive_address(&caller),
                    Err(refused) if refused.code() == Code::Unauthenticated => {
                        self.examiner.record_refused(&caller, &email, Some(id)).await.map_err(no)?;
                    }
                    Err(_) => {}
                }
                begun
            }
            Examined::Refused(id) => {
                self.examiner.record_refused(&caller, &email, id).await.map_err(no)?;
                Err(no(Error::SignInRefused))
            }
        }
    }

    async fn refresh(&self, request: Request<pb::RefreshRequest>) -> Reply<pb::RefreshResponse> {
        let tokens = Arc::clone(&self.tokens);
        let answer = write(&self.app.db, request, async move |tx, caller, message| {
            let token = message.refresh_token.as_str();
            // The user before the session, as whoever ends both locks them; and as he stays until the token is given.
            let owner = store::owner_of(tx, &token_hash(token)).await?.ok_or(Error::RefreshTokenRefused)?;
            let user = users::hold(tx, owner).await?;
            let shown = store::lock_shown(tx, &token_hash(token)).await?.ok_or(Error::RefreshTokenRefused)?;
            let (successor, session) = (tokens.successor(token), shown.session);
            let session = match session.judge(shown.used_at, caller.now) {
                Use::First => {
                    let lock = shop::store::get(tx).await?.profile.till_lock();
                    let life = session.life.used(caller.now, session.kind, lock);
                    let session = Session { life, ..session };
                    store::succeed(tx, &session, &token_hash(token), &token_hash(&successor)).await?;
                    session
                }
                Use::Again => session,
                Use::Stolen => {
                    sessions::end(tx, session.id, caller.now, "a refresh token was used twice").await?;
                    return Ok(pb::RefreshResponse::default());
                }
                Use::Late => return Err(Error::RefreshTokenRefused),
            };
            let expires_in = session.token_seconds(caller.now);
            let access_token = tokens.access(&user, &session, expires_in, store::clock(tx).await?)?;
            let user = Some(user.at(caller.now).into());
            Ok(pb::RefreshResponse { access_token, expires_in, refresh_token: successor, user })
        })
        .await?;
        // The end of a session must be committed, so the refusal comes after it.
        if answer.get_ref().access_token.is_empty() {
            self.told.renew_now().await;
            metrics::counter!("refresh_tokens_reused_total").increment(1);
            return Err(refuse(NAME, &Error::RefreshTokenRefused));
        }
        Ok(answer)
    }

    async fn logout(&self, request: Request<pb::LogoutRequest>) -> Reply<pb::LogoutResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, _message| {
            let Some(user) = &caller.user else { return Ok(pb::LogoutResponse {}) };
            match sessions::end(tx, SessionId::from_uuid(user.session_id), caller.now, "signed out").await {
                Ok(()) | Err(Error::SessionNotFound(_)) => Ok(pb::LogoutResponse {}),
                Err(error) => Err(error),
            }
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn get_me(&self, request: Request<pb::GetMeRequest>) -> Reply<pb::GetMeResponse> {
        read(&self.app.db, request, async |conn, caller, _message| {
            let id = caller.user_id().ok_or_else(|| Fault::new("the door lets nobody through without a user"))?;
            let user = users::get(conn, UserId::from_uuid(id)).await?.at(caller.now);
            Ok::<_, Error>(pb::GetMeResponse { user: Some(user.into()) })
        })
        .await
    }
}

impl Rpc {
    pub(crate) fn new(
        app: &App,
        tokens: &Arc<Tokens>,
        told: &Arc<Told>,
        examiner: &Examiner,
        factors: &Factors,
    ) -> Self {
        Self {
            app: app.clone(),
            tokens: Arc::clone(tokens),
            told: Arc::clone(told),
            examiner: examiner.clone(),
            factors: factors.clone(),
        }
    }

    async fn begin(
        &self,
        request: Request<pb::LoginRequest>,
        (known, factor): (Known, Proof),
    ) -> Reply<pb::LoginResponse> {
        let tokens = Arc::clone(&self.tokens);
        write(&self.app.db, request, async move |tx, caller, message| {
            let till = message.device_id.as_deref().filter(|id| !id.is_empty()).map(device).transpose()?;
            let user = users::hold(tx, known.id).await?;
            if user.state != State::Active {
                return Err(Error::SignInRefused);
            }
            if let Some(hash) = &known.stronger_hash {
                users::rehash(tx, user.id, hash).await?;
            }
            factor.use_up(tx, user.id).await?;
            known.counted.forgive(tx).await?;
            // This very try had been counted, and might show as a lock.
            let user = User { locked_until: None, ..user };
            // A customer signs in from anywhere; only who works here makes a till of a device. Tills before PINs, as whoever
            // tries a PIN locks them.
            if let Some(till) = till.filter(|_| user.membership.is_none()) {
                pins::trust(tx, till, user.id, caller.now, caller.now + TRUSTED).await?;
            }
            pins::unlock(tx, user.id).await?;
            let refresh_token = random_token()?;
            let device = Device::new(&caller.user_agent, &caller.client_ip);
            let hash = token_hash(&refresh_token);
            let (whose, life) = ((user.id, known.credential_version), Life::begin(caller.now));
            let session = store::begin(tx, whose, Kind::Full, &device, life, &hash).await?;
            record_begun(tx, &user, &session);
            let expires_in = session.token_seconds(caller.now);
            let access_token = tokens.access(&user, &session, expires_in, store::clock(tx).await?)?;
            Ok(pb::LoginResponse { access_token, expires_in, refresh_token, user: Some(user.into()) })
        })
        .await
    }
}

/// Whoever signs in acts for himself from here on.
pub(crate) fn record_begun(tx: &mut Tx, user: &User, session: &Session) {
    let context = tx.context().clone();
    tx.act_for(Context { actor_id: Some(user.id.uuid()), actor_name: user.person.full_name(), ..context });
    let Device { user_agent, ip_address } = &session.device;
    let fields = json!({ "user_id": user.id.to_string(), "ip_address": ip_address, "user_agent": user_agent });
    tx.audit(Audit::created("session", session.id, fields));
}
