//! What breaks is built anew from nothing, at growing intervals.

use std::time::{Duration, Instant};

use rand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{Error, Settings};

/// Repeats a session until the process stops. A session ends well only when it was told to.
pub(crate) async fn supervise<F>(
    role: &'static str,
    settings: &Settings,
    stop: &CancellationToken,
    session: impl Fn() -> F,
) where
    F: Future<Output = Result<(), Error>>,
{
    let connected = metrics::gauge!("broker_connected", "connection" => role);
    let mut pause = settings.pause;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let ended = session().await;
        connected.set(0);
        let Err(error) = ended else { continue };
        // One that worked for a while starts again with the shortest pause.
        if began.elapsed() > pause * 2 {
            pause = settings.pause;
        }
        let rest = jitter(pause);
        tracing::warn!(%error, role, pause_ms = rest.as_millis(), "broker session ended");
        rest_or_stop(rest, stop).await;
        pause = (pause * 2).min(settings.pause_longest);
    }
}

/// Ends early when the process stops.
pub(crate) async fn rest_or_stop(rest: Duration, stop: &CancellationToken) {
    // Both ends of the wait are good.
    let _ = tokio::time::timeout(rest, stop.cancelled()).await;
}

/// Between a half and the whole, so that replicas do not return together.
fn jitter(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rand::rng().random_range(most / 2..=most))
}
