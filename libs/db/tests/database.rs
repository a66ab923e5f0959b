//! A database of its own for each test, with the frame of the services that stand in it.

use std::time::Duration;

use db::{Context, Db, Pools, provision};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

// That of the test house: roles are the cluster's, and both may use the same one.
const PASSWORD: &str = "in-tests-only";

pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    pub(crate) async fn open(services: &[&str]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test runner says where PostgreSQL is")]
        let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL; `make test` sets it");
        let server: PgConnectOptions = url.parse().unwrap();
        let database = Self { server, name: format!("t_{}", Uuid::now_v7().simple()) };
        let mut server = PgConnection::connect_with(&database.server).await.unwrap();
        run(&mut server, format!("create database {} template template0", database.name)).await;
        // Roles belong to the server as a whole: two tests must not make them at once.
        run(&mut server, "select pg_advisory_lock(7310001)".to_owned()).await;
        let mut admin = database.admin().await;
        for statement in provision::database(&database.name) {
            run(&mut admin, statement).await;
        }
        for service in services {
            for statement in provision::service(&database.name, service, PASSWORD, PASSWORD) {
                run(&mut admin, statement).await;
            }
        }
        server.close().await.unwrap();
        for service in services {
            db::migrate(&database.url(&format!("{service}_mig")), &Migrator::with_migrations(vec![])).await.unwrap();
        }
        database
    }

    /// Its address for a role.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgres://{role}:{PASSWORD}@{}:{}/{}", self.server.get_host(), self.server.get_port(), self.name)
    }

    /// As the service itself sees it.
    pub(crate) fn of(&self, service: &str) -> Db {
        Db::open(&self.url(&format!("{service}_rt")), Pools { requests: 10, background: 6 }).unwrap()
    }

    /// As the operator sees it, who may do everything.
    pub(crate) async fn admin(&self) -> PgConnection {
        PgConnection::connect_with(&self.server.clone().database(&self.name)).await.unwrap()
    }

    /// Drops it; the database of a test that failed stays.
    pub(crate) async fn drop(self) {
        let mut server = PgConnection::connect_with(&self.server).await.unwrap();
        run(&mut server, format!("drop database {} with (force)", self.name)).await;
    }
}

/// Runs a statement; what fails because another test works on the same roles is repeated.
pub(crate) async fn run(conn: &mut PgConnection, statement: String) {
    for _ in 0..50 {
        match conn.execute(AssertSqlSafe(statement.clone())).await {
            Ok(_) => return,
            Err(error) if error.to_string().contains("concurrently updated") => {
                tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
    panic!("{statement}: others keep changing it");
}

/// A service that acts for itself.
pub(crate) fn context(service: &'static str) -> Context {
    Context::of_service(service, "test", chrono::Utc::now())
}
