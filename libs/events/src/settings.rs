use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use db::inbox::Rests;

use crate::{Heard, Names};

/// How a service tells and hears.
#[derive(Clone)]
pub struct Settings {
    /// The service, such as `pos`; its schema has the same name.
    pub service: &'static str,
    /// It may hold a password.
    pub amqp_url: String,
    pub names: Names,
    /// The pause before a broken connection is built anew; it doubles up to the longest.
    pub pause: Duration,
    pub pause_longest: Duration,
    /// For each step of building a connection to the broker.
    pub connect_timeout: Duration,
    /// The relay looks for waiting events this often when no commit of this process wakes it.
    pub relay_poll: Duration,
    /// For one batch of the relay, until all of it is confirmed.
    pub publish_timeout: Duration,
    /// Unacknowledged events per consumer, all of which may be applied in one transaction.
    pub prefetch: u16,
    /// Consumers of this process; each holds a connection to the database while it works.
    pub consumers: usize,
    /// For the effects of one transaction.
    pub effect_timeout: Duration,
    /// Failed events rest so long between their attempts.
    pub rests: Rests,
    pub retry_poll: Duration,
    /// What handlers see as the time.
    pub clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// The span in which an event is applied; it may continue the trace of the event.
    pub span: fn(&Heard) -> tracing::Span,
    pub hooks: Hooks,
}

impl Settings {
    pub fn new(service: &'static str, amqp_url: impl Into<String>) -> Self {
        Self {
            service,
            amqp_url: amqp_url.into(),
            names: Names::default(),
            pause: Duration::from_millis(500),
            pause_longest: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            relay_poll: Duration::from_millis(200),
            publish_timeout: Duration::from_secs(5),
            prefetch: 20,
            consumers: 1,
            effect_timeout: Duration::from_secs(30),
            rests: Rests::default(),
            retry_poll: Duration::from_millis(500),
            clock: Arc::new(Utc::now),
            span: |heard| tracing::info_span!("hear", kind = heard.kind, event.id = %heard.event_id, request.id = heard.request_id),
            hooks: Hooks::default(),
        }
    }
}

/// Asked at a place where a process may die; true lets it seem so.
pub type Hook = Arc<dyn Fn() -> bool + Send + Sync>;

/// Where tests interfere; services have none.
#[derive(Clone, Default)]
pub struct Hooks {
    /// The broker has confirmed, the outbox is not marked.
    pub relay_before_mark: Option<Hook>,
    /// The effects are committed, the broker does not know.
    pub consumer_before_ack: Option<Hook>,
}

impl Hooks {
    pub(crate) fn dies(hook: Option<&Hook>) -> bool {
        hook.is_some_and(|hook| hook())
    }
}
