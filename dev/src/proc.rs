//! What /proc tells about processes: who is still the one we started.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process beyond doubt: its id and the tick of its start, which no later process of this boot shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// Clock ticks since boot.
    pub(crate) started: u64,
}

impl Mark {
    pub(crate) fn of(name: &str, pid: u32) -> Self {
        Self { name: name.to_owned(), pid, started: started(pid).unwrap_or_default() }
    }

    /// Whether that very process still runs; a zombie does not.
    pub(crate) fn alive(&self) -> bool {
        self.started != 0 && started(self.pid) == Some(self.started)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = pid(self.pid).filter(|_| self.alive()) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Which boot of the machine the ticks and ids belong to.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The servers whose command line names a directory below `home`, such as a broker that lost its runner.
pub(crate) fn living_below(home: &Path) -> Vec<Mark> {
    let home = format!("{}/", home.display());
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let words = command_line(pid);
        let program = Path::new(words.first()?).file_name()?.to_str()?.to_owned();
        let ours = ["beam.smp", "postgres", "epmd"].contains(&program.as_str());
        (ours && words.iter().any(|word| word.starts_with(&home))).then(|| Mark::of(&program, pid))
    })
    .filter(Mark::alive)
    .collect()
}

/// The arguments of a process; empty when it is gone.
pub(crate) fn command_line(pid: u32) -> Vec<String> {
    let bytes = fs::read(file(pid, "cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(file(pid, "stat")).ok()?;
    // The name in brackets may hold blanks, so the fields are counted behind it: 3 is the state, 22 the start.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn pid(raw: u32) -> Option<Pid> {
    i32::try_from(raw).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_id_and_its_start() {
        let me = Mark::of("me", std::process::id());
        assert!(me.alive());
        let stranger = Mark { started: me.started + 1, ..me };
        assert!(!stranger.alive(), "the same id started at another time is somebody else");
    }

    #[test]
    fn a_process_that_ended_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let mark = Mark::of("child", child.id());
        child.wait().unwrap();
        assert!(!mark.alive());
    }
}
