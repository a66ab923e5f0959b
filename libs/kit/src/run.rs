//! What a service is, and its `main`.

use std::process::ExitCode;
use std::time::Duration;

use async_trait::async_trait;
use db::seal::Chain;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::service::RoutesBuilder;

use crate::config::{self, Settings};
use crate::health::{self, Ready};
use crate::{App, Command, Fault, Heard, Job, Personal, Refusal, Tx, operate, serve, telemetry};

/// A service: its schema, its RPCs, what it hears and what comes round.
#[async_trait]
pub trait Service: Sized + Send + Sync + 'static {
    /// The schema, and the name in tokens and addresses.
    const NAME: &'static str;
    /// Tables beside `audit` and `seal` that are only ever added to.
    const APPEND_ONLY: &'static [&'static str] = &[];
    /// What it knows of a person, beside accounts, which keeps its own list.
    const PERSONAL: &'static [Personal] = &[];
    /// Settings of its own, read from the environment like all others.
    type Settings: DeserializeOwned + Send;
    type Error: Refusal;

    fn migrations() -> &'static Migrator;

    /// Hash chains beside that of the audit.
    fn chains() -> Vec<Chain> {
        Vec::new()
    }

    /// Makes the service; nothing is served yet.
    ///
    /// # Errors
    /// A sentence for the operator; the process does not start.
    async fn open(app: App, settings: Self::Settings) -> Result<Self, String>;

    /// Adds the service's own RPCs.
    fn routes(&self, routes: &mut RoutesBuilder);

    /// Applies an event; it comes once, in the transaction that remembers it.
    ///
    /// # Errors
    /// Any error rolls back and the event comes again later.
    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), Self::Error> {
        let _ = (tx, heard);
        Ok(())
    }

    /// Before the first of several events of one transaction: the place to lock what they all touch in one order.
    ///
    /// # Errors
    /// Any error rolls back, and the events are applied one by one.
    async fn prepare(&self, tx: &mut Tx, batch: &[Heard]) -> Result<(), Self::Error> {
        let _ = (tx, batch);
        Ok(())
    }

    fn jobs(&self) -> Vec<Job> {
        Vec::new()
    }

    /// Words that its binary understands beside those of every service.
    fn commands(&self) -> Vec<Command> {
        Vec::new()
    }

    /// Fills this service's share of the demo shop; may be repeated.
    ///
    /// # Errors
    /// Any error ends the seeding.
    async fn seed(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// All chains of a service.
pub(crate) fn chains<S: Service>() -> Vec<Chain> {
    let mut chains = vec![db::seal::AUDIT];
    chains.extend(S::chains());
    chains
}

/// The `main` of a service: `serve` (also without a word), `migrate`, `seed`, `verify-audit`, `replay --from <time>`,
/// `unpark <event-id|all>`, `jobs`, `run-job <name>`, and the service's own commands.
pub fn run<S: Service>() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(S::NAME, &error.to_string()),
    };
    let done = runtime.block_on(async {
        let settings: Settings = config::load()?;
        let _telemetry = telemetry::start(S::NAME, &settings.log, settings.otlp_endpoint.as_deref())?;
        match words.as_slice() {
            [] | ["serve"] => serve_until_stopped::<S>(settings).await,
            ["migrate"] => {
                db::migrate(settings.database_url.reveal(), S::migrations()).await.map_err(|e| e.to_string())
            }
            ["seed"] if !settings.demo => Err("only the demo is seeded; set DEMO=true".to_owned()),
            ["seed"] => {
                let app = App::from_settings(S::NAME, &settings)?;
                S::open(app, config::load()?).await?.seed().await.map_err(|fault| fault.to_string())
            }
            ["verify-audit"] => verify::<S>(&settings).await,
            ["replay", "--from", from] => replay::<S>(&settings, from).await,
            ["unpark", which] => unpark::<S>(&settings, which).await,
            other => by_hand::<S>(&settings, other).await,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(S::NAME, &error),
    }
}

fn failed(service: &str, error: &str) -> ExitCode {
    tracing::error!(error, "{service} stopped");
    #[expect(clippy::print_stderr, reason = "without settings there is no log to speak through")]
    {
        eprintln!("{service}: {error}");
    }
    ExitCode::FAILURE
}

async fn serve_until_stopped<S: Service>(settings: Settings) -> Result<(), String> {
    let app = App::from_settings(S::NAME, &settings)?;
    check_role::<S>(&app).await?;
    let ready = Ready::default();
    let http = TcpListener::bind(settings.http_listen).await.map_err(|e| format!("HTTP_LISTEN: {e}"))?;
    let grpc = TcpListener::bind(settings.listen).await.map_err(|e| format!("LISTEN: {e}"))?;
    let service = std::sync::Arc::new(S::open(app.clone(), config::load()?).await?);
    let tasks = app.tasks.clone();
    tasks.spawn(health::serve(http, ready.clone(), app.db.clone(), tasks.stopping()));
    // Identity itself tells its trust what it knows.
    if let (true, Ok(identity)) = (S::NAME != "identity", app.peer("identity")) {
        crate::trust::follow(&app, identity);
    }
    crate::background::start(&app, &service, &settings)?;

    let stop = tokio_util::sync::CancellationToken::new();
    let routes = serve::rpcs(&app, service.as_ref());
    let mut serving = crate::task::spawn(serve::serve(
        grpc,
        serve::door(&app, &settings)?,
        routes,
        settings.reflection,
        stop.clone(),
    ));
    ready.set(true);
    tracing::info!(listen = %settings.listen, "{} is serving", S::NAME);
    tokio::select! {
        ended = &mut serving => return Err(format!("serving ended by itself: {ended:?}")),
        asked = stopped() => asked?,
    }
    ready.set(false);
    #[expect(clippy::disallowed_methods, reason = "callers need a moment to look elsewhere")]
    tokio::time::sleep(Duration::from_secs(settings.drain_delay_seconds)).await;
    app.draining.cancel();
    stop.cancel();
    serving.await.map_err(|error| error.to_string())??;
    // Background work stops last, so that what the last calls told still goes out.
    let _ = tokio::time::timeout(Duration::from_secs(5), tasks.stop()).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), app.db.close()).await;
    tracing::info!("{} has stopped", S::NAME);
    Ok(())
}

