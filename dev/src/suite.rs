//! A suite from nothing to healthy: servers, database, migrations, seed, services, gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::accounts::Account;
use crate::failure::{Failure, Result};
use crate::http::Http;
use crate::logs::Sink;
use crate::packages::{self, Wanted};
use crate::place::{Instance, Place};
use crate::ports::Ports;
use crate::postgres::{self, Postgres};
use crate::process::{Ending, Output, Spec, pause};
use crate::provision::provision;
use crate::rabbit::{self, Rabbit};
use crate::secrets::Secrets;
use crate::settings::{Addresses, DATABASE, DatabaseUrl, GATEWAY, Limits, Role, SEEDS, SERVICES, Settings};
use crate::supervise::{Story, Supervisor, recover};
use crate::terminal::Step;

/// How long a service may take to answer `/readyz`.
const PATIENCE: Duration = Duration::from_secs(120);

/// Servers that somebody else runs; what is `None` is started here.
#[derive(Clone, Default)]
pub(crate) struct Managed {
    pub(crate) admin: Option<DatabaseUrl>,
    pub(crate) amqp: Option<String>,
}

/// What of the last time stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    Everything,
    /// Databases of failed tests and templates stay, queues do not.
    Database,
    Nothing,
}

pub(crate) struct Suite {
    pub(crate) instance: Instance,
    pub(crate) ports: Ports,
    pub(crate) managed: Managed,
    pub(crate) limits: Limits,
    /// Where the services' log lines go.
    pub(crate) sink: Sink,
    binaries: BTreeMap<&'static str, PathBuf>,
    secrets: Secrets,
    supervisor: Supervisor,
}

impl Suite {
    pub(crate) fn new(instance: Instance, ports: Ports) -> Result<Self> {
        let supervisor = Supervisor::new(&instance)?;
        Ok(Self {
            instance,
            ports,
            managed: Managed::default(),
            limits: Limits::Default,
            sink: Sink::Quiet,
            binaries: BTreeMap::new(),
            secrets: Secrets::default(),
            supervisor,
        })
    }

    /// Ends what an earlier run left, and forgets of its data what `keeps` does not name.
    pub(crate) async fn clean(&mut self, keeps: Keeps) -> Result<()> {
        let step = Step::begin("leftovers");
        let left = recover(&self.instance).await?;
        match keeps {
            Keeps::Everything => {}
            Keeps::Database => Rabbit::forget(&self.instance)?,
            Keeps::Nothing => self.instance.clear()?,
        }
        step.done(if left.is_empty() { "none".to_owned() } else { format!("ended {}", left.join(" ")) });
        Ok(())
    }

    /// Starts the servers and waits until both answer.
    pub(crate) async fn start_servers(&mut self) -> Result<Addresses> {
        let rabbit = self.begin()?;
        let admin = self.start_postgres().await?;
        let amqp = self.await_rabbit(rabbit).await?;
        Ok(Addresses { admin, amqp })
    }

    /// Starts everything and waits until all are healthy.
    pub(crate) async fn start(&mut self, place: &Place) -> Result<()> {
        self.ports.check(self.ports.of_services())?;
        let addresses = self.prepare(place).await?;
        self.start_services(&addresses)?;
        self.await_health().await
    }

