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

    /// What becomes of a portal user when the member is as told, and the account with which he left, if he did: the name
    /// follows, and with the member or his account goes the right to sign in. It does not come back by itself, unless he
    /// lost it with an account on which he is no more.
    pub(crate) fn followed_by(&self, user: User, standing: Standing) -> (User, Option<AccountId>) {
        let person = Person {
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            email: user.person.email.clone(),
        };
        let user = User { person, ..user };
        let Standing { is_open, left_with } = standing;
        let has_moved = left_with.is_some_and(|left| left != self.account_id);
        match user.state {
            State::Invited | State::Active if !self.is_active => (User { state: State::Disabled, ..user }, None),
            State::Invited | State::Active if !is_open => {
                (User { state: State::Disabled, ..user }, Some(self.account_id))
            }
            State::Disabled if !self.is_active => (user, None),
            State::Disabled if has_moved && is_open => {
                user.clone().enable().map_or((user, left_with), |enabled| (enabled, None))
            }
            State::Invited | State::Active | State::Disabled | State::Archived => (user, left_with),
        }
    }
}

/// What a member's right to sign in depends on besides himself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Whether business is done with the account on which he is.
    pub(crate) is_open: bool,
    /// The account with whose archiving he lost the right.
    pub(crate) left_with: Option<AccountId>,
}
