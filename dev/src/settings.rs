//! The environment of each process of the suite.

use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::Result;
use crate::ports::Ports;
use crate::secrets::Secrets;

/// In the order of their ports.
pub(crate) const SERVICES: [&str; 5] = ["identity", "accounts", "inventory", "pos", "ledger"];

/// In the order in which they are seeded: past sales come last, they need goods and tax rates.
pub(crate) const SEEDS: [&str; 5] = ["identity", "accounts", "inventory", "ledger", "pos"];

/// Those that seal fields, and so need a `FIELD_KEY`.
pub(crate) const SEALING: [&str; 2] = ["identity", "accounts"];

/// Those that write letters.
const MAILING: [&str; 1] = ["identity"];

/// Those that keep files.
const KEEPING_FILES: [&str; 1] = ["accounts"];

/// The process that speaks with the world.
pub(crate) const GATEWAY: &str = "gateway";

/// The database that holds the shop.
pub(crate) const DATABASE: &str = "lunarfront";

/// What the tokens of the demo name as their issuer and audience.
const ISSUER: &str = "https://demo.lunarfront.test";

/// What is passed on from the environment of the terminal; everything else of it stays outside.
const TURNABLE: [&str; 3] = ["LOG", "OTLP_ENDPOINT", "RUST_BACKTRACE"];
const TURNABLE_OF_SERVICES: [&str; 3] = ["POOL_REQUESTS", "POOL_BACKGROUND", "CONCURRENCY_MAX"];

/// Limits of the gateway that a load generator would meet: events in a time, and things at one time.
const RATES: [&str; 5] =
    ["RATE_USER_PER_SECOND", "RATE_USER_BURST", "RATE_IP_PER_SECOND", "RATE_IP_BURST", "RATE_SIGN_IN_PER_MINUTE"];
const COUNTS: [&str; 3] = ["CONNECTIONS_PER_IP_MAX", "CONNECTIONS_MAX", "EVENT_STREAMS_PER_USER_MAX"];

/// How strict the limits are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// As in production.
    Default,
    /// Out of the way of a load generator.
    Raised,
}

/// As whom a service talks to its schema.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Migration,
    Runtime,
}

/// Where the servers are.
#[derive(Clone)]
pub(crate) struct Addresses {
    /// PostgreSQL as its operator, any database.
    pub(crate) admin: DatabaseUrl,
    pub(crate) amqp: String,
}

/// A PostgreSQL address in parts, so that role and database can be exchanged.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    pub(crate) user: String,
    pub(crate) password: String,
    /// `host:port`.
    pub(crate) host: String,
    pub(crate) database: String,
    /// What follows the question mark, such as `sslmode=verify-full`.
    pub(crate) query: Option<String>,
}

impl DatabaseUrl {
    /// Reads `postgres://user:password@host:port/database?query`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, "postgres"));
        let (credentials, host) = authority.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let [user, password, host, database] = [user, password, host, database].map(str::to_owned);
        Some(Self { user, password, host, database, query })
    }

    pub(crate) fn with_role(&self, user: &str, password: &str, database: &str) -> Self {
        let [user, password, database] = [user, password, database].map(str::to_owned);
        Self { user, password, database, ..self.clone() }
    }

    pub(crate) fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, password, host, database, query } = self;
        let colon = if password.is_empty() { "" } else { ":" };
        write!(f, "postgres://{user}{colon}{password}@{host}/{database}")?;
        query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

/// What all processes of a suite share.
pub(crate) struct Settings<'a> {
    pub(crate) ports: &'a Ports,
    pub(crate) secrets: &'a Secrets,
    pub(crate) addresses: &'a Addresses,
    /// Where what the demo writes outside of the database goes.
    pub(crate) home: &'a Path,
    pub(crate) limits: Limits,
}

