//! Keeps the children: who runs, who died and starts again, and the record by which the next start knows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::failure::{Failure, Result, While};
use crate::logs;
use crate::place::Instance;
use crate::proc::{self, Mark};
use crate::process::{Ending, Output, Running, Spec, pause};
use crate::secrets::write_private;
use crate::settings::GATEWAY;
use crate::terminal::{paint, say};
use crate::{postgres, rabbit};

/// The wait before the first restart; it doubles with every death in short order.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// When a harness kills on purpose, back-off would only cost time.
const BRISK_WAIT: Duration = Duration::from_millis(300);
/// Who lived this long may die again without a longer wait.
const STEADY: Duration = Duration::from_secs(30);

/// What is told to a harness that breaks things.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub(crate) base_url: String,
    pub(crate) admin_url: String,
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
}

pub(crate) struct Supervisor {
    kept: Vec<Kept>,
    longest_wait: Duration,
    record: PathBuf,
    /// A file here, named like a child, keeps that child from being restarted.
    hold: PathBuf,
    state: PathBuf,
    story: Story,
}

struct Kept {
    spec: Spec,
    running: Running,
    deaths: u32,
    restarts: u32,
    again_at: Option<Instant>,
}

/// The record on disk.
#[derive(Default, Serialize, Deserialize)]
struct Record {
    /// Ids and ticks mean nothing after a boot.
    boot: String,
    children: Vec<Mark>,
}

impl Supervisor {
    pub(crate) fn new(instance: &Instance) -> Result<Self> {
        let hold = instance.home.join("hold");
        let _ = fs::remove_dir_all(&hold);
        fs::create_dir_all(&hold).when("creating the directory of holds")?;
        let record = instance.home.join("run.json");
        let (kept, longest_wait, state) = (Vec::new(), LONGEST_WAIT, instance.home.join("suite.json"));
        Ok(Self { kept, longest_wait, record, hold, state, story: Story::default() })
    }

    /// From now on deaths are somebody's purpose: no long wait, no word.
    pub(crate) fn expect_deaths(&mut self) {
        self.longest_wait = BRISK_WAIT;
    }

    pub(crate) fn start(&mut self, spec: Spec) -> Result<()> {
        let (Output::File(log) | Output::Followed(log, _)) = &spec.output;
        logs::rotate(log);
        let running = spec.start()?;
        self.kept.push(Kept { spec, running, deaths: 0, restarts: 0, again_at: None });
        self.write()
    }

    /// Tells a harness where everything is.
    pub(crate) fn tell(&mut self, story: Story) -> Result<PathBuf> {
        self.story = story;
        self.write()?;
        Ok(self.state.clone())
    }

    /// Whether the child runs and has never died since it was started.
    pub(crate) fn steady(&mut self, name: &str) -> bool {
        let found = self.kept.iter_mut().find(|kept| kept.spec.name == name);
        found.is_some_and(|kept| kept.restarts == 0 && kept.running.ended().is_none())
    }

    /// The name and log of a child that has died `deaths` times in short order.
    pub(crate) fn failing(&self, deaths: u32) -> Option<(String, String)> {
        let found = self.kept.iter().find(|kept| kept.deaths >= deaths)?;
        let (Output::File(log) | Output::Followed(log, _)) = &found.spec.output;
        Some((found.spec.name.clone(), logs::tail(log)))
    }

    /// Looks after the children once: buries and restarts.
    pub(crate) fn tend(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut changed = false;
        for kept in &mut self.kept {
            let Some(status) = kept.running.ended() else { continue };
            let name = &kept.spec.name;
            let Some(again_at) = kept.again_at else {
                kept.running.clear_group();
                kept.deaths = if kept.running.since.elapsed() > STEADY { 0 } else { kept.deaths } + 1;
                let wait = FIRST_WAIT.saturating_mul(1 << (kept.deaths - 1).min(10)).min(self.longest_wait);
                kept.again_at = Some(now + wait);
                if self.longest_wait > BRISK_WAIT {
                    let text = format!("{name} ended ({status}) and starts again in {} ms", wait.as_millis());
                    say(paint(33, &text));
                }
                continue;
            };
            if now < again_at || self.hold.join(name).exists() {
                continue;
            }
            match kept.spec.start() {
                Ok(running) => kept.running = running,
                Err(failure) => {
                    say(paint(31, &format!("{name} could not be started again: {failure}")));
                    kept.again_at = Some(now + self.longest_wait);
                    continue;
                }
            }
            kept.again_at = None;
            kept.restarts += 1;
            changed = true;
        }
        if changed { self.write() } else { Ok(()) }
    }

