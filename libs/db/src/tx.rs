//! A transaction that tells what it did: events and audit records are written with the change, or not at all.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use proto::Event;
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::{Audit, Context, Error};

/// What an event speaks of: the noun's id and its row version after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub id: Uuid,
    pub version: i64,
}

/// One command's transaction. Nothing is written until [`Tx::commit`], which flushes events, audit and answer at once.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    context: Arc<Context>,
    told: Vec<Told>,
    audits: Vec<(Arc<Context>, Audit)>,
    answer: Option<(crate::idempotency::Key, Vec<u8>)>,
    tells: bool,
}

struct Told {
    context: Arc<Context>,
    subject: Subject,
    ordinal: i16,
    kind: &'static str,
    body: Vec<u8>,
}

impl Tx {
    pub(crate) fn new(inner: Transaction<'static, Postgres>, context: Context) -> Self {
        Self { inner, context: Arc::new(context), told: Vec::new(), audits: Vec::new(), answer: None, tells: false }
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What follows is done for someone else; a consumer applies several events in one transaction.
    pub fn act_for(&mut self, context: Context) {
        self.context = Arc::new(context);
    }

    /// Tells the others, once this transaction is committed.
    pub fn publish<E: Event>(&mut self, subject: Subject, event: &E) {
        let before = self.told.iter().filter(|told| told.subject == subject).count();
        self.told.push(Told {
            context: Arc::clone(&self.context),
            subject,
            ordinal: i16::try_from(before).unwrap_or(i16::MAX),
            kind: E::KIND,
            body: event.encode_to_vec(),
        });
    }

    /// Records what was done.
    pub fn audit(&mut self, audit: Audit) {
        self.audits.push((Arc::clone(&self.context), audit.masked()));
    }

    pub(crate) fn remember(&mut self, key: crate::idempotency::Key, answer: Vec<u8>) {
        self.answer = Some((key, answer));
    }

    /// Commits. Says whether there is something for the relay.
    ///
    /// # Errors
    /// The database's, and then nothing was written.
    pub async fn commit(mut self) -> Result<bool, Error> {
        self.flush().await?;
        self.inner.commit().await?;
        Ok(self.tells)
    }

    /// Writes events, audit records and the answer in one round trip. The commit does it; work that tells more than
    /// memory should hold does it in between.
    ///
    /// # Errors
    /// The database's.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.told.is_empty() && self.audits.is_empty() && self.answer.is_none() {
            return Ok(());
        }
        self.tells |= !self.told.is_empty();
        let told = &std::mem::take(&mut self.told);
        let audits = &std::mem::take(&mut self.audits);
        let (key, response) = match self.answer.take() {
            Some((key, response)) => (Some(key), Some(response)),
            None => (None, None),
        };
        sqlx::query(FLUSH)
            .bind(each(told, |_| Uuid::now_v7()))
            .bind(each(told, |told| told.kind))
            .bind(each(told, |told| told.subject.id))
            .bind(each(told, |told| told.subject.version))
            .bind(each(told, |told| told.ordinal))
            .bind(each(told, |told| told.body.as_slice()))
            .bind(each(told, |told| headers(&told.context)))
            .bind(each(told, |told| told.context.now))
            .bind(each(audits, |_| Uuid::now_v7()))
            .bind(each(audits, |(context, _)| context.action.as_str()))
            .bind(each(audits, |(_, audit)| audit.subject_kind))
            .bind(each(audits, |(_, audit)| audit.subject_id.as_str()))
            .bind(each(audits, |(context, _)| context.actor_id))
            .bind(each(audits, |(context, _)| context.actor_name.as_str()))
            .bind(each(audits, |(context, _)| context.approver_id))
            .bind(each(audits, |(context, _)| context.request_id.as_str()))
            .bind(each(audits, |(_, audit)| audit.before.clone()))
            .bind(each(audits, |(_, audit)| audit.after.clone()))
            .bind(each(audits, |(context, _)| context.now))
            .bind(key.as_ref().map(|key| key.caller.clone()))
            .bind(key.as_ref().map(|key| key.rpc))
            .bind(key.as_ref().map(|key| key.key.clone()))
            .bind(response)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}

/// What travels with an event beside its body.
fn headers(context: &Context) -> Value {
    json!({
        "request_id": context.request_id,
        "traceparent": context.traceparent,
        "actor_id": context.actor_id,
        "actor_name": context.actor_name,
    })
}

/// A column of the rows.
fn each<'a, R, T>(rows: &'a [R], get: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(get).collect()
}

const FLUSH: &str = "
with told as (
    insert into outbox (event_id, kind, aggregate_id, aggregate_version, ordinal, body, headers, created_at)
    select *
      from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::smallint[], $6::bytea[], $7::jsonb[],
                  $8::timestamptz[])
), audited as (
    insert into audit (id, action, subject_kind, subject_id, actor_id, actor_name, approver_id, request_id, before, after,
                       created_at)
    select *
      from unnest($9::uuid[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::uuid[], $16::text[],
                  $17::jsonb[], $18::jsonb[], $19::timestamptz[])
)
update idempotency
   set response = $23
 where caller = $20
   and rpc = $21
   and key = $22";

impl Deref for Tx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
