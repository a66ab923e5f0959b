//! How a service says no: one closed list of classes, one way to the wire.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use types::{Violation, Violations};

use crate::Fault;

/// The kinds of no. Adding one is a design decision: gateway, clients and retry rules know them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The message is wrong whatever the state.
    Invalid,
    /// Nobody, or nobody we trust.
    UnknownCaller,
    Forbidden,
    NotFound,
    /// A unique rule.
    Exists,
    /// Right message, wrong state.
    Conflict,
    /// Changed meanwhile.
    Stale,
    Limited,
    /// A retry is safe.
    Unavailable,
    Late,
    /// Our mistake.
    Fault,
}

impl Class {
    pub fn code(self) -> Code {
        match self {
            Self::Invalid => Code::InvalidArgument,
            Self::UnknownCaller => Code::Unauthenticated,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::Exists => Code::AlreadyExists,
            Self::Conflict => Code::FailedPrecondition,
            Self::Stale => Code::Aborted,
            Self::Limited => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Late => Code::DeadlineExceeded,
            Self::Fault => Code::Internal,
        }
    }

    /// What an error of the database means to the caller.
    pub fn of_database(error: &db::Error) -> Self {
        match error {
            db::Error::PoolTimedOut
            | db::Error::PoolClosed
            | db::Error::Io(_)
            | db::Error::Protocol(_)
            | db::Error::BeginFailed
            | db::Error::WorkerCrashed => Self::Unavailable,
            db::Error::Database(error) => match error.code().as_deref() {
                Some("40001" | "40P01") => Self::Stale,
                // A lock that is not had in time; idle for too long; a standby that only reads.
                Some("55P03" | "25P03" | "25006") => Self::Unavailable,
                // Lost connections; out of disk, memory or connections; shutting down, starting, timed out.
                Some(code) if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => Self::Unavailable,
                _ => Self::Fault,
            },
            _ => Self::Fault,
        }
    }
}

/// A service's own errors: an enum whose variant names are the reasons on the wire.
pub trait Refusal: std::error::Error + From<db::Error> + Send + 'static {
    fn class(&self) -> Class;

    /// The variant's name, such as `SKU_TAKEN`; `strum::IntoStaticStr` makes it.
    fn reason(&self) -> &'static str;

    /// The fields that are wrong, when that is why.
    fn violations(&self) -> Option<Violations> {
        None
    }

    /// When to come again, when that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// The answer of another service that was asked, passed on as it came.
    fn passed_on(&self) -> Option<Status> {
        None
    }
}

/// Trailers of more than 16 KB make clients drop the connection, and with it every call on it.
const DETAIL_BYTES_MAX: usize = 4096;
const MESSAGE_BYTES_MAX: usize = 1024;

/// The text, or as much of it as fits.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// The one place where a refusal becomes a status, and where it is logged.
pub fn refuse(service: &str, error: &impl Refusal) -> Status {
    if let Some(status) = error.passed_on() {
        return status;
    }
    let class = error.class();
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), format!("{service}.lunarfront"), std::collections::HashMap::new());
    let violations = error.violations();
    let mut room = DETAIL_BYTES_MAX;
    for violation in violations.iter().flat_map(|violations| violations.iter()) {
        let size = violation.field.len() + violation.message.len() + 16;
        if size > room {
            break;
        }
        room -= size;
        details.add_bad_request_violation(violation.field.clone(), violation.message.clone());
    }
    if let Some(after) = error.retry_after() {
        details.set_retry_info(Some(after));
    }
    let message = match class {
        Class::Fault => {
            tracing::error!(error = %error, "the call failed by our mistake");
            "something went wrong on our side".to_owned()
        }
        Class::Unavailable => {
            tracing::warn!(error = %error, "the call failed for now");
            "not available right now, try again".to_owned()
        }
        _ => {
            tracing::debug!(reason = error.reason(), error = %error, "the call was refused");
            cut(&error.to_string(), MESSAGE_BYTES_MAX)
        }
    };
    Status::with_error_details(class.code(), message, details)
}

/// The refusals that every service shares, made by kit itself.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Common {
    #[error("{0}")]
    Invalid(Violations),
    #[error("the request is no message of this call")]
    Malformed,
    #[error("sign in first")]
    Unauthenticated,
    #[error("the access token does not hold (any more); sign in again")]
    TokenRefused,
    #[error("the calling service is not known")]
    ServiceTokenRefused,
    #[error("this needs the permission {0}")]
    PermissionDenied(&'static str),
    #[error("sign in with your password first; a PIN is not enough for this")]
    FullSignInRequired,
    #[error("this is for those who work here")]
    StaffOnly,
    #[error("a program cannot do this; sign in yourself")]
    PersonRequired,
    #[error("only other services may ask this")]
    InternalOnly,
    #[error("send an Idempotency-Key with this request")]
    IdempotencyKeyRequired,
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    #[error("the file must not be longer than {0} bytes")]
    UploadTooLarge(u64),
    #[error("too much at once, try again")]
    Overloaded,
    #[error("the sign-in keys are not known yet, try again")]
    TrustUnknown,
    #[error("others were changing the same things at the same time; nothing was done, try again")]
    Collision,
    #[error("this took too long; whether it was done is unknown: ask again with the same key")]
    Late,
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<Violation> for Common {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation.into())
    }
}

impl Refusal for Common {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(_) | Self::Malformed | Self::IdempotencyKeyRequired | Self::UploadTooLarge(_) => {
                Class::Invalid
            }
            Self::Unauthenticated | Self::TokenRefused | Self::ServiceTokenRefused => Class::UnknownCaller,
            Self::PermissionDenied(_)
            | Self::StaffOnly
            | Self::PersonRequired
            | Self::FullSignInRequired
            | Self::InternalOnly => Class::Forbidden,
            Self::IdempotencyKeyReused => Class::Conflict,
            Self::Collision => Class::Stale,
            Self::Overloaded => Class::Limited,
            Self::TrustUnknown => Class::Unavailable,
            Self::Late => Class::Late,
            Self::Fault(_) => Class::Fault,
            Self::Database(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        self.into()
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Overloaded | Self::TrustUnknown | Self::Collision).then_some(Duration::from_secs(1))
    }
}
