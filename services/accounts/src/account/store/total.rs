//! How many accounts there are, without counting a million again: see `account_count` in the migration.

use db::{Conn, Error};
use sqlx::{Postgres, QueryBuilder};

use crate::account::{Filter, State};
use crate::search::Sought;
use crate::search::store::patterns;

/// From so many unseen changes on, a count is stamped anew.
const CHANGES_WORTH_STAMPING: i64 = 200;

/// All but the newest counts are forgotten.
const COUNTS_MAX: i64 = 10_000;

/// What a count is kept by.
pub(super) struct Key {
    patterns: Vec<String>,
    kind: &'static str,
    state: &'static str,
}

impl Key {
    pub(super) fn of(filter: &Filter, sought: Option<&Sought>) -> Self {
        Self {
            patterns: sought.map_or_else(|| vec!["%".to_owned()], patterns),
            kind: filter.kind.map_or("", Into::into),
            state: filter.state.into(),
        }
    }
}

/// The exact number now, when it is known.
pub(super) async fn known(conn: &mut Conn, key: &Key) -> Result<Option<i64>, Error> {
    let known: Option<(i64, i64, String)> =
        sqlx::query_as("select rows, changes, snapshot from account_total($1, $2, $3)")
            .bind(&key.patterns)
            .bind(key.kind)
            .bind(key.state)
            .fetch_optional(&mut *conn)
            .await?;
    let Some((rows, changes, snapshot)) = known else { return Ok(None) };
    if changes >= CHANGES_WORTH_STAMPING {
        keep(conn, key, rows, &snapshot).await?;
    }
    Ok(Some(rows))
}

/// Counts, and keeps the number with the snapshot of the same statement.
pub(super) async fn count(conn: &mut Conn, filter: &Filter, sought: Option<&Sought>, key: &Key) -> Result<i64, Error> {
    let mut sql = QueryBuilder::<Postgres>::new("select count(*), pg_current_snapshot()::text from account where ");
    narrow(&mut sql, filter);
    if sought.is_some() {
        sql.push(" and search_text like any (").push_bind(key.patterns.clone()).push(")");
    }
    let (rows, snapshot): (i64, String) = sql.build_query_as().persistent(false).fetch_one(&mut *conn).await?;
    keep(conn, key, rows, &snapshot).await?;
    Ok(rows)
}

/// The condition of a filter. The state is written out, so that the planner sees which index holds such rows only.
pub(super) fn narrow(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    sql.push(match filter.state {
        State::Active => "state = 'active'",
        State::Archived => "state = 'archived'",
        State::Merged => "state = 'merged'",
    });
    if let Some(kind) = filter.kind {
        sql.push(" and kind = ").push_bind(<&str>::from(kind));
    }
    if let Some(tag) = &filter.tag {
        sql.push(" and tags <> '{}' and tags @> array[").push_bind(tag.clone()).push("]");
    }
}

const KEEP: &str = "
insert into account_count (patterns, kind, state, rows, snapshot)
values ($1, $2, $3, $4, $5::pg_snapshot)
    on conflict on constraint account_count_key do update
   set rows = excluded.rows, snapshot = excluded.snapshot, counted_at = excluded.counted_at";

async fn keep(conn: &mut Conn, key: &Key, rows: i64, snapshot: &str) -> Result<(), Error> {
    sqlx::query(KEEP)
        .bind(&key.patterns)
        .bind(key.kind)
        .bind(key.state)
        .bind(rows)
        .bind(snapshot)
        .execute(conn)
        .await?;
    Ok(())
}

// What is more than 2,000 changes behind would be counted anew anyway, so the log stays short.
const FORGET_COUNTS: &str = "
delete from account_count
 where counted_at < (select counted_at from account_count order by counted_at desc offset $1 limit 1)
    or pg_snapshot_xmax(snapshot) <= (select tx from account_change order by tx desc offset 2000 limit 1)";

// No running transaction is older than the oldest snapshot that is kept, so what falls below it is complete.
const FORGET_CHANGES: &str = "
with floor as (
    update account_change_floor
       set tx = greatest(tx, coalesce((select pg_snapshot_xmin(snapshot)
                                         from account_count
                                        order by pg_snapshot_xmin(snapshot)
                                        limit 1),
                                      pg_snapshot_xmin(pg_current_snapshot())))
    returning tx
)
delete from account_change
 using floor
 where account_change.tx < floor.tx";

/// Forgets old counts, and the changes that no count needs any more.
pub(crate) async fn forget_counts(conn: &mut Conn) -> Result<(), Error> {
    sqlx::query(FORGET_COUNTS).bind(COUNTS_MAX).execute(&mut *conn).await?;
    sqlx::query(FORGET_CHANGES).execute(conn).await?;
    Ok(())
}
