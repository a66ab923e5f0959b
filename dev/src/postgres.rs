//! A private PostgreSQL: its own data, its own port, no socket, an unprivileged user.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::accounts::{Account, give};
use crate::failure::{Failure, Result, While};
use crate::logs;
use crate::place::Instance;
use crate::proc;
use crate::process::{Ending, Output, Spec, pause};
use crate::settings::DatabaseUrl;

pub(crate) const NAME: &str = "postgresql";

/// The superuser of the private cluster.
const SUPERUSER: &str = "lunarfront";

/// Recovery after a crash may replay much.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Postgres {
    account: Option<Account>,
    data: PathBuf,
    log: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    pub(crate) fn new(instance: &Instance, account: Option<Account>, port: u16, password: &str) -> Self {
        let data = instance.servers.join("postgresql");
        Self { account, data, log: instance.log(NAME), port, password: password.to_owned() }
    }

    /// Makes the cluster when there is none. Half a cluster never bears the name of a whole one.
    pub(crate) async fn initialise(&self) -> Result<()> {
        if self.data.join("PG_VERSION").exists() {
            return Ok(());
        }
        let draft = self.data.with_extension("new");
        let password_file = self.data.with_extension("password");
        let _ = fs::remove_dir_all(&draft);
        fs::create_dir(&draft).when("creating the directory of PostgreSQL")?;
        give(&draft, self.account.as_ref(), 0o700)?;
        crate::secrets::write_private(&password_file, self.password.as_bytes())?;
        give(&password_file, self.account.as_ref(), 0o600)?;
        let options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--username", SUPERUSER];
        let mut arguments = options.map(str::to_owned).to_vec();
        arguments.push(format!("--pgdata={}", draft.display()));
        arguments.push(format!("--pwfile={}", password_file.display()));
        let made = self.spec_of("initdb", arguments)?.run().await;
        fs::remove_file(&password_file).when("removing the password file")?;
        made?;
        fs::rename(&draft, &self.data).when("naming the cluster")
    }

    pub(crate) fn spec(&self) -> Result<Spec> {
        let mut arguments = vec!["-D".to_owned(), self.data.display().to_string(), "-p".into(), self.port.to_string()];
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=400",
            "shared_buffers=256MB",
            "max_wal_size=2GB",
            "jit=off",
            "timezone=UTC",
            "log_timezone=UTC",
        ];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        self.spec_of("postgres", arguments)
    }

    /// Waits until it answers; `alive` says whether it still runs.
    pub(crate) async fn ready(&self, mut alive: impl FnMut() -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match PgConnection::connect(&self.url().to_string()).await {
                Ok(mut connection) => {
                    let version = sqlx::query_scalar::<_, String>("show server_version").fetch_one(&mut connection);
                    let version = version.await?;
                    connection.close().await?;
                    return Ok(version.split_whitespace().next().unwrap_or_default().to_owned());
                }
                Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("28P01") => {
                    let hint = "the cluster has another password than secrets.json: `make reset` starts anew";
                    return Err(Failure::new(hint));
                }
                Err(error) if !alive() || Instant::now() > deadline => {
                    let lines = logs::tail(&self.log);
                    return Err(Failure::new(format!("PostgreSQL does not answer: {error}\n{lines}")));
                }
                Err(_) => pause().await,
            }
        }
    }

    /// As its superuser.
    pub(crate) fn url(&self) -> DatabaseUrl {
        DatabaseUrl {
            user: SUPERUSER.into(),
            password: self.password.clone(),
            host: format!("127.0.0.1:{}", self.port),
            database: "postgres".into(),
            query: None,
        }
    }

    /// Forgets a pid file whose number meanwhile belongs to another program: PostgreSQL would refuse to start.
    pub(crate) fn forget_stale_pid(&self) {
        let file = self.data.join("postmaster.pid");
        let pid = fs::read_to_string(&file).ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
        let Some(pid) = pid else { return };
        let program = proc::command_line(pid).into_iter().next().unwrap_or_default();
        if !program.contains("postgres") {
            let _ = fs::remove_file(&file);
        }
    }

    fn spec_of(&self, program: &str, arguments: Vec<String>) -> Result<Spec> {
        let wanted = fs::read_to_string(self.data.join("PG_VERSION")).ok();
        Ok(Spec {
            name: NAME.into(),
            program: programs(wanted.as_deref().map(str::trim))?.join(program),
            arguments,
            environment: BTreeMap::from([("LANG".into(), "C.UTF-8".into())]),
            directory: self.data.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned),
            account: self.account.clone(),
            ending: Ending::Database,
            output: Output::File(self.log.clone()),
        })
    }
}

/// Where the programs lie: of the version that made the cluster, else of the newest.
fn programs(version: Option<&str>) -> Result<PathBuf> {
    let installed = installed();
    match version {
        None => installed.into_iter().next_back().map(|(_, path)| path),
        Some(version) => installed.into_iter().find(|(number, _)| number.to_string() == version).map(|(_, path)| path),
    }
    .ok_or_else(|| {
        let version = version.unwrap_or("any version");
        Failure::new(format!("the data need PostgreSQL {version}, which is not installed (or `make reset`)"))
    })
}

/// Installed servers by version, oldest first.
pub(crate) fn installed() -> BTreeMap<u32, PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))));
    versions
        .filter(|(_, path): &(u32, PathBuf)| path.join("postgres").exists() && path.join("initdb").exists())
        .collect()
}
