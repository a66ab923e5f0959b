//! Duplicates: who may be known already.

pub(crate) mod rpc;
pub(crate) mod store;

use types::Violations;

use crate::account::{AccountId, Details};

/// What is known of who comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sought {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
}

/// An account that may be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: AccountId,
    pub number: i64,
    pub name: String,
    /// What is alike, the strongest first.
    pub why: Vec<Why>,
}

/// What is alike, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Why {
    Email,
    Phone,
    Name,
}

impl Sought {
    pub(crate) fn of(details: &Details) -> Self {
        let Details { name, email, phone, .. } = details;
        Self { name: Some(name.clone()), email: email.clone(), phone: phone.clone() }
    }
}

/// The candidates, each under the field that is alike.
pub(crate) fn named(known: &[Candidate]) -> Violations {
    let mut out = Violations::default();
    for Candidate { id, number, name, why } in known {
        let field = why.first().map_or("name", |why| (*why).into());
        out.add(format!("account.{field}"), format!("is alike in account {number}, {name} ({id})"));
    }
    out
}
