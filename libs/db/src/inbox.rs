//! The inbox: every event heard is applied once, and what fails is retried, counted and at last parked.

use std::time::Duration;

use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::Error;

/// An event as it was heard.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub event_id: Uuid,
    pub kind: String,
    /// The service that told it.
    pub producer: String,
    /// The producer's transaction.
    pub producer_tx: i64,
    pub body: Vec<u8>,
    pub headers: Value,
}

/// How long a failed event rests before each retry; after as many retries it is parked.
#[derive(Clone, Debug)]
pub struct Rests(pub Vec<Duration>);

impl Default for Rests {
    fn default() -> Self {
        Self([1, 5, 30, 120].map(Duration::from_secs).to_vec())
    }
}

impl Rests {
    fn attempts_max(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX).saturating_add(1)
    }

    /// In microseconds.
    fn after(&self, attempts: i32) -> i64 {
        let index = usize::try_from(attempts - 1).unwrap_or(0);
        let rest = self.0.get(index).or_else(|| self.0.last()).copied().unwrap_or_default();
        i64::try_from(rest.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Claims the events that were never heard as done, in the transaction of their effects. The ids of the others are
/// missing in the answer: they are done, or a retry or a person takes care of them.
///
/// # Errors
/// The database's.
pub async fn take(conn: &mut PgConnection, entries: &[Entry]) -> Result<Vec<Uuid>, Error> {
    let fresh: Vec<Uuid> = insert(conn, entries, TAKE).await?;
    if fresh.len() < entries.len() {
        // The row must outlive the event's stay in any outbox that may repeat it.
        sqlx::query("update inbox set done_at = now() where event_id = any($1) and done_at < now()")
            .bind(entries.iter().map(|entry| entry.event_id).filter(|id| !fresh.contains(id)).collect::<Vec<_>>())
            .execute(conn)
            .await?;
    }
    Ok(fresh)
}

/// Records events that were delivered before, without any effect: they may have killed their consumer, so the retries,
/// which count before they act, take over. The ids of known ones are missing in the answer.
///
/// # Errors
/// The database's.
pub async fn record(conn: &mut PgConnection, entries: &[Entry]) -> Result<Vec<Uuid>, Error> {
    insert(conn, entries, RECORD).await
}

async fn insert(conn: &mut PgConnection, entries: &[Entry], sql: &'static str) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(sql)
        .bind(entries.iter().map(|entry| entry.event_id).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.producer.as_str()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.producer_tx).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.body.as_slice()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.headers.clone()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
}

const TAKE: &str = "
insert into inbox (event_id, kind, producer, producer_tx, body, headers, attempts, done_at)
select event_id, kind, producer, tx::text::xid8, body, headers, 1, now()
  from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::jsonb[])
    as t (event_id, kind, producer, tx, body, headers)
    on conflict do nothing
returning event_id";

const RECORD: &str = "
insert into inbox (event_id, kind, producer, producer_tx, body, headers, next_attempt_at)
select event_id, kind, producer, tx::text::xid8, body, headers, now()
  from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::jsonb[])
    as t (event_id, kind, producer, tx, body, headers)
    on conflict do nothing
returning event_id";

/// Records the first attempt of an event, which failed. One that is known by now is left alone.
///
/// # Errors
/// The database's.
pub async fn first_failed(conn: &mut PgConnection, entry: &Entry, error: &str, rests: &Rests) -> Result<(), Error> {
    sqlx::query(
        "insert into inbox (event_id, kind, producer, producer_tx, body, headers, attempts, next_attempt_at, last_error)
         values ($1, $2, $3, $4::bigint::text::xid8, $5, $6, 1, now() + $7 * interval '1 microsecond', $8)
         on conflict do nothing",
    )
    .bind(entry.event_id)
    .bind(&entry.kind)
    .bind(&entry.producer)
    .bind(entry.producer_tx)
    .bind(&entry.body)
    .bind(&entry.headers)
    .bind(rests.after(1))
    .bind(error)
    .execute(conn)
    .await?;
    Ok(())
}

/// An event that is due for a retry.
#[derive(Clone, Debug, FromRow)]
pub struct Due {
    #[sqlx(flatten)]
    pub entry: Entry,
    /// The coming attempt is counted already.
    pub attempts: i32,
}

/// What [`next_due`] found.
#[derive(Clone, Debug)]
pub enum Next {
    /// It is to be tried now.
    Try(Due),
    /// Its last attempt killed the process; it was parked.
    Parked {
        event_id: Uuid,
        kind: String,
    },
    Nothing,
}

