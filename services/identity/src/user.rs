//! Users: who works here and signs in.

pub(crate) mod begin;
pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use kit::Permissions;

use crate::Error;

types::ids! {
    /// A user's id.
    UserId
}

/// A user as stored.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) person: Person,
    /// Slugs of the roles, in order.
    pub(crate) roles: Vec<String>,
    /// What the roles allow together.
    pub(crate) permissions: Permissions,
    pub(crate) state: State,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Who somebody is.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// The sign-in name; unique whatever the case.
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    Active,
    Disabled,
}

impl Person {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

impl User {
    /// Takes away the right to sign in. One active administrator must remain, or nobody could let anybody in again.
    ///
    /// # Errors
    /// When the user is disabled already, or the last of the active administrators.
    pub(crate) fn disable(self, active_admins: &[UserId]) -> Result<Self, Error> {
        match self.state {
            State::Disabled => Err(Error::UserDisabled),
            State::Active if active_admins == [self.id] => Err(Error::LastAdmin),
            State::Active => Ok(Self { state: State::Disabled, ..self }),
        }
    }

    /// Gives the right to sign in back.
    ///
    /// # Errors
    /// When the user has it.
    pub(crate) fn enable(self) -> Result<Self, Error> {
        match self.state {
            State::Active => Err(Error::UserActive),
            State::Disabled => Ok(Self { state: State::Active, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(state: State) -> User {
        let person = Person { email: "a@b.test".into(), first_name: "A".into(), last_name: "B".into() };
        let (roles, permissions, at) = (vec!["admin".to_owned()], Permissions::default(), DateTime::default());
        User { id: UserId::new(), person, roles, permissions, state, version: 1, created_at: at, updated_at: at }
    }

    #[test]
    fn the_last_active_administrator_stays() {
        let (last, other) = (user(State::Active), UserId::new());
        assert!(matches!(last.clone().disable(&[last.id]), Err(Error::LastAdmin)));
        assert!(last.clone().disable(&[last.id, other]).is_ok());
        assert!(last.clone().disable(&[other]).is_ok());
        assert!(last.disable(&[]).is_ok());
    }

    #[test]
    fn a_user_is_disabled_once_and_enabled_once() {
        let disabled = user(State::Active).disable(&[]).unwrap();
        assert!(matches!(disabled.clone().disable(&[]), Err(Error::UserDisabled)));
        let active = disabled.enable().unwrap();
        assert!(matches!(active.enable(), Err(Error::UserActive)));
    }
}
