//! Requests that may be repeated: the first one's answer is kept with its effect and replayed to the others.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::{Error, Tx};

/// How long keys are kept that move no money; the others are kept for ever.
const KEEP: TimeDelta = TimeDelta::days(7);

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) caller: String,
    pub(crate) rpc: &'static str,
    pub(crate) key: String,
}

/// What is known of an idempotency key.
#[derive(Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nobody has used it: the work is to be done, and its answer kept.
    New,
    /// The same request was answered so.
    Answered(Vec<u8>),
    /// Another request used it.
    OtherRequest,
}

impl Tx {
    /// Claims a key before any work. A twin in flight is waited for.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim(
        &mut self,
        caller: &str,
        rpc: &'static str,
        key: &str,
        request: &[u8],
        moves_money: bool,
    ) -> Result<Remembered, Error> {
        let hash = Sha256::digest(request).to_vec();
        let inserted = sqlx::query(
            "insert into idempotency (caller, rpc, key, request_hash, moves_money) values ($1, $2, $3, $4, $5)
             on conflict do nothing",
        )
        .bind(caller)
        .bind(rpc)
        .bind(key)
        .bind(&hash)
        .bind(moves_money)
        .execute(&mut **self)
        .await?
        .rows_affected();
        if inserted == 1 {
            return Ok(Remembered::New);
        }
        let (known, response): (Vec<u8>, Option<Vec<u8>>) = sqlx::query_as(
            "select request_hash, response from idempotency where caller = $1 and rpc = $2 and key = $3",
        )
        .bind(caller)
        .bind(rpc)
        .bind(key)
        .fetch_one(&mut **self)
        .await?;
        Ok(match response {
            Some(response) if known == hash => Remembered::Answered(response),
            _ => Remembered::OtherRequest,
        })
    }

    /// Keeps the answer for the claimed key; it is written at the commit.
    pub fn answer(&mut self, caller: &str, rpc: &'static str, key: &str, response: Vec<u8>) {
        self.remember(Key { caller: caller.to_owned(), rpc, key: key.to_owned() }, response);
    }
}

/// Removes keys that are past their time.
///
/// # Errors
/// The database's.
pub async fn forget_old(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, Error> {
    let done = sqlx::query("delete from idempotency where not moves_money and created_at < $1")
        .bind(now - KEEP)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// What is known of a key, without claiming it.
///
/// # Errors
/// The database's.
pub async fn recall(
    conn: &mut PgConnection,
    caller: &str,
    rpc: &str,
    key: &str,
    request: &[u8],
) -> Result<Remembered, Error> {
    let known: Option<(Vec<u8>, Option<Vec<u8>>)> =
        sqlx::query_as("select request_hash, response from idempotency where caller = $1 and rpc = $2 and key = $3")
            .bind(caller)
            .bind(rpc)
            .bind(key)
            .fetch_optional(conn)
            .await?;
    Ok(match known {
        None => Remembered::New,
        Some((hash, Some(response))) if hash == Sha256::digest(request).to_vec() => Remembered::Answered(response),
        Some(_) => Remembered::OtherRequest,
    })
}