/// Takes the event that has been due longest and counts the coming attempt; this is to be committed before the effect, so
/// that an effect that kills the process is counted too.
///
/// # Errors
/// The database's.
pub async fn next_due(conn: &mut PgConnection, rests: &Rests) -> Result<Next, Error> {
    let due: Option<Due> = sqlx::query_as(
        "select event_id, kind, producer, producer_tx::text::bigint as producer_tx, body, headers, attempts
           from inbox
          where done_at is null
            and parked_at is null
            and next_attempt_at <= now()
          order by next_attempt_at
          limit 1
            for update skip locked",
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(mut due) = due else { return Ok(Next::Nothing) };
    if due.attempts >= rests.attempts_max() {
        sqlx::query(
            "update inbox
                set parked_at = now(), last_error = coalesce(last_error, 'the attempts ended without an answer')
              where event_id = $1",
        )
        .bind(due.entry.event_id)
        .execute(conn)
        .await?;
        return Ok(Next::Parked { event_id: due.entry.event_id, kind: due.entry.kind });
    }
    due.attempts += 1;
    sqlx::query(
        "update inbox set attempts = $2, next_attempt_at = now() + $3 * interval '1 microsecond' where event_id = $1",
    )
    .bind(due.entry.event_id)
    .bind(due.attempts)
    .bind(rests.after(due.attempts))
    .execute(conn)
    .await?;
    Ok(Next::Try(due))
}

/// Locks an event that waits and marks it as done, in the transaction of its effect. False when somebody else did.
///
/// # Errors
/// The database's.
pub async fn finish(conn: &mut PgConnection, event_id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query(
        "update inbox
            set done_at = now(), next_attempt_at = null
          where event_id = $1
            and done_at is null
            and parked_at is null",
    )
    .bind(event_id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records that a retry failed. True when it was the last one, and the event is parked.
///
/// # Errors
/// The database's.
pub async fn failed(conn: &mut PgConnection, due: &Due, error: &str, rests: &Rests) -> Result<bool, Error> {
    let last = due.attempts >= rests.attempts_max();
    sqlx::query(
        "update inbox
            set last_error = $2,
                next_attempt_at = now() + $3 * interval '1 microsecond',
                parked_at = case when $4 then now() end
          where event_id = $1
            and done_at is null
            and parked_at is null",
    )
    .bind(due.entry.event_id)
    .bind(error)
    .bind(rests.after(due.attempts))
    .bind(last)
    .execute(conn)
    .await?;
    Ok(last)
}

/// Which parked events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    One(Uuid),
    All,
}

impl std::str::FromStr for Which {
    type Err = uuid::Error;

    /// Reads the id of an event, or `all`.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        if text == "all" { Ok(Self::All) } else { Uuid::try_parse(text).map(Self::One) }
    }
}

/// Lets parked events be tried again, from the first attempt on.
///
/// # Errors
/// The database's.
pub async fn unpark(conn: &mut PgConnection, which: Which) -> Result<u64, Error> {
    let one = match which {
        Which::One(event_id) => Some(event_id),
        Which::All => None,
    };
    let done = sqlx::query(
        "update inbox
            set parked_at = null, attempts = 0, next_attempt_at = now()
          where parked_at is not null
            and ($1::uuid is null or event_id = $1)",
    )
    .bind(one)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// What stands in the inbox and is not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Stats {
    pub parked: i64,
    /// Events that wait for a retry.
    pub waiting: i64,
}

/// # Errors
/// The database's.
pub async fn stats(conn: &mut PgConnection) -> Result<Stats, Error> {
    sqlx::query_as(
        "select (select count(*) from inbox where parked_at is not null) as parked,
                (select count(*) from inbox where done_at is null and parked_at is null) as waiting",
    )
    .fetch_one(conn)
    .await
}

/// Removes at most 10,000 events that have been done for 30 days, and keeps their number by producer and kind.
///
/// # Errors
/// The database's.
pub async fn prune(conn: &mut PgConnection) -> Result<u64, Error> {
    let gone: i64 = sqlx::query_scalar(PRUNE).fetch_one(conn).await?;
    Ok(gone.unsigned_abs())
}

const PRUNE: &str = "
with gone as (
    delete from inbox
     where event_id in (
        select event_id from inbox where done_at < now() - interval '30 days' order by done_at limit 10000)
    returning producer, kind
), counted as (
    insert into inbox_pruned (producer, kind, events)
    select producer, kind, count(*) from gone group by producer, kind
    on conflict (producer, kind) do update set events = inbox_pruned.events + excluded.events
)
select count(*) from gone";

/// Whether this is the newest version so far of something that another service tells as a copy; it is remembered.
///
/// # Errors
/// The database's.
pub async fn newer_copy(conn: &mut PgConnection, kind: &str, id: Uuid, version: i64) -> Result<bool, Error> {
    let done = sqlx::query(
        "insert into copy_version (kind, id, version)
         values ($1, $2, $3)
         on conflict (kind, id) do update
            set version = excluded.version
          where copy_version.version < excluded.version",
    )
    .bind(kind)
    .bind(id)
    .bind(version)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many events of the kinds this service has applied, of those that the producer's snapshot saw.
///
/// # Errors
/// The database's.
pub async fn count_heard(
    conn: &mut PgConnection,
    producer: &str,
    kinds: &[&str],
    snapshot: &str,
) -> Result<i64, Error> {
    sqlx::query_scalar(
        "select (select count(*)
                   from inbox
                  where producer = $1
                    and kind = any($2)
                    and done_at is not null
                    and pg_visible_in_snapshot(producer_tx, $3::text::pg_snapshot))
                + coalesce((select sum(events)::bigint from inbox_pruned where producer = $1 and kind = any($2)), 0)",
    )
    .bind(producer)
    .bind(kinds)
    .bind(snapshot)
    .fetch_one(conn)
    .await
}
