//! Waiting for what happens elsewhere.

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks until there is an answer, for three minutes at most: what it waits for may wait for all transactions of the
/// cluster, on a machine that does much else.
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
        assert!(begun.elapsed() < Duration::from_secs(180), "waited in vain: {what}");
        #[expect(clippy::disallowed_methods, reason = "the one pause between two questions")]
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
