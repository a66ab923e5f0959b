//! Figures of outbox and inbox, taken every few seconds.

use std::time::Duration;

use db::Db;
use tokio_util::sync::CancellationToken;

use crate::supervise::rest_or_stop;

const EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn outbox(db: &Db, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let stats = async { db::outbox::stats(&mut *db.background().await?).await };
        match stats.await {
            Ok(stats) => {
                metrics::gauge!("outbox_waiting").set(whole(stats.waiting));
                metrics::gauge!("outbox_oldest_seconds").set(stats.oldest);
            }
            Err(error) => tracing::debug!(%error, "outbox not measured"),
        }
        rest_or_stop(EVERY, stop).await;
    }
}

pub(crate) async fn inbox(db: &Db, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let stats = async { db::inbox::stats(&mut *db.background().await?).await };
        match stats.await {
            Ok(stats) => {
                metrics::gauge!("inbox_parked").set(whole(stats.parked));
                metrics::gauge!("inbox_waiting").set(whole(stats.waiting));
            }
            Err(error) => tracing::debug!(%error, "inbox not measured"),
        }
        rest_or_stop(EVERY, stop).await;
    }
}

fn whole(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
