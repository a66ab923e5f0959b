//! Settings, read once in `main`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kit::config::Secret;
use serde::Deserialize;

/// What the gateway reads from the environment. Where each service is, `<SERVICE>_URL` says; see [`Config::urls`].
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// The gateway's Ed25519 key, PKCS#8 in base64; it signs calls to the services.
    pub service_key: Secret<String>,
    /// Who issues user tokens, and for whom.
    pub token_issuer: String,
    pub token_audience: String,
    /// Origins of browsers that may call, separated by commas; none by default.
    pub cors_origins: String,
    /// Proxies in front, counted from here; that many entries of X-Forwarded-For are believed.
    pub trusted_proxies: usize,
    /// Requests of one user, and of one address.
    pub rate_user_per_second: u32,
    pub rate_user_burst: u32,
    pub rate_ip_per_second: u32,
    pub rate_ip_burst: u32,
    /// Attempts to sign in or refresh from one address.
    pub rate_sign_in_per_minute: u32,
    pub connections_per_ip_max: usize,
    pub connections_max: usize,
    /// How long a client may take for the first byte, the headers, the body; and not read what is answered.
    pub first_byte_seconds: u64,
    pub header_seconds: u64,
    pub body_seconds: u64,
    pub stalled_seconds: u64,
    pub body_bytes_max: usize,
    pub header_bytes_max: usize,
    /// Streams of one HTTP/2 connection.
    pub streams_max: u32,
    /// How long a service may take; and for a report.
    pub call_seconds: u64,
    pub report_seconds: u64,
    /// Event streams of one user.
    pub event_streams_per_user_max: usize,
    pub heartbeat_seconds: u64,
    /// How often the shop's profile is read again.
    pub shop_refresh_seconds: u64,
    /// Seconds between the signal to stop and the end of accepting.
    pub drain_delay_seconds: u64,
    /// How long requests at work may take after that.
    pub drain_seconds: u64,
    /// The max-age of Strict-Transport-Security; 0 leaves it out.
    pub hsts_seconds: u64,
    pub otlp_endpoint: Option<String>,
    pub log: String,
    /// The addresses of each service.
    #[serde(skip)]
    pub urls: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8000).into(),
            service_key: Secret::new(String::new()),
            token_issuer: String::new(),
            token_audience: String::new(),
            cors_origins: String::new(),
            trusted_proxies: 0,
            rate_user_per_second: 20,
            rate_user_burst: 40,
            rate_ip_per_second: 100,
            rate_ip_burst: 200,
            rate_sign_in_per_minute: 20,
            connections_per_ip_max: 50,
            connections_max: 2_000,
            first_byte_seconds: 10,
            header_seconds: 10,
            body_seconds: 30,
            stalled_seconds: 30,
            body_bytes_max: 2 * 1024 * 1024,
            header_bytes_max: 16 * 1024,
            streams_max: 100,
            call_seconds: 5,
            report_seconds: 30,
            event_streams_per_user_max: 10,
            heartbeat_seconds: 15,
            shop_refresh_seconds: 5,
            drain_delay_seconds: 5,
            drain_seconds: 20,
            hsts_seconds: 0,
            otlp_endpoint: None,
            log: "info".to_owned(),
            urls: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a setting is malformed, or a secret of the demo is used outside of it.
    pub fn load() -> Result<Self, String> {
        Self::from_pairs(std::env::vars().collect())
    }

    /// # Errors
    /// As [`Config::load`].
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let urls = pairs.iter().filter_map(|(name, value)| {
            let service = name.strip_suffix("_URL")?;
            Some((service.to_ascii_lowercase(), value.clone()))
        });
        let urls = urls.collect();
        let config: Self = kit::config::from_pairs(pairs)?;
        let zero = [
            ("RATE_USER_PER_SECOND", config.rate_user_per_second),
            ("RATE_USER_BURST", config.rate_user_burst),
            ("RATE_IP_PER_SECOND", config.rate_ip_per_second),
            ("RATE_IP_BURST", config.rate_ip_burst),
            ("RATE_SIGN_IN_PER_MINUTE", config.rate_sign_in_per_minute),
        ]
        .into_iter()
        .find(|(_, value)| *value == 0);
        match zero {
            Some((name, _)) => Err(format!("{name} must not be 0")),
            None => Ok(Self { urls, ..config }),
        }
    }

    /// How long a call may take.
    pub fn deadline(&self, slow: bool) -> Duration {
        Duration::from_secs(if slow { self.report_seconds } else { self.call_seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_documented_limits_hold() {
        let config = Config::from_pairs(Vec::new()).unwrap();
        assert_eq!((config.rate_user_per_second, config.rate_user_burst), (20, 40));
        assert_eq!((config.rate_ip_per_second, config.rate_ip_burst), (100, 200));
        assert_eq!(config.rate_sign_in_per_minute, 20);
        assert_eq!((config.connections_per_ip_max, config.connections_max), (50, 2_000));
        assert_eq!((config.first_byte_seconds, config.header_seconds, config.body_seconds), (10, 10, 30));
        assert_eq!((config.body_bytes_max, config.header_bytes_max), (2 << 20, 16 << 10));
        assert_eq!(config.streams_max, 100);
        assert_eq!((config.call_seconds, config.report_seconds), (5, 30));
        assert_eq!((config.drain_delay_seconds, config.drain_seconds), (5, 20));
        assert_eq!((config.trusted_proxies, config.cors_origins.as_str()), (0, ""));
    }

    #[test]
    fn the_example_environment_is_read_in_full() {
        let example = include_str!("../.env.example");
        let pairs: Vec<(String, String)> = example
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let config = Config::from_pairs(pairs).unwrap();
        assert_eq!(config.listen.port(), 8000);
        assert_eq!(config.urls["pos"], "http://127.0.0.1:8104");
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let pairs = vec![("RATE_IP_BURST".to_owned(), "0".to_owned())];
        assert_eq!(Config::from_pairs(pairs).unwrap_err(), "RATE_IP_BURST must not be 0");
    }
}
