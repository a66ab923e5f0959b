//! All SQL of sessions, refresh tokens and revocations.

use chrono::{DateTime, Utc};
use db::{Conn, List, OnConstraint, Page, Select, Sorts, Tx};
use kit::auth::Revoked;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Device, Kind, Life, Session, SessionId};
use crate::Error;
use crate::user::UserId;

const SESSIONS: Select = Select {
    columns: "s.id, s.user_id, s.kind, s.user_agent, s.ip_address, s.created_at, s.last_used_at, s.expires_at,
              s.absolute_expires_at, s.ended_at",
    from: "session s join app_user u on u.id = s.user_id",
    id: "s.id",
};
const SORTS: Sorts =
    &[("created_at", "s.created_at"), ("last_used_at", "s.last_used_at"), ("expires_at", "s.expires_at")];

/// A refresh token that was shown, locked with its session.
pub(crate) struct Shown {
    pub(crate) session: Session,
    pub(crate) used_at: Option<DateTime<Utc>>,
}

/// Begins a session with the hash of its first refresh token, under the credentials that were shown.
///
/// # Errors
/// [`Error::SignInRefused`] when those were changed meanwhile.
pub(crate) async fn begin(
    tx: &mut Tx,
    (user_id, credential_version): (UserId, i64),
    kind: Kind,
    device: &Device,
    life: Life,
    token_hash: &[u8],
) -> Result<Session, Error> {
    let id = SessionId::new();
    let created_at = sqlx::query_scalar(
        "insert into session (id, user_id, user_agent, ip_address, last_used_at, expires_at, absolute_expires_at,
                              credential_version, kind)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      returning created_at",
    )
    .bind(id)
    .bind(user_id)
    .bind(&device.user_agent)
    .bind(&device.ip_address)
    .bind(life.last_used_at)
    .bind(life.expires_at)
    .bind(life.absolute_expires_at)
    .bind(credential_version)
    .bind(<&str>::from(kind))
    .fetch_one(&mut **tx)
    .await
    .on_constraint("session_credential_fkey", || Error::SignInRefused)?;
    add_token(tx, id, token_hash).await?;
    Ok(Session { id, user_id, kind, device: device.clone(), created_at, life, ended_at: None })
}

