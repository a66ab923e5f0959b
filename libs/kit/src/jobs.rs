//! Work that comes round: one replica does it at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use db::Db;

use crate::Fault;
use crate::task::Tasks;

type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync>;

/// Something to do every so often, under an advisory lock.
#[derive(Clone)]
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    work: Work,
}

impl Job {
    pub fn new<F>(name: &'static str, every: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Self { name, every, work: Arc::new(move || Box::pin(work())) }
    }

    /// Does the work once, unless another replica is at it.
    ///
    /// # Errors
    /// What the work says.
    pub async fn run_once(&self, db: &Db, service: &str) -> Result<(), Fault> {
        let mut conn = db.background().await?;
        if !db::lock_job(&mut conn, &format!("{service}.{}", self.name)).await? {
            return Ok(());
        }
        // Spawned, so that a panic is a failure like any other; and never for longer than a minute.
        let mut work = crate::task::spawn((self.work)());
        let done = match tokio::time::timeout(Duration::from_secs(60), &mut work).await {
            Ok(done) => done.map_err(Fault::new).flatten(),
            Err(_) => {
                work.abort();
                Err(Fault::new("it took longer than a minute"))
            }
        };
        db::unlock_job(&mut conn, &format!("{service}.{}", self.name)).await?;
        done
    }
}

/// Starts every job; each begins at once and then keeps its pace. They take turns, so that together they never hold more
/// than two connections.
pub(crate) fn start(tasks: &Tasks, db: &Db, service: &'static str, jobs: Vec<Job>) {
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    for job in jobs {
        let (db, stop, turn) = (db.clone(), tasks.stopping(), Arc::clone(&turn));
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
