//! Why somebody may do something, or may not.

pub(crate) mod rpc;

use kit::{Permissions, Principal};
use proto::{Access, Rpc};

use crate::role::Role;
use crate::user::{Shown, State, User};

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand<'a> {
    /// Whoever holds this word or one that includes it.
    Permission(&'a str),
    /// Whoever may call this.
    Rpc(&'static Rpc),
}

/// As what somebody is signed in, and what his token bears.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) permissions: Permissions,
    pub(crate) by_pin: bool,
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
    StaffOnly,
    FullSignIn,
    /// The permission that is lacked, where one with less may make the call.
    Approval(&'static str),
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
            Self::Role | Self::SignedIn | Self::Public | Self::Approval(_) => true,
            Self::NoRole | Self::NotActive | Self::Services | Self::StaffOnly | Self::FullSignIn => false,
        }
    }
}

/// Explains to what a rule leads for a user, when these are all roles that there are; and for the one who asks about
/// himself, as he is signed in. It follows the door, step by step.
pub(crate) fn explain(user: &User, roles: &[Role], demand: Demand<'_>, bearer: Option<&Bearer>) -> Explanation {
    let permission = match demand {
        Demand::Permission(word) => Some(word.to_owned()),
        Demand::Rpc(rpc) => match rpc.access {
            Access::Permission(word) => Some(word.to_owned()),
            Access::SignedIn | Access::Public | Access::Service => None,
        },
    };
    let rule = rule(user, demand, bearer);
    let grants = roles.iter().filter_map(|role| grant(role, permission.as_deref()?));
    let (granted_by, would_be_granted_by) = grants.partition(|grant| user.roles.contains(&grant.role));
    let mut explanation =
        Explanation { rule, reason: String::new(), permission, state: user.shown(), granted_by, would_be_granted_by };
    explanation.reason = explanation.sentence(user);
    explanation
}

fn rule(user: &User, demand: Demand<'_>, bearer: Option<&Bearer>) -> Rule {
    let by_pin = bearer.is_some_and(|bearer| bearer.by_pin);
    let word = match demand {
        Demand::Rpc(rpc) => match rpc.access {
            Access::Public => return Rule::Public,
            Access::Service => return Rule::Services,
            _ if user.state != State::Active => return Rule::NotActive,
            Access::SignedIn if !principal(user).may_enter(rpc) => return Rule::StaffOnly,
            _ if rpc.full_sign_in && by_pin => return Rule::FullSignIn,
            Access::SignedIn => return approved(user, demand, bearer).unwrap_or(Rule::SignedIn),
            Access::Permission(word) => word,
        },
        Demand::Permission(_) if user.state != State::Active => return Rule::NotActive,
        Demand::Permission(word) => word,
    };
    match bearer {
        _ if !user.permissions.allow(word) => Rule::NoRole,
        // A till's token bears no right over users and roles.
        Some(bearer) if !bearer.permissions.allow(word) && by_pin => Rule::FullSignIn,
        _ => approved(user, demand, bearer).unwrap_or(Rule::Role),
    }
}

/// Whether some of what an RPC does needs more than the user holds.
fn approved(user: &User, demand: Demand<'_>, bearer: Option<&Bearer>) -> Option<Rule> {
    let Demand::Rpc(Rpc { approval: Some(needed), .. }) = demand else { return None };
    let held = bearer.map_or(&user.permissions, |bearer| &bearer.permissions);
    (!held.allow(needed)).then_some(Rule::Approval(needed))
}

/// As what a user signs in.
fn principal(user: &User) -> Principal {
    match &user.membership {
        None => Principal::Staff,
        Some(customer) => Principal::Portal {
            member_id: customer.member_id.uuid(),
            acts_for: customer.acts_for.iter().map(|member| member.uuid()).collect(),
        },
    }
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
    /// Which roles hold what, in a sentence.
    fn held(&self) -> String {
        let word = self.permission.as_deref().unwrap_or_default();
        let held = self.granted_by.iter().map(|Grant { role, permission }| {
            let included = if permission == word { String::new() } else { format!(", which includes {word}") };
            format!("the role {role} holds {permission}{included}")
        });
        held.collect::<Vec<_>>().join("; ")
    }

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
            Rule::StaffOnly => "only who works here may, and this is a customer".to_owned(),
            Rule::FullSignIn => {
                "only who signed in with a password may; this session took a till over by a PIN".to_owned()
            }
            Rule::Role => self.held(),
            Rule::Approval(needed) => {
                let held = if self.granted_by.is_empty() { "whoever is signed in may".to_owned() } else { self.held() };
                format!("{held}; but some of it needs {needed}, or the approval of somebody who holds it")
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
