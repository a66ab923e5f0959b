//! Users: who works here and signs in.

pub(crate) mod begin;
pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use kit::Permissions;
use serde_json::{Value, json};

use crate::Error;
use crate::portal::Membership;
use crate::role::ADMIN;

types::ids! {
    /// A user's id.
    UserId
}

/// A user as stored.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// Customers have none.
    pub(crate) employee_number: Option<i64>,
    /// The staff have none.
    pub(crate) membership: Option<Membership>,
    pub(crate) person: Person,
    /// Slugs of the roles, in order.
    pub(crate) roles: Vec<String>,
    /// What the roles allow together.
    pub(crate) permissions: Permissions,
    pub(crate) state: State,
    /// Until when somebody active is kept out because of failed sign-ins.
    pub(crate) locked_until: Option<DateTime<Utc>>,
    pub(crate) has_password: bool,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The sign-in name; unique whatever the case.
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// Whether somebody may sign in. That an active user is locked for a while is a matter of time, and not kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    /// Has not chosen a password yet.
    Invited,
    Active,
    Disabled,
    Archived,
}

/// A state as others see it at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Invited,
    Active,
    Locked,
    Disabled,
    Archived,
}

/// What others must know of somebody who works here.
#[derive(Clone, Debug)]
pub(crate) struct Colleague {
    pub(crate) id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) employee_number: i64,
}

impl From<Shown> for State {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Invited => Self::Invited,
            Shown::Active | Shown::Locked => Self::Active,
            Shown::Disabled => Self::Disabled,
            Shown::Archived => Self::Archived,
        }
    }
}

impl Person {
    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

impl User {
    /// Whether he may choose a new password by a link: only who may sign in.
    pub(crate) fn may_reset(&self) -> bool {
        self.state == State::Active
    }

    /// The user, if he may choose a new password by a link that somebody else asks for.
    ///
    /// # Errors
    /// When he may not sign in (yet, or any more).
    pub(crate) fn resettable(self) -> Result<Self, Error> {
        match self.state {
            State::Active => Ok(self),
            State::Invited => Err(Error::UserInvited),
            State::Disabled => Err(Error::UserDisabled),
            State::Archived => Err(Error::UserArchived),
        }
    }

    /// The user, if he works here.
    ///
    /// # Errors
    /// When he is a customer, who is none for those who ask about the staff.
    pub(crate) fn staff(self) -> Result<Self, Error> {
        if self.membership.is_none() { Ok(self) } else { Err(Error::UserNotFound(self.id)) }
    }

    /// The user, if he is a customer.
    ///
    /// # Errors
    /// When he works here, who is none for those who ask about customers.
    pub(crate) fn customer(self) -> Result<Self, Error> {
        if self.membership.is_some() { Ok(self) } else { Err(Error::PortalUserNotFound(self.id)) }
    }

    /// Takes away the right to sign in.
    ///
    /// # Errors
    /// When the user is disabled or archived already, or the last of the active administrators.
    pub(crate) fn disable(self, active_admins: &[UserId]) -> Result<Self, Error> {
        match self.state {
            State::Disabled => Err(Error::UserDisabled),
            State::Archived => Err(Error::UserArchived),
            State::Invited | State::Active => self.leave(State::Disabled, active_admins),
        }
    }

    /// Gives the right to sign in back; who never had a password is invited again.
    ///
    /// # Errors
    /// When the user has it, or is gone.
    pub(crate) fn enable(self) -> Result<Self, Error> {
        match self.state {
            State::Invited | State::Active => Err(Error::UserActive),
            State::Archived => Err(Error::UserArchived),
            State::Disabled if self.has_password => Ok(Self { state: State::Active, ..self }),
            State::Disabled => Ok(Self { state: State::Invited, ..self }),
        }
    }

    /// Lets the user go, with all that he was allowed.
    ///
    /// # Errors
    /// When he is gone, or the last of the active administrators.
    pub(crate) fn archive(self, active_admins: &[UserId]) -> Result<Self, Error> {
        match self.state {
            State::Archived => Err(Error::UserArchived),
            State::Invited | State::Active | State::Disabled => {
                let gone = self.leave(State::Archived, active_admins)?;
                Ok(Self { roles: Vec::new(), permissions: Permissions::default(), ..gone })
            }
        }
    }

    /// The user, if he has still to choose a password.
    ///
    /// # Errors
    /// When he has one, or may not come in.
    pub(crate) fn invited(self) -> Result<Self, Error> {
        if self.state == State::Invited { Ok(self) } else { Err(Error::UserNotInvited) }
    }

    /// Has chosen a password.
    ///
    /// # Errors
    /// When he is not invited (any more).
    pub(crate) fn accept(self) -> Result<Self, Error> {
        match self.state {
            State::Invited => Ok(Self { state: State::Active, ..self }),
            State::Active | State::Disabled | State::Archived => Err(Error::InvitationRefused),
        }
    }

