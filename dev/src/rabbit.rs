//! A private RabbitMQ: its own node, data, ports and cookie, an unprivileged user.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::accounts::{Account, give, private_directory};
use crate::failure::{Failure, Result, While};
use crate::logs;
use crate::place::Instance;
use crate::ports::Ports;
use crate::process::{Ending, Output, Spec, pause};
use crate::secrets::Secrets;

pub(crate) const NAME: &str = "rabbitmq";
pub(crate) const EPMD: &str = "epmd";

/// Not the one in /usr/sbin, which changes user and directory and writes logs of its own.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const USER: &str = "lunarfront";

/// A node starts in 5 s on a quiet machine and in a minute on a loaded one.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Rabbit {
    account: Option<Account>,
    home: PathBuf,
    log: PathBuf,
    epmd_log: PathBuf,
    ports: Ports,
    password: String,
    cookie: String,
}

pub(crate) fn installed() -> bool {
    Path::new(SERVER).exists()
}

impl Rabbit {
    pub(crate) fn new(instance: &Instance, account: Option<Account>, ports: &Ports, secrets: &Secrets) -> Self {
        Self {
            account,
            home: instance.servers.join("rabbitmq"),
            log: instance.log(NAME),
            epmd_log: instance.log(EPMD),
            ports: ports.clone(),
            password: secrets.broker.clone(),
            cookie: secrets.cookie.clone(),
        }
    }

    /// Drops the data of the node of an instance.
    pub(crate) fn forget(instance: &Instance) -> Result<()> {
        match fs::remove_dir_all(instance.servers.join("rabbitmq")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).when("removing the node"),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes its directories and configuration. A node that never came up is made anew: its first start creates
    /// the user, and half a first start would leave none for ever.
    pub(crate) fn initialise(&self) -> Result<()> {
        if !self.complete().exists() && self.home.exists() {
            fs::remove_dir_all(&self.home).when("removing half a node")?;
        }
        let account = self.account.as_ref();
        private_directory(&self.home, account)?;
        for name in ["home", "log", "mnesia", "config", "schema"] {
            private_directory(&self.home.join(name), account)?;
        }
        self.write("home/.erlang.cookie", &self.cookie, 0o400)?;
        self.write("rabbitmq.conf", &self.configuration(), 0o600)?;
        self.write("enabled_plugins", "[].\n", 0o600)?;
        // An empty file of our own, or the system's would be read.
        self.write("rabbitmq-env.conf", "", 0o600)?;
        self.write("advanced.config", "[].\n", 0o600)
    }

    /// The port mapper, as a child of ours: otherwise Erlang would leave a daemon behind.
    pub(crate) fn epmd(&self) -> Spec {
        let port = self.ports.epmd.to_string();
        let arguments = ["-port", &port, "-address", "127.0.0.1"].map(str::to_owned).to_vec();
        let (program, log) = (PathBuf::from("epmd"), self.epmd_log.clone());
        Spec {
            name: EPMD.into(),
            program,
            arguments,
            ending: Ending::Service,
            output: Output::File(log),
            ..self.spec()
        }
    }

    pub(crate) fn spec(&self) -> Spec {
        Spec {
            name: NAME.into(),
            program: SERVER.into(),
            arguments: Vec::new(),
            environment: self.environment(),
            directory: self.home.clone(),
            account: self.account.clone(),
            ending: Ending::Broker,
            output: Output::File(self.log.clone()),
        }
    }

    /// Waits until it speaks AMQP; `alive` says whether it still runs.
    pub(crate) async fn ready(&self, mut alive: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !matches!(timeout(Duration::from_secs(5), self.greets()).await, Ok(Ok(true))) {
            if !alive() || Instant::now() > deadline {
                let lines = logs::tail(&self.log);
                return Err(Failure::new(format!("RabbitMQ does not answer\n{lines}")));
            }
            pause().await;
        }
        self.write("complete", "the first start went well\n", 0o600)
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://{USER}:{}@127.0.0.1:{}/%2f", self.password, self.ports.amqp)
    }

    /// Sends the protocol header; a node that is up answers with a method frame.
    async fn greets(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports.amqp)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        Ok(stream.read_u8().await? == 1)
    }

    fn complete(&self) -> PathBuf {
        self.home.join("complete")
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.home.join(name);
        crate::secrets::write_private(&path, text.as_bytes())?;
        give(&path, self.account.as_ref(), mode)
    }

    fn configuration(&self) -> String {
        let (port, password) = (self.ports.amqp, &self.password);
        format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\n\
             default_user = {USER}\n\
             default_pass = {password}\n\
             vm_memory_high_watermark.absolute = 512MiB\n\
             disk_free_limit.absolute = 200MB\n\
             collect_statistics_interval = 30000\n\
             log.console = true\n\
             log.console.level = warning\n\
             log.file = false\n"
        )
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let path = |name: &str| self.home.join(name).display().to_string();
        let interface = "-kernel inet_dist_use_interface {127,0,0,1}";
        let pairs = [
            ("HOME", path("home")),
            ("LANG", "C.UTF-8".into()),
            // The script then becomes the node instead of watching it: one process, one id, no orphan.
            ("RUNNING_UNDER_SYSTEMD", "true".into()),
            ("RABBITMQ_NODENAME", "lunarfront@localhost".into()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODE_PORT", self.ports.amqp.to_string()),
            ("RABBITMQ_DIST_PORT", self.ports.distribution.to_string()),
            ("ERL_EPMD_PORT", self.ports.epmd.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("log")),
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_SCHEMA_DIR", path("schema")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", path("config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
            ("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf")),
            ("RABBITMQ_PID_FILE", path("rabbitmq.pid")),
            ("RABBITMQ_FEATURE_FLAGS_FILE", path("feature_flags")),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none {interface}"),
            ),
            ("RABBITMQ_CTL_ERL_ARGS", interface.into()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
