//! The raw database: another database of the suite's own PostgreSQL, with the same work as plain SQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use crate::failure::{Failure, Result, While};
use crate::figures::Milli;
use crate::suite::clone_root;

const DATABASE: &str = "bench";

pub(crate) struct Raw {
    /// `postgres://user:password@host:port/bench`.
    pub(super) url: String,
    /// The same for programs of PostgreSQL.
    environment: BTreeMap<&'static str, String>,
    /// Where the programs are.
    programs: PathBuf,
    /// The scripts.
    scripts: PathBuf,
}

impl Raw {
    /// Drops and creates the database with its schema.
    pub(super) async fn create(admin_url: &str) -> Result<Self> {
        let programs = programs()?;
        let mut admin = PgConnection::connect(admin_url).await.when("connecting as the operator")?;
        for sql in ["drop database if exists bench with (force)", "create database bench"] {
            sqlx::query(sql).execute(&mut admin).await.when(sql)?;
        }
        let base = admin_url.split('?').next().unwrap_or_default();
        let (server, _) =
            base.rsplit_once('/').ok_or_else(|| Failure::new("the operator's address names no database"))?;
        let scripts = clone_root()?.join("bench/baseline/pgbench");
        let environment = environment(server)?;
        let raw = Self { url: format!("{server}/{DATABASE}"), environment, programs, scripts };
        raw.file("schema.sql", &[]).await?;
        Ok(raw)
    }

    /// Runs a file of SQL.
    pub(super) async fn file(&self, name: &str, variables: &[(&str, String)]) -> Result<()> {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
        for (name, value) in variables {
            psql.arg("-v").arg(format!("{name}={value}"));
        }
        said(psql.arg("-f").arg(self.scripts.join(name))).await.map(drop)
    }

    /// Copies the answer of a query here into a table of another database, as the operator. Triggers stay silent.
    pub(super) async fn copy(&self, query: &str, database: &str, table: &str) -> Result<()> {
        let program = self.programs.join("psql").display().to_string();
        let out = format!("\"{program}\" -X -q -c \"$QUERY\" {DATABASE}");
        let into = format!("\"{program}\" -X -q -v ON_ERROR_STOP=1 -c \"$TABLE\" {database}");
        let mut shell = Command::new("bash");
        let schema = table.split('.').next().unwrap_or_default();
        let options = format!("-c session_replication_role=replica -c search_path={schema},extensions");
        shell.args(["-c", &format!("set -o pipefail; {out} | PGOPTIONS='{options}' {into}")]);
        shell.envs(&self.environment);
        shell.env("QUERY", format!("copy ({query}) to stdout")).env("TABLE", format!("copy {table} from stdin"));
        said(&mut shell).await.map(drop)
    }

    /// Transactions per second of a script.
    pub(super) async fn bench(&self, script: &str, clients: usize, time: Duration) -> Result<Milli> {
        let mut pgbench = self.command("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-c", &clients.to_string(), "-j", &clients.min(2).to_string()]);
        pgbench.args(["-T", &time.as_secs().max(1).to_string(), "-f"]).arg(self.scripts.join(script));
        let text = said(&mut pgbench).await?;
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next());
        Milli::parse(tps.ok_or_else(|| Failure::new(format!("pgbench said no tps:\n{text}")))?)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.envs(&self.environment).env("PGDATABASE", DATABASE).env("PGOPTIONS", "-c search_path=shop,public");
        command.kill_on_drop(true);
        command
    }
}

/// Where psql and pgbench are; Debian keeps them in a directory per version.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places = versions.map(|entry| entry.path().join("bin")).collect::<Vec<_>>();
    places.sort();
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let found = places.into_iter().find(|place| place.join("pgbench").exists() && place.join("psql").exists());
    found.ok_or_else(|| Failure::new("pgbench and psql are missing: install Debian's package postgresql-client"))
}

/// The parts of `postgres://user:password@host:port`.
fn environment(server: &str) -> Result<BTreeMap<&'static str, String>> {
    let parts = || {
        let (credentials, address) = server.split_once("://")?.1.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (host, port) = address.split_once(':').unwrap_or((address, "5432"));
        Some([("PGUSER", user), ("PGPASSWORD", password), ("PGHOST", host), ("PGPORT", port)])
    };
    let parts =
        parts().ok_or_else(|| Failure::new("the operator's address is not postgres://user:password@host:port"))?;
    Ok(parts.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
}

/// Runs a program and answers its output.
pub(super) async fn said(command: &mut Command) -> Result<String> {
    let program =
        Path::new(command.as_std().get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().await.when(format!("starting {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => {
            let error = String::from_utf8_lossy(&output.stderr);
            let last = error.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
            Err(Failure::new(format!("{program} failed:\n{last}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_settings_of_postgresql() {
        let found = environment("postgres://lunarfront:secret@127.0.0.1:8432").unwrap();
        assert_eq!(found["PGUSER"], "lunarfront");
        assert_eq!((found["PGPASSWORD"].as_str(), found["PGPORT"].as_str()), ("secret", "8432"));
        assert!(environment("somewhere").is_err());
    }
}
