//! API keys: what programs sign in with, on behalf of the user who made them.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, TimeDelta, Utc};
use kit::Permissions;
use serde_json::{Value, json};
use types::Violation;

use crate::Error;
use crate::name::name;
use crate::user::{State as UserState, User, UserId};

types::ids! {
    /// An API key's id; access tokens carry it as `sid`.
    ApiKeyId
}

/// How every key begins, so that those who find one know what it is.
const MARK: &str = "lfk_";
/// What is kept of a key in plain, to tell it from others: the mark and 24 of 256 bits.
const PREFIX_CHARACTERS: usize = 8;

/// A key as stored.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) id: ApiKeyId,
    pub(crate) draft: Draft,
    pub(crate) prefix: String,
    pub(crate) created_by: UserId,
    pub(crate) created_by_name: String,
    /// Whether who made it may come in.
    pub(crate) is_maker_active: bool,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) version: i64,
}

/// What a key is for.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Whether it opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Expired,
    Revoked,
    /// Who made it may not come in.
    MakerOut,
}

/// A key that nobody has seen yet.
pub(crate) struct Secret(String);

impl Secret {
    /// From 256 random bits.
    pub(crate) fn new(random: &str) -> Self {
        Self(format!("{MARK}{random}"))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn prefix(&self) -> String {
        self.0.chars().take(PREFIX_CHARACTERS).collect()
    }
}

impl Draft {
    /// # Errors
    /// A violation of `name`.
    pub(crate) fn new(
        typed: &str,
        permissions: Permissions,
        valid_days: i32,
        now: DateTime<Utc>,
    ) -> Result<Self, Violation> {
        let expires_at = now + TimeDelta::days(valid_days.into());
        Ok(Self { name: name("name", typed)?, permissions, created_at: now, expires_at })
    }
}

impl ApiKey {
    pub(crate) fn state(&self, now: DateTime<Utc>) -> State {
        match self.revoked_at {
            Some(_) => State::Revoked,
            None if now >= self.draft.expires_at => State::Expired,
            None if !self.is_maker_active => State::MakerOut,
            None => State::Active,
        }
    }

    /// Takes the key away.
    ///
    /// # Errors
    /// When it was taken away before.
    pub(crate) fn revoke(self, now: DateTime<Utc>) -> Result<Self, Error> {
        match self.revoked_at {
            Some(_) => Err(Error::ApiKeyRevoked),
            None => Ok(Self { revoked_at: Some(now), ..self }),
        }
    }

    /// What may be done with the key now: as much of what it is for as its maker may do himself.
    ///
    /// # Errors
    /// When it opens nothing, or its maker may not come in any more.
    pub(crate) fn allows(&self, maker: &User, now: DateTime<Utc>) -> Result<Permissions, Error> {
        if self.state(now) != State::Active || maker.id != self.created_by || maker.state != UserState::Active {
            return Err(Error::ApiKeyRefused);
        }
        Ok(self.draft.permissions.common(&maker.permissions))
    }

    /// Who acts, as the audit shows it.
    pub(crate) fn actor_name(&self) -> String {
        format!("{} (API key {}… of {})", self.draft.name, self.prefix, self.created_by_name)
    }

    /// The fields as the audit shows them.
    pub(crate) fn fields(&self) -> Value {
        let Draft { name, permissions, expires_at, .. } = &self.draft;
        json!({
            "name": name,
            "prefix": self.prefix,
            "permissions": permissions.words(),
            "expires_at": expires_at,
            "revoked": self.revoked_at.is_some(),
        })
    }
}
