//! Making tokens: access tokens that everybody can check, refresh tokens that only their hash is known of.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::EncodingKey;
use kit::auth::{AccessClaims, ApprovalClaims, BY_PIN, sign_access, sign_approval};
use kit::{Fault, Permissions};
use uuid::Uuid;

use super::{Kind, Session};
use crate::Settings;
use crate::api_key::ApiKey;
use crate::approval::{self, Approval};
use crate::signing_key::Pair;
use crate::user::{User, UserId};

/// How long an access token lives, in seconds.
pub(crate) const ACCESS_SECONDS: i32 = 600;
/// And that of a till.
const TILL_SECONDS: i32 = 120;
const KEY_BYTES: usize = 32;

/// The keys of a shop.
pub(crate) struct Tokens {
    signer: RwLock<Arc<Signer>>,
    /// Key ids and public keys that others should trust beside those of the database, in base64url.
    also: Vec<(String, String)>,
    successors: hmac::Key,
    issuer: String,
    audience: String,
}

/// The key that signs now, and all whose tokens hold.
pub(crate) struct Signer {
    pub(crate) kid: String,
    key: EncodingKey,
    published: Vec<(String, String)>,
}

impl Signer {
    /// `published` are key ids and public keys in base64url.
    pub(crate) fn new(pair: &Pair, published: Vec<(String, String)>) -> Self {
        Self { kid: pair.kid.clone(), key: EncodingKey::from_ed_der(&pair.pkcs8), published }
    }

    /// The same key, among others.
    pub(crate) fn among(&self, published: Vec<(String, String)>) -> Self {
        Self { kid: self.kid.clone(), key: self.key.clone(), published }
    }
}

impl Tokens {
    /// # Errors
    /// A sentence for the operator when a key is malformed.
    pub(crate) fn new(settings: &Settings, first: &Pair) -> Result<Self, String> {
        let refresh = base64("REFRESH_KEY", settings.refresh_key.reveal())?;
        if refresh.len() != KEY_BYTES {
            return Err(format!("REFRESH_KEY must be {KEY_BYTES} bytes in base64"));
        }
        let published = vec![(first.kid.clone(), first.public_key.clone())];
        Ok(Self {
            signer: RwLock::new(Arc::new(Signer::new(first, published))),
            also: also(&settings.token_keys_also)?,
            successors: hmac::Key::new(hmac::HMAC_SHA256, &refresh),
            issuer: settings.token_issuer.clone(),
            audience: settings.token_audience.clone(),
        })
    }

    /// The key of the settings, with which a shop begins.
    ///
    /// # Errors
    /// A sentence for the operator when it is malformed.
    pub(crate) fn first(settings: &Settings) -> Result<Pair, String> {
        let der = base64("TOKEN_KEY", settings.token_key.reveal())?;
        Pair::read(&der).map_err(|error| format!("TOKEN_KEY is {error}"))
    }

