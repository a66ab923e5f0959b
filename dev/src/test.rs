//! `make check` and `make test`: every step with its time, the first failure ends it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cli::Part;
use crate::commands::{guarded, test_environment, while_kept};
use crate::failure::{Failure, Result};
use crate::foreground::must;
use crate::place::Place;
use crate::ports::Ports;
use crate::settings::Limits;
use crate::suite::{Keeps, Suite};
use crate::terminal::{paint, say, seconds};

/// The steps done so far with their times.
struct Report {
    began: Instant,
    done: Vec<(String, Duration)>,
}

/// The static part.
pub(crate) async fn check(place: &Place) -> Result<i32> {
    let mut report = Report { began: Instant::now(), done: Vec::new() };
    statics(place, &mut report).await?;
    report.tell();
    Ok(0)
}

/// Everything, or the part of it that is wanted.
pub(crate) async fn test(place: &Place, part: Part) -> Result<i32> {
    let mut report = Report { began: Instant::now(), done: Vec::new() };
    let mut code = 0;
    if part != Part::Journeys {
        statics(place, &mut report).await?;
        code = cargo_test(place, &mut report).await?;
    }
    if code == 0 && part != Part::Fast {
        code = travel(place, &journeys(&place.root.join("e2e")), &mut report).await?;
    }
    if code == 0 {
        report.tell();
    }
    Ok(code)
}

async fn statics(place: &Place, report: &mut Report) -> Result<()> {
    let root = &place.root;
    report.run(&["cargo", "fmt", "--all", "--check"], root).await?;
    if root.join("package.json").exists() {
        if !installed(root) {
            report.run(&["npm", "ci", "--no-audit", "--no-fund"], root).await?;
        }
        let buf = root.join("node_modules/.bin/buf").display().to_string();
        report.run(&[&buf, "lint"], root).await?;
        report.run(&[&buf, "format", "--diff", "--exit-code", "proto"], root).await?;
        match parent(root) {
            Ok(against) => report.run(&[&buf, "breaking", "--against", against], root).await?,
            Err(reason) => say(format!("{} buf breaking: {reason}", paint(33, "skipped"))),
        }
    } else {
        say(format!("{} buf: there is no package.json", paint(33, "skipped")));
    }
    let clippy = ["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    report.run(&clippy, root).await
}

/// The tests of all crates, with private servers.
async fn cargo_test(place: &Place, report: &mut Report) -> Result<i32> {
    let mut suite = Suite::new(place.spare("test")?, Ports::free()?)?;
    guarded(&mut suite, async |suite| {
        suite.clean(Keeps::Database).await?;
        let mut environment = test_environment(&suite.start_servers().await?);
        // A snapshot that differs fails; nobody is there to look at it.
        environment.insert("INSTA_UPDATE".into(), "no".into());
        report.kept(suite, &["cargo", "test", "--workspace"], &environment, &place.root).await?;
        Ok(0)
    })
    .await
}

/// The journeys through a fresh suite with the demo shop, and a small round of faults at the end.
async fn travel(place: &Place, journeys: &[PathBuf], report: &mut Report) -> Result<i32> {
    let mut suite = Suite::new(place.spare("test-suite")?, Ports::free()?)?;
    suite.limits = Limits::Raised;
    guarded(&mut suite, async |suite| {
        suite.clean(Keeps::Nothing).await?;
        suite.start(place).await?;
        let environment = suite.environment()?;
        suite.expect_deaths();
        for journey in journeys {
            report.kept(suite, &[&journey.display().to_string()], &environment, &place.root).await?;
        }
        let harness = place.binary("bench")?.display().to_string();
        report.kept(suite, &[&harness, "faults"], &environment, &place.root).await?;
        Ok(0)
    })
    .await
}

impl Report {
    async fn run(&mut self, words: &[&str], root: &Path) -> Result<()> {
        let began = self.begin(words, root);
        must(words, &BTreeMap::new(), root).await?;
        self.end(words, root, began);
        Ok(())
    }

    /// Like `run`, while the suite is looked after.
    async fn kept(
        &mut self,
        suite: &mut Suite,
        words: &[&str],
        environment: &BTreeMap<String, String>,
        root: &Path,
    ) -> Result<()> {
        let began = self.begin(words, root);
        let owned = words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match while_kept(suite, &owned, environment, root).await? {
            0 => self.end(words, root, began),
            code => return Err(Failure::new(format!("`{}` failed with {code}", title(words, root)))),
        }
        Ok(())
    }

    fn begin(&self, words: &[&str], root: &Path) -> Instant {
        say(paint(36, &format!("── {}. {}", self.done.len() + 1, title(words, root))));
        Instant::now()
    }

    fn end(&mut self, words: &[&str], root: &Path, began: Instant) {
        self.done.push((title(words, root), began.elapsed()));
    }

    fn tell(&self) {
        say("");
        for (number, (name, time)) in (1..).zip(&self.done) {
            say(format!("  {number:>2}. {name:<62} {:>8}", seconds(*time)));
        }
        say(format!("{} in {}", paint(32, "  all is well"), seconds(self.began.elapsed())));
    }
}

/// Whether npm has brought what the lock file names: it notes what it did beside the modules.
fn installed(root: &Path) -> bool {
    let changed = |path: &str| fs::metadata(root.join(path)).and_then(|found| found.modified()).ok();
    let fresh = match (changed("package-lock.json"), changed("node_modules/.package-lock.json")) {
        (Some(wanted), Some(done)) => done >= wanted,
        (None, _) => true,
        (Some(_), None) => false,
    };
    fresh && root.join("node_modules/.bin/buf").exists()
}

/// The command without the path of the clone.
fn title(words: &[&str], root: &Path) -> String {
    words.join(" ").replace(&format!("{}/", root.display()), "")
}

/// What the protocol must stay compatible with, or why there is nothing.
fn parent(root: &Path) -> std::result::Result<&'static str, &'static str> {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(root).output();
    let exists = |what: &str| git(&["cat-file", "-e", what]).is_ok_and(|output| output.status.success());
    if !exists("HEAD~1^{commit}") {
        return Err("there is no parent commit");
    }
    if !exists("HEAD~1:buf.yaml") {
        return Err("the parent commit has no buf.yaml");
    }
    Ok(".git#ref=HEAD~1")
}

/// Executables named like `10-sale.sh` or `20-web.mjs`, in order.
fn journeys(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = files.filter(|path| is_journey(path)).collect::<Vec<_>>();
    found.sort();
    found
}

fn is_journey(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let numbered = name
        .split_once('-')
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let executable = fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    numbered && executable && (name.ends_with(".sh") || name.ends_with(".mjs"))
}