    /// Starts the servers, and creates, migrates and seeds the database. RabbitMQ needs longest, so it starts
    /// first and the database is prepared meanwhile.
    pub(crate) async fn prepare(&mut self, place: &Place) -> Result<Addresses> {
        for name in SERVICES.into_iter().chain([GATEWAY]) {
            self.binaries.insert(name, place.binary(name)?);
        }
        let rabbit = self.begin()?;
        let amqp = self.managed.amqp.clone().or_else(|| rabbit.as_ref().map(Rabbit::url)).unwrap_or_default();
        let admin = self.start_postgres().await?;
        let addresses = Addresses { admin, amqp };

        let step = Step::begin("database");
        provision(&addresses.admin, &self.secrets).await?;
        step.done(format!("{DATABASE}: roles and schemas of {} services", SERVICES.len()));
        let step = Step::begin("migrate");
        try_join_all(SERVICES.map(|name| self.once(&addresses, name, "migrate"))).await?;
        step.done(SERVICES.join(" "));
        for name in SEEDS {
            let step = Step::begin(format!("seed {name}"));
            self.once(&addresses, name, "seed").await?;
            step.done("");
        }
        self.await_rabbit(rabbit).await?;
        Ok(addresses)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.gateway)
    }

    /// Writes the file that tells a harness where everything is.
    pub(crate) fn tell(&mut self, addresses: &Addresses) -> Result<PathBuf> {
        let story = Story {
            base_url: self.base_url(),
            admin_url: addresses.admin.to_string(),
            database_url: addresses.admin.with_database(DATABASE).to_string(),
            amqp_url: addresses.amqp.clone(),
        };
        self.supervisor.tell(story)
    }

    /// The environment in which a command finds the running suite.
    pub(crate) fn environment(&mut self) -> Result<BTreeMap<String, String>> {
        let addresses = self.addresses()?;
        let state = self.tell(&addresses)?;
        let (admin, amqp) = (addresses.admin.to_string(), addresses.amqp);
        let database = addresses.admin.with_database(DATABASE).to_string();
        let pairs = [
            ("BASE_URL", self.base_url()),
            ("DATABASE_ADMIN_URL", admin.clone()),
            ("DATABASE_SUITE_URL", database),
            ("AMQP_URL", amqp.clone()),
            ("TEST_DATABASE_URL", admin),
            ("TEST_AMQP_URL", amqp),
            ("SUITE_STATE", state.display().to_string()),
        ];
        Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// From now on somebody kills on purpose.
    pub(crate) fn expect_deaths(&mut self) {
        self.supervisor.expect_deaths();
    }

    /// Restarts who dies, for ever.
    pub(crate) async fn keep(&mut self) -> Result<()> {
        self.supervisor.keep().await
    }

    pub(crate) async fn stop(&mut self, patience: Duration) {
        self.supervisor.stop(patience).await;
    }

    /// Installs packages, makes directories and secrets, and sets RabbitMQ on its way.
    fn begin(&mut self) -> Result<Option<Rabbit>> {
        let wanted = Wanted { postgres: self.managed.admin.is_none(), rabbit: self.managed.amqp.is_none() };
        packages::install(&self.instance, wanted)?;
        let database = Account::drop_to(&["postgres", "nobody"])?.filter(|_| wanted.postgres);
        let broker = Account::drop_to(&["rabbitmq", "nobody"])?.filter(|_| wanted.rabbit);
        self.instance.prepare(&[database.as_ref(), broker.as_ref()])?;
        self.secrets = Secrets::load(&self.instance.home.join("secrets.json"))?;
        let private = self.ports.of_servers();
        let (first, rest) = private.split_at(1);
        self.ports.check(first.iter().filter(|_| wanted.postgres).copied())?;
        self.ports.check(rest.iter().filter(|_| wanted.rabbit).copied())?;
        if !wanted.rabbit {
            return Ok(None);
        }
        let rabbit = Rabbit::new(&self.instance, broker, &self.ports, &self.secrets);
        rabbit.initialise()?;
        self.supervisor.start(rabbit.epmd())?;
        self.supervisor.start(rabbit.spec())?;
        Ok(Some(rabbit))
    }

    async fn start_postgres(&mut self) -> Result<DatabaseUrl> {
        let step = Step::begin("postgresql");
        if let Some(admin) = &self.managed.admin {
            step.done(format!("managed, at {}", admin.host));
            return Ok(admin.clone());
        }
        let account = Account::drop_to(&["postgres", "nobody"])?;
        let postgres = Postgres::new(&self.instance, account, self.ports.postgres, &self.secrets.superuser);
        postgres.initialise().await?;
        postgres.forget_stale_pid();
        self.supervisor.start(postgres.spec()?)?;
        let version = postgres.ready(|| self.supervisor.steady(postgres::NAME)).await?;
        step.done(format!("{version} on 127.0.0.1:{}", self.ports.postgres));
        Ok(postgres.url())
    }

    async fn await_rabbit(&mut self, rabbit: Option<Rabbit>) -> Result<String> {
        let step = Step::begin("rabbitmq");
        let Some(rabbit) = rabbit else {
            step.done("managed");
            return Ok(self.managed.amqp.clone().unwrap_or_default());
        };
        rabbit.ready(|| self.supervisor.steady(rabbit::NAME)).await?;
        step.done(format!("on 127.0.0.1:{}", self.ports.amqp));
        Ok(rabbit.url())
    }

    /// Where the servers are, once they run.
    fn addresses(&self) -> Result<Addresses> {
        let postgres = Postgres::new(&self.instance, None, self.ports.postgres, &self.secrets.superuser);
        let rabbit = Rabbit::new(&self.instance, None, &self.ports, &self.secrets);
        Ok(Addresses {
            admin: self.managed.admin.clone().unwrap_or_else(|| postgres.url()),
            amqp: self.managed.amqp.clone().unwrap_or_else(|| rabbit.url()),
        })
    }

    /// Runs a command of a service to its end.
    async fn once(&self, addresses: &Addresses, name: &'static str, command: &str) -> Result<()> {
        let role = if command == "migrate" { Role::Migration } else { Role::Runtime };
        let environment = self.settings(addresses).service(name, role)?;
        let output = Output::File(self.instance.log(name));
        let spec = self.spec(name, command, environment, output)?;
        Spec { name: format!("{name} {command}"), ..spec }.run().await
    }

    fn start_services(&mut self, addresses: &Addresses) -> Result<()> {
        for name in SERVICES.into_iter().chain([GATEWAY]) {
            let settings = self.settings(addresses);
            let environment = match name {
                GATEWAY => settings.gateway()?,
                name => settings.service(name, Role::Runtime)?,
            };
            let output = Output::Followed(self.instance.log(name), self.sink);
            let spec = self.spec(name, "serve", environment, output)?;
            self.supervisor.start(spec)?;
        }
        Ok(())
    }

    /// Waits until the gateway and every service say that they are ready.
    async fn await_health(&mut self) -> Result<()> {
        let step = Step::begin("healthy");
        let http = Http::new();
        let ports = self.ports.http.iter().map(|(name, port)| (*name, *port)).chain([(GATEWAY, self.ports.gateway)]);
        let mut waiting = ports.collect::<BTreeMap<_, _>>();
        let deadline = Instant::now() + PATIENCE;
        while let Some((name, port)) = waiting.first_key_value().map(|(name, port)| (*name, *port)) {
            self.supervisor.tend()?;
            if http.healthy(&format!("http://127.0.0.1:{port}/readyz")).await {
                waiting.remove(name);
                continue;
            }
            if let Some((name, lines)) = self.supervisor.failing(4) {
                return Err(Failure::new(format!("{name} keeps dying\n{lines}")));
            }
            if Instant::now() > deadline {
                let lines = crate::logs::tail(&self.instance.log(name));
                return Err(Failure::new(format!("{name} is not ready after {} s\n{lines}", PATIENCE.as_secs())));
            }
            pause().await;
        }
        step.done("five services and the gateway");
        Ok(())
    }

    fn settings<'a>(&'a self, addresses: &'a Addresses) -> Settings<'a> {
        Settings {
            ports: &self.ports,
            secrets: &self.secrets,
            addresses,
            home: &self.instance.home,
            limits: self.limits,
        }
    }

    fn spec(
        &self,
        name: &'static str,
        command: &str,
        environment: BTreeMap<String, String>,
        output: Output,
    ) -> Result<Spec> {
        let program = self.binaries.get(name).cloned();
        Ok(Spec {
            name: name.to_owned(),
            program: program.ok_or_else(|| Failure::new(format!("no binary of {name}")))?,
            // The gateway has one thing to do and takes no command.
            arguments: if name == GATEWAY { Vec::new() } else { vec![command.to_owned()] },
            environment,
            directory: self.instance.home.clone(),
            account: None,
            ending: Ending::Service,
            output,
        })
    }
}
