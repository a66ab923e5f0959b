//! What each command does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{Command, Run, SuiteOptions};
use crate::failure::{Failure, Result, While};
use crate::logs::{self, Sink};
use crate::place::Place;
use crate::ports::Ports;
use crate::secrets::Secrets;
use crate::settings::{Addresses, DatabaseUrl, Limits};
use crate::suite::{Keeps, Managed, Suite};
use crate::terminal::{Step, paint, say};
use crate::{foreground, supervise, test, token, tour};

/// How long services may drain. They give up after 25 s themselves.
const DRAIN: Duration = Duration::from_secs(30);

/// What the shell reports of a command that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Answers the exit code.
pub(crate) async fn dispatch(command: Command) -> Result<i32> {
    match command {
        Command::Run(options) => run(&Place::find()?, options).await,
        Command::Prepare(options) => prepare(&Place::find()?, options).await,
        Command::Env => env(&Place::find()?),
        Command::Reset => reset(&Place::find()?).await,
        Command::Check => test::check(&Place::find()?).await,
        Command::Test { part } => test::test(&Place::find()?, part).await,
        Command::Servers { command } => servers(&Place::find()?, &command).await,
        Command::Suite(options) => suite(&Place::find()?, options).await,
        Command::Token { service, state } => {
            let state = state.map_or_else(|| Place::find().map(|place| place.data().join("suite.json")), Ok)?;
            say(token::mint(&state.with_file_name("secrets.json"), &service)?);
            Ok(0)
        }
        Command::Tour { url } => tour::play(&url).await,
    }
}

async fn run(place: &Place, options: Run) -> Result<i32> {
    let mut suite = Suite::new(place.shop()?, Ports::fixed(options.port))?;
    suite.sink = Sink::Terminal;
    suite.managed = managed(options)?;
    let code = guarded(&mut suite, async |suite| {
        suite.clean(Keeps::Everything).await?;
        suite.start(place).await?;
        suite.environment()?;
        welcome(&suite.base_url());
        logs::show_everything();
        suite.keep().await?;
        Ok(0)
    })
    .await?;
    // Ctrl-C is how this command ends.
    Ok(if code == INTERRUPTED { 0 } else { code })
}

/// What `run` does to the database, for services that run elsewhere.
async fn prepare(place: &Place, options: Run) -> Result<i32> {
    let mut suite = Suite::new(place.shop()?, Ports::fixed(options.port))?;
    suite.managed = managed(options)?;
    guarded(&mut suite, async |suite| {
        suite.clean(Keeps::Everything).await?;
        suite.prepare(place).await?;
        Ok(0)
    })
    .await
}

fn env(place: &Place) -> Result<i32> {
    let shop = place.shop()?;
    let values = Secrets::load(&shop.home.join("secrets.json"))?.for_compose()?;
    values.into_iter().for_each(|(name, value)| say(format!("{name}={value}")));
    Ok(0)
}

async fn servers(place: &Place, command: &[String]) -> Result<i32> {
    let mut suite = Suite::new(place.spare("test")?, Ports::free()?)?;
    guarded(&mut suite, async |suite| {
        suite.clean(Keeps::Database).await?;
        let addresses = suite.start_servers().await?;
        while_kept(suite, command, &test_environment(&addresses), &place.root).await
    })
    .await
}

async fn suite(place: &Place, options: SuiteOptions) -> Result<i32> {
    let mut suite = Suite::new(place.spare("suite")?, Ports::free()?)?;
    suite.limits = if options.limits { Limits::Default } else { Limits::Raised };
    guarded(&mut suite, async |suite| {
        suite.clean(if options.keep { Keeps::Everything } else { Keeps::Nothing }).await?;
        suite.start(place).await?;
        let environment = suite.environment()?;
        suite.expect_deaths();
        while_kept(suite, &options.command, &environment, &place.root).await
    })
    .await
}

