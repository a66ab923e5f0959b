//! The pools. Three layers guard against writes that are acknowledged and lost (a cancelled `begin` leaves a
//! connection inside a transaction): every release rolls back, calls are spawned by kit, every write is a [`Tx`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres};
use tokio::sync::Notify;

use crate::{Context, Error, Tx};

/// How many connections a process may hold.
#[derive(Clone, Copy, Debug)]
pub struct Pools {
    /// For requests.
    pub requests: u32,
    /// For the relay, consumers and jobs, so that they never starve requests.
    pub background: u32,
}

impl Default for Pools {
    fn default() -> Self {
        Self { requests: 8, background: 3 }
    }
}

/// The database of one service.
#[derive(Clone, Debug)]
pub struct Db {
    requests: PgPool,
    background: PgPool,
    told: Arc<Notify>,
}

impl Db {
    /// Opens the pools; connections are made when they are needed.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn open(url: &str, pools: Pools) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("tcp_user_timeout", "5000")]);
        Ok(Self {
            requests: pool(pools.requests, options.clone(), CLEAN),
            // Advisory locks of work that ended early go too.
            background: pool(pools.background, options, UNLOCKED),
            told: Arc::new(Notify::new()),
        })
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// When none is free within two seconds.
    pub async fn read(&self) -> Result<PoolConnection<Postgres>, Error> {
        waited("requests", self.requests.acquire()).await
    }

    /// The transaction of a request.
    ///
    /// # Errors
    /// When no connection is free within two seconds.
    pub async fn begin(&self, context: Context) -> Result<Tx, Error> {
        Ok(Tx::new(waited("requests", self.requests.begin()).await?, context))
    }

    /// The transaction of a consumer or a job.
    ///
    /// # Errors
    /// When no connection is free within two seconds.
    pub async fn begin_background(&self, context: Context) -> Result<Tx, Error> {
        Ok(Tx::new(waited("background", self.background.begin()).await?, context))
    }

    /// A connection for a consumer or a job.
    ///
    /// # Errors
    /// When none is free within two seconds.
    pub async fn background(&self) -> Result<PoolConnection<Postgres>, Error> {
        waited("background", self.background.acquire()).await
    }

    /// Commits and wakes the relay when there is something to tell.
    ///
    /// # Errors
    /// The database's, and then nothing was written.
    pub async fn commit(&self, tx: Tx) -> Result<(), Error> {
        if tx.commit().await? {
            self.told.notify_one();
        }
        Ok(())
    }

    /// Wakes when a transaction of this process told something.
    pub fn told(&self) -> Arc<Notify> {
        Arc::clone(&self.told)
    }

    /// A connection outside of the pools, for work that takes long.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn alone(&self) -> Result<sqlx::PgConnection, Error> {
        <sqlx::PgConnection as sqlx::Connection>::connect_with(&self.options()).await
    }

    /// The address without opening anything, for connections that must live alone.
    pub fn options(&self) -> PgConnectOptions {
        self.background.connect_options().as_ref().clone()
    }

    /// Connections open, idle.
    pub fn sizes(&self) -> [(&'static str, u32, usize); 2] {
        [
            ("requests", self.requests.size(), self.requests.num_idle()),
            ("background", self.background.size(), self.background.num_idle()),
        ]
    }

    pub async fn close(&self) {
        self.requests.close().await;
        self.background.close().await;
    }
}

/// How long it took to get a connection, and how many wait for one.
async fn waited<T>(pool: &'static str, got: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let begun = Instant::now();
    // Given back when the caller goes away, too.
    let _waiting = Waiting::begin(pool);
    let got = got.await;
    metrics::histogram!("db_pool_wait_seconds", "pool" => pool).record(begun.elapsed());
    got
}

struct Waiting(&'static str);

impl Waiting {
    fn begin(pool: &'static str) -> Self {
        metrics::gauge!("db_pool_waiting", "pool" => pool).increment(1);
        Self(pool)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!("db_pool_waiting", "pool" => self.0).decrement(1);
    }
}

/// Ends the transaction that a request left open when it was cancelled amid its `begin` (sqlx #4385). Where there is
/// none, a lone `rollback` would write a warning into the server's log at every release.
const CLEAN: &str = "begin; rollback";

const UNLOCKED: &str = "begin; rollback; select pg_advisory_unlock_all()";

/// `clean` runs at every release of a connection.
fn pool(connections: u32, options: PgConnectOptions, clean: &'static str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(2))
        .idle_timeout(Duration::from_secs(300))
        .max_lifetime(Duration::from_secs(1800))
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                // A connection that has just worked is not asked whether it still does.
                if usage.idle_for > Duration::from_secs(1) {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(move |connection, _| {
            Box::pin(async move {
                // A connection that does not answer is given up.
                let clean = sqlx::Executor::execute(connection, sqlx::raw_sql(clean));
                Ok(tokio::time::timeout(Duration::from_secs(2), clean).await.is_ok_and(|done| done.is_ok()))
            })
        })
        .connect_lazy_with(options)
}
