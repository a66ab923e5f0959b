//! Hash chains over append-only tables. Rows are chained after their commit, in the order of their transactions, so that
//! no writer waits for the head of a chain.

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};
use uuid::Uuid;

use crate::Error;

/// Rows that are hashed in one go.
const BATCH: i64 = 500;

/// A table whose rows are chained.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Such as `audit`.
    pub name: &'static str,
    /// A query of `id`, `tx`, `position` and `canonical`: everything that must not change, as one text that no setting of
    /// a session alters. Instants are epoch microseconds.
    pub rows: &'static str,
}

/// The chain that every service has.
pub const AUDIT: Chain = Chain {
    name: "audit",
    rows: "
select id, tx, position,
       jsonb_build_array(id, action, subject_kind, subject_id, actor_id, actor_name, approver_id, request_id, before,
                         after, (extract(epoch from created_at) * 1000000)::bigint)::text as canonical
  from audit",
};

#[derive(FromRow)]
struct Row {
    id: Uuid,
    tx: i64,
    position: i64,
    canonical: String,
}

#[derive(Clone, PartialEq, Eq, FromRow)]
struct Link {
    number: i64,
    row_id: Uuid,
    tx: i64,
    position: i64,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl Link {
    /// What the first row is chained to; it differs between chains, so that none can pass for another.
    fn genesis(chain: &Chain) -> Self {
        let hash = Sha256::digest(chain.name).to_vec();
        Self { number: 0, row_id: Uuid::nil(), tx: 0, position: i64::MIN, previous: Vec::new(), hash }
    }

    fn is_followed_by(&self, link: &Self, row: &Row) -> bool {
        *link == self.next(row) && (self.tx, self.position) < (link.tx, link.position)
    }

    fn next(&self, row: &Row) -> Self {
        let hash = Sha256::new().chain_update(&self.hash).chain_update(&row.canonical).finalize().to_vec();
        Self {
            number: self.number + 1,
            row_id: row.id,
            tx: row.tx,
            position: row.position,
            previous: self.hash.clone(),
            hash,
        }
    }
}

/// Chains the rows of finished transactions. Says how many; a chain that another process works on is left to it.
///
/// # Errors
/// The database's.
pub async fn seal(conn: &mut PgConnection, chains: &[Chain]) -> Result<u64, Error> {
    let mut sealed = 0;
    for chain in chains {
        loop {
            let rows = seal_batch(conn, chain).await?;
            sealed += rows.unsigned_abs();
            if rows < BATCH {
                break;
            }
        }
    }
    Ok(sealed)
}

async fn seal_batch(conn: &mut PgConnection, chain: &Chain) -> Result<i64, Error> {
    let mut tx = conn.begin().await?;
    let mine: bool = sqlx::query_scalar(
        "select pg_try_advisory_xact_lock(hashtextextended('seal:' || current_schema() || ':' || $1, 0))",
    )
    .bind(chain.name)
    .fetch_one(&mut *tx)
    .await?;
    if !mine {
        return Ok(0);
    }
    let head = head_link(&mut tx, chain).await?;
    let rows = rows_after(&mut tx, chain, &head, None, BATCH).await?;
    let mut links: Vec<Link> = Vec::with_capacity(rows.len());
    for row in &rows {
        links.push(links.last().unwrap_or(&head).next(row));
    }
    if !links.is_empty() {
        insert(&mut tx, chain, &links).await?;
    }
    tx.commit().await?;
    Ok(i64::try_from(links.len()).unwrap_or(i64::MAX))
}

async fn head_link(conn: &mut PgConnection, chain: &Chain) -> Result<Link, Error> {
    let head = sqlx::query_as(
        "select number, row_id, tx::text::bigint as tx, position, previous, hash
           from seal
          where chain = $1
          order by number desc
          limit 1",
    )
    .bind(chain.name)
    .fetch_optional(conn)
    .await?;
    Ok(head.unwrap_or_else(|| Link::genesis(chain)))
}

/// Rows in the order of their transactions up to a link, or without one up to the oldest running transaction.
async fn rows_after(
    conn: &mut PgConnection,
    chain: &Chain,
    after: &Link,
    until: Option<&Link>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let end = match until {
        Some(_) => "(tx, position) <= ($4::bigint::text::xid8, $5)",
        None => "tx < pg_snapshot_xmin(pg_current_snapshot())",
    };
    let sql = format!(
        "select id, tx::text::bigint as tx, position, canonical
           from ({}) chained
          where (tx, position) > ($1::bigint::text::xid8, $2)
            and {end}
          order by chained.tx, chained.position
          limit $3",
        chain.rows
    );
    // Every part is a literal of this program.
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(after.tx).bind(after.position).bind(limit);
    match until {
        Some(until) => query.bind(until.tx).bind(until.position).fetch_all(conn).await,
        None => query.fetch_all(conn).await,
    }
}

async fn insert(conn: &mut PgConnection, chain: &Chain, links: &[Link]) -> Result<(), Error> {
    sqlx::query(
        "insert into seal (chain, number, row_id, tx, position, previous, hash)
         select $1, number, row_id, tx::text::xid8, position, previous, hash
           from unnest($2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[])
             as t (number, row_id, tx, position, previous, hash)",
    )
    .bind(chain.name)
    .bind(links.iter().map(|link| link.number).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.row_id).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.tx).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.position).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.previous.as_slice()).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.hash.as_slice()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// A link that was written down outside of the database; it betrays a chain that was cut or computed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub number: i64,
    pub hash: Vec<u8>,
}

