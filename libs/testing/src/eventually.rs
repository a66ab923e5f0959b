//! Waiting for what happens elsewhere.

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks until there is an answer, for a minute at most: what it waits for may wait for all transactions of the cluster.
///
/// # Panics
/// When the time is over, naming what was waited for.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        #[expect(clippy::disallowed_methods, reason = "the one pause between two questions")]
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
