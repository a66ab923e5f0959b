//! A database per test, copied from a template that is migrated once.

use std::sync::{LazyLock, mpsc};

use kit::Service;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

const PASSWORD: &str = "in-tests-only";

/// Dropped after the test succeeds, kept and named when it fails.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    service: &'static str,
}

impl TestDb {
    /// A fresh, migrated database for the service.
    pub async fn new<S: Service>() -> Self {
        let template = template::<S>().await;
        // The process's id tells the next run which databases nobody uses any more.
        let name = format!("t_{}_{}_{}", S::NAME, std::process::id(), Uuid::now_v7().simple());
        let mut admin = admin("postgres").await;
        execute(&mut admin, format!("create database {name} template {template}")).await;
        execute(&mut admin, format!("revoke all on database {name} from public")).await;
        execute(&mut admin, format!("grant connect on database {name} to {0}_rt, {0}_mig", S::NAME)).await;
        Self { name, service: S::NAME }
    }

    /// The address for the runtime role.
    pub fn url(&self) -> String {
        address(&self.name).username(&format!("{}_rt", self.service)).password(PASSWORD).to_url_lossy().to_string()
    }

    /// A connection of the superuser, with the service's search path, to look behind the curtain.
    pub async fn admin(&self) -> PgConnection {
        let mut admin = admin(&self.name).await;
        execute(&mut admin, format!("set search_path = {}, extensions", self.service)).await;
        admin
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the reader of a failed test wants to know")]
            {
                eprintln!("kept the database {} of the failed test", self.name);
            }
            return;
        }
        let _ = REAPER.send(std::mem::take(&mut self.name));
    }
}

/// Drops databases beside the tests. A test that waited for it would keep its own runtime from finishing a connection
/// that is just being made, and PostgreSQL drops nothing while somebody is signing in.
static REAPER: LazyLock<mpsc::Sender<String>> = LazyLock::new(|| {
    let (sender, names) = mpsc::channel::<String>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut admin = admin("postgres").await;
            let sql = "select datname from pg_database where datname ~ '^t_[a-z]+_[0-9]+_'";
            let there: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut admin).await.unwrap();
            for name in there.into_iter().filter(|name| !owner_lives(name)).chain(names) {
                execute(&mut admin, format!("drop database if exists {name} with (force)")).await;
            }
        });
    });
    sender
});

/// Whether the process that made a database still runs; databases of failed tests are kept until the next run.
fn owner_lives(name: &str) -> bool {
    name.split('_').nth(2).is_some_and(|process| std::path::Path::new("/proc").join(process).exists())
}

/// The template's name; it is made at the first call for these migrations, under a lock.
async fn template<S: Service>() -> String {
    let migrator = db::frame_and(S::migrations());
    let mut hash = Sha256::new();
    for migration in migrator.iter() {
        hash.update(&migration.checksum);
    }
    hash.update(db::provision::service("x", S::NAME, "m", "r").concat());
    let digest = hash.finalize();
    let name = format!("template_{}_{:02x}{:02x}{:02x}{:02x}", S::NAME, digest[0], digest[1], digest[2], digest[3]);
    let mut admin = admin("postgres").await;
    // Roles are the cluster's, so one lock serves all services.
    execute(&mut admin, "select pg_advisory_lock(814001)".to_owned()).await;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    if !exists {
        let draft = format!("{name}_draft");
        execute(&mut admin, format!("drop database if exists {draft} with (force)")).await;
        execute(&mut admin, format!("create database {draft}")).await;
        prepare::<S>(&draft).await;
        execute(&mut admin, format!("alter database {draft} rename to {name}")).await;
    }
    execute(&mut admin, "select pg_advisory_unlock(814001)".to_owned()).await;
    name
}

async fn prepare<S: Service>(database: &str) {
    let mut inside = admin(database).await;
    let statements = db::provision::database(database).into_iter();
    for statement in statements.chain(db::provision::service(database, S::NAME, PASSWORD, PASSWORD)) {
        execute(&mut inside, statement).await;
    }
    inside.close().await.unwrap();
    let url = address(database).username(&format!("{}_mig", S::NAME)).password(PASSWORD).to_url_lossy();
    db::migrate(url.as_str(), S::migrations()).await.unwrap();
}

fn address(database: &str) -> PgConnectOptions {
    #[expect(clippy::disallowed_methods, reason = "the one setting of the tests")]
    let url = std::env::var("TEST_DATABASE_URL").expect("`make test` starts PostgreSQL and sets TEST_DATABASE_URL");
    url.parse::<PgConnectOptions>().unwrap().database(database)
}

async fn admin(database: &str) -> PgConnection {
    address(database).connect().await.unwrap()
}

async fn execute(connection: &mut PgConnection, statement: String) {
    connection.execute(AssertSqlSafe(statement.clone())).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
