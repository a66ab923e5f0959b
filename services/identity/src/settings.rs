//! What identity reads beside the settings of every service.

use kit::config::Secret;
use proto::Validate;
use proto::identity::v1::CreateUserRequest;
use serde::Deserialize;

use crate::password::breached::Breached;
use crate::role::ADMIN;
use crate::sign_in::Limits;

/// Settings of identity alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The Ed25519 key that signs the first access tokens, PKCS#8 in base64; those that follow are made by identity.
    pub token_key: Secret<String>,
    /// Public keys that are trusted beside the signing one, `kid=x,kid=x` with x in base64url (RFC 8037): the next key an
    /// hour before it signs, the last one for the life of its tokens.
    #[serde(default)]
    pub token_keys_also: String,
    /// What wraps the keys of sealed fields, `id=<32 bytes in base64>`.
    pub field_key: Secret<String>,
    /// 32 bytes in base64, from which the successors of refresh tokens are made.
    pub refresh_key: Secret<String>,
    pub token_issuer: String,
    pub token_audience: String,
    #[serde(default)]
    pub initial_user_email: String,
    #[serde(default)]
    pub initial_user_first_name: String,
    #[serde(default)]
    pub initial_user_last_name: String,
    #[serde(default)]
    pub initial_user_password: Option<Secret<String>>,
    #[serde(default = "default_shop_name")]
    pub shop_name: String,
    /// ISO 4217; it holds for ever.
    #[serde(default = "default_shop_currency")]
    pub shop_currency: String,
    /// IANA name.
    #[serde(default = "default_shop_time_zone")]
    pub shop_time_zone: String,
    /// ISO 3166-1, two letters.
    #[serde(default = "default_shop_country")]
    pub shop_country: String,
    /// Failed sign-ins in a row for one e-mail address, before each longer wait.
    #[serde(default = "default_tries_per_email")]
    pub sign_in_tries_per_email: i32,
    /// Failed sign-ins within a minute from one client address, of each process.
    #[serde(default = "default_tries_per_ip")]
    pub sign_in_tries_per_ip: usize,
    /// Where people find the shop; links in letters lead there.
    #[serde(default = "default_web_url")]
    pub web_url: String,
    /// Who carries letters: `smtp://…`, `smtps://…` or `file:<directory>`, and the sender they name.
    pub mail_url: Secret<String>,
    pub mail_from: String,
    /// Passwords known from breaches: SHA-1 in capital hex on each line, in order, as Have I Been Pwned gives them out.
    #[serde(default)]
    pub breached_passwords_file: Option<std::path::PathBuf>,
}

fn default_web_url() -> String {
    "http://localhost:8000".to_owned()
}
fn default_shop_name() -> String {
    "My Shop".to_owned()
}
fn default_shop_currency() -> String {
    "USD".to_owned()
}
fn default_shop_time_zone() -> String {
    "UTC".to_owned()
}
fn default_shop_country() -> String {
    "US".to_owned()
}
fn default_tries_per_email() -> i32 {
    5
}
fn default_tries_per_ip() -> usize {
    20
}

impl Settings {
    /// # Errors
    /// A sentence for the operator when there should be a file and is none.
    pub(crate) fn breached(&self) -> Result<Option<Breached>, String> {
        let named = self.breached_passwords_file.as_ref().filter(|path| !path.as_os_str().is_empty());
        named.map(|path| Breached::open(path)).transpose()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { per_name: self.sign_in_tries_per_email, per_ip_max: self.sign_in_tries_per_ip }
    }

    /// The user to begin with, when one is named.
    ///
    /// # Errors
    /// When only a part of what he needs is there, or it breaks a rule.
    pub(crate) fn initial_user(&self) -> Result<Option<CreateUserRequest>, String> {
        let password =
            self.initial_user_password.as_ref().map(|password| password.reveal().clone()).unwrap_or_default();
        let given = [&self.initial_user_email, &self.initial_user_first_name, &self.initial_user_last_name, &password];
        if given.iter().all(|value| value.is_empty()) {
            return Ok(None);
        }
        let user = CreateUserRequest {
            email: self.initial_user_email.clone(),
            first_name: self.initial_user_first_name.clone(),
            last_name: self.initial_user_last_name.clone(),
            roles: vec![ADMIN.to_owned()],
            password: Some(password),
        };
        user.validate().map_err(|violations| format!("INITIAL_USER_…: {violations}"))?;
        Ok(Some(user))
    }
}