    pub(crate) fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this key signs.
    pub(crate) fn sign_with(&self, signer: Signer) {
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signer);
    }

    /// All keys that others should trust, the one that signs first.
    pub(crate) fn published(&self) -> Vec<(String, String)> {
        let mut published = self.signer().published.clone();
        published.extend(self.also.iter().cloned());
        published
    }

    /// An access token for a session, for so many seconds from an instant of the database's clock. A till's bears no right
    /// over users and roles.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn access(
        &self,
        user: &User,
        session: &Session,
        seconds: i32,
        issued_at: DateTime<Utc>,
    ) -> Result<String, Fault> {
        let (id, name) = (session.id.uuid(), user.person.full_name());
        let mut claims = self.claims(user.id, id, name, &user.permissions, issued_at, seconds);
        if session.kind == Kind::Till {
            claims.perms.retain(|word| !word.starts_with("identity."));
            claims.amr = vec![BY_PIN.to_owned()];
        }
        if let Some(customer) = &user.membership {
            claims.member = Some(customer.member_id.uuid());
            claims.acts_for = customer.acts_for.iter().map(|member| member.uuid()).collect();
        }
        let signer = self.signer();
        sign_access(&signer.key, &signer.kid, &claims).map_err(Fault::new)
    }

    /// An access token for a program, which acts for the maker of its key, for so many seconds.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn of_key(
        &self,
        key: &ApiKey,
        permissions: &Permissions,
        seconds: i32,
        issued_at: DateTime<Utc>,
    ) -> Result<String, Fault> {
        let claims = self.claims(key.created_by, key.id.uuid(), key.actor_name(), permissions, issued_at, seconds);
        let claims = AccessClaims { key: Some(key.id.uuid()), ..claims };
        let signer = self.signer();
        sign_access(&signer.key, &signer.kid, &claims).map_err(Fault::new)
    }

    fn claims(
        &self,
        user: UserId,
        session: Uuid,
        name: String,
        permissions: &Permissions,
        issued_at: DateTime<Utc>,
        seconds: i32,
    ) -> AccessClaims {
        let now = issued_at.timestamp();
        AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.uuid(),
            sid: session,
            iat: now,
            ims: issued_at.timestamp_millis(),
            nbf: now,
            exp: now + i64::from(seconds),
            jti: Uuid::now_v7().to_string(),
            name,
            perms: permissions.words(),
            amr: Vec::new(),
            key: None,
            member: None,
            acts_for: Vec::new(),
        }
    }

    /// The token of an approval, issued at an instant of the database's clock.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn approval(&self, approval: &Approval, issued_at: DateTime<Utc>) -> Result<String, Fault> {
        let now = issued_at.timestamp();
        let claims = ApprovalClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: approval.actor.uuid(),
            iat: now,
            ims: issued_at.timestamp_millis(),
            nbf: now,
            exp: now + approval::LIFE.num_seconds(),
            jti: approval.id.uuid(),
            approver: approval.approver.uuid(),
            action: approval.action.rpc.to_owned(),
            resource: approval.resource_id.clone(),
            permission: approval.action.permission.to_owned(),
        };
        let signer = self.signer();
        sign_approval(&signer.key, &signer.kid, &claims).map_err(Fault::new)
    }

    /// The token that follows a refresh token. It can be made again, so that a used one need not be kept.
    pub(crate) fn successor(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.successors, token.as_bytes()))
    }
}

impl Session {
    /// How long an access token lives that is given now, in seconds: a till's is short, and none outlives its session.
    pub(crate) fn token_seconds(&self, now: DateTime<Utc>) -> i32 {
        let seconds = match self.kind {
            Kind::Full => ACCESS_SECONDS,
            Kind::Till => TILL_SECONDS,
        };
        seconds_until(self.life.expires_at, now).min(seconds)
    }
}

impl ApiKey {
    /// How long an access token lives that is given for the key now, in seconds.
    pub(crate) fn token_seconds(&self, now: DateTime<Utc>) -> i32 {
        seconds_until(self.draft.expires_at, now).min(ACCESS_SECONDS)
    }
}

/// Whole seconds from now on, at least one.
fn seconds_until(end: DateTime<Utc>, now: DateTime<Utc>) -> i32 {
    i32::try_from((end - now).num_seconds()).unwrap_or(i32::MAX).max(1)
}

/// 256 random bits.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random() -> Result<String, Fault> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<KEY_BYTES>()?))
}

/// # Errors
/// When the system has no randomness.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(Fault::new)?;
    Ok(bytes)
}

/// What is kept of a refresh token.
pub(crate) fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes()).as_ref().to_vec()
}

fn base64(name: &str, value: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(value.trim()).map_err(|error| format!("{name} is not base64: {error}"))
}

fn also(keys: &str) -> Result<Vec<(String, String)>, String> {
    let entries = keys.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (kid, x) = entry.split_once('=').ok_or("TOKEN_KEYS_ALSO wants kid=key,kid=key")?;
            let bytes = URL_SAFE_NO_PAD.decode(x).map_err(|error| format!("TOKEN_KEYS_ALSO: {kid}: {error}"))?;
            if bytes.len() != KEY_BYTES {
                return Err(format!("TOKEN_KEYS_ALSO: {kid}: a public key has {KEY_BYTES} bytes"));
            }
            Ok((kid.to_owned(), x.to_owned()))
        })
        .collect()
}