async fn stopped() -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The process does not start when its role may do more, or less, than it should.
async fn check_role<S: Service>(app: &App) -> Result<(), String> {
    let mut append_only = vec!["audit", "seal", "approval_used"];
    append_only.extend(S::APPEND_ONLY);
    let mut conn = app.db.read().await.map_err(|error| format!("the database is out of reach: {error}"))?;
    let wrong = db::check_role(&mut conn, S::NAME, &append_only).await.map_err(|error| error.to_string())?;
    if wrong.is_empty() { Ok(()) } else { Err(format!("the database role is not as it must be: {}", wrong.join("; "))) }
}

async fn verify<S: Service>(settings: &Settings) -> Result<(), String> {
    let app = App::from_settings(S::NAME, settings)?;
    let mut conn = app.db.read().await.map_err(|error| error.to_string())?;
    for chain in chains::<S>() {
        let report = db::seal::verify(&mut conn, &chain, None).await.map_err(|error| error.to_string())?;
        tracing::info!(chain = chain.name, sealed = report.sealed, waiting = report.waiting, "chain verified");
        if let Some(at) = report.broken_at {
            return Err(format!("the chain {} does not hold at {at}", chain.name));
        }
    }
    Ok(())
}

async fn replay<S: Service>(settings: &Settings, from: &str) -> Result<(), String> {
    let from = chrono::DateTime::parse_from_rfc3339(from).map_err(|error| format!("{from}: {error}"))?;
    let app = App::from_settings(S::NAME, settings)?;
    let mut conn = app.db.read().await.map_err(|error| error.to_string())?;
    let events = db::outbox::requeue(&mut conn, from.to_utc()).await.map_err(|error| error.to_string())?;
    tracing::info!(events, "events will be told again");
    Ok(())
}

async fn by_hand<S: Service>(settings: &Settings, words: &[&str]) -> Result<(), String> {
    let app = App::from_settings(S::NAME, settings)?;
    let service = S::open(app.clone(), config::load()?).await?;
    let told = operate(&app, &service, words).await?;
    #[expect(clippy::print_stdout, reason = "the answer to the operator")]
    {
        println!("{told}");
    }
    Ok(())
}

async fn unpark<S: Service>(settings: &Settings, which: &str) -> Result<(), String> {
    let event = match which {
        "all" => db::inbox::Which::All,
        id => db::inbox::Which::One(uuid::Uuid::try_parse(id).map_err(|error| format!("{id}: {error}"))?),
    };
    let app = App::from_settings(S::NAME, settings)?;
    let mut conn = app.db.read().await.map_err(|error| error.to_string())?;
    let events = db::inbox::unpark(&mut conn, event).await.map_err(|error| error.to_string())?;
    tracing::info!(events, "events will be tried again");
    Ok(())
}
