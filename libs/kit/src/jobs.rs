//! Work that comes round: one replica does it at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use db::{Conn, Db};
use tokio::sync::Mutex;

use crate::Fault;
use crate::task::Tasks;

/// How long the work may take unless the job says otherwise.
const LIMIT: Duration = Duration::from_secs(60);

type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Done, Fault>> + Send>> + Send + Sync>;

/// What a job did, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done(pub String);

impl From<()> for Done {
    fn from((): ()) -> Self {
        Self("done".to_owned())
    }
}

impl From<u64> for Done {
    fn from(rows: u64) -> Self {
        Self(format!("done: {rows}"))
    }
}

impl From<String> for Done {
    fn from(words: String) -> Self {
        Self(words)
    }
}

/// Something to do every so often, under an advisory lock.
#[derive(Clone)]
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    limit: Duration,
    /// It waits for no other job, and no other job for it.
    apart: bool,
    work: Work,
}

impl Job {
    /// The work answers nothing, how many rows it changed, or a sentence.
    pub fn new<F, D>(name: &'static str, every: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<D, Fault>> + Send + 'static,
        D: Into<Done>,
    {
        let work = move || {
            let work = work();
            Box::pin(async move { work.await.map(Into::into) }) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        Self { name, every, limit: LIMIT, apart: false, work: Arc::new(work) }
    }

    /// The work may take this long instead of a minute, and takes no turns with other jobs.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        (self.limit, self.apart) = (limit, true);
        self
    }

    /// Does the work once, unless another replica is at it.
    ///
    /// # Errors
    /// What the work says.
    pub async fn run_once(&self, db: &Db, service: &str) -> Result<(), Fault> {
        self.run(db, service).await.map(|_| ())
    }

    /// The same; answers what was done, or nothing when another replica is at it.
    ///
    /// # Errors
    /// What the work says.
    pub async fn run(&self, db: &Db, service: &str) -> Result<Option<Done>, Fault> {
        if self.limit > LIMIT {
            // The pool's connections are few and meant for short work.
            let mut conn = db.alone().await?;
            return self.run_locked(&mut conn, service).await;
        }
        self.run_locked(&mut *db.background().await?, service).await
    }

    async fn run_locked(&self, conn: &mut Conn, service: &str) -> Result<Option<Done>, Fault> {
        let lock = format!("{service}.{}", self.name);
        if !db::lock_job(conn, &lock).await? {
            return Ok(None);
        }
        // Spawned, so that a panic is a failure like any other; and never for longer than it may take.
        let mut work = crate::task::spawn((self.work)());
        let done = match tokio::time::timeout(self.limit, &mut work).await {
            Ok(done) => done.map_err(Fault::new).flatten(),
            Err(_) => {
                work.abort();
                Err(Fault::new(format!("it took longer than {} seconds", self.limit.as_secs())))
            }
        };
        db::unlock_job(conn, &lock).await?;
        done.map(Some)
    }
}

/// Starts every job; each begins at once and then keeps its pace. Those that are not apart take turns, so that together
/// they never hold more than two connections.
pub(crate) fn start(tasks: &Tasks, db: &Db, service: &'static str, jobs: Vec<Job>) {
    let common = Arc::new(Mutex::new(()));
    for job in jobs {
        let turn = if job.apart { Arc::default() } else { Arc::clone(&common) };
        let (db, stop) = (db.clone(), tasks.stopping());
        tasks.spawn(async move {
            let mut pace = tokio::time::interval(job.every);
            pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = pace.tick() => {}
                }
                let _mine = turn.lock().await;
                if let Err(fault) = job.run_once(&db, service).await {
                    metrics::counter!("job_failures_total", "job" => job.name).increment(1);
                    tracing::warn!(job = job.name, error = %fault, "a job failed and will run again");
                }
            }
        });
    }
}
