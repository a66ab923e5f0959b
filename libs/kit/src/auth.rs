//! Tokens: who the user is, and which service is calling. Nothing here asks anybody; what must be known is told in
//! advance ([`Trust`]).

mod claims;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Approval, User};

pub use claims::{AccessClaims, ApprovalClaims, BY_PIN};

/// How far two clocks may be apart, in seconds.
const LEEWAY_SECONDS: u64 = 30;
/// How long a service token lives, in seconds.
const SERVICE_TOKEN_SECONDS: i64 = 60;
/// Verified tokens that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// The `typ` of access tokens, approvals and service tokens; none passes for another.
pub const ACCESS_TYPE: &str = "at+jwt";
const APPROVAL_TYPE: &str = "approval+jwt";
const SERVICE_TYPE: &str = "svc+jwt";

/// What every service knows of identity: keys, and revocations of the last access-token life.
#[derive(Clone, Debug, Default)]
pub struct Trust(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    sessions: HashMap<Uuid, i64>,
    users: HashMap<Uuid, i64>,
    tokens: HashMap<String, Arc<User>>,
    told: bool,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("keys", &self.keys.len()).field("sessions", &self.sessions.len()).finish()
    }
}

/// Tokens that no longer hold: those of a session, or with none all of a user, issued until an instant.
#[derive(Clone, Copy, Debug)]
pub struct Revoked {
    pub session_id: Option<Uuid>,
    pub user_id: Uuid,
    pub at: DateTime<Utc>,
}

impl Trust {
    /// Replaces what is known. A key is its id and its 32 public bytes in base64url (the `x` of RFC 8037).
    pub fn tell(&self, keys: &[(String, String)], revoked: &[Revoked]) {
        let Ok(mut known) = self.0.write() else { return };
        let keys: HashMap<String, DecodingKey> = keys
            .iter()
            .filter_map(|(kid, x)| DecodingKey::from_ed_components(x).ok().map(|key| (kid.clone(), key)))
            .collect();
        if keys.len() != known.keys.len() || keys.keys().any(|kid| !known.keys.contains_key(kid)) {
            known.tokens.clear();
        }
        known.keys = keys;
        known.sessions = revoked.iter().filter_map(|r| r.session_id.map(|id| (id, r.at.timestamp_millis()))).collect();
        known.users =
            revoked.iter().filter(|r| r.session_id.is_none()).map(|r| (r.user_id, r.at.timestamp_millis())).collect();
        known.told = true;
    }

    /// Whether identity has been heard at all.
    pub fn is_told(&self) -> bool {
        self.0.read().is_ok_and(|known| known.told)
    }

    fn remembered(&self, token: &str, now: DateTime<Utc>) -> Option<Result<Arc<User>, ()>> {
        let known = self.0.read().ok()?;
        let user = known.tokens.get(token)?;
        if user.expires_at + TimeDelta::seconds(30) < now {
            return Some(Err(()));
        }
        Some(if known.holds(user) { Ok(Arc::clone(user)) } else { Err(()) })
    }

    /// Whether nothing of the user's session was revoked since.
    pub fn holds(&self, user: &User) -> bool {
        self.0.read().is_ok_and(|known| known.holds(user))
    }
}

impl Known {
    fn holds(&self, user: &User) -> bool {
        let before = |at: Option<&i64>| at.is_none_or(|at| user.issued_ms > *at);
        !self.sessions.contains_key(&user.session_id) && before(self.users.get(&user.id))
    }
}

/// Checks access tokens.
#[derive(Clone, Debug)]
pub struct Verifier {
    trust: Trust,
    validation: Validation,
}

