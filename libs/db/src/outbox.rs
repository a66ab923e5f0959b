//! The outbox: what the relay reads, what the live streams watch, and what proofs count.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::Error;

/// An event that the broker has not confirmed.
#[derive(Clone, Debug, FromRow)]
pub struct Waiting {
    pub position: i64,
    /// The transaction that wrote it.
    pub tx: i64,
    pub event_id: Uuid,
    pub kind: String,
    pub aggregate_id: Uuid,
    pub aggregate_version: i64,
    pub body: Vec<u8>,
    pub headers: Value,
    pub created_at: DateTime<Utc>,
}

/// The first waiting events by position. A row that commits late is late, never lost: nothing remembers a position.
///
/// # Errors
/// The database's.
pub async fn waiting(conn: &mut PgConnection, limit: i64) -> Result<Vec<Waiting>, Error> {
    sqlx::query_as(
        "select position, tx::text::bigint as tx, event_id, kind, aggregate_id, aggregate_version, body, headers, created_at
           from outbox
          where published_at is null
          order by position
          limit $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Marks events that the broker confirmed.
///
/// # Errors
/// The database's.
pub async fn mark_published(conn: &mut PgConnection, positions: &[i64]) -> Result<u64, Error> {
    let done = sqlx::query("update outbox set published_at = now() where position = any($1)")
        .bind(positions)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// Lets the relay publish again all that it published since an instant; the broker's data can be rebuilt so.
///
/// # Errors
/// The database's.
pub async fn requeue(conn: &mut PgConnection, from: DateTime<Utc>) -> Result<u64, Error> {
    let done =
        sqlx::query("update outbox set published_at = null where published_at >= $1").bind(from).execute(conn).await?;
    Ok(done.rows_affected())
}

/// Removes at most 10,000 events that were published more than 14 days ago, and keeps their number by kind.
///
/// # Errors
/// The database's.
pub async fn prune(conn: &mut PgConnection) -> Result<u64, Error> {
    let gone: i64 = sqlx::query_scalar(PRUNE).fetch_one(conn).await?;
    Ok(gone.unsigned_abs())
}

const PRUNE: &str = "
with gone as (
    delete from outbox
     where position in (
        select position from outbox where published_at < now() - interval '14 days' order by published_at limit 10000)
    returning kind
), counted as (
    insert into outbox_pruned (kind, events)
    select kind, count(*) from gone group by kind
    on conflict (kind) do update set events = outbox_pruned.events + excluded.events
)
select count(*) from gone";

/// How far the relay is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub waiting: i64,
    /// Since the oldest waiting event was written; zero when none waits.
    pub oldest: Duration,
}

/// # Errors
/// The database's.
pub async fn stats(conn: &mut PgConnection) -> Result<Stats, Error> {
    let (waiting, micros): (i64, i64) = sqlx::query_as(
        "select count(*), coalesce((extract(epoch from now() - min(created_at)) * 1000000)::bigint, 0)
           from outbox
          where published_at is null",
    )
    .fetch_one(conn)
    .await?;
    Ok(Stats { waiting, oldest: Duration::from_micros(u64::try_from(micros).unwrap_or(0)) })
}

/// A place in the order of transactions; it is written `tx-position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub tx: i64,
    pub position: i64,
}

impl Cursor {
    /// After all that transactions below the given one wrote.
    fn below(tx: i64) -> Self {
        Self { tx: tx - 1, position: i64::MAX }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.tx, self.position)
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (tx, position) = text.split_once('-').ok_or(NoCursor)?;
        let number =
            |text: &str| text.parse::<u64>().ok().and_then(|number| i64::try_from(number).ok()).ok_or(NoCursor);
        Ok(Self { tx: number(tx)?, position: number(position)? })
    }
}

/// An event that a watcher may tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub cursor: Cursor,
    pub event_id: Uuid,
    pub kind: String,
    pub aggregate_id: Uuid,
    pub created_at: DateTime<Utc>,
}

/// Events of finished transactions, and where to look next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub events: Vec<Seen>,
    pub cursor: Cursor,
}

/// After the last event of all transactions below the oldest running one.
///
/// # Errors
/// The database's.
pub async fn end(conn: &mut PgConnection) -> Result<Cursor, Error> {
    let xmin =
        sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetch_one(conn).await?;
    Ok(Cursor::below(xmin))
}

/// At most `limit` events of the kinds after a cursor, in the order of their transactions; none is ever skipped.
///
/// # Errors
/// The database's.
pub async fn watch(conn: &mut PgConnection, after: Cursor, kinds: &[&str], limit: u32) -> Result<Watched, Error> {
    let end = end(conn).await?;
    if end <= after {
        return Ok(Watched { events: Vec::new(), cursor: after });
    }
    let rows: Vec<(i64, i64, Uuid, String, Uuid, DateTime<Utc>)> = sqlx::query_as(
        "select tx::text::bigint, position, event_id, kind, aggregate_id, created_at
           from outbox
          where (tx, position) > ($1::bigint::text::xid8, $2)
            and tx <= $3::bigint::text::xid8
            and kind = any($4)
          order by tx, position
          limit $5",
    )
    .bind(after.tx)
    .bind(after.position)
    .bind(end.tx)
    .bind(kinds)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    let seen = |(tx, position, event_id, kind, aggregate_id, created_at)| Seen {
        cursor: Cursor { tx, position },
        event_id,
        kind,
        aggregate_id,
        created_at,
    };
    let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let events: Vec<Seen> = rows.into_iter().map(seen).collect();
    let cursor = events.last().filter(|_| full).map_or(end, |last| last.cursor);
    Ok(Watched { events, cursor })
}

/// How many events were ever told, and the snapshot that saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub events: i64,
    /// For [`crate::inbox::count_heard`] at the other end.
    pub snapshot: String,
}

/// Counts the events of the kinds since the beginning, pruned ones too. The caller's transaction is repeatable read, so
/// that its totals and this count speak of the same instant.
///
/// # Errors
/// The database's.
pub async fn count_visible(conn: &mut PgConnection, kinds: &[&str]) -> Result<Count, Error> {
    let (events, snapshot) = sqlx::query_as(
        "select (select count(*) from outbox where kind = any($1))
                + coalesce((select sum(events)::bigint from outbox_pruned where kind = any($1)), 0),
                pg_current_snapshot()::text",
    )
    .bind(kinds)
    .fetch_one(conn)
    .await?;
    Ok(Count { events, snapshot })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor { tx: 731, position: i64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "-", "1", "1-", "-1-2", "1--2", "a-b", "1-2-3", "99999999999999999999-1"] {
            assert_eq!(text.parse::<Cursor>(), Err(NoCursor), "{text}");
        }
    }
}
