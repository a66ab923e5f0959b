//! What an operator asks a service to do by hand: `jobs`, `run-job <name>`, and the service's own commands.

use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::jobs::Done;
use crate::{App, Fault, Job, Service};

type Work = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Done, Fault>> + Send>> + Send + Sync>;

/// One more word that the service's binary understands, such as `rotate-keys`.
#[derive(Clone)]
pub struct Command {
    pub name: &'static str,
    work: Work,
}

impl Command {
    pub fn new<F, D>(name: &'static str, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<D, Fault>> + Send + 'static,
        D: Into<Done>,
    {
        let work = move || {
            let work = work();
            Box::pin(async move { work.await.map(Into::into) }) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        Self { name, work: Arc::new(work) }
    }
}

/// Carries out one such command; answers what to tell the operator.
///
/// # Errors
/// What went wrong, or which words there are.
pub async fn operate<S: Service>(app: &App, service: &S, words: &[&str]) -> Result<String, String> {
    match words {
        ["jobs"] => Ok(listed(&all_jobs::<S>(app, service))),
        ["run-job", name] => {
            let job = all_jobs::<S>(app, service).into_iter().find(|job| job.name == *name);
            let job = job.ok_or_else(|| format!("no job {name}; `{} jobs` lists them", S::NAME))?;
            let done = job.run(&app.db, S::NAME).await.map_err(|fault| fault.to_string())?;
            Ok(done.map_or_else(|| "another process is at it".to_owned(), |Done(words)| words))
        }
        [name] if service.commands().iter().any(|command| command.name == *name) => {
            let command = service.commands().into_iter().find(|command| command.name == *name);
            let Some(command) = command else { return Err("no such command".to_owned()) };
            let Done(words) = (command.work)().await.map_err(|fault| fault.to_string())?;
            Ok(words)
        }
        other => {
            let own: String = service.commands().iter().map(|command| format!(", {}", command.name)).collect();
            Err(format!(
                "{other:?}: say serve, migrate, seed, verify-audit, replay --from <time>, unpark <id|all>, jobs, \
                 run-job <name>{own}"
            ))
        }
    }
}

/// The frame's jobs and the service's.
pub(crate) fn all_jobs<S: Service>(app: &App, service: &S) -> Vec<Job> {
    let mut jobs = crate::background::jobs::<S>(app);
    jobs.extend(service.jobs());
    jobs
}

fn listed(jobs: &[Job]) -> String {
    let mut lines = String::new();
    for job in jobs {
        let _ = writeln!(lines, "{:<32} every {}", job.name, every(job.every));
    }
    lines.trim_end().to_owned()
}

fn every(pace: std::time::Duration) -> String {
    if pace.subsec_millis() == 0 { format!("{} s", pace.as_secs()) } else { format!("{} ms", pace.as_millis()) }
}
