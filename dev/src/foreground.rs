//! Commands that have the terminal: what tests and harnesses run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Failure, Result, While};
use crate::process::pause;

/// A command in our own process group, so that Ctrl-C reaches it as well.
struct Foreground(Child);

/// Runs a command with more environment and answers its exit code; 128 + signal when it was killed.
pub(crate) async fn run(words: &[String], environment: &BTreeMap<String, String>, directory: &Path) -> Result<i32> {
    let first = words.first().ok_or_else(|| Failure::new("no command was given"))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=TERM", "--"]).args(words).envs(environment).current_dir(directory);
    let mut child = Foreground(command.spawn().when(format!("starting {first}"))?);
    loop {
        if let Some(status) = child.0.try_wait()? {
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            return Ok(status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default()));
        }
        pause().await;
    }
}

/// Runs a command and fails unless it answers 0.
pub(crate) async fn must(words: &[&str], environment: &BTreeMap<String, String>, directory: &Path) -> Result<()> {
    let owned = words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match run(&owned, environment, directory).await? {
        0 => Ok(()),
        code => Err(Failure::new(format!("`{}` failed with {code}", words.join(" ")))),
    }
}

impl Drop for Foreground {
    /// Somebody pressed Ctrl-C: the command ends before the servers that it uses.
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut told = false;
        while let (Ok(None), Some(pid)) = (self.0.try_wait(), pid) {
            let late = Instant::now() > deadline;
            if late || !told {
                let _ = kill_process(pid, if late { Signal::KILL } else { Signal::TERM });
                told = true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
