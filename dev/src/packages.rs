//! The Debian packages that the servers come from.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result, While};
use crate::place::Instance;
use crate::terminal::Step;
use crate::{logs, postgres, rabbit};

const INSTALL: &str = include_str!("install.sh");

/// Which servers this run starts itself.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) postgres: bool,
    pub(crate) rabbit: bool,
}

/// Installs what is missing. It is not interrupted: half an installation helps nobody.
pub(crate) fn install(instance: &Instance, wanted: Wanted) -> Result<()> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let step = Step::begin("packages");
    let log = instance.log("apt");
    let command = root(&format!("apt-get install {}", missing.join(" ")))?;
    let output = std::fs::File::create(&log).when("opening the log of apt")?;
    let status = std::os::unix::process::CommandExt::process_group(&mut script(&command, &missing), 0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .when("running apt-get")?;
    if !status.success() {
        return Err(Failure::new(format!("installing {} failed\n{}", missing.join(" "), logs::tail(&log))));
    }
    step.done(format!("installed {}", missing.join(" ")));
    Ok(())
}

fn missing(wanted: Wanted) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if wanted.postgres && postgres::installed().is_empty() {
        missing.push("postgresql");
    }
    if wanted.rabbit && !rabbit::installed() {
        missing.push("rabbitmq-server");
    }
    missing
}

/// The words before a command that must run as root.
fn root(instead: &str) -> Result<Vec<&'static str>> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure::new(format!("this is no Debian: install the like of `{instead}` yourself")));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(Vec::new());
    }
    // The password is asked for here, before apt's words go to the log.
    let allowed = Command::new("sudo").args(["-p", "\n[sudo] password to install packages: ", "-v"]).status();
    match allowed.is_ok_and(|status| status.success()) {
        true => Ok(vec!["sudo", "-n"]),
        false => Err(Failure::new(format!("packages are missing; as root run: {instead}"))),
    }
}

fn script(before: &[&str], packages: &[&str]) -> Command {
    let words = before.iter().chain(&["sh", "-c", INSTALL, "install.sh"]).chain(packages);
    let words = words.copied().collect::<Vec<_>>();
    let (program, arguments) = words.split_first().map_or(("sh", [].as_slice()), |(first, rest)| (*first, rest));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