    /// Lets a locked user try again.
    ///
    /// # Errors
    /// When he is not locked.
    pub(crate) fn unlock(self) -> Result<Self, Error> {
        if self.shown() != Shown::Locked {
            return Err(Error::UserNotLocked);
        }
        Ok(Self { locked_until: None, ..self })
    }

    /// The user with another name, address or other roles.
    ///
    /// # Errors
    /// When he is gone; when the last active administrator would be one no more.
    pub(crate) fn change(self, change: Change, active_admins: &[UserId]) -> Result<Self, Error> {
        let Change { person, roles } = change;
        if self.state == State::Archived {
            return Err(Error::UserArchived);
        }
        if active_admins == [self.id] && !roles.iter().any(|slug| slug == ADMIN) {
            return Err(Error::LastAdmin);
        }
        Ok(Self { person, roles, ..self })
    }

    /// One active administrator must remain, or nobody could let anybody in again.
    fn leave(self, state: State, active_admins: &[UserId]) -> Result<Self, Error> {
        if active_admins == [self.id] {
            return Err(Error::LastAdmin);
        }
        Ok(Self { state, ..self })
    }

    /// The user at an instant: a lock whose time is over is none.
    pub(crate) fn at(self, now: DateTime<Utc>) -> Self {
        Self { locked_until: self.locked_until.filter(|until| *until > now), ..self }
    }

    pub(crate) fn shown(&self) -> Shown {
        match self.state {
            State::Invited => Shown::Invited,
            State::Active if self.locked_until.is_some() => Shown::Locked,
            State::Active => Shown::Active,
            State::Disabled => Shown::Disabled,
            State::Archived => Shown::Archived,
        }
    }

    /// The fields as the audit shows them.
    pub(crate) fn fields(&self) -> Value {
        json!({
            "email": self.person.email,
            "first_name": self.person.first_name,
            "last_name": self.person.last_name,
            "roles": self.roles,
            "state": <&str>::from(self.state),
        })
    }
}

/// What may be changed of a user.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) person: Person,
    /// Slugs.
    pub(crate) roles: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(state: State) -> User {
        User {
            id: UserId::new(),
            employee_number: Some(1001),
            membership: None,
            person: Person { email: "a@b.test".into(), first_name: "A".into(), last_name: "B".into() },
            roles: vec!["admin".to_owned()],
            permissions: Permissions::of(["identity.admin"]),
            state,
            locked_until: None,
            has_password: state != State::Invited,
            version: 1,
            created_at: DateTime::default(),
            updated_at: DateTime::default(),
        }
    }

    #[test]
    fn the_last_active_administrator_stays() {
        let (last, other) = (user(State::Active), UserId::new());
        let viewer = || Change { person: last.person.clone(), roles: vec!["viewer".to_owned()] };
        for (admins, fine) in
            [(vec![last.id], false), (vec![last.id, other], true), (vec![other], true), (vec![], true)]
        {
            assert_eq!(last.clone().disable(&admins).is_ok(), fine, "{admins:?}");
            assert_eq!(last.clone().archive(&admins).is_ok(), fine, "{admins:?}");
            assert_eq!(last.clone().change(viewer(), &admins).is_ok(), fine, "{admins:?}");
        }
        let renamed = Change { roles: last.roles.clone(), ..viewer() };
        assert!(last.clone().change(renamed, &[last.id]).is_ok(), "who stays an administrator may be renamed");
    }

    #[test]
    fn states_follow_each_other() {
        use State::{Active, Archived, Disabled, Invited};
        for (from, disabled, enabled, archived) in [
            (Invited, Some(Disabled), None, Some(Archived)),
            (Active, Some(Disabled), None, Some(Archived)),
            (Disabled, None, Some(Active), Some(Archived)),
            (Archived, None, None, None),
        ] {
            assert_eq!(user(from).disable(&[]).ok().map(|user| user.state), disabled, "disable {from:?}");
            assert_eq!(user(from).enable().ok().map(|user| user.state), enabled, "enable {from:?}");
            assert_eq!(user(from).archive(&[]).ok().map(|user| user.state), archived, "archive {from:?}");
        }
        let withdrawn = user(Invited).disable(&[]).unwrap();
        assert_eq!(withdrawn.enable().unwrap().state, Invited, "who has no password cannot be active");
        let gone = user(Active).archive(&[]).unwrap();
        assert_eq!((gone.roles.len(), gone.permissions.words().len()), (0, 0));
    }

    #[test]
    fn a_lock_holds_until_its_time_and_no_longer() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let later = now + chrono::TimeDelta::seconds(30);
        let locked = User { locked_until: Some(later), ..user(State::Active) };
        assert_eq!(locked.clone().at(now).locked_until, Some(later));
        assert_eq!(locked.clone().at(later).locked_until, None);
        assert_eq!(locked.clone().at(now).shown(), Shown::Locked);
        assert_eq!(locked.clone().at(later).shown(), Shown::Active);
        assert!(locked.clone().at(now).unlock().is_ok());
        assert!(matches!(locked.clone().at(later).unlock(), Err(Error::UserNotLocked)));
        assert_eq!(locked.disable(&[]).unwrap().at(now).shown(), Shown::Disabled);
    }
}
