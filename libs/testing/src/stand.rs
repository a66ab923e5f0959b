//! A service that owns nothing, for tests of what every service can have.

use async_trait::async_trait;
use kit::{App, Class, Refusal, Service};
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

use crate::{Builder, House};

static MIGRATIONS: Migrator = Migrator::DEFAULT;

/// It goes by the name of accounts, since only known services have roles.
#[derive(Debug)]
pub struct Stand;

impl Stand {
    /// Opens it on a fresh database, with further tables of the test.
    pub async fn open(tables: &'static str) -> House<Self> {
        let house = Builder::default().open::<Self>(()).await;
        let mut admin = house.sql().await;
        sqlx::raw_sql(tables).execute(&mut admin).await.unwrap();
        house
    }
}

/// All that can go wrong with it.
#[derive(Debug)]
pub struct StandError(db::Error);

impl std::fmt::Display for StandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StandError {}

impl From<db::Error> for StandError {
    fn from(error: db::Error) -> Self {
        Self(error)
    }
}

impl Refusal for StandError {
    fn class(&self) -> Class {
        Class::of_database(&self.0)
    }

    fn reason(&self) -> &'static str {
        "DB"
    }
}

#[async_trait]
impl Service for Stand {
    const NAME: &'static str = "accounts";
    type Settings = ();
    type Error = StandError;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(_: App, (): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn routes(&self, _: &mut RoutesBuilder) {}
}
