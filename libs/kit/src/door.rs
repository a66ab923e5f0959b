//! The door: every call passes here before any handler. It knows who calls, whether he may, and counts.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, Response};
use proto::{Access, Rpc};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument;
use uuid::Uuid;

use crate::auth::{Prints, ServiceKeys, Verifier};
use crate::refusal::Common;
use crate::{Caller, Clock, Principal, refuse};

/// How long a call may be at work unless its RPC says otherwise. Its transaction is rolled back when the time is over.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Puts the door before a service.
#[derive(Clone, Debug)]
pub struct DoorLayer {
    pub name: &'static str,
    pub verifier: Verifier,
    pub service_keys: ServiceKeys,
    pub prints: Prints,
    pub clock: Clock,
    /// Calls at work at once.
    pub places: Arc<Semaphore>,
}

impl<S> Layer<S> for DoorLayer {
    type Service = Door<S>;
    fn layer(&self, inner: S) -> Door<S> {
        Door { inner, settings: self.clone() }
    }
}

/// See [`DoorLayer`].
#[derive(Clone, Debug)]
pub struct Door<S> {
    inner: S,
    settings: DoorLayer,
}

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let Some(rpc) = proto::rpc(request.uri().path()) else {
            // Health and reflection, and what does not exist: no handler of ours.
            return Box::pin(inner.call(request));
        };
        let settings = self.settings.clone();
        let begun = Instant::now();
        let caller = match settings.admit(rpc, request.headers()) {
            Ok(caller) => caller,
            Err(refusal) => {
                let status = refuse(settings.name, &refusal);
                count(settings.name, rpc, status.code(), begun);
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
        };
        let Ok(place) = Arc::clone(&settings.places).try_acquire_owned() else {
            let status = refuse(settings.name, &Common::Overloaded);
            count(settings.name, rpc, status.code(), begun);
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let span = tracing::info_span!(
            "rpc",
            rpc = rpc.path.trim_start_matches("/lunarfront."),
            "request.id" = caller.request_id,
            "caller.id" = caller.user_id().map(tracing::field::display),
            "caller.service" = caller.service,
            "trace.id" = tracing::field::Empty,
        );
        crate::telemetry::continue_trace(&span, caller.traceparent.as_deref());
        // Services asking for themselves come several times a second.
        let quiet = caller.user.is_none() && rpc.access != Access::Public;
        request.extensions_mut().insert(caller);
        let request = request.map(crate::limit::Limited::over);
        // The call is spawned, so that a client that goes away never leaves it half done.
        let work = crate::task::spawn(
            async move {
                let deadline = rpc.deadline_seconds.map_or(CALL_DEADLINE, Duration::from_secs);
                let response = match tokio::time::timeout(deadline, inner.call(request)).await {
                    Ok(Ok(response)) if is_unread(&response) => refuse(settings.name, &Common::Malformed).into_http(),
                    Ok(Ok(response)) => response,
                    Ok(Err(never)) => match never {},
                    Err(_) => refuse(settings.name, &Common::Late).into_http(),
                };
                drop(place);
                let code = Status::from_header_map(response.headers()).map_or(tonic::Code::Ok, |s| s.code());
                let duration_ms = count(settings.name, rpc, code, begun);
                if quiet {
                    tracing::debug!(code = ?code, duration_ms, "answered");
                } else {
                    tracing::info!(code = ?code, duration_ms, "answered");
                }
                Ok(response)
            }
            .instrument(span),
        );
        Box::pin(async move {
            match work.await {
                Ok(response) => response,
                Err(panic) => {
                    tracing::error!(rpc = rpc.path, error = %panic, "a handler panicked");
                    Ok(refuse(settings.name, &Common::Fault(crate::Fault::new(panic))).into_http())
                }
            }
        })
    }
}

