//! All SQL of posting exceptions.

use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::uuid::Uuid;

use super::{PostingException, PostingExceptionId};
use crate::Error;
use crate::posting::Unpostable;
use crate::posting::fact::Told;

const SELECT: Select = Select {
    columns: "id, event_id, event_kind, source_id, reason, created_at, resolved_at",
    from: "posting_exception",
    id: "id",
};
const SORTS: Sorts = &[("created_at", "created_at"), ("event_kind", "event_kind"), ("resolved_at", "resolved_at")];

impl FromRow<'_, PgRow> for PostingException {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            event_id: row.try_get("event_id")?,
            event_kind: row.try_get("event_kind")?,
            source_id: row.try_get("source_id")?,
            reason: row.try_get("reason")?,
            created_at: row.try_get("created_at")?,
            resolved_at: row.try_get("resolved_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Told {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            event_id: row.try_get("event_id")?,
            kind: row.try_get("event_kind")?,
            producer: row.try_get("producer")?,
            producer_tx: row.try_get("producer_tx")?,
            body: row.try_get("body")?,
        })
    }
}

pub(crate) async fn list(conn: &mut Conn, resolved: bool, list: &List) -> Result<Page<PostingException>, Error> {
    list.page(conn, SELECT, SORTS, |rows| {
        rows.holds(if resolved { "resolved_at is not null" } else { "resolved_at is null" });
        rows.search(&["event_kind", "source_id", "reason"], &list.q);
    })
    .await
}

/// Notes why an event was not booked this time.
pub(crate) async fn note(conn: &mut Conn, told: &Told, why: &Unpostable) -> Result<(), Error> {
    sqlx::query(
        "insert into posting_exception (id, event_id, event_kind, producer, producer_tx, body, source_id, reason)
         values ($1, $2, $3, $4, $5::bigint::text::xid8, $6, $7, $8)
             on conflict (event_id) do update
            set reason = excluded.reason",
    )
    .bind(PostingExceptionId::new())
    .bind(told.event_id)
    .bind(&told.kind)
    .bind(&told.producer)
    .bind(told.producer_tx)
    .bind(&told.body)
    .bind(told.fact().map(|fact| fact.source.id.to_string()).unwrap_or_default())
    .bind(why.to_string())
    .execute(conn)
    .await?;
    Ok(())
}

/// At most 100 events whose next attempt is due, counted as tried; the rests grow from 10 seconds to an hour.
pub(crate) async fn due(conn: &mut Conn) -> Result<Vec<Told>, Error> {
    let due = sqlx::query_as(
        "update posting_exception
            set attempts = attempts + 1, tried_at = now()
          where id in (select id
                         from posting_exception
                        where resolved_at is null
                          and tried_at <= now() - least(attempts * attempts, 360) * interval '10 seconds'
                        order by tried_at
                        limit 100
                          for update skip locked)
      returning event_id, event_kind, producer, producer_tx::text::bigint as producer_tx, body",
    );
    Ok(due.fetch_all(conn).await?)
}

pub(crate) async fn resolve(conn: &mut Conn, event_id: Uuid) -> Result<(), Error> {
    sqlx::query("update posting_exception set resolved_at = now() where event_id = $1 and resolved_at is null")
        .bind(event_id)
        .execute(conn)
        .await?;
    Ok(())
}
