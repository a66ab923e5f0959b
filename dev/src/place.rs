//! Where things are: the clone, its binaries, and the directories of one set of servers.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::accounts::{Account, give};
use crate::failure::{Failure, Result, While};

/// The clone we serve.
pub(crate) struct Place {
    pub(crate) root: PathBuf,
    /// Where this program and the services' binaries lie.
    pub(crate) binaries: PathBuf,
}

/// One set of servers with their data: the shop of `make run`, or one for tests.
pub(crate) struct Instance {
    /// Secrets, records and logs.
    pub(crate) home: PathBuf,
    /// Data of PostgreSQL and RabbitMQ: `home`, or a place that their users can reach.
    pub(crate) servers: PathBuf,
    pub(crate) logs: PathBuf,
    /// Held as long as we live: two runners on the same data would be a disaster.
    _lock: File,
}

impl Place {
    /// Finds the clone from the working directory, else from where this program lies.
    pub(crate) fn find() -> Result<Self> {
        let program = std::env::current_exe().when("finding this program")?;
        let here = std::env::current_dir().when("finding the working directory")?;
        let root = here.ancestors().chain(program.ancestors()).find(|path| path.join("libs/proto/Cargo.toml").exists());
        let root = root.ok_or_else(|| Failure::new("run this inside the clone"))?.to_owned();
        let binaries = program.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { root, binaries })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join(".data")
    }

    /// The binary of a service or the gateway.
    pub(crate) fn binary(&self, name: &str) -> Result<PathBuf> {
        let path = self.binaries.join(name);
        match path.exists() {
            true => Ok(path),
            false => Err(Failure::new(format!("{} is missing: run `cargo build --workspace`", path.display()))),
        }
    }

    /// The shop of `make run`.
    pub(crate) fn shop(&self) -> Result<Instance> {
        Instance::open(&self.data()).and_then(|free| {
            free.ok_or_else(|| Failure::new("a suite of this clone is running already: stop it first (Ctrl-C)"))
        })
    }

    /// The first set of servers called `name`, `name-2`, … that nobody uses.
    pub(crate) fn spare(&self, name: &str) -> Result<Instance> {
        // The parent is made first, or it would get the mode of a child.
        directory(&self.data())?;
        for number in 1..=9 {
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            if let Some(instance) = Instance::open(&self.data().join(name))? {
                return Ok(instance);
            }
        }
        Err(Failure::new("nine sets of servers are in use"))
    }
}

impl Instance {
    /// Opens the directory, or answers `None` when another runner holds it.
    pub(crate) fn open(home: &Path) -> Result<Option<Self>> {
        directory(home)?;
        let lock = File::create(home.join("run.lock")).when("opening the lock file")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).when("locking"),
        }
        let logs = home.join("logs");
        fs::create_dir_all(&logs).when("creating the directory of the logs")?;
        give(&logs, None, 0o700)?;
        let servers = home.join("servers");
        let servers = fs::canonicalize(&servers).unwrap_or(servers);
        Ok(Some(Self { home: home.to_owned(), servers, logs, _lock: lock }))
    }

    /// Makes the directory of the servers' data, below `/var/tmp` when an account cannot get into the clone
    /// (for example one below a home directory of mode 700); a link then leads there.
    pub(crate) fn prepare(&mut self, accounts: &[Option<&Account>]) -> Result<()> {
        let link = self.home.join("servers");
        if !link.exists() {
            // A link that leads nowhere is left when somebody cleaned /var/tmp.
            let _ = fs::remove_file(&link);
            match accounts.iter().flatten().all(|account| account.reaches(&self.home)) {
                true => directory(&link)?,
                false => {
                    let refuge = refuge(&self.home);
                    directory(&refuge)?;
                    symlink(&refuge, &link).when(format!("linking to {}", refuge.display()))?;
                }
            }
        }
        self.servers = fs::canonicalize(&link).when("finding the servers' directory")?;
        let unreached = accounts.iter().flatten().find(|account| !account.reaches(&self.servers));
        match unreached {
            None => Ok(()),
            Some(account) => {
                let (name, path) = (&account.name, self.servers.display());
                Err(Failure::new(format!("the user {name} cannot reach {path}: open its parents, or run as yourself")))
            }
        }
    }

    /// Removes the servers' data and all else, but not the lock we hold nor other sets of servers.
    pub(crate) fn clear(&self) -> Result<()> {
        let link = self.home.join("servers");
        if link.is_symlink() {
            remove(&self.servers)?;
            fs::remove_file(&link).when("removing the link")?;
        }
        for name in ["servers", "logs", "hold", "secrets.json", "run.json", "suite.json"] {
            remove(&self.home.join(name))?;
        }
        fs::create_dir_all(&self.logs)?;
        give(&self.logs, None, 0o700)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// Where data goes that must not lie in the clone. The name is the clone's own, so that two never meet.
fn refuge(home: &Path) -> PathBuf {
    let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/var/tmp/lunarfront-{}", hex::encode(digest.get(..8).unwrap_or_default())))
}

/// Creates a directory that others may pass through but not list. One that is not ours is refused: in /var/tmp
/// anybody could have put it there.
fn directory(path: &Path) -> Result<()> {
    let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path).when(format!("looking at {}", path.display()))?;
            if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
                return Err(Failure::new(format!("{} belongs to somebody else", path.display())));
            }
        }
        Err(error) => return Err(error).when(format!("creating {}", path.display())),
    }
    give(path, None, mode)
}

fn remove(path: &Path) -> Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    gone.when(format!("removing {}", path.display()))
}