    /// Tends for ever.
    pub(crate) async fn keep(&mut self) -> Result<()> {
        loop {
            self.tend()?;
            pause().await;
        }
    }

    /// Ends the children from the outside in: the gateway, the services, the broker, the database.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        for wave in [Wave::Gateway, Wave::Services, Wave::Broker, Wave::Mapper, Wave::Database] {
            let (mut gone, stay) =
                std::mem::take(&mut self.kept).into_iter().partition::<Vec<_>, _>(|kept| wave.has(kept));
            self.kept = stay;
            // All of a wave are told before any is waited for: draining takes seconds.
            gone.iter_mut().for_each(|kept| kept.running.tell());
            for mut kept in gone.into_iter().rev() {
                kept.running.stop(patience).await;
            }
        }
        let _ = fs::remove_file(&self.record);
        let _ = fs::remove_file(&self.state);
    }

    fn write(&self) -> Result<()> {
        let children = self.kept.iter().map(|kept| kept.running.mark.clone()).collect();
        let record = Record { boot: proc::boot(), children };
        write_private(&self.record, &serde_json::to_vec_pretty(&record)?)?;
        let processes = self.kept.iter().map(|kept| (kept.spec.name.clone(), kept.told())).collect::<BTreeMap<_, _>>();
        let Story { base_url, admin_url, database_url, amqp_url } = &self.story;
        let state = json!({
            "baseUrl": base_url,
            "databaseAdminUrl": admin_url,
            "databaseUrl": database_url,
            "amqpUrl": amqp_url,
            "holdDirectory": self.hold,
            "processes": processes,
        });
        write_private(&self.state, &serde_json::to_vec_pretty(&state)?)
    }
}

impl Kept {
    fn told(&self) -> serde_json::Value {
        let (Output::File(log) | Output::Followed(log, _)) = &self.spec.output;
        json!({
            "pid": self.running.mark.pid,
            "program": self.spec.program,
            "arguments": self.spec.arguments,
            "environment": self.spec.environment,
            "log": log,
            "restarts": self.restarts,
        })
    }
}

#[derive(Clone, Copy)]
enum Wave {
    Gateway,
    Services,
    Broker,
    Mapper,
    Database,
}

impl Wave {
    fn has(self, kept: &Kept) -> bool {
        let name = kept.spec.name.as_str();
        match self {
            Self::Gateway => name == GATEWAY,
            Self::Services => kept.spec.ending == Ending::Service && ![GATEWAY, rabbit::EPMD].contains(&name),
            Self::Broker => kept.spec.ending == Ending::Broker,
            Self::Mapper => name == rabbit::EPMD,
            Self::Database => kept.spec.ending == Ending::Database,
        }
    }
}

/// Ends what a runner that was killed left behind. Only processes that are ours beyond doubt are touched: those
/// recorded by id and start, and servers whose command line names our directory. Answers their names.
pub(crate) async fn recover(instance: &Instance) -> Result<Vec<String>> {
    let record = instance.home.join("run.json");
    let recorded = fs::read(&record).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let recorded = recorded.filter(|record| record.boot == proc::boot()).unwrap_or_default().children;
    let mut left = recorded.into_iter().filter(Mark::alive).collect::<Vec<_>>();
    left.extend(
        proc::living_below(&instance.servers).into_iter().filter(|mark| left_out(&left, mark)).collect::<Vec<_>>(),
    );
    for mark in &left {
        mark.signal(ending(&mark.name).polite());
    }
    // The database gets the time for its checkpoint; whoever else is deaf is killed.
    vanish(&left, 20).await;
    left.iter().for_each(|mark| mark.signal(ending(&mark.name).forceful()));
    vanish(&left, 5).await;
    left.iter().for_each(|mark| mark.signal(Signal::KILL));
    vanish(&left, 2).await;
    let below = instance.servers.display();
    let stubborn = left.iter().filter(|mark| mark.alive()).map(|mark| mark.name.as_str()).collect::<Vec<_>>();
    if !stubborn.is_empty() {
        return Err(Failure::new(format!("{} of an earlier run of {below} cannot be ended", stubborn.join(", "))));
    }
    let _ = fs::remove_file(&record);
    Ok(left.into_iter().map(|mark| mark.name).collect())
}

async fn vanish(marks: &[Mark], seconds: u64) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while marks.iter().any(Mark::alive) && Instant::now() < deadline {
        pause().await;
    }
}

fn left_out(known: &[Mark], mark: &Mark) -> bool {
    known.iter().all(|other| other.pid != mark.pid)
}

fn ending(name: &str) -> Ending {
    match name {
        postgres::NAME | "postgres" => Ending::Database,
        rabbit::NAME | "beam.smp" => Ending::Broker,
        _ => Ending::Service,
    }
}