impl DoorLayer {
    /// Who calls, if he may.
    fn admit(&self, rpc: &'static Rpc, headers: &HeaderMap) -> Result<Caller, Common> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let now = self.clock.now();
        let token = text("x-service-token").ok_or(Common::ServiceTokenRefused)?;
        let service = self.service_keys.caller(&token, chrono::Utc::now()).map_err(|_| Common::ServiceTokenRefused)?;
        let bearer = text("authorization").and_then(|value| bearer(&value).map(str::to_owned));
        let own_right = rpc.callers.iter().any(|name| *name == "*" || *name == service);
        let user = match &bearer {
            None => None,
            Some(token) => match self.verifier.user(token, chrono::Utc::now()) {
                Ok(user) => Some(user),
                // A stale token must not keep anybody from signing in, nor a service from its own work.
                Err(_) if rpc.access == Access::Public || (own_right && rpc.access == Access::Service) => None,
                Err(_) if !self.verifier.trust().is_told() => return Err(Common::TrustUnknown),
                Err(_) => return Err(Common::TokenRefused),
            },
        };
        match rpc.access {
            Access::Public => {}
            Access::Service if own_right => {}
            Access::Service => return Err(Common::InternalOnly),
            Access::SignedIn | Access::Permission(_) if user.is_none() && own_right => {}
            Access::SignedIn if user.is_some() => match user.as_ref().map(|user| &user.principal) {
                Some(who) if who.may_enter(rpc) => {}
                Some(Principal::Key) => return Err(Common::PersonRequired),
                _ => return Err(Common::StaffOnly),
            },
            Access::Permission(word) if user.is_some() => {
                if !user.as_ref().is_some_and(|user| user.permissions.allow(word)) {
                    return Err(Common::PermissionDenied(word));
                }
            }
            Access::SignedIn | Access::Permission(_) => return Err(Common::Unauthenticated),
        }
        let idempotency_key = text("idempotency-key");
        if idempotency_key.as_deref().is_some_and(types::holds_card_number) {
            return Err(types::Violation::new("Idempotency-Key", "must not hold a card number").into());
        }
        if rpc.full_sign_in && user.as_ref().is_some_and(|user| user.by_pin) {
            return Err(Common::FullSignInRequired);
        }
        let approval = match (rpc.approval, &user, text("x-approval-token")) {
            (Some(permission), Some(user), Some(token)) => {
                self.verifier.approval(&token, user, (rpc.path, permission), chrono::Utc::now()).ok()
            }
            _ => None,
        };
        Ok(Caller {
            user,
            approval,
            service,
            rpc,
            request_id: text("x-request-id")
                .filter(|id| !types::holds_card_number(id))
                .unwrap_or_else(|| Uuid::now_v7().to_string()),
            traceparent: text("traceparent").filter(|trace| !types::holds_card_number(trace)),
            idempotency_key,
            prints: self.prints.clone(),
            if_match: text("if-match"),
            bearer,
            client_ip: text("x-client-ip").unwrap_or_default(),
            user_agent: types::mask_card_numbers(&text("x-user-agent").unwrap_or_default()).into_owned(),
            now,
        })
    }
}

/// Whether tonic could not read the request. It calls that INTERNAL, but it is the caller's mistake; our own refusals
/// always carry details.
fn is_unread(response: &Response<Body>) -> bool {
    let headers = response.headers();
    headers.get("grpc-status").is_some_and(|code| code == "13") && !headers.contains_key("grpc-status-details-bin")
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Counts a call; answers how long it took in milliseconds.
fn count(service: &'static str, rpc: &'static Rpc, code: tonic::Code, begun: Instant) -> u64 {
    let labels = [("service", service.to_owned()), ("rpc", rpc.path.to_owned()), ("code", format!("{code:?}"))];
    metrics::counter!("rpc_calls_total", &labels).increment(1);
    metrics::histogram!("rpc_duration_seconds", "service" => service, "rpc" => rpc.path).record(begun.elapsed());
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
