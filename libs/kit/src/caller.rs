//! Who is asking.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use proto::Rpc;
use uuid::Uuid;

use crate::Approval;
use crate::auth::Prints;

/// Everything a command may know of the one who asks. Made by the door, never by a handler.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user, when one is signed in.
    pub user: Option<Arc<User>>,
    /// The service that made the call, such as `gateway`.
    pub service: String,
    pub rpc: &'static Rpc,
    pub request_id: String,
    pub traceparent: Option<String>,
    pub idempotency_key: Option<String>,
    pub(crate) prints: Prints,
    /// The etag the caller believes to be current.
    pub if_match: Option<String>,
    /// What somebody else allowed the user to do with this RPC.
    pub approval: Option<Approval>,
    /// The bearer token, for asking another service on the user's behalf.
    pub bearer: Option<String>,
    pub client_ip: String,
    pub user_agent: String,
    /// The injected clock's time when the call came in.
    pub now: DateTime<Utc>,
}

/// A signed-in user, as the access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    pub session_id: Uuid,
    pub name: String,
    pub permissions: Permissions,
    /// Came by a PIN at a till.
    pub by_pin: bool,
    pub principal: Principal,
    /// In milliseconds since 1970.
    pub issued_ms: i64,
    pub expires_at: DateTime<Utc>,
}

/// As what somebody signed in. One person may be several: what one may do never flows into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Somebody who works here.
    Staff,
    /// A program, with a key that a user made for it.
    Key,
    /// A customer; with the members for whom he may act, himself among them.
    Portal { member_id: Uuid, acts_for: Vec<Uuid> },
}

impl Principal {
    /// Whether the RPC is for such a one, when any signed-in user may call it.
    pub fn may_enter(&self, rpc: &Rpc) -> bool {
        match self {
            Self::Staff => true,
            Self::Key => rpc.open_to.contains(&"key"),
            Self::Portal { .. } => rpc.open_to.contains(&"portal"),
        }
    }
}

impl Caller {
    /// The user's id; the door lets nobody through to an RPC with a permission without one.
    pub fn user_id(&self) -> Option<Uuid> {
        self.user.as_ref().map(|user| user.id)
    }

    pub fn user_name(&self) -> &str {
        self.user.as_ref().map_or(&self.service, |user| &user.name)
    }

    /// Whether the user holds the permission or a stronger one.
    pub fn may(&self, permission: &str) -> bool {
        self.user.as_ref().is_some_and(|user| user.permissions.allow(permission))
    }

    /// What the database stamps on the records of this call.
    pub fn context(&self, service: &'static str) -> db::Context {
        db::Context {
            service,
            action: self.rpc.path.trim_start_matches("/lunarfront.").to_owned(),
            actor_id: self.user_id(),
            actor_name: self.user_name().to_owned(),
            approver_id: None,
            request_id: self.request_id.clone(),
            traceparent: self.traceparent.clone(),
            now: self.now,
        }
    }

    /// The namespace of idempotency keys: nobody replays another's answer.
    pub(crate) fn key_space(&self) -> String {
        self.user_id().map_or_else(|| self.service.clone(), |id| id.to_string())
    }
}

/// What somebody may do, per domain: admin includes edit, edit includes view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(BTreeMap<String, u8>);

impl Permissions {
    /// The union of words such as `pos.edit`; words of another form allow nothing.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut domains = BTreeMap::new();
        for (domain, rank) in words.into_iter().filter_map(split) {
            let held = domains.entry(domain.to_owned()).or_insert(rank);
            *held = rank.max(*held);
        }
        Self(domains)
    }

    pub fn allow(&self, word: &str) -> bool {
        split(word).is_some_and(|(domain, rank)| self.0.get(domain).is_some_and(|held| *held >= rank))
    }

    /// Whether all that the others allow is allowed here too.
    pub fn include(&self, others: &Self) -> bool {
        others.0.iter().all(|(domain, rank)| self.0.get(domain).is_some_and(|held| held >= rank))
    }

    /// What is allowed both here and there.
    #[must_use]
    pub fn common(&self, others: &Self) -> Self {
        let both = |(domain, rank): (&String, &u8)| Some((domain.clone(), *rank.min(others.0.get(domain)?)));
        Self(self.0.iter().filter_map(both).collect())
    }

    /// The strongest word of each domain, in order.
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(|(domain, rank)| format!("{domain}.{}", RANKS[usize::from(*rank)])).collect()
    }
}

const RANKS: [&str; 3] = ["view", "edit", "admin"];

fn split(word: &str) -> Option<(&str, u8)> {
    let (domain, action) = word.rsplit_once('.')?;
    let rank = RANKS.iter().position(|rank| *rank == action)?;
    Some((domain, u8::try_from(rank).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_includes_edit_and_edit_includes_view() {
        let held = Permissions::of(["pos.edit", "pos.view", "ledger.admin", "nonsense", "pos.fly"]);
        for (word, allowed) in [
            ("pos.view", true),
            ("pos.edit", true),
            ("pos.admin", false),
            ("ledger.view", true),
            ("ledger.admin", true),
            ("inventory.view", false),
            ("pos", false),
        ] {
            assert_eq!(held.allow(word), allowed, "{word}");
        }
        assert_eq!(held.words(), ["ledger.admin", "pos.edit"]);
        assert!(held.include(&Permissions::of(["pos.view", "ledger.edit"])));
        assert!(!held.include(&Permissions::of(["pos.admin"])));
        assert_eq!(
            held.common(&Permissions::of(["pos.admin", "ledger.view", "audit.view"])).words(),
            ["ledger.view", "pos.edit"]
        );
    }
}