/// Drops the data of every suite of this clone that does not run.
async fn reset(place: &Place) -> Result<i32> {
    let data = place.data();
    if !data.exists() {
        say("nothing to drop");
        return Ok(0);
    }
    let step = Step::begin("reset");
    // All of them are locked before any is touched: nothing is dropped by halves.
    let mut instances = vec![place.shop()?];
    let entries = fs::read_dir(&data)?.flatten().map(|entry| entry.path());
    for home in entries.filter(|path| path.join("run.lock").exists()) {
        let instance = crate::place::Instance::open(&home)?;
        instances.push(instance.ok_or_else(|| Failure::new(format!("{} is in use", home.display())))?);
    }
    for instance in &instances {
        supervise::recover(instance).await?;
        instance.clear()?;
    }
    fs::remove_dir_all(&data).when(format!("removing {}", data.display()))?;
    step.done(format!("{} is gone", data.display()));
    Ok(0)
}

/// Does the work with the suite and stops the suite whatever comes of it: success, failure or Ctrl-C. A second
/// Ctrl-C stops it the hard way.
pub(crate) async fn guarded(suite: &mut Suite, work: impl AsyncFnOnce(&mut Suite) -> Result<i32>) -> Result<i32> {
    let mut interrupts = Interrupts::new()?;
    let outcome = tokio::select! {
        biased;
        () = interrupts.next() => Ok(INTERRUPTED),
        outcome = work(suite) => outcome,
    };
    if let Err(failure) = &outcome {
        say(format!("\n{} {failure}", paint(31, "failed:")));
    }
    let step = Step::begin("stopping");
    let hurried = tokio::select! {
        biased;
        () = interrupts.again() => true,
        () = suite.stop(DRAIN) => false,
    };
    if hurried {
        suite.stop(Duration::ZERO).await;
    }
    step.done("services, RabbitMQ, PostgreSQL");
    // The failure was told before the servers were stopped.
    Ok(outcome.unwrap_or(1))
}

/// Runs a command while the suite is looked after.
pub(crate) async fn while_kept(
    suite: &mut Suite,
    command: &[String],
    environment: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<i32> {
    tokio::select! {
        biased;
        code = foreground::run(command, environment, directory) => code,
        outcome = suite.keep() => outcome.map(|()| 1),
    }
}

pub(crate) fn test_environment(addresses: &Addresses) -> BTreeMap<String, String> {
    let database = ("TEST_DATABASE_URL".to_owned(), addresses.admin.to_string());
    BTreeMap::from([database, ("TEST_AMQP_URL".to_owned(), addresses.amqp.clone())])
}

fn managed(options: Run) -> Result<Managed> {
    let admin = options.database_admin_url.map(|url| {
        let parsed = DatabaseUrl::parse(&url);
        parsed.ok_or_else(|| Failure::new("DATABASE_ADMIN_URL is not postgres://user:password@host:port/database"))
    });
    Ok(Managed { admin: admin.transpose()?, amqp: options.amqp_url })
}

fn welcome(url: &str) {
    say(format!("\n  {}  {url}   (API reference: {url}/docs)", paint(32, "LunarFront is open")));
    say("  sign in as  owner@demo.test  manager@demo.test  clerk@demo.test  viewer@demo.test");
    say("  password    lunarfront-demo");
    say("  at a till   number 1003 PIN 2580 (clerk)  number 1002 PIN 1379 (manager)");
    say("  `make tour` plays a sale; Ctrl-C stops everything and keeps the data\n");
}

/// Ctrl-C and its kin.
struct Interrupts([Signal; 3]);

impl Interrupts {
    fn new() -> Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [first, second, third] = kinds.map(signal);
        Ok(Self([first?, second?, third?]))
    }

    /// The next one after a second: one wish to end often comes as two signals, from the terminal and from make.
    async fn again(&mut self) {
        let began = Instant::now();
        loop {
            self.next().await;
            if began.elapsed() > Duration::from_secs(1) {
                return;
            }
        }
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