impl Verifier {
    pub fn new(trust: Trust, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iat", "iss", "aud", "sub", "jti"]);
        Self { trust, validation }
    }

    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The user of a token that is genuine, current and not revoked.
    ///
    /// # Errors
    /// Without saying why: the caller must sign in again whatever it is.
    pub fn user(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<User>, TokenRefused> {
        if let Some(remembered) = self.trust.remembered(token, now) {
            return remembered.map_err(|()| TokenRefused);
        }
        let (kid, key) = self.key(token, ACCESS_TYPE)?;
        let claims =
            jsonwebtoken::decode::<AccessClaims>(token, &key, &self.validation).map_err(|_| TokenRefused)?.claims;
        // A token from the future was not issued by us, whatever its signature says.
        if claims.iat > now.timestamp() + LEEWAY_SECONDS.cast_signed() || claims.exp <= claims.iat {
            return Err(TokenRefused);
        }
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(TokenRefused)?;
        let (id, session_id, name, issued_ms) = (claims.sub, claims.sid, claims.name.clone(), claims.ims);
        let by_pin = claims.amr.iter().any(|way| way == BY_PIN);
        let (principal, permissions) = claims.bearer();
        let user = Arc::new(User { id, session_id, name, permissions, principal, by_pin, issued_ms, expires_at });
        let mut known = self.trust.0.write().map_err(|_| TokenRefused)?;
        if !known.holds(&user) || !known.keys.contains_key(&kid) {
            return Err(TokenRefused);
        }
        if known.tokens.len() >= REMEMBERED_MAX {
            known.tokens.clear();
        }
        known.tokens.insert(token.to_owned(), Arc::clone(&user));
        Ok(user)
    }
}

impl Verifier {
    /// An approval that is genuine, current, and given to this user for this RPC by somebody who may approve it.
    ///
    /// # Errors
    /// Without saying why.
    pub fn approval(
        &self,
        token: &str,
        actor: &User,
        (rpc, permission): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<Approval, TokenRefused> {
        let key = self.key(token, APPROVAL_TYPE)?.1;
        let claims =
            jsonwebtoken::decode::<ApprovalClaims>(token, &key, &self.validation).map_err(|_| TokenRefused)?.claims;
        let early = claims.iat > now.timestamp() + LEEWAY_SECONDS.cast_signed();
        let same = claims.sub == actor.id && claims.action == rpc.trim_start_matches("/lunarfront.");
        if early || !same || claims.approver == actor.id || claims.permission != permission {
            return Err(TokenRefused);
        }
        // What an approver gave before he was disabled, or his roles were changed, is no word of his any more.
        let known = self.trust.0.read().map_err(|_| TokenRefused)?;
        if known.users.get(&claims.approver).is_some_and(|at| claims.ims <= *at) {
            return Err(TokenRefused);
        }
        let ApprovalClaims { jti, approver, resource, permission, .. } = claims;
        Ok(Approval { id: jti, approver_id: approver, resource_id: resource, permission })
    }

    /// The key that a token of this type names, if we trust it; nothing is fetched.
    fn key(&self, token: &str, kind: &str) -> Result<(String, DecodingKey), TokenRefused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused)?;
        let named = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some();
        if header.typ.as_deref() != Some(kind) || header.alg != Algorithm::EdDSA || named {
            return Err(TokenRefused);
        }
        let kid = header.kid.ok_or(TokenRefused)?;
        let key = self.trust.0.read().ok().and_then(|known| known.keys.get(&kid).cloned()).ok_or(TokenRefused)?;
        Ok((kid, key))
    }
}

/// The token does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token does not hold")]
pub struct TokenRefused;

/// Signs access tokens; only identity does.
pub fn sign_access(key: &EncodingKey, kid: &str, claims: &AccessClaims) -> Result<String, jsonwebtoken::errors::Error> {
    sign(key, kid, ACCESS_TYPE, claims)
}

/// Signs approvals; only identity does.
pub fn sign_approval(
    key: &EncodingKey,
    kid: &str,
    claims: &ApprovalClaims,
) -> Result<String, jsonwebtoken::errors::Error> {
    sign(key, kid, APPROVAL_TYPE, claims)
}

fn sign(
    key: &EncodingKey,
    kid: &str,
    kind: &str,
    claims: &impl Serialize,
) -> Result<String, jsonwebtoken::errors::Error> {
    let header = Header { typ: Some(kind.to_owned()), kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, key)
}

#[derive(Serialize, Deserialize)]
struct ServiceClaims {
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Signs the calls of one service; a token is used for half of its life.
#[derive(Clone)]
pub struct ServiceTokens {
    name: String,
    key: EncodingKey,
    prints: Prints,
    made: Arc<RwLock<HashMap<String, (String, Instant)>>>,
}

/// Fingerprints that tell nothing of what they were taken of, to anybody who lacks the service's own key: a PIN could be
/// found again from a plain hash.
#[derive(Clone, Debug)]
pub struct Prints(hmac::Key);

impl Prints {
    pub(crate) fn of(&self, secret: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, secret).as_ref().to_vec()
    }
}