impl Settings<'_> {
    /// The environment of a service.
    pub(crate) fn service(&self, name: &'static str, role: Role) -> Result<BTreeMap<String, String>> {
        let login = match role {
            Role::Migration => format!("{name}_mig"),
            Role::Runtime => format!("{name}_rt"),
        };
        let database = self.addresses.admin.with_role(&login, self.secrets.role(&login)?, DATABASE);
        let mut settings = self.shared(name)?;
        settings.extend(own([
            ("DATABASE_URL", database.to_string()),
            ("AMQP_URL", self.addresses.amqp.clone()),
            ("REFLECTION", "true".into()),
            ("LISTEN", local(self.ports.grpc.get(name))),
            ("HTTP_LISTEN", local(self.ports.http.get(name))),
        ]));
        settings.extend(turned(&TURNABLE_OF_SERVICES));
        if self.limits == Limits::Raised {
            settings.entry("CONCURRENCY_MAX".into()).or_insert_with(|| "512".into());
        }
        if SEALING.contains(&name) {
            settings.insert("FIELD_KEY".into(), self.secrets.field_key(name)?);
        }
        if MAILING.contains(&name) {
            settings.extend(own([
                ("MAIL_URL", format!("file:{}", self.home.join("mail").display())),
                ("MAIL_FROM", "LunarFront Music <shop@demo.test>".into()),
            ]));
        }
        if KEEPING_FILES.contains(&name) {
            settings.insert("FILES_URL".into(), format!("file:{}", self.home.join("files").display()));
        }
        if name == "identity" {
            if self.limits == Limits::Raised {
                let tries = ["SIGN_IN_TRIES_PER_EMAIL", "SIGN_IN_TRIES_PER_IP"];
                settings.extend(tries.map(|name| (name.to_owned(), "1000000".to_owned())));
            }
            settings.extend(own([
                ("TOKEN_KEY", self.secrets.token_key.clone()),
                ("REFRESH_KEY", self.secrets.refresh_key.clone()),
                ("WEB_URL", format!("http://127.0.0.1:{}", self.ports.gateway)),
                ("SHOP_NAME", "LunarFront Music".into()),
                ("SHOP_CURRENCY", "USD".into()),
                ("SHOP_TIME_ZONE", "America/New_York".into()),
                ("SHOP_COUNTRY", "US".into()),
            ]));
        }
        Ok(settings)
    }

    /// The environment of the gateway.
    pub(crate) fn gateway(&self) -> Result<BTreeMap<String, String>> {
        let mut settings = self.shared(GATEWAY)?;
        settings.insert("LISTEN".into(), local(Some(&self.ports.gateway)));
        settings.extend(turned(&["CORS_ORIGINS"]));
        // Nothing stands in front of it that would have to notice.
        settings.insert("DRAIN_DELAY_SECONDS".into(), "0".into());
        if self.limits == Limits::Raised {
            settings.extend(RATES.map(|name| (name.to_owned(), "1000000".to_owned())));
            settings.extend(COUNTS.map(|name| (name.to_owned(), "20000".to_owned())));
        }
        Ok(settings)
    }

    fn shared(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let mut settings = own([
            ("SERVICE_KEY", self.secrets.service_key(name)?.to_owned()),
            ("SERVICE_KEYS", self.secrets.public_keys()?),
            ("TOKEN_ISSUER", ISSUER.into()),
            ("TOKEN_AUDIENCE", ISSUER.into()),
            ("DEMO", "true".into()),
        ]);
        for (service, port) in &self.ports.grpc {
            settings.insert(format!("{}_URL", service.to_uppercase()), format!("http://127.0.0.1:{port}"));
        }
        settings.extend(turned(&TURNABLE));
        Ok(settings)
    }
}

/// Those of the names that the terminal's environment has.
fn turned(names: &[&str]) -> BTreeMap<String, String> {
    let value = |name: &&str| Some(((*name).to_owned(), std::env::var_os(name)?.into_string().ok()?));
    names.iter().filter_map(value).collect()
}

fn local(port: Option<&u16>) -> String {
    format!("127.0.0.1:{}", port.copied().unwrap_or_default())
}

fn own<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_options_when_the_role_changes() {
        let url = DatabaseUrl::parse("postgresql://admin:s%40t@db.example:5433/postgres?sslmode=require").unwrap();
        let role = url.with_role("pos_rt", "x", "lunarfront").to_string();
        assert_eq!(role, "postgres://pos_rt:x@db.example:5433/lunarfront?sslmode=require");
        assert_eq!(url.to_string(), "postgres://admin:s%40t@db.example:5433/postgres?sslmode=require");
    }

    #[test]
    fn each_service_sees_its_own_database_role_and_no_key_of_another() {
        let secrets = Secrets::new().unwrap();
        let addresses = Addresses {
            admin: DatabaseUrl::parse("postgres://lunarfront:x@127.0.0.1:1/postgres").unwrap(),
            amqp: "amqp://a:b@127.0.0.1:2/%2f".into(),
        };
        let ports = Ports::fixed(8000);
        let (home, limits) = (Path::new(".data"), Limits::Default);
        let settings = Settings { ports: &ports, secrets: &secrets, addresses: &addresses, home, limits };
        let pos = settings.service("pos", Role::Runtime).unwrap();
        assert!(pos["DATABASE_URL"].starts_with("postgres://pos_rt:"), "{}", pos["DATABASE_URL"]);
        assert!(!pos.contains_key("TOKEN_KEY") && !pos.contains_key("FIELD_KEY"));
        assert_eq!(pos["LEDGER_URL"], "http://127.0.0.1:8105");
        let others = secrets.service_keys.iter().filter(|(name, _)| *name != "pos");
        for (name, key) in others {
            assert!(!pos.values().any(|value| value == key), "pos holds the key of {name}");
        }
    }
}
