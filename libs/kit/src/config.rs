//! Settings, read once in `main` and passed by value.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A value that never shows itself.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What every service reads.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// PostgreSQL, as the runtime role (as the migration role for `migrate`).
    pub database_url: Secret<String>,
    /// RabbitMQ. Without it `migrate` and `seed` still work.
    #[serde(default)]
    pub amqp_url: Option<Secret<String>>,
    /// Where gRPC is served.
    #[serde(default = "default_listen")]
    pub listen: std::net::SocketAddr,
    /// Where /metrics, /healthz and /readyz are served.
    #[serde(default = "default_http_listen")]
    pub http_listen: std::net::SocketAddr,
    /// This process's Ed25519 key, PKCS#8 in base64; it signs calls to other services.
    pub service_key: Secret<String>,
    /// The public keys of those who may call: `gateway=<base64>,pos=<base64>,…`.
    pub service_keys: String,
    /// Who issues user tokens, and for whom: the customer's suite.
    pub token_issuer: String,
    pub token_audience: String,
    #[serde(default)]
    pub identity_url: String,
    #[serde(default)]
    pub accounts_url: String,
    #[serde(default)]
    pub inventory_url: String,
    #[serde(default)]
    pub pos_url: String,
    #[serde(default)]
    pub ledger_url: String,
    /// Connections for requests, and for background work.
    #[serde(default = "default_pool")]
    pub pool_requests: u32,
    #[serde(default = "default_background")]
    pub pool_background: u32,
    /// Calls at work at once; more are refused with RESOURCE_EXHAUSTED.
    #[serde(default = "default_concurrency")]
    pub concurrency_max: usize,
    /// Seconds between the signal to stop and the end of accepting, so that callers look elsewhere.
    #[serde(default)]
    pub drain_delay_seconds: u64,
    /// Offer gRPC reflection (off in production).
    #[serde(default)]
    pub reflection: bool,
    /// The demo: its well-known secrets are accepted, and `seed` works.
    #[serde(default)]
    pub demo: bool,
    /// A collector for traces and metrics.
    #[serde(default)]
    pub otlp_endpoint: Option<String>,
    /// What to log, such as `info` or `info,sqlx=debug`.
    #[serde(default = "default_log")]
    pub log: String,
}

fn default_listen() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 8100).into()
}
fn default_http_listen() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 8200).into()
}
fn default_pool() -> u32 {
    8
}
fn default_background() -> u32 {
    4
}
fn default_concurrency() -> usize {
    64
}
fn default_log() -> String {
    "info".to_owned()
}

impl Settings {
    /// The addresses of another service, separated by commas.
    pub fn url_of(&self, service: &str) -> &str {
        match service {
            "identity" => &self.identity_url,
            "accounts" => &self.accounts_url,
            "inventory" => &self.inventory_url,
            "pos" => &self.pos_url,
            "ledger" => &self.ledger_url,
            _ => "",
        }
    }
}

/// Reads settings from the environment.
///
/// # Errors
/// When a setting is missing or malformed, or a secret of the demo is used outside of it.
pub fn load<T: DeserializeOwned>() -> Result<T, String> {
    let pairs: Vec<(String, String)> = std::env::vars().collect();
    from_pairs(pairs)
}

/// The same from given pairs, for tests.
///
/// # Errors
/// As [`load`].
pub fn from_pairs<T: DeserializeOwned>(pairs: Vec<(String, String)>) -> Result<T, String> {
    let demo = pairs.iter().any(|(name, value)| name == "DEMO" && value == "true");
    let well_known = pairs.iter().find(|(_, value)| value.contains("lunarfront-demo"));
    if let (false, Some((name, _))) = (demo, well_known) {
        return Err(format!("{name} holds a secret of the demo; set one of your own, or DEMO=true"));
    }
    envy::from_iter(pairs).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(password: &str, demo: &str) -> Vec<(String, String)> {
        [
            ("DATABASE_URL", format!("postgres://pos_rt:{password}@db/shop")),
            ("SERVICE_KEY", "k".to_owned()),
            ("SERVICE_KEYS", String::new()),
            ("TOKEN_ISSUER", "i".to_owned()),
            ("TOKEN_AUDIENCE", "a".to_owned()),
            ("DEMO", demo.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    #[test]
    fn a_demo_secret_is_refused_outside_of_the_demo() {
        assert!(from_pairs::<Settings>(pairs("lunarfront-demo", "false")).unwrap_err().contains("DATABASE_URL"));
        assert!(from_pairs::<Settings>(pairs("lunarfront-demo", "true")).is_ok());
        assert!(from_pairs::<Settings>(pairs("own", "false")).is_ok());
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let settings = from_pairs::<Settings>(pairs("own", "false")).unwrap();
        assert!(!format!("{settings:?}").contains("own"));
    }
}
