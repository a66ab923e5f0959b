//! Why somebody may do something, or may not.

pub(crate) mod rpc;

use kit::Permissions;
use proto::Access;

use crate::role::Role;
use crate::user::{Shown, State, User};

/// Who may do what is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Whoever holds this word or one that includes it.
    Permission(String),
    SignedIn,
    Public,
    Services,
}

impl From<Access> for Demand {
    fn from(access: Access) -> Self {
        match access {
            Access::Permission(word) => Self::Permission(word.to_owned()),
            Access::SignedIn => Self::SignedIn,
            Access::Public => Self::Public,
            Access::Service => Self::Services,
        }
    }
}

/// What decides, and what would.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    pub(crate) rule: Rule,
    pub(crate) reason: String,
    /// What is demanded, where a permission is.
    pub(crate) permission: Option<String>,
    pub(crate) state: Shown,
    pub(crate) granted_by: Vec<Grant>,
    pub(crate) would_be_granted_by: Vec<Grant>,
}

/// The rules, in the words of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Role,
    NoRole,
    NotActive,
    SignedIn,
    Public,
    Services,
}

/// A role that allows what is asked about, by what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) role: String,
    pub(crate) permission: String,
}

impl Rule {
    pub(crate) fn allows(self) -> bool {
        match self {
            Self::Role | Self::SignedIn | Self::Public => true,
            Self::NoRole | Self::NotActive | Self::Services => false,
        }
    }
}

/// Explains to what a rule leads for a user, when these are all roles that there are.
pub(crate) fn explain(user: &User, roles: &[Role], demand: Demand) -> Explanation {
    let is_active = user.state == State::Active;
    let (rule, permission) = match demand {
        Demand::Public => (Rule::Public, None),
        Demand::Services => (Rule::Services, None),
        Demand::SignedIn if is_active => (Rule::SignedIn, None),
        Demand::SignedIn => (Rule::NotActive, None),
        Demand::Permission(word) if !is_active => (Rule::NotActive, Some(word)),
        Demand::Permission(word) if user.permissions.allow(&word) => (Rule::Role, Some(word)),
        Demand::Permission(word) => (Rule::NoRole, Some(word)),
    };
    let grants = roles.iter().filter_map(|role| grant(role, permission.as_deref()?));
    let (granted_by, would_be_granted_by) = grants.partition(|grant| user.roles.contains(&grant.role));
    let mut explanation =
        Explanation { rule, reason: String::new(), permission, state: user.shown(), granted_by, would_be_granted_by };
    explanation.reason = explanation.sentence(user);
    explanation
}

/// What a role holds that allows the word, if it does.
fn grant(role: &Role, word: &str) -> Option<Grant> {
    let held = role.draft.permissions.words().into_iter().find(|held| includes(held, word))?;
    Some(Grant { role: role.slug.clone(), permission: held })
}

fn includes(held: &str, word: &str) -> bool {
    Permissions::of([held]).allow(word)
}

impl Explanation {
    fn sentence(&self, user: &User) -> String {
        let word = self.permission.as_deref().unwrap_or_default();
        match self.rule {
            Rule::Public => "anybody may, signed in or not".to_owned(),
            Rule::Services => "only other services may, whoever is signed in".to_owned(),
            Rule::SignedIn => "whoever is signed in may".to_owned(),
            Rule::NotActive => {
                let state = <&str>::from(user.state);
                format!("the user is {state}, and only who is active may do anything")
            }
            Rule::Role => {
                let held = self.granted_by.iter().map(|Grant { role, permission }| {
                    let included = if permission == word { String::new() } else { format!(", which includes {word}") };
                    format!("the role {role} holds {permission}{included}")
                });
                held.collect::<Vec<_>>().join("; ")
            }
            Rule::NoRole => {
                let would: Vec<&str> = self.would_be_granted_by.iter().map(|grant| grant.role.as_str()).collect();
                format!(
                    "no role of the user ({}) holds {word} or a permission that includes it; these do: {}",
                    listed(&user.roles.iter().map(String::as_str).collect::<Vec<_>>()),
                    listed(&would)
                )
            }
        }
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
