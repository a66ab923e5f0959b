//! Why identity says no.

use std::time::Duration;

use kit::{Class, Fault, Refusal};
use types::{Violation, Violations};

use crate::api_key::ApiKeyId;
use crate::location::LocationId;
use crate::portal::MemberId;
use crate::role::RoleId;
use crate::session::SessionId;
use crate::user::UserId;

/// The refusals of identity.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("the shop's profile was changed meanwhile; read it again")]
    ShopChanged,
    #[error("no location {0}")]
    LocationNotFound(LocationId),
    #[error("there is a location called {0} already")]
    LocationNameTaken(String),
    #[error("the location was changed meanwhile; read it again")]
    LocationChanged,
    #[error("no user {0}")]
    UserNotFound(UserId),
    #[error("a user signs in with {0} already")]
    EmailTaken(String),
    #[error("the user was changed meanwhile; read it again")]
    UserChanged,
    #[error("the user is disabled")]
    UserDisabled,
    #[error("the user has not chosen a first password yet; invite him again instead")]
    UserInvited,
    #[error("the user is active already, or invited to be")]
    UserActive,
    #[error("the user was archived, and is gone for good")]
    UserArchived,
    #[error("the user has chosen a password already, or may not come in")]
    UserNotInvited,
    #[error("the invitation does not hold (any more); ask for another")]
    InvitationRefused,
    #[error("the user is not locked")]
    UserNotLocked,
    #[error("this is the last administrator; make another one first")]
    LastAdmin,
    #[error("no role {0}")]
    RoleNotFound(RoleId),
    #[error("there is a role {0} already")]
    RoleSlugTaken(String),
    #[error("the role was changed meanwhile; read it again")]
    RoleChanged,
    #[error("the role {0} is the system's and stays as it is; make one of your own")]
    RoleOfSystem(String),
    #[error("the role {0} is still given to somebody; take it away first")]
    RoleInUse(String),
    #[error("no portal user {0}")]
    PortalUserNotFound(UserId),
    #[error("nothing was heard of a member {0} yet")]
    MemberNotFound(MemberId),
    #[error("the member {0} was archived, or his account")]
    MemberArchived(MemberId),
    #[error("the member signs in to the portal already")]
    MemberHasPortalUser,
    #[error("no API key {0}")]
    ApiKeyNotFound(ApiKeyId),
    #[error("the API key was revoked already")]
    ApiKeyRevoked,
    #[error("the API key does not hold (any more)")]
    ApiKeyRefused,
    #[error("a program cannot do this; sign in yourself")]
    PersonRequired,
    #[error("this gives more rights than you have yourself: {0}")]
    RightsBeyondOwn(String),
    #[error("this password is among the first that anybody would guess; choose another")]
    PasswordTooCommon,
    #[error("this password is known from a breach elsewhere; choose another")]
    PasswordBreached,
    #[error("the current password is not right")]
    PasswordWrong,
    #[error("this link does not work (any more); ask for another one")]
    ResetRefused,
    #[error("the e-mail address or the password is not right")]
    SignInRefused,
    #[error("a code of your second factor is needed as well")]
    SecondFactorRequired,
    #[error("the code is not right (any more)")]
    CodeWrong,
    #[error("there is a second factor already; give it up first")]
    SecondFactorInUse,
    #[error("there is no second factor")]
    SecondFactorOff,
    #[error("the approver's e-mail address or password is not right")]
    ApprovalRefused,
    #[error("nobody approves what he does himself; ask somebody else")]
    ApproverIsActor,
    #[error("the approver lacks the permission {0} himself")]
    ApproverLacksPermission(&'static str),
    #[error("too many failed sign-ins; wait a moment")]
    SignInThrottled(Duration),
    #[error("too many sign-ins at once; try again")]
    SignInBusy,
    #[error("the refresh token does not hold (any more); sign in again")]
    RefreshTokenRefused,
    #[error("no session {0}")]
    SessionNotFound(SessionId),
    #[error(transparent)]
    Invalid(#[from] Violations),
    #[error(transparent)]
    Field(#[from] Violation),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::LocationNotFound(_)
            | Self::UserNotFound(_)
            | Self::RoleNotFound(_)
            | Self::ApiKeyNotFound(_)
            | Self::PortalUserNotFound(_)
            | Self::MemberNotFound(_)
            | Self::SessionNotFound(_) => Class::NotFound,
            Self::LocationNameTaken(_) | Self::EmailTaken(_) | Self::RoleSlugTaken(_) | Self::MemberHasPortalUser => {
                Class::Exists
            }
            Self::ShopChanged | Self::LocationChanged | Self::UserChanged | Self::RoleChanged => Class::Stale,
            Self::UserDisabled
            | Self::UserInvited
            | Self::SecondFactorInUse
            | Self::SecondFactorOff
            | Self::UserActive
            | Self::UserArchived
            | Self::UserNotInvited
            | Self::UserNotLocked
            | Self::LastAdmin
            | Self::RoleOfSystem(_)
            | Self::RoleInUse(_)
            | Self::ApiKeyRevoked
            | Self::MemberArchived(_) => Class::Conflict,
            Self::RightsBeyondOwn(_)
            | Self::PersonRequired
            | Self::ApprovalRefused
            | Self::ApproverIsActor
            | Self::ApproverLacksPermission(_) => Class::Forbidden,
            Self::SignInRefused
            | Self::SecondFactorRequired
            | Self::ResetRefused
            | Self::RefreshTokenRefused
            | Self::ApiKeyRefused
            | Self::InvitationRefused => Class::UnknownCaller,
            Self::SignInThrottled(_) | Self::SignInBusy => Class::Limited,
            Self::PasswordTooCommon
            | Self::PasswordBreached
            | Self::PasswordWrong
            | Self::CodeWrong
            | Self::Invalid(_)
            | Self::Field(_) => Class::Invalid,
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID",
            other => other.into(),
        }
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::Field(violation) => Some(violation.clone().into()),
            Self::PasswordTooCommon => Some(Violation::new("password", "is too common").into()),
            Self::PasswordBreached => Some(Violation::new("password", "is known from a breach").into()),
            Self::CodeWrong => Some(Violation::new("code", "is not right").into()),
            Self::PasswordWrong => Some(Violation::new("current_password", "is not right").into()),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::SignInThrottled(after) => Some(*after),
            Self::SignInBusy => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
