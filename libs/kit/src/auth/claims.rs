//! What tokens say.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Permissions, Principal};

/// The claims of an access token (RFC 9068 in form, EdDSA signed).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    pub iat: i64,
    /// When it was issued, in milliseconds since 1970: revocations are finer than seconds.
    pub ims: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: String,
    pub name: String,
    /// The strongest permission of each domain.
    pub perms: Vec<String>,
    /// How the user came in, when it was not the full way (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The API key, when a program signed in with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
    /// The member, when a customer signed in,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Uuid>,
    /// and those for whom he may act, himself among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts_for: Vec<Uuid>,
}

impl AccessClaims {
    /// As what the bearer signed in, and what he may do: no right of the staff comes with being a customer.
    pub(super) fn bearer(self) -> (Principal, Permissions) {
        match (self.member, self.key) {
            (Some(member_id), _) => (Principal::Portal { member_id, acts_for: self.acts_for }, Permissions::default()),
            (None, Some(_)) => (Principal::Key, Permissions::of(self.perms.iter().map(String::as_str))),
            (None, None) => (Principal::Staff, Permissions::of(self.perms.iter().map(String::as_str))),
        }
    }
}

/// The `amr` of who came by a PIN at a till.
pub const BY_PIN: &str = "pin";

/// The claims of an approval: one person's leave for another to do one thing once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalClaims {
    pub iss: String,
    pub aud: String,
    /// Who may act.
    pub sub: Uuid,
    pub iat: i64,
    /// When it was given, in milliseconds since 1970.
    pub ims: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: Uuid,
    /// Who gave it.
    pub approver: Uuid,
    /// The RPC, such as `pos.v1.SaleService/VoidSale`.
    pub action: String,
    pub resource: String,
    /// What the approver is allowed.
    pub permission: String,
}
