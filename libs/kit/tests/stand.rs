//! A service that owns nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kit::{App, Class, Command, Fault, Job, Refusal, Service};
use sqlx::migrate::Migrator;
use testing::{Builder, House};
use tonic::service::RoutesBuilder;

static MIGRATIONS: Migrator = Migrator::DEFAULT;

pub(crate) struct Stand {
    pub(crate) turns: Arc<AtomicU64>,
}

#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub(crate) enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Error {
    fn class(&self) -> Class {
        Class::Fault
    }

    fn reason(&self) -> &'static str {
        self.into()
    }
}

#[derive(Default, serde::Deserialize)]
pub(crate) struct Settings {}

#[async_trait]
impl Service for Stand {
    const NAME: &'static str = "accounts";
    type Settings = Settings;
    type Error = Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(_: App, Settings {}: Settings) -> Result<Self, String> {
        Ok(Self { turns: Arc::default() })
    }

    fn routes(&self, _: &mut RoutesBuilder) {}

    fn jobs(&self) -> Vec<Job> {
        let turns = Arc::clone(&self.turns);
        let turn = move || {
            let turns = Arc::clone(&turns);
            async move { Ok::<_, Fault>(turns.fetch_add(1, Ordering::SeqCst) + 1) }
        };
        let endless = || async {
            std::future::pending::<()>().await;
            Ok::<_, Fault>(())
        };
        let hour = Duration::from_secs(3600);
        vec![
            Job::new("turn", hour, turn.clone()),
            Job::new("long-turn", hour, turn).within(hour),
            Job::new("hasty", hour, endless).within(Duration::from_millis(50)),
        ]
    }

    fn commands(&self) -> Vec<Command> {
        vec![Command::new("greet", || async { Ok::<_, Fault>("good day".to_owned()) })]
    }
}

pub(crate) async fn house() -> House<Stand> {
    Builder::default().open::<Stand>(Settings::default()).await
}
