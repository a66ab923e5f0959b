//! Portal users: customers who sign in, as members of accounts. A person who works here and buys here is two users, and
//! what one of them may do says nothing of the other.

pub(crate) mod forget;
pub(crate) mod rpc;
pub(crate) mod store;

use crate::Error;
use crate::user::{Person, State, User};

types::ids! {
    /// A member's id, as accounts gave it.
    MemberId,
    /// An account's id, as accounts gave it.
    AccountId,
    /// The id of one's answering for another, as accounts gave it.
    GuardianId
}

/// A member, as accounts told of him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) account_id: AccountId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: Option<String>,
    pub(crate) is_minor: bool,
    pub(crate) is_active: bool,
}

/// That an adult answers for somebody, as accounts told of it.
#[derive(Clone, Debug)]
pub(crate) struct Guardian {
    pub(crate) id: GuardianId,
    pub(crate) member_id: MemberId,
    pub(crate) adult_id: MemberId,
    /// Whether he may act for him in the portal.
    pub(crate) in_portal: bool,
}

/// Which customer signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) member_id: MemberId,
    pub(crate) account_id: AccountId,
    /// The members for whom he may act, himself first.
    pub(crate) acts_for: Vec<MemberId>,
}

impl Member {
    /// The member, if he still comes.
    ///
    /// # Errors
    /// When he was archived.
    pub(crate) fn active(self) -> Result<Self, Error> {
        if self.is_active { Ok(self) } else { Err(Error::MemberArchived(self.id)) }
    }

    /// Who is to sign in, with his own address unless another is given.
    ///
    /// # Errors
    /// When there is no address.
    pub(crate) fn person(&self, email: Option<&str>) -> Result<Person, Error> {
        let email = email.filter(|email| !email.is_empty()).or(self.email.as_deref());
        let email = email.ok_or_else(|| types::Violation::new("email", "is required: the member has none"))?;
        let (first_name, last_name) = (self.first_name.clone(), self.last_name.clone());
        Ok(Person { email: email.to_owned(), first_name, last_name })
    }

    /// What becomes of a portal user when the member is as told: the name follows, and with the member goes the right to
    /// sign in. It does not come back by itself.
    pub(crate) fn followed_by(&self, user: User) -> User {
        let person = Person {
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            email: user.person.email.clone(),
        };
        let state = match user.state {
            State::Invited | State::Active if !self.is_active => State::Disabled,
            State::Invited | State::Active | State::Disabled | State::Archived => user.state,
        };
        User { person, state, ..user }
    }
}
