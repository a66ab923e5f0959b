//! The running suite: where it is, its processes, their settings and logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use sqlx::{Connection, PgConnection};

use crate::failure::{Failure, Result, While};
use crate::http::Bases;

/// The services, in the order of their ports; each has a schema of its name.
pub(crate) const SERVICES: [&str; 5] = ["identity", "accounts", "inventory", "pos", "ledger"];
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const BROKER: &str = "rabbitmq";

/// What the runner tells in the file `SUITE_STATE`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    base_url: String,
    database_admin_url: String,
    database_url: String,
    amqp_url: String,
    /// A file here, named like a process, keeps that process from being restarted.
    hold_directory: PathBuf,
    processes: BTreeMap<String, Process>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) log: PathBuf,
}

pub(crate) struct Suite {
    file: PathBuf,
    pub(crate) bases: Bases,
    /// PostgreSQL as its operator, any database.
    pub(crate) admin_url: String,
    /// The same in the suite's database.
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    pub(crate) hold: PathBuf,
}

impl Suite {
    /// Finds the suite by the environment that the runner gives.
    pub(crate) fn find() -> Result<Self> {
        let file = std::env::var("SUITE_STATE").map(PathBuf::from);
        let file = file.map_err(|_| Failure::new("SUITE_STATE is not set: run this as `dev suite -- bench …`"))?;
        let state = read(&file)?;
        Ok(Self {
            file,
            bases: Bases::one(&state.base_url)?,
            admin_url: state.database_admin_url,
            database_url: state.database_url,
            amqp_url: state.amqp_url,
            hold: state.hold_directory,
        })
    }

    /// A process as it runs now; its id changes with every restart.
    pub(crate) fn process(&self, name: &str) -> Result<Process> {
        let found = read(&self.file)?.processes.remove(name);
        found.ok_or_else(|| Failure::new(format!("the suite has no process {name}")))
    }

    pub(crate) fn processes(&self) -> Result<BTreeMap<String, Process>> {
        Ok(read(&self.file)?.processes)
    }

    /// A connection to the suite's database as its operator.
    pub(crate) async fn database(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.database_url).await.when("connecting to the suite's database")
    }

    /// A directory for what the harness keeps of a run.
    pub(crate) fn notes(&self) -> Result<PathBuf> {
        let notes = self.file.parent().unwrap_or_else(|| Path::new(".")).join("witness");
        std::fs::create_dir_all(&notes).when(format!("creating {}", notes.display()))?;
        Ok(notes)
    }

    /// Where a process says whether it is ready.
    pub(crate) fn readiness(process: &Process) -> Option<String> {
        let settings = &process.environment;
        let address = settings.get("HTTP_LISTEN").or_else(|| settings.get("LISTEN"))?;
        Some(format!("http://{address}/readyz"))
    }

    /// Waits until the named processes say that they are ready.
    pub(crate) async fn await_ready(&self, names: &[&str], patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        for name in names {
            let Some(url) = Self::readiness(&self.process(name)?) else { continue };
            while !crate::http::is_ready(&url).await {
                if Instant::now() > deadline {
                    return Err(Failure::new(format!("{name} is not ready after {} s", patience.as_secs())));
                }
                pause(20).await;
            }
        }
        Ok(())
    }
}

/// A short wait between two looks at something that cannot be awaited.
pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// The clone that this program was built from, by where it is run or lies.
pub(crate) fn clone_root() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let program = std::env::current_exe()?;
    let mut places = here.ancestors().chain(program.ancestors());
    let root = places.find(|path| path.join("bench/baseline").exists());
    root.map(Path::to_owned).ok_or_else(|| Failure::new("run this inside the clone"))
}

fn read(file: &Path) -> Result<State> {
    let bytes = std::fs::read(file).when(format!("reading {}", file.display()))?;
    serde_json::from_slice(&bytes).when(format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_file_is_read_and_what_is_not_needed_is_left() {
        let text = r#"{"baseUrl": "http://127.0.0.1:1", "databaseAdminUrl": "a", "databaseUrl": "b", "amqpUrl": "c",
            "holdDirectory": "/h", "processes": {"pos": {"pid": 7, "program": "/p", "arguments": ["serve"],
            "environment": {"HTTP_LISTEN": "127.0.0.1:2"}, "log": "/l", "restarts": 0}}}"#;
        let state = serde_json::from_str::<State>(text).unwrap();
        let pos = &state.processes["pos"];
        assert_eq!((pos.pid, Suite::readiness(pos).as_deref()), (7, Some("http://127.0.0.1:2/readyz")));
    }
}
