//! Keys and tokens that hold in tests.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::EncodingKey;
use kit::auth::{AccessClaims, ApprovalClaims, sign_access, sign_approval};
use kit::config::Secret;
use uuid::Uuid;

pub const ISSUER: &str = "https://test.lunarfront.test";
pub const AUDIENCE: &str = ISSUER;
const KID: &str = "test-1";

/// The key of identity and the keys of those who call.
pub struct Keys {
    user: EncodingKey,
    user_public: String,
    /// Name, PKCS#8 in base64, public bytes in base64.
    services: Vec<(&'static str, String, String)>,
}

impl Default for Keys {
    fn default() -> Self {
        let (user, public) = pair();
        let services = ["gateway", "identity", "accounts", "inventory", "pos", "ledger"]
            .into_iter()
            .map(|name| {
                let (pkcs8, public) = pair();
                (name, STANDARD.encode(pkcs8), STANDARD.encode(public))
            })
            .collect();
        Self { user: EncodingKey::from_ed_der(&user), user_public: URL_SAFE_NO_PAD.encode(public), services }
    }
}

impl Keys {
    /// Key id and public key of identity, as [`kit::auth::Trust::tell`] takes them.
    pub fn jwk(&self) -> (String, String) {
        (KID.to_owned(), self.user_public.clone())
    }

    /// The private key of a service, as SERVICE_KEY.
    pub fn service_key(&self, name: &str) -> &str {
        &self.services.iter().find(|(known, ..)| *known == name).unwrap().1
    }

    /// The public keys, as SERVICE_KEYS.
    pub fn service_keys(&self) -> String {
        self.services.iter().map(|(name, _, public)| format!("{name}={public}")).collect::<Vec<_>>().join(",")
    }

    /// An access token for a new user with these permissions.
    pub fn token(&self, permissions: &[&str]) -> String {
        self.sign(&claims(Uuid::now_v7(), permissions))
    }

    /// An approval as identity would give it now, for five minutes.
    pub fn approval(&self, actor: Uuid, approver: Uuid, action: &str, resource: &str) -> String {
        let permission = proto::rpc(&format!("/lunarfront.{action}")).and_then(|rpc| rpc.approval).unwrap_or_default();
        let now = Utc::now();
        let claims = ApprovalClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: actor,
            iat: now.timestamp(),
            ims: now.timestamp_millis(),
            nbf: now.timestamp(),
            exp: now.timestamp() + 300,
            jti: Uuid::now_v7(),
            approver,
            action: action.to_owned(),
            resource: resource.to_owned(),
            permission: permission.to_owned(),
        };
        self.sign_approval(&claims)
    }

    pub fn sign_approval(&self, claims: &ApprovalClaims) -> String {
        sign_approval(&self.user, KID, claims).unwrap()
    }

    /// An access token for a customer who claims all that there is.
    pub fn portal_token(&self, member: Uuid) -> String {
        let all = proto::RPCS.iter().filter_map(|rpc| match rpc.access {
            proto::Access::Permission(word) => Some(word),
            proto::Access::SignedIn | proto::Access::Public | proto::Access::Service => None,
        });
        let claims = claims(Uuid::now_v7(), &all.collect::<Vec<_>>());
        self.sign(&AccessClaims { member: Some(member), acts_for: vec![member], ..claims })
    }

    /// An access token for a program with an API key.
    pub fn key_token(&self, permissions: &[&str]) -> String {
        let claims = claims(Uuid::now_v7(), permissions);
        self.sign(&AccessClaims { key: Some(claims.sid), ..claims })
    }

    pub fn sign(&self, claims: &AccessClaims) -> String {
        sign_access(&self.user, KID, claims).unwrap()
    }
}

/// Claims as identity would make them now.
pub fn claims(user: Uuid, permissions: &[&str]) -> AccessClaims {
    let now = Utc::now();
    AccessClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user,
        sid: Uuid::now_v7(),
        iat: now.timestamp(),
        ims: now.timestamp_millis(),
        nbf: now.timestamp(),
        exp: now.timestamp() + 600,
        jti: Uuid::now_v7().to_string(),
        name: "Test User".to_owned(),
        perms: permissions.iter().map(|word| (*word).to_owned()).collect(),
        amr: Vec::new(),
        key: None,
        member: None,
        acts_for: Vec::new(),
    }
}

/// A `FIELD_KEY` for services that seal fields.
pub fn field_key() -> Secret<String> {
    Secret::new(format!("test={}", STANDARD.encode([7; 32])))
}

fn pair() -> (Vec<u8>, Vec<u8>) {
    let key = Ed25519KeyPair::generate().unwrap();
    let pkcs8 = key.to_pkcs8v1().unwrap();
    (pkcs8.as_ref().to_vec(), key.public_key().as_ref().to_vec())
}