/// The session of a refresh token; both are locked, so that of many uses at once one is the first.
pub(crate) async fn lock_shown(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<Shown>, Error> {
    let mut select = QueryBuilder::new("select t.used_at, ");
    select
        .push(SESSIONS.columns)
        .push(" from refresh_token t join session s on s.id = t.session_id where t.hash = ")
        .push_bind(token_hash.to_vec())
        .push(" for update");
    let Some(row) = select.build().fetch_optional(&mut **tx).await? else { return Ok(None) };
    Ok(Some(Shown { session: Session::from_row(&row)?, used_at: row.try_get("used_at")? }))
}

/// Marks a refresh token as used, adds its successor and prolongs the session.
pub(crate) async fn succeed(
    tx: &mut Tx,
    session: &Session,
    token_hash: &[u8],
    successor_hash: &[u8],
) -> Result<(), Error> {
    sqlx::query("update refresh_token set used_at = $2, successor_hash = $3 where hash = $1")
        .bind(token_hash)
        .bind(session.life.last_used_at)
        .bind(successor_hash)
        .execute(&mut **tx)
        .await?;
    add_token(tx, session.id, successor_hash).await?;
    sqlx::query("update session set last_used_at = $2, expires_at = $3 where id = $1")
        .bind(session.id)
        .bind(session.life.last_used_at)
        .bind(session.life.expires_at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn add_token(tx: &mut Tx, session: SessionId, hash: &[u8]) -> Result<(), Error> {
    sqlx::query("insert into refresh_token (hash, session_id) values ($1, $2)")
        .bind(hash)
        .bind(session)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The database's clock, which stamps tokens and revocations alike.
pub(crate) async fn clock(conn: &mut Conn) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(conn).await?)
}

/// Ends a session and revokes its tokens; none when it had ended before.
///
/// # Errors
/// When there is no such session.
pub(crate) async fn end(tx: &mut Tx, id: SessionId, now: DateTime<Utc>) -> Result<Option<UserId>, Error> {
    let ended =
        sqlx::query_scalar("update session set ended_at = $2 where id = $1 and ended_at is null returning user_id");
    let user = ended.bind(id).bind(now).fetch_optional(&mut **tx).await?;
    if let Some(user) = user {
        revoke(tx, &[Some(id)], user).await?;
        return Ok(Some(user));
    }
    let known = sqlx::query_scalar("select exists (select from session where id = $1)").bind(id);
    if known.fetch_one(&mut **tx).await? { Ok(None) } else { Err(Error::SessionNotFound(id)) }
}

/// Ends every session of a user and revokes all of his tokens.
pub(crate) async fn end_all(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<Vec<SessionId>, Error> {
    let ended =
        sqlx::query_scalar("update session set ended_at = $2 where user_id = $1 and ended_at is null returning id");
    let ended: Vec<SessionId> = ended.bind(user).bind(now).fetch_all(&mut **tx).await?;
    let each: Vec<Option<SessionId>> = ended.iter().copied().map(Some).chain([None]).collect();
    revoke(tx, &each, user).await?;
    Ok(ended)
}

/// Ends every session of a user except one.
pub(crate) async fn end_others(
    tx: &mut Tx,
    user: UserId,
    kept: SessionId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Error> {
    let ended = sqlx::query_scalar(
        "update session set ended_at = $3 where user_id = $1 and id <> $2 and ended_at is null returning id",
    );
    let ended: Vec<SessionId> = ended.bind(user).bind(kept).bind(now).fetch_all(&mut **tx).await?;
    let each: Vec<Option<SessionId>> = ended.iter().copied().map(Some).collect();
    revoke(tx, &each, user).await?;
    Ok(ended)
}

/// Ends the sessions that a user has at tills.
pub(crate) async fn end_tills(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<Vec<SessionId>, Error> {
    let ended = sqlx::query_scalar(
        "update session set ended_at = $2 where user_id = $1 and kind = 'till' and ended_at is null returning id",
    );
    let ended: Vec<SessionId> = ended.bind(user).bind(now).fetch_all(&mut **tx).await?;
    let each: Vec<Option<SessionId>> = ended.iter().copied().map(Some).collect();
    revoke(tx, &each, user).await?;
    Ok(ended)
}

/// Whose session it is.
pub(crate) async fn owner(conn: &mut Conn, id: SessionId) -> Result<Option<UserId>, Error> {
    Ok(sqlx::query_scalar("select user_id from session where id = $1").bind(id).fetch_optional(conn).await?)
}

/// Revokes sessions of a user; none among them means all tokens that he has by now.
async fn revoke(tx: &mut Tx, sessions: &[Option<SessionId>], user: UserId) -> Result<(), Error> {
    sqlx::query("insert into revocation (session_id, user_id) select unnest($1::uuid[]), $2")
        .bind(sessions.iter().map(|id| id.map(SessionId::uuid)).collect::<Vec<_>>())
        .bind(user)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Revokes the tokens of one session, or of an API key.
pub(crate) async fn revoke_tokens(tx: &mut Tx, session: SessionId, user: UserId) -> Result<(), Error> {
    revoke(tx, &[Some(session)], user).await
}

/// Revokes every token that users have by now. Their sessions live on, and refresh tokens give what holds from here on.
pub(crate) async fn revoke_all_tokens(tx: &mut Tx, users: &[UserId]) -> Result<(), Error> {
    sqlx::query("insert into revocation (user_id) select unnest($1::uuid[])").bind(users).execute(&mut **tx).await?;
    Ok(())
}

/// Whose a refresh token is.
pub(crate) async fn owner_of(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<UserId>, Error> {
    let owner = sqlx::query_scalar(
        "select s.user_id from refresh_token t join session s on s.id = t.session_id where t.hash = $1",
    );
    Ok(owner.bind(token_hash).fetch_optional(&mut **tx).await?)
}

/// What was revoked while access tokens of that time may still live: ten minutes, the leeway of clocks, a little more.
pub(crate) async fn revoked(conn: &mut Conn) -> Result<Vec<Revoked>, Error> {
    let rows = sqlx::query(
        "select session_id, user_id, revoked_at
           from revocation
          where revoked_at > clock_timestamp() - interval '11 minutes'
          order by id",
    );
    let revoked = |row: PgRow| {
        Ok(Revoked {
            session_id: row.try_get("session_id")?,
            user_id: row.try_get("user_id")?,
            at: row.try_get("revoked_at")?,
        })
    };
    rows.fetch_all(conn).await?.into_iter().map(revoked).collect()
}

/// Sessions that have not ended, of one user or of all.
pub(crate) async fn list(
    conn: &mut Conn,
    user: Option<UserId>,
    now: DateTime<Utc>,
    list: &List,
) -> Result<Page<Session>, Error> {
    list.page(conn, SESSIONS, SORTS, |rows| {
        rows.holds("s.ended_at is null");
        rows.with("s.expires_at > ", now, "");
        rows.eq_some("s.user_id", user);
        let texts = ["(u.first_name || ' ' || u.last_name)", "u.email", "s.user_agent", "s.ip_address"];
        rows.search(&texts, &list.q);
    })
    .await
}

/// Removes what no token can need any more.
pub(crate) async fn forget_old(conn: &mut Conn, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("delete from session where coalesce(ended_at, expires_at) < $1")
        .bind(before)
        .execute(&mut *conn)
        .await?;
    sqlx::query("delete from revocation where revoked_at < clock_timestamp() - interval '1 day'").execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Session {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decode = |error: strum::ParseError| sqlx::Error::Decode(error.into());
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            kind: row.try_get::<&str, _>("kind")?.parse().map_err(decode)?,
            device: Device { user_agent: row.try_get("user_agent")?, ip_address: row.try_get("ip_address")? },
            created_at: row.try_get("created_at")?,
            life: Life {
                last_used_at: row.try_get("last_used_at")?,
                expires_at: row.try_get("expires_at")?,
                absolute_expires_at: row.try_get("absolute_expires_at")?,
            },
            ended_at: row.try_get("ended_at")?,
        })
    }
}
