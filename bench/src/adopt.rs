//! Processes taken over from the runner, so that they can be killed at any moment, started again at once, started
//! twice, and asked how they ended.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Failure, Result, While};
use crate::suite::{Process, Suite, pause};

/// A debug build on a busy machine needs a moment.
const READY: Duration = Duration::from_secs(60);

/// A process of the suite that the runner leaves to us as long as this lives.
pub(crate) struct Adopted {
    pub(crate) name: String,
    pub(crate) process: Process,
    child: Child,
    hold: Option<PathBuf>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) took: Duration,
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Adopted {
    /// Ends the runner's process by `signal` and starts our own with the same settings but for `changes`.
    pub(crate) async fn take(
        suite: &Suite,
        name: &str,
        signal: Signal,
        changes: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let hold = hold(suite, name)?;
        let mut process = suite.process(name)?;
        kill(process.pid, signal)?;
        await_end(process.pid, Duration::from_secs(40)).await?;
        process.environment.extend(changes.clone());
        let child = spawn(&process)?;
        let adopted = Self { name: name.to_owned(), process, child, hold: Some(hold) };
        adopted.ready().await?;
        Ok(adopted)
    }

    /// Starts a second process of the same kind on ports of its own.
    pub(crate) async fn twin(suite: &Suite, name: &str, changes: &BTreeMap<String, String>) -> Result<Self> {
        let mut process = suite.process(name)?;
        process.environment.extend(changes.clone());
        for setting in ["LISTEN", "HTTP_LISTEN"] {
            if !changes.contains_key(setting) && process.environment.contains_key(setting) {
                process.environment.insert(setting.to_owned(), free_address()?);
            }
        }
        let child = spawn(&process)?;
        let twin = Self { name: format!("{name} (twin)"), process, child, hold: None };
        twin.ready().await?;
        Ok(twin)
    }

    pub(crate) fn setting(&self, name: &str) -> &str {
        self.process.environment.get(name).map_or("", String::as_str)
    }

    /// Kills it without a word, and starts it again.
    pub(crate) fn strike(&mut self) -> Result<Instant> {
        self.child.kill()?;
        let at = Instant::now();
        self.child.wait()?;
        self.child = spawn(&self.process)?;
        Ok(at)
    }

    /// Kills it without a word, and leaves it down.
    pub(crate) fn fell(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, and waits for that.
    pub(crate) async fn drain(&mut self, patience: Duration) -> Result<Ended> {
        let began = Instant::now();
        kill(self.child.id(), Signal::TERM)?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Ended { took: began.elapsed(), code: status.code() });
            }
            if began.elapsed() > patience {
                self.fell()?;
                return Ok(Ended { took: began.elapsed(), code: None });
            }
            pause(10).await;
        }
    }

    /// Starts it after its end.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.child = spawn(&self.process)?;
        Ok(())
    }

    pub(crate) async fn ready(&self) -> Result<()> {
        let Some(url) = Suite::readiness(&self.process) else { return Ok(()) };
        let deadline = Instant::now() + READY;
        while !crate::http::is_ready(&url).await {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("{} is not ready after {} s", self.name, READY.as_secs())));
            }
            pause(20).await;
        }
        Ok(())
    }

    /// Ends it politely; the runner, if it was its, starts its own again.
    pub(crate) async fn give_back(mut self, suite: &Suite) -> Result<()> {
        self.drain(Duration::from_secs(30)).await?;
        let Some(hold) = self.hold.take() else { return Ok(()) };
        let before = suite.process(&self.name)?.pid;
        fs::remove_file(&hold).when(format!("giving back {}", self.name))?;
        let deadline = Instant::now() + READY;
        while suite.process(&self.name)?.pid == before {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("the runner does not start {} again", self.name)));
            }
            pause(20).await;
        }
        suite.await_ready(&[&self.name], READY).await
    }
}

impl Drop for Adopted {
    /// When the work is broken off the runner takes over.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(hold) = &self.hold {
            let _ = fs::remove_file(hold);
        }
    }
}

/// Keeps the runner from restarting a process until the file is gone.
fn hold(suite: &Suite, name: &str) -> Result<PathBuf> {
    let doing = format!("holding {name}");
    fs::create_dir_all(&suite.hold).when(&doing)?;
    let hold = suite.hold.join(name);
    fs::write(&hold, "").when(&doing)?;
    Ok(hold)
}

/// Keeps the runner from restarting a process, kills it, and lets the runner again when the work is done.
pub(crate) async fn outage<T>(suite: &Suite, name: &str, meanwhile: impl Future<Output = Result<T>>) -> Result<T> {
    let hold = hold(suite, name)?;
    kill(suite.process(name)?.pid, Signal::KILL)?;
    let done = meanwhile.await;
    fs::remove_file(&hold).when(format!("letting {name} start"))?;
    done
}

/// Stops a process where it stands, and lets it go on when the work is done: its sockets are open, and nobody answers.
pub(crate) async fn freeze<T>(suite: &Suite, name: &str, meanwhile: impl Future<Output = Result<T>>) -> Result<T> {
    struct Thaw(u32);
    impl Drop for Thaw {
        fn drop(&mut self) {
            let _ = kill(self.0, Signal::CONT);
        }
    }
    let pid = suite.process(name)?.pid;
    kill(pid, Signal::STOP)?;
    let thaw = Thaw(pid);
    let done = meanwhile.await;
    drop(thaw);
    done
}

/// A TCP port that nobody uses, below those that the kernel gives to outgoing connections.
pub(crate) fn free_address() -> Result<String> {
    let first = rand::random_range(20_000..30_000_u16);
    let free = (first..32_700).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.map(|port| format!("127.0.0.1:{port}")).ok_or_else(|| Failure::new("no free port on 127.0.0.1"))
}

/// Runs a command of a service, such as `verify-audit`; answers whether it ended well, and its last words.
pub(crate) async fn command(process: &Process, words: &[&str]) -> Result<(bool, String)> {
    let mut command = tokio::process::Command::new(&process.program);
    command.args(words).env_clear().envs(&process.environment).kill_on_drop(true);
    let output = command.output().await.when(format!("running {}", process.program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), text.lines().last().unwrap_or_default().to_owned()))
}

pub(crate) fn kill(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::new("an impossible process id"))?;
    kill_process(pid, signal).when("sending a signal")
}

/// It dies with this program, and writes where the runner's process wrote.
fn spawn(process: &Process) -> Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(&process.log);
    let log = log.when(format!("opening {}", process.log.display()))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", "--no-new-privs", "--"]).arg(&process.program).args(&process.arguments);
    command.env_clear().envs(&process.environment).current_dir(process.log.parent().unwrap_or_else(|| Path::new("/")));
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().when(format!("starting {}", process.program.display()))
}

async fn await_end(pid: u32, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    // Until its parent buries it: a process that is dying, even a zombie with threads left, may still hold its ports.
    while Path::new(&format!("/proc/{pid}")).exists() {
        if Instant::now() > deadline {
            return Err(Failure::new(format!("process {pid} does not end")));
        }
        pause(5).await;
    }
    Ok(())
}
