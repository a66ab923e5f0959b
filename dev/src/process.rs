//! Child processes: started so that none outlives this one, ended politely, then by force.
//!
//! The kernel signals a child when the *thread* that started it ends. Everything here runs on the main thread
//! (the runtime is single-threaded), which lives as long as the process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::accounts::Account;
use crate::failure::{Failure, Result, While};
use crate::logs::{self, Sink};
use crate::proc::Mark;

/// How to start a process, and how to end it.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole environment but `PATH`.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    /// Whom root becomes.
    pub(crate) account: Option<Account>,
    pub(crate) ending: Ending,
    pub(crate) output: Output,
}

/// The signals that end a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// INT stops PostgreSQL at once but cleanly, QUIT without a checkpoint.
    Database,
    /// TERM lets the broker close its queues; when the runner dies it is killed.
    Broker,
    /// TERM drains a service; when the runner dies it is killed.
    Service,
}

#[derive(Clone)]
pub(crate) enum Output {
    /// Everything goes to a file.
    File(PathBuf),
    /// Everything goes to a file, and readably to the terminal.
    Followed(PathBuf, Sink),
}

/// A started process.
pub(crate) struct Running {
    pub(crate) mark: Mark,
    pub(crate) since: Instant,
    child: Child,
    pid: Pid,
    ending: Ending,
    ended: Option<ExitStatus>,
    told: Option<Instant>,
}

impl Ending {
    /// What the kernel sends when the runner dies.
    fn orphaned(self) -> &'static str {
        match self {
            Self::Database => "INT",
            // A node that is just booting would ignore TERM and stay.
            Self::Broker | Self::Service => "KILL",
        }
    }

    pub(crate) fn polite(self) -> Signal {
        match self {
            Self::Database => Signal::INT,
            Self::Broker | Self::Service => Signal::TERM,
        }
    }

    pub(crate) fn forceful(self) -> Signal {
        match self {
            Self::Database => Signal::QUIT,
            Self::Broker | Self::Service => Signal::KILL,
        }
    }
}

impl Spec {
    /// Starts the process in a group of its own, so that Ctrl-C reaches the runner alone.
    pub(crate) fn start(&self) -> Result<Running> {
        let (out, err) = match &self.output {
            Output::File(path) => {
                let file = append(path)?;
                (Stdio::from(file.try_clone()?), Stdio::from(file))
            }
            Output::Followed(path, sink) => {
                let (reader, writer) = std::io::pipe()?;
                logs::follow(&self.name, reader, append(path)?, *sink);
                (Stdio::from(writer.try_clone()?), Stdio::from(writer))
            }
        };
        let child = self.command().stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.when(format!("starting {}", self.program.display()))?;
        let raw = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = raw.ok_or_else(|| Failure::new("the system gave an impossible process id"))?;
        let mark = Mark::of(&self.name, child.id());
        Ok(Running { mark, since: Instant::now(), child, pid, ending: self.ending, ended: None, told: None })
    }

    /// Runs the process to its end; an answer other than 0 fails with the last lines of its output.
    pub(crate) async fn run(&self) -> Result<()> {
        let mut running = self.start()?;
        loop {
            if let Some(status) = running.ended() {
                let path = match &self.output {
                    Output::File(path) | Output::Followed(path, _) => path,
                };
                return match status.success() {
                    true => Ok(()),
                    false => Err(Failure::new(format!("{} failed ({status})\n{}", self.name, logs::tail(path)))),
                };
            }
            pause().await;
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.arg(format!("--pdeathsig={}", self.ending.orphaned()));
        if let Some(account) = &self.account {
            command.args(account.setpriv());
        }
        command.arg("--no-new-privs").arg("--").arg(&self.program).args(&self.arguments);
        command.env_clear().envs(&self.environment).current_dir(&self.directory).process_group(0);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }
}

impl Running {
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It may have ended this instant; then there is nobody left to tell.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Asks it to end, once.
    pub(crate) fn tell(&mut self) {
        if self.told.is_none() {
            self.signal(self.ending.polite());
            self.told = Some(Instant::now());
        }
    }

    /// Ends it politely, by force after `patience`, and clears what it left in its group.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        self.tell();
        for (patience, next) in [(patience, self.ending.forceful()), (Duration::from_secs(5), Signal::KILL)] {
            let deadline = Instant::now() + patience;
            while self.ended().is_none() && Instant::now() < deadline {
                pause().await;
                // A node that is just booting ignores TERM, so it is told again.
                let deaf = self.told.is_some_and(|told| told.elapsed() > Duration::from_secs(1));
                if self.ending == Ending::Broker && deaf {
                    self.told = None;
                    self.tell();
                }
            }
            self.signal(next);
        }
        self.clear_group();
    }

    /// Kills what a dead process left behind in its group.
    pub(crate) fn clear_group(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let last_word = match self.ending {
                Ending::Broker | Ending::Service => Signal::KILL,
                Ending::Database => Signal::INT,
            };
            self.signal(last_word);
        }
    }
}

/// A short wait between two looks at something that cannot be awaited.
#[expect(clippy::disallowed_methods, reason = "children, ports and pid files are looked at, there is no event")]
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn append(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.when(format!("opening {}", path.display()))
}
