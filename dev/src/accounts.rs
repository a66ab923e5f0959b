//! The unprivileged users that PostgreSQL and RabbitMQ run as when root starts them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result, While};

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The first of `names` that exists, or `None` when we are not root and stay who we are.
    pub(crate) fn drop_to(names: &[&str]) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").when("reading /etc/passwd")?;
        let found = names.iter().find_map(|name| parse(&users, name));
        found.map(Some).ok_or_else(|| Failure::new(format!("none of the users {} exists", names.join(", "))))
    }

    /// The words that make `setpriv` become this user.
    pub(crate) fn setpriv(&self) -> [String; 4] {
        let (uid, gid) = (self.uid, self.gid);
        [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into(), "--inh-caps=-all".into()]
    }

    /// Whether this user may search the directory and all its parents.
    pub(crate) fn reaches(&self, directory: &Path) -> bool {
        let mut command = Command::new("setpriv");
        command.args(self.setpriv()).args(["--", "test", "-x"]).arg(directory);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

/// Gives a file or directory to the account (or leaves it ours) with this mode.
pub(crate) fn give(path: &Path, account: Option<&Account>, mode: u32) -> Result<()> {
    let doing = format!("setting the owner of {}", path.display());
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid)).when(&doing)?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).when(&doing)
}

/// Creates a directory, when it is missing, that only the account may enter.
pub(crate) fn private_directory(path: &Path, account: Option<&Account>) -> Result<()> {
    fs::create_dir_all(path).when(format!("creating {}", path.display()))?;
    give(path, account, 0o700)
}

fn parse(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let fields = line.split(':').collect::<Vec<_>>();
        let [user, _, uid, gid, ..] = fields.as_slice() else { return None };
        (*user == name).then_some(())?;
        Some(Account { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:/bin/sh\npostgres:x:104:106::/:/bin/sh\n";
        assert_eq!(parse(users, "postgres"), Some(Account { name: "postgres".into(), uid: 104, gid: 106 }));
        assert_eq!(parse(users, "rabbitmq"), None);
    }
}
