//! Roles: named sets of permissions. What several roles allow adds up.

pub(crate) mod rpc;
pub(crate) mod store;

use kit::Permissions;

use crate::Error;

types::ids! {
    /// A role's id.
    RoleId
}

/// The slug of the role that may do everything; somebody active always has it.
pub(crate) const ADMIN: &str = "admin";

/// A role as stored.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: RoleId,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) is_system: bool,
    /// The strongest permission of each domain.
    pub(crate) permissions: Vec<String>,
}

/// What roles allow together.
pub(crate) fn union(roles: &[Role]) -> Permissions {
    Permissions::of(roles.iter().flat_map(|role| &role.permissions).map(String::as_str))
}

/// Nobody gives what he lacks.
///
/// # Errors
/// What is given beyond the giver's own rights.
pub(crate) fn may_give(own: &Permissions, given: &Permissions) -> Result<(), Error> {
    let beyond: Vec<String> = given.words().into_iter().filter(|word| !own.allow(word)).collect();
    if beyond.is_empty() { Ok(()) } else { Err(Error::RightsBeyondOwn(beyond.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_what_he_lacks() {
        let own = Permissions::of(["identity.admin", "pos.edit"]);
        for (given, fine) in [
            (vec!["pos.view"], true),
            (vec!["pos.edit", "identity.admin"], true),
            (vec![], true),
            (vec!["pos.admin"], false),
            (vec!["pos.view", "ledger.view"], false),
        ] {
            assert_eq!(may_give(&own, &Permissions::of(given.iter().copied())).is_ok(), fine, "{given:?}");
        }
    }
}
