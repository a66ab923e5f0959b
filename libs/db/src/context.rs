//! Who acts, as far as the database must remember it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Stamped on every audit record and event of a transaction.
#[derive(Clone, Debug)]
pub struct Context {
    /// The service that writes, such as `pos`.
    pub service: &'static str,
    /// The RPC, consumer or job, such as `pos.v1.SaleService/CreateSale`.
    pub action: String,
    /// The user; none when the service acts for itself.
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub approver_id: Option<Uuid>,
    pub request_id: String,
    /// W3C trace context of the request, when there is one.
    pub traceparent: Option<String>,
    /// The injected clock's time, in UTC.
    pub now: DateTime<Utc>,
}

impl Context {
    /// A service that acts for itself, in a job or for an event.
    pub fn of_service(service: &'static str, action: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self {
            service,
            action: action.into(),
            actor_id: None,
            actor_name: service.to_owned(),
            approver_id: None,
            request_id: Uuid::now_v7().to_string(),
            traceparent: None,
            now,
        }
    }
}
