//! Signing in and out on the wire.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use db::{Audit, Context, Tx};
use kit::{App, Caller, Fault, Reply, check, read, refuse, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{Limits, Throttle, masked};
use crate::password::Password;
use crate::password::hasher::{Hasher, Verdict};
use crate::session::tokens::{ACCESS_SECONDS, Tokens, hash as token_hash, random as random_token};
use crate::session::{Device, Life, Session, SessionId, Use, rpc as sessions, store};
use crate::trust::told::Told;
use crate::user::{State, User, UserId, store as users};
use crate::{Error, NAME};

#[derive(Clone)]
pub(crate) struct Rpc {
    app: App,
    tokens: Arc<Tokens>,
    hasher: Hasher,
    told: Arc<Told>,
    throttle: Arc<Mutex<Throttle>>,
}

/// What comes of looking at a password.
enum Examined {
    Right(Known),
    /// Wrong, or its owner is disabled; whose it was, when that is known.
    Refused(Option<UserId>),
}

/// Somebody whose password was right.
struct Known {
    id: UserId,
    /// The same password hashed with today's parameters, when its hash was weaker.
    stronger_hash: Option<String>,
}

#[async_trait]
impl pb::auth_service_server::AuthService for Rpc {
    async fn login(&self, request: Request<pb::LoginRequest>) -> Reply<pb::LoginResponse> {
        let (caller, message) = check(&request)?;
        let (email, ip) = (message.email.trim().to_owned(), caller.client_ip.clone());
        match self.examine(caller, &email, &message.password).await {
            Ok(Examined::Right(known)) => {
                let answer = self.begin(request, known).await?;
                self.throttle().forgive(&email, &ip);
                Ok(answer)
            }
            Ok(Examined::Refused(id)) => {
                self.record_refused(request, id).await?;
                Err(refuse(NAME, &Error::SignInRefused))
            }
            Err(error) => Err(refuse(NAME, &error)),
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
            match session.judge(shown.used_at, caller.now) {
                Use::First => {
                    let session = Session { life: session.life.used(caller.now), ..session.clone() };
                    store::succeed(tx, &session, &token_hash(token), &token_hash(&successor)).await?;
                }
                Use::Again => {}
                Use::Stolen => {
                    sessions::end(tx, session.id, caller.now, "a refresh token was used twice").await?;
                    return Ok(pb::RefreshResponse::default());
                }
                Use::Late => return Err(Error::RefreshTokenRefused),
            }
            let access_token = tokens.access(&user, session.id, store::clock(tx).await?)?;
            let (expires_in, user) = (ACCESS_SECONDS, Some(user.at(caller.now).into()));
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
    pub(crate) fn new(app: &App, tokens: &Arc<Tokens>, hasher: &Hasher, told: &Arc<Told>, limits: Limits) -> Self {
        Self {
            app: app.clone(),
            tokens: Arc::clone(tokens),
            hasher: hasher.clone(),
            told: Arc::clone(told),
            throttle: Arc::new(Mutex::new(Throttle::new(limits))),
        }
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the password is right and its owner may come in. It takes as long for those who are not known.
    async fn examine(&self, caller: &Caller, email: &str, password: &str) -> Result<Examined, Error> {
        self.throttle().admit(email, &caller.client_ip, caller.now).map_err(Error::SignInThrottled)?;
        let found = users::credentials(&mut *self.app.db.read().await?, email).await?;
        let hash = found.as_ref().and_then(|found| found.password_hash.clone());
        let verdict = self.hasher.verify(password.to_owned(), hash).await?;
        let Some(found) = found else { return Ok(Examined::Refused(None)) };
        let stronger_hash = match verdict {
            Verdict::Wrong => return Ok(Examined::Refused(Some(found.user_id))),
            _ if found.state != State::Active => return Ok(Examined::Refused(Some(found.user_id))),
            Verdict::Right => None,
            Verdict::RightButWeak => Some(self.hasher.hash(Password::known(password)).await?),
        };
        Ok(Examined::Right(Known { id: found.user_id, stronger_hash }))
    }

    async fn begin(&self, request: Request<pb::LoginRequest>, known: Known) -> Reply<pb::LoginResponse> {
        let tokens = Arc::clone(&self.tokens);
        write(&self.app.db, request, async move |tx, caller, _message| {
            let user = users::hold(tx, known.id).await?;
            if user.state != State::Active {
                return Err(Error::SignInRefused);
            }
            if let Some(hash) = &known.stronger_hash {
                users::rehash(tx, user.id, hash).await?;
            }
            let refresh_token = random_token()?;
            let device = Device::new(&caller.user_agent, &caller.client_ip);
            let hash = token_hash(&refresh_token);
            let session = store::begin(tx, user.id, &device, Life::begin(caller.now), &hash).await?;
            record_begun(tx, &user, &session);
            let access_token = tokens.access(&user, session.id, store::clock(tx).await?)?;
            let (expires_in, user) = (ACCESS_SECONDS, Some(user.at(caller.now).into()));
            Ok(pb::LoginResponse { access_token, expires_in, refresh_token, user })
        })
        .await
    }

    /// A failed sign-in is recorded in a transaction of its own: there is none that it could roll back with.
    async fn record_refused(&self, request: Request<pb::LoginRequest>, id: Option<UserId>) -> Reply<pb::LoginResponse> {
        write(&self.app.db, request, async move |tx, caller, message| {
            let device = Device::new(&caller.user_agent, &caller.client_ip);
            let fields = json!({
                "refused": true,
                "email": masked(message.email.trim()),
                "ip_address": device.ip_address,
                "user_agent": device.user_agent,
            });
            let whose = id.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
            tx.audit(Audit::created("sign_in", whose, fields));
            Ok::<_, Error>(pb::LoginResponse::default())
        })
        .await
    }
}

/// Whoever signs in acts for himself from here on.
fn record_begun(tx: &mut Tx, user: &User, session: &Session) {
    let context = tx.context().clone();
    tx.act_for(Context { actor_id: Some(user.id.uuid()), actor_name: user.person.full_name(), ..context });
    let Device { user_agent, ip_address } = &session.device;
    let fields = json!({ "user_id": user.id.to_string(), "ip_address": ip_address, "user_agent": user_agent });
    tx.audit(Audit::created("session", session.id, fields));
}