/// The newest link of a chain, for an anchor; none before the first.
///
/// # Errors
/// The database's.
pub async fn head(conn: &mut PgConnection, chain: &Chain) -> Result<Option<Anchor>, Error> {
    let head = head_link(conn, chain).await?;
    Ok((head.number > 0).then_some(Anchor { number: head.number, hash: head.hash }))
}

/// Rows that no link holds yet.
///
/// # Errors
/// The database's.
pub async fn waiting(conn: &mut PgConnection, chain: &Chain) -> Result<i64, Error> {
    let head = head_link(conn, chain).await?;
    count_after(conn, chain, &head).await
}

/// The oldest row that no link holds yet; its id, a UUIDv7, says when it was made.
///
/// # Errors
/// The database's.
pub async fn oldest(conn: &mut PgConnection, chain: &Chain) -> Result<Option<Uuid>, Error> {
    let head = head_link(conn, chain).await?;
    let sql = format!(
        "select id from ({}) chained
          where (tx, position) > ($1::bigint::text::xid8, $2)
          order by chained.tx, chained.position
          limit 1",
        chain.rows
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(head.tx).bind(head.position).fetch_optional(conn).await
}

async fn count_after(conn: &mut PgConnection, chain: &Chain, after: &Link) -> Result<i64, Error> {
    let sql =
        format!("select count(*) from ({}) chained where (tx, position) > ($1::bigint::text::xid8, $2)", chain.rows);
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(after.tx).bind(after.position).fetch_one(conn).await
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Links, all of which were recomputed up to the first that does not hold.
    pub sealed: i64,
    /// Rows behind the head that no link holds yet.
    pub waiting: i64,
    /// The hash of the last link that holds.
    pub head: Vec<u8>,
    /// The number of the first link that does not hold.
    pub broken_at: Option<i64>,
}

/// Recomputes a chain from its first row: every edit, removal, insertion and exchange of chained rows or of links is
/// found. A chain cut at its end, or computed anew as a whole, is found with an anchor.
///
/// # Errors
/// The database's.
pub async fn verify(conn: &mut PgConnection, chain: &Chain, anchor: Option<&Anchor>) -> Result<ChainReport, Error> {
    // One snapshot, so that the sealer may work meanwhile.
    let mut tx = conn.begin_with("begin isolation level repeatable read, read only").await?;
    let end = head_link(&mut tx, chain).await?;
    let waiting = count_after(&mut tx, chain, &end).await?;
    let mut held = Link::genesis(chain);
    let mut anchored = anchor.is_none();
    let mut broken_at = None;
    while broken_at.is_none() {
        let links = links_after(&mut tx, chain, held.number).await?;
        let Some(last) = links.last() else { break };
        let rows = rows_after(&mut tx, chain, &held, Some(last), BATCH + 1).await?;
        for index in 0..links.len().max(rows.len()) {
            let (link, row) = (links.get(index), rows.get(index));
            let Some((link, _)) = link.zip(row).filter(|(link, row)| held.is_followed_by(link, row)) else {
                broken_at = Some(held.number + 1);
                break;
            };
            held = link.clone();
            anchored |= anchor.is_some_and(|anchor| anchor.number == held.number && anchor.hash == held.hash);
        }
    }
    let cut_at = anchor.filter(|_| !anchored).map(|anchor| anchor.number.min(held.number + 1));
    Ok(ChainReport { sealed: end.number, waiting, head: held.hash, broken_at: broken_at.or(cut_at) })
}

async fn links_after(conn: &mut PgConnection, chain: &Chain, number: i64) -> Result<Vec<Link>, Error> {
    sqlx::query_as(
        "select number, row_id, tx::text::bigint as tx, position, previous, hash
           from seal
          where chain = $1
            and number > $2
          order by number
          limit $3",
    )
    .bind(chain.name)
    .bind(number)
    .bind(BATCH)
    .fetch_all(conn)
    .await
}