impl std::fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceTokens").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ServiceTokens {
    /// From the PKCS#8 key in base64.
    ///
    /// # Errors
    /// When it is not base64.
    pub fn new(name: &str, key: &str) -> Result<Self, String> {
        let der = STANDARD.decode(key.trim()).map_err(|error| format!("SERVICE_KEY is not base64: {error}"))?;
        let prints = Prints(hmac::Key::new(hmac::HMAC_SHA256, &der));
        Ok(Self { name: name.to_owned(), key: EncodingKey::from_ed_der(&der), prints, made: Arc::default() })
    }

    pub fn prints(&self) -> Prints {
        self.prints.clone()
    }

    /// A token for calling the named service.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn token_for(&self, callee: &str) -> Result<String, String> {
        let half = Duration::from_secs(SERVICE_TOKEN_SECONDS.cast_unsigned() / 2);
        let made = self.made.read().ok().and_then(|made| made.get(callee).cloned());
        if let Some((token, made)) = made
            && made.elapsed() < half
        {
            return Ok(token);
        }
        let now = Utc::now().timestamp();
        let claims = ServiceClaims {
            iss: self.name.clone(),
            aud: callee.to_owned(),
            iat: now,
            nbf: now,
            exp: now + SERVICE_TOKEN_SECONDS,
            jti: Uuid::now_v7().to_string(),
        };
        let header = Header {
            typ: Some(SERVICE_TYPE.to_owned()),
            kid: Some(self.name.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| error.to_string())?;
        if let Ok(mut made) = self.made.write() {
            made.insert(callee.to_owned(), (token.clone(), Instant::now()));
        }
        Ok(token)
    }
}

/// Knows who may call this service.
#[derive(Clone, Debug)]
pub struct ServiceKeys {
    keys: Arc<HashMap<String, DecodingKey>>,
    validation: Validation,
    seen: Arc<RwLock<HashMap<String, (String, i64)>>>,
}

impl ServiceKeys {
    /// From `name=<base64 of the 32 public bytes>,…`, for calls to the service `me`.
    ///
    /// # Errors
    /// When an entry is malformed.
    pub fn new(me: &str, keys: &str) -> Result<Self, String> {
        let mut map = HashMap::new();
        for entry in keys.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, key) = entry.split_once('=').ok_or("SERVICE_KEYS wants name=key,name=key")?;
            let raw = STANDARD.decode(key).map_err(|error| format!("SERVICE_KEYS: {name}: {error}"))?;
            map.insert(name.to_owned(), DecodingKey::from_ed_der(&raw));
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[me]);
        validation.set_required_spec_claims(&["exp", "nbf", "iat", "iss", "aud", "jti"]);
        Ok(Self { keys: Arc::new(map), validation, seen: Arc::default() })
    }

    /// The name of the service that signed the token for us.
    ///
    /// # Errors
    /// Without saying why.
    pub fn caller(&self, token: &str, now: DateTime<Utc>) -> Result<String, TokenRefused> {
        if let Some((name, exp)) = self.seen.read().ok().and_then(|seen| seen.get(token).cloned()) {
            return if exp + LEEWAY_SECONDS.cast_signed() > now.timestamp() { Ok(name) } else { Err(TokenRefused) };
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused)?;
        if header.typ.as_deref() != Some(SERVICE_TYPE) || header.alg != Algorithm::EdDSA {
            return Err(TokenRefused);
        }
        let name = header.kid.ok_or(TokenRefused)?;
        let key = self.keys.get(&name).ok_or(TokenRefused)?;
        let claims =
            jsonwebtoken::decode::<ServiceClaims>(token, key, &self.validation).map_err(|_| TokenRefused)?.claims;
        if claims.iss != name || claims.exp - claims.iat > SERVICE_TOKEN_SECONDS {
            return Err(TokenRefused);
        }
        if let Ok(mut seen) = self.seen.write() {
            if seen.len() >= REMEMBERED_MAX {
                seen.clear();
            }
            seen.insert(token.to_owned(), (name.clone(), claims.exp));
        }
        Ok(name)
    }
}
