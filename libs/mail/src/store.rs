//! The table of the queue.

use kit::{Conn, Tx};
use uuid::Uuid;

use crate::{Letter, Parcel};

/// A letter that is carried now.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    recipient: String,
    subject: String,
    body: Option<String>,
    html: Option<String>,
    pub(crate) attempts: i32,
}

impl Row {
    pub(crate) fn parcel(self) -> Parcel {
        let Self { id, recipient, subject, body, html, .. } = self;
        Parcel { id, to: recipient, subject, text: body.unwrap_or_default(), html: html.unwrap_or_default() }
    }
}

pub(crate) async fn insert(tx: &mut Tx, id: Uuid, letter: &Letter) -> Result<(), db::Error> {
    let request_id = tx.context().request_id.clone();
    sqlx::query(
        "insert into mail (id, kind, recipient, subject, body, html, request_id) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(letter.kind)
    .bind(&letter.to)
    .bind(&letter.subject)
    .bind(letter.text())
    .bind(letter.html())
    .bind(request_id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the letters that are due: nobody else takes them for the next minutes, and they are due again after that,
/// should this process die meanwhile.
pub(crate) async fn take(tx: &mut Tx, most: i64, lease_seconds: i32) -> Result<Vec<Row>, db::Error> {
    sqlx::query_as(
        "update mail
            set attempts = attempts + 1, next_attempt_at = now() + $2 * interval '1 second'
          where id in (select id from mail
                        where sent_at is null and parked_at is null and next_attempt_at <= now()
                        order by next_attempt_at, id limit $1 for update skip locked)
          returning id, kind, recipient, subject, body, html, attempts",
    )
    .bind(most)
    .bind(lease_seconds)
    .fetch_all(&mut **tx)
    .await
}

pub(crate) async fn sent(tx: &mut Tx, id: Uuid) -> Result<(), db::Error> {
    sqlx::query("update mail set sent_at = now(), body = null, html = null, last_error = null where id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn retry(tx: &mut Tx, id: Uuid, why: &str, seconds: i32) -> Result<(), db::Error> {
    sqlx::query("update mail set next_attempt_at = now() + $3 * interval '1 second', last_error = $2 where id = $1")
        .bind(id)
        .bind(why)
        .bind(seconds)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn park(tx: &mut Tx, id: Uuid, why: &str) -> Result<(), db::Error> {
    sqlx::query("update mail set parked_at = now(), body = null, html = null, last_error = $2 where id = $1")
        .bind(id)
        .bind(why)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets whom we wrote to after a month.
pub(crate) async fn prune(tx: &mut Tx) -> Result<u64, db::Error> {
    let old = "delete from mail where sent_at < now() - interval '30 days' or parked_at < now() - interval '30 days'";
    Ok(sqlx::query(old).execute(&mut **tx).await?.rows_affected())
}

/// How many wait, and how many were given up.
pub(crate) async fn counts(conn: &mut Conn) -> Result<(i64, i64), db::Error> {
    sqlx::query_as(
        "select (select count(*) from mail where sent_at is null and parked_at is null),
                (select count(*) from mail where parked_at is not null)",
    )
    .fetch_one(conn)
    .await
}
