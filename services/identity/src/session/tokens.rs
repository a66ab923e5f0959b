//! Making tokens: access tokens that everybody can check, refresh tokens that only their hash is known of.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::EncodingKey;
use kit::Fault;
use kit::auth::{AccessClaims, ApprovalClaims, sign_access, sign_approval};
use uuid::Uuid;

use super::SessionId;
use crate::Settings;
use crate::approval::{self, Approval};
use crate::user::User;

/// How long an access token lives, in seconds.
pub(crate) const ACCESS_SECONDS: i32 = 600;
const KEY_BYTES: usize = 32;

/// The keys of a shop.
pub(crate) struct Tokens {
    signing: EncodingKey,
    kid: String,
    /// Key ids and public keys that others should trust, in base64url.
    published: Vec<(String, String)>,
    successors: hmac::Key,
    issuer: String,
    audience: String,
}

impl Tokens {
    /// # Errors
    /// A sentence for the operator when a key is malformed.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        let der = base64("TOKEN_KEY", settings.token_key.reveal())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|error| format!("TOKEN_KEY is no Ed25519 key in PKCS#8: {error}"))?;
        let public = pair.public_key().as_ref();
        let kid = hex::encode(&digest::digest(&digest::SHA256, public).as_ref()[..8]);
        let mut published = vec![(kid.clone(), URL_SAFE_NO_PAD.encode(public))];
        published.extend(also(&settings.token_keys_also)?);
        let refresh = base64("REFRESH_KEY", settings.refresh_key.reveal())?;
        if refresh.len() != KEY_BYTES {
            return Err(format!("REFRESH_KEY must be {KEY_BYTES} bytes in base64"));
        }
        Ok(Self {
            signing: EncodingKey::from_ed_der(&der),
            kid,
            published,
            successors: hmac::Key::new(hmac::HMAC_SHA256, &refresh),
            issuer: settings.token_issuer.clone(),
            audience: settings.token_audience.clone(),
        })
    }

    pub(crate) fn published(&self) -> &[(String, String)] {
        &self.published
    }

    /// An access token for a session, issued at an instant of the database's clock.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub(crate) fn access(&self, user: &User, session: SessionId, issued_at: DateTime<Utc>) -> Result<String, Fault> {
        let now = issued_at.timestamp();
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.id.uuid(),
            sid: session.uuid(),
            iat: now,
            ims: issued_at.timestamp_millis(),
            nbf: now,
            exp: now + i64::from(ACCESS_SECONDS),
            jti: Uuid::now_v7().to_string(),
            name: user.person.full_name(),
            perms: user.permissions.words(),
        };
        sign_access(&self.signing, &self.kid, &claims).map_err(Fault::new)
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
        sign_approval(&self.signing, &self.kid, &claims).map_err(Fault::new)
    }

    /// The token that follows a refresh token. It can be made again, so that a used one need not be kept.
    pub(crate) fn successor(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.successors, token.as_bytes()))
    }
}

/// 256 random bits.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random() -> Result<String, Fault> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(Fault::new)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
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
