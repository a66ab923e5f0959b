//! All SQL of totals.

use db::Conn;
use proto::Event;
use proto::inventory::v1 as pb;
use proto::pos::v1::{SaleCompleted, SaleVoided};
use sqlx::Connection;
use types::Money;

use super::Totals;
use crate::Error;

/// The events that carry value.
const KINDS: [&str; 4] =
    [pb::StockReceived::KIND, pb::StockAdjusted::KIND, pb::StockIssued::KIND, pb::StockReturned::KIND];

/// The events of others that move stock.
const MOVING: [&str; 2] = [SaleCompleted::KIND, SaleVoided::KIND];

/// Value and count in one snapshot; two statements see the same one only inside of this transaction.
pub(crate) async fn totals(conn: &mut Conn) -> Result<Totals, Error> {
    let mut snapshot = conn.begin_with("begin isolation level repeatable read read only").await?;
    let value: i64 =
        sqlx::query_scalar("select coalesce(sum(value), 0)::bigint from stock_level").fetch_one(&mut *snapshot).await?;
    let count = db::outbox::count_visible(&mut snapshot, &KINDS).await?;
    // A sale that is stuck has neither value nor event here: without this count nobody would miss it.
    let (waiting, parked) = sqlx::query_as(
        "select (select count(*) from inbox where done_at is null and parked_at is null and kind = any($1)),
                (select count(*) from inbox where parked_at is not null and kind = any($1))",
    )
    .bind(MOVING)
    .fetch_one(&mut *snapshot)
    .await?;
    snapshot.rollback().await?;
    Ok(Totals { value: Money::minor(value), events: count.events, waiting, parked, snapshot: count.snapshot })
}
