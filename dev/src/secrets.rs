//! The secrets of one set of servers: made once at random, kept in a file that only its owner reads.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result, While};
use crate::settings::{GATEWAY, SEALING, SERVICES};

/// The name under which the person at the terminal calls services.
pub(crate) const OPERATOR: &str = "operator";

/// Everything that must not be guessed.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Secrets {
    /// Of PostgreSQL's superuser.
    pub(crate) superuser: String,
    /// Of RabbitMQ's user.
    pub(crate) broker: String,
    /// What Erlang nodes know each other by.
    pub(crate) cookie: String,
    /// Of the database roles that sign in, such as `pos_rt`.
    pub(crate) roles: BTreeMap<String, String>,
    /// The Ed25519 key of each process: PKCS #8, base64.
    pub(crate) service_keys: BTreeMap<String, String>,
    /// Signs user tokens: Ed25519, PKCS #8, base64.
    pub(crate) token_key: String,
    /// 32 bytes, base64.
    pub(crate) refresh_key: String,
    /// What wraps the data keys of each service that seals fields: 32 bytes, base64.
    pub(crate) field_keys: BTreeMap<String, String>,
}

impl Secrets {
    #[cfg(test)]
    pub(crate) fn new() -> Result<Self> {
        let mut secrets = Self::default();
        secrets.complete()?;
        Ok(secrets)
    }

    /// Reads the file and makes what is missing in it.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let mut secrets = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).when(format!("reading {}", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).when(format!("reading {}", path.display())),
        };
        if secrets.complete()? {
            write_private(path, &serde_json::to_vec_pretty(&secrets)?)?;
        }
        Ok(secrets)
    }

    pub(crate) fn role(&self, name: &str) -> Result<&str> {
        let found = self.roles.get(name).map(String::as_str);
        found.ok_or_else(|| Failure::new(format!("no password for the role {name}")))
    }

    pub(crate) fn service_key(&self, process: &str) -> Result<&str> {
        let found = self.service_keys.get(process).map(String::as_str);
        found.ok_or_else(|| Failure::new(format!("no key for {process}")))
    }

    /// `FIELD_KEY` of a service: `id=base64`.
    pub(crate) fn field_key(&self, service: &str) -> Result<String> {
        let found = self.field_keys.get(service).map(|key| format!("dev={key}"));
        found.ok_or_else(|| Failure::new(format!("no field key for {service}")))
    }

    /// Who may call: `gateway=<base64 public key>,identity=…`.
    pub(crate) fn public_keys(&self) -> Result<String> {
        let public = |(name, key): (&String, &String)| {
            let pair = Ed25519KeyPair::from_pkcs8(&STANDARD.decode(key)?)?;
            Ok(format!("{name}={}", STANDARD.encode(pair.public_key().as_ref())))
        };
        Ok(self.service_keys.iter().map(public).collect::<Result<Vec<_>>>()?.join(","))
    }

    /// The values that compose.yaml asks for.
    pub(crate) fn for_compose(&self) -> Result<Vec<(String, String)>> {
        let mut values = vec![
            ("SERVICE_KEYS".to_owned(), self.public_keys()?),
            ("TOKEN_KEY".to_owned(), self.token_key.clone()),
            ("REFRESH_KEY".to_owned(), self.refresh_key.clone()),
        ];
        for process in SERVICES.iter().chain(&[GATEWAY]) {
            let key = self.service_key(process)?.to_owned();
            values.push((format!("{}_SERVICE_KEY", process.to_uppercase()), key));
        }
        for service in SEALING {
            values.push((format!("{}_FIELD_KEY", service.to_uppercase()), self.field_key(service)?));
        }
        for service in SERVICES {
            let password = self.role(&format!("{service}_rt"))?.to_owned();
            values.push((format!("{}_PASSWORD", service.to_uppercase()), password));
        }
        Ok(values)
    }

    /// Makes what is missing; whether anything was.
    fn complete(&mut self) -> Result<bool> {
        let mut made = false;
        let mut make = |slot: &mut String, new: fn() -> Result<String>| -> Result<()> {
            if slot.is_empty() {
                *slot = new()?;
                made = true;
            }
            Ok(())
        };
        for slot in [&mut self.superuser, &mut self.broker, &mut self.cookie] {
            make(slot, password)?;
        }
        for service in SERVICES {
            for kind in ["mig", "rt"] {
                make(self.roles.entry(format!("{service}_{kind}")).or_default(), password)?;
            }
        }
        for process in SERVICES.iter().chain(&[GATEWAY, OPERATOR]) {
            make(self.service_keys.entry((*process).to_owned()).or_default(), signing_key)?;
        }
        make(&mut self.token_key, signing_key)?;
        make(&mut self.refresh_key, || Ok(STANDARD.encode(random()?)))?;
        for service in SEALING {
            make(self.field_keys.entry(service.to_owned()).or_default(), || Ok(STANDARD.encode(random()?)))?;
        }
        Ok(made)
    }
}

/// Replaces a file that only its owner may read, wholly or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let doing = format!("writing {}", path.display());
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft).when(&doing)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).when(&doing)?;
    fs::rename(&draft, path).when(&doing)
}

/// 256 random bits in hexadecimal, so that it needs no quoting in a URL or in SQL.
fn password() -> Result<String> {
    Ok(hex::encode(random()?))
}

fn signing_key() -> Result<String> {
    let pair = Ed25519KeyPair::generate().when("making a key")?;
    let document: Pkcs8V1Der<'_> = pair.as_der().when("encoding a key")?;
    Ok(STANDARD.encode(document.as_ref()))
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).when("asking for random bytes")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_only_their_owner_reads_them() {
        let path = std::env::temp_dir().join(format!("lunarfront-secrets-{}.json", uuid::Uuid::now_v7()));
        let first = Secrets::load(&path).unwrap();
        let second = Secrets::load(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        fs::remove_file(&path).unwrap();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(serde_json::to_value(&first).unwrap(), serde_json::to_value(&second).unwrap());
        assert_eq!((first.roles.len(), first.service_keys.len()), (10, 7));
    }

    #[test]
    fn public_keys_are_raw_and_named() {
        let keys = Secrets::new().unwrap().public_keys().unwrap();
        for pair in keys.split(',') {
            let (name, key) = pair.split_once('=').unwrap();
            assert!(SERVICES.contains(&name) || [GATEWAY, OPERATOR].contains(&name), "{name}");
            assert_eq!(STANDARD.decode(key).unwrap().len(), 32);
        }
    }
}
