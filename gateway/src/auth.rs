//! Who asks: the gateway checks tokens as every service does, to refuse early and to count per user.
//!
//! What a user may do, the services decide.

use std::sync::Arc;

use chrono::Utc;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use kit::User;
use kit::auth::Verifier;

use crate::context::{Caller, Context};
use crate::problem::Problem;
use crate::route::Access;

/// What the bearer token of a request says.
pub(crate) fn caller(verifier: &Verifier, headers: &HeaderMap) -> Caller {
    let Some(token) = bearer(headers) else { return Caller::Nobody };
    match verifier.user(token, Utc::now()) {
        Ok(user) => Caller::User(user),
        Err(_) if verifier.trust().is_told() => Caller::Refused,
        Err(_) => Caller::Unknown,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the caller may go on to an RPC. Nobody else may: the services take a call without a user for the gateway's own.
///
/// # Errors
/// 401, or 503 while the keys are not known.
pub(crate) fn admit(access: &Access, context: &Context) -> Result<(), Problem> {
    match (access, context.caller.get()) {
        (Access::Public, _) | (Access::Permission(_) | Access::SignedIn, Some(Caller::User(_))) => Ok(()),
        (Access::Permission(_) | Access::SignedIn, caller) => Err(refusal(caller)),
        (Access::Service, _) => {
            let detail = "only other services may ask this";
            Err(Problem::new(http::StatusCode::FORBIDDEN, "Not allowed", "INTERNAL_ONLY", detail))
        }
    }
}

/// The signed-in user.
///
/// # Errors
/// 401, or 503 while the keys are not known.
pub(crate) fn user(context: &Context) -> Result<&Arc<User>, Problem> {
    context.user().ok_or_else(|| refusal(context.caller.get()))
}

fn refusal(caller: Option<&Caller>) -> Problem {
    match caller {
        Some(Caller::Refused) => Problem::token_refused(),
        Some(Caller::Unknown) => Problem::unavailable(),
        _ => Problem::unauthenticated(),
    }
}
