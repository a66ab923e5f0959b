//! O10: what the processes wrote since the harness began holds no panic and no secret.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Check;
use crate::failure::Result;
use crate::suite::{GATEWAY, SERVICES, Suite};

/// The settings whose values nobody may read in a log.
const SECRET_SETTINGS: [&str; 3] = ["SERVICE_KEY", "TOKEN_KEY", "REFRESH_KEY"];

/// Settings that hold a password between `:` and `@`.
const ADDRESSES: [&str; 2] = ["DATABASE_URL", "AMQP_URL"];

pub(crate) struct Logs {
    /// How far each log was read.
    read: BTreeMap<PathBuf, u64>,
    secrets: Vec<String>,
}

impl Logs {
    /// Begins at the present ends.
    pub(super) fn begin(suite: &Suite) -> Result<Self> {
        let mut logs = Self { read: BTreeMap::new(), secrets: vec!["lunarfront-demo".to_owned()] };
        for (name, process) in suite.processes()? {
            if !SERVICES.contains(&name.as_str()) && name != GATEWAY {
                continue;
            }
            let length = std::fs::metadata(&process.log).map_or(0, |found| found.len());
            logs.read.insert(process.log, length);
            let settings = SECRET_SETTINGS.iter().filter_map(|setting| process.environment.get(*setting));
            let passwords = ADDRESSES.iter().filter_map(|setting| password(process.environment.get(*setting)?));
            logs.secrets.extend(settings.cloned().chain(passwords));
        }
        logs.secrets.sort();
        logs.secrets.dedup();
        Ok(logs)
    }

    pub(super) fn check(&mut self, suite: &Suite) -> Result<Check> {
        let mut wrong = Vec::new();
        for process in suite.processes()?.into_values() {
            if let Some(read) = self.read.get_mut(&process.log) {
                *read = scan(&process.log, *read, &self.secrets, &mut wrong)?;
            }
        }
        Ok(Check::new("O10", "no panic and no secret in the logs", wrong))
    }
}

/// Reads a log from where it was left; a shorter one was begun anew.
fn scan(log: &Path, from: u64, secrets: &[String], wrong: &mut Vec<String>) -> Result<u64> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(if from <= length { from } else { 0 }))?;
    let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if let Some(flaw) = flaw(&line, secrets) {
            wrong.push(format!("{name}: {flaw}"));
        }
    }
    Ok(length)
}

fn flaw(line: &str, secrets: &[String]) -> Option<String> {
    if line.contains("panicked") {
        return Some(line.chars().take(300).collect());
    }
    if secrets.iter().any(|secret| line.contains(secret.as_str())) {
        return Some("a secret".to_owned());
    }
    // Any JSON Web Token: `{"alg"` and `{"typ"` in base64.
    let token = line.contains("eyJhbGciOi") || line.contains("eyJ0eXAiOi");
    token.then(|| "a token".to_owned())
}

fn password(url: &str) -> Option<String> {
    let credentials = url.split_once("://")?.1.rsplit_once('@')?.0;
    let password = credentials.split_once(':')?.1;
    (password.len() >= 8).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_a_password_and_a_token_are_found() {
        let secrets = ["0123456789abcdef".to_owned()];
        for bad in [
            "thread 'tokio-rt-worker' panicked at src/x.rs:1:1",
            r#"{"message":"connecting to postgres://pos_rt:0123456789abcdef@h/d"}"#,
            "authorization: Bearer eyJ0eXAiOiJhdCtqd3QifQ.e30.x",
        ] {
            assert!(flaw(bad, &secrets).is_some(), "{bad}");
        }
        assert_eq!(flaw(r#"{"message":"sale completed"}"#, &secrets), None);
    }

    #[test]
    fn the_password_of_an_address_is_a_secret() {
        let found = password("postgres://pos_rt:0123456789abcdef@127.0.0.1:5432/lunarfront");
        assert_eq!(found.as_deref(), Some("0123456789abcdef"));
        assert_eq!(password("amqp://guest:guest@h/%2f"), None);
    }
}
