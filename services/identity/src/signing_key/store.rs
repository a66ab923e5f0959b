//! All SQL of signing keys. Their times are the database's, so that no two clocks are compared.

use chrono::TimeDelta;
use db::{Conn, Tx};
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use sqlx::{FromRow, Row};

use super::{Pair, SigningKey, SigningKeyId, State};
use crate::Error;

/// Waits until no other replica changes the keys.
pub(crate) async fn lock(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('identity.signing_key', 7))").execute(&mut **tx).await?;
    Ok(())
}

/// The keys whose tokens hold or will, the current one first.
pub(crate) async fn published(conn: &mut Conn) -> Result<Vec<SigningKey>, Error> {
    let keys = sqlx::query_as(
        "select id, kid, public_key, sealed, state
           from signing_key
          where state <> 'gone'
          order by state <> 'current', created_at, id",
    );
    Ok(keys.fetch_all(conn).await?)
}

/// Adds a key that signs after a while.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: SigningKeyId,
    pair: &Pair,
    sealed: &str,
    state: State,
    lead: TimeDelta,
) -> Result<(), Error> {
    sqlx::query(
        "insert into signing_key (id, kid, public_key, sealed, state, signs_from)
         values ($1, $2, $3, $4, $5, clock_timestamp() + $6)",
    )
    .bind(id)
    .bind(&pair.kid)
    .bind(&pair.public_key)
    .bind(sealed)
    .bind(<&str>::from(state))
    .bind(interval(lead))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A key that is published already signs after this time, if it would later.
pub(crate) async fn hasten(tx: &mut Tx, lead: TimeDelta) -> Result<(), Error> {
    sqlx::query(
        "update signing_key
            set signs_from = least(signs_from, clock_timestamp() + $1)
          where state = 'next'",
    )
    .bind(interval(lead))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The current key retires when the next one's time has come, and that one signs. Answers its id then.
pub(crate) async fn succeed(tx: &mut Tx) -> Result<Option<SigningKeyId>, Error> {
    let due = sqlx::query_scalar("select id from signing_key where state = 'next' and signs_from <= clock_timestamp()");
    let Some(id) = due.fetch_optional(&mut **tx).await? else { return Ok(None) };
    sqlx::query(
        "update signing_key
            set state = 'retiring', sealed = null, retired_at = clock_timestamp()
          where state = 'current'",
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query("update signing_key set state = 'current' where id = $1").bind(id).execute(&mut **tx).await?;
    Ok(Some(id))
}

/// Forgets keys whose last token has run out.
pub(crate) async fn let_go(tx: &mut Tx, retires: TimeDelta) -> Result<Vec<SigningKeyId>, Error> {
    let gone = sqlx::query_scalar(
        "update signing_key
            set state = 'gone'
          where state = 'retiring'
            and retired_at + $1 < clock_timestamp()
      returning id",
    );
    Ok(gone.bind(interval(retires)).fetch_all(&mut **tx).await?)
}

/// Whether the current key has signed for long enough.
pub(crate) async fn is_old(conn: &mut Conn, signs: TimeDelta) -> Result<bool, Error> {
    let old = sqlx::query_scalar(
        "select exists (select from signing_key where state = 'current' and signs_from + $1 < clock_timestamp())",
    );
    Ok(old.bind(interval(signs)).fetch_one(conn).await?)
}

fn interval(delta: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: delta.num_microseconds().unwrap_or(i64::MAX) }
}

impl FromRow<'_, PgRow> for SigningKey {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decode = |error: strum::ParseError| sqlx::Error::Decode(error.into());
        Ok(Self {
            id: row.try_get("id")?,
            kid: row.try_get("kid")?,
            public_key: row.try_get("public_key")?,
            sealed: row.try_get("sealed")?,
            state: row.try_get::<&str, _>("state")?.parse().map_err(decode)?,
        })
    }
}
