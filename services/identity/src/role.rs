//! Roles: named sets of permissions. What several roles allow adds up.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use kit::Permissions;
use serde_json::{Value, json};

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
    pub(crate) is_system: bool,
    pub(crate) draft: Draft,
    pub(crate) user_count: i32,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What somebody says of a role.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// The strongest permission of each domain.
    pub(crate) permissions: Permissions,
}

/// A word of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) word: String,
    pub(crate) domain: String,
    pub(crate) action: String,
}

impl Role {
    /// The role, if it is the shop's own.
    ///
    /// # Errors
    /// When the system made it.
    pub(crate) fn own(self) -> Result<Self, Error> {
        if self.is_system { Err(Error::RoleOfSystem(self.slug)) } else { Ok(self) }
    }
}

impl Draft {
    /// The fields as the audit shows them.
    pub(crate) fn fields(&self) -> Value {
        json!({ "name": self.name, "permissions": self.permissions.words() })
    }
}

/// What roles allow together.
pub(crate) fn union(roles: &[Role]) -> Permissions {
    let words: Vec<String> = roles.iter().flat_map(|role| role.draft.permissions.words()).collect();
    Permissions::of(words.iter().map(String::as_str))
}

/// The roles' names in requests, in order.
pub(crate) fn slugs(roles: &[Role]) -> Vec<String> {
    let mut slugs: Vec<String> = roles.iter().map(|role| role.slug.clone()).collect();
    slugs.sort();
    slugs
}

/// Nobody gives what he lacks.
///
/// # Errors
/// What is given beyond the giver's own rights.
pub(crate) fn may_give(own: &Permissions, given: &Permissions) -> Result<(), Error> {
    may_add(own, &Permissions::default(), given)
}

/// Nobody adds what he lacks; what is there already is not given.
///
/// # Errors
/// What is added beyond the giver's own rights.
pub(crate) fn may_add(own: &Permissions, before: &Permissions, after: &Permissions) -> Result<(), Error> {
    let added = after.words().into_iter().filter(|word| !before.allow(word));
    let beyond: Vec<String> = added.filter(|word| !own.allow(word)).collect();
    if beyond.is_empty() { Ok(()) } else { Err(Error::RightsBeyondOwn(beyond.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i3_nobody_gives_what_he_lacks() {
        let own = Permissions::of(["identity.admin", "pos.edit"]);
        for (before, after, fine) in [
            (vec![], vec!["pos.view"], true),
            (vec![], vec!["pos.edit", "identity.admin"], true),
            (vec![], vec![], true),
            (vec![], vec!["pos.admin"], false),
            (vec![], vec!["pos.view", "ledger.view"], false),
            (vec!["ledger.edit"], vec!["ledger.edit", "pos.edit"], true),
            (vec!["ledger.edit"], vec!["ledger.view"], true),
            (vec!["ledger.edit"], vec!["ledger.admin"], false),
        ] {
            let of = |words: &[&'static str]| Permissions::of(words.iter().copied());
            assert_eq!(may_add(&own, &of(&before), &of(&after)).is_ok(), fine, "{before:?} to {after:?}");
        }
    }
}
