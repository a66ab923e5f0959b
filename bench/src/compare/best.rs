//! The best that SQL alone does for a page with its exact total: the total from a count stamped with its snapshot, and
//! the page by the plan that suits that total.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::raw::Raw;
use crate::failure::{Result, While};

/// Fewer matches than this are fetched and sorted; of more the index in list order is walked.
const NARROW: i64 = 2_000;
const PAGE: i64 = 25;

const COLUMNS: &str = "a.id, a.name, a.email, a.phone, a.kind, a.balance_cents, a.created_at";

pub(super) struct Best {
    db: PgConnection,
}

impl Best {
    pub(super) async fn open(raw: &Raw) -> Result<Self> {
        let mut db = PgConnection::connect(&raw.url).await.when("connecting to the raw database")?;
        // The best plan depends on what is sought.
        for sql in ["set search_path = shop, public", "set plan_cache_mode = force_custom_plan"] {
            sqlx::query(sql).execute(&mut db).await?;
        }
        Ok(Self { db })
    }

    /// The rows of a page, the exact total, and how long both took together.
    pub(super) async fn look(&mut self, term: &str, page: i64) -> Result<(usize, i64, Duration)> {
        let began = Instant::now();
        let total = self.total(&pattern(term)).await?;
        let rows = self.page(term, (page - 1) * PAGE, total).await?;
        Ok((rows, total, began.elapsed()))
    }

    async fn total(&mut self, pattern: &str) -> Result<i64> {
        let known: Option<i64> =
            sqlx::query_scalar("select acc_total($1)").bind(pattern).fetch_one(&mut self.db).await?;
        if let Some(total) = known {
            return Ok(total);
        }
        // Count and snapshot in one statement, so that they agree.
        let count = "with counted as (
                         select count(*) as n, pg_current_snapshot() as snap from acc_text where search_text like $1
                     )
                     insert into acc_counts (q, n, snap)
                     select $1, n, snap from counted
                         on conflict (q) do update set n = excluded.n, snap = excluded.snap
                     returning n";
        Ok(sqlx::query_scalar(count).bind(pattern).fetch_one(&mut self.db).await?)
    }

    async fn page(&mut self, term: &str, offset: i64, total: i64) -> Result<usize> {
        if offset >= total {
            return Ok(0);
        }
        if !term.is_empty() && total <= NARROW {
            let sql = format!(
                "with a as materialized (select * from acc_text where search_text like $1)
                 select {COLUMNS} from a order by name, id limit {PAGE} offset {offset}"
            );
            return Ok(sqlx::query(AssertSqlSafe(sql)).bind(pattern(term)).fetch_all(&mut self.db).await?.len());
        }
        // From the nearer end, and only the rows that are shown are fetched.
        let (skip, take, order) = match offset > total / 2 {
            true => ((total - offset - PAGE).max(0), PAGE.min(total - offset), "desc"),
            false => (offset, PAGE, "asc"),
        };
        let condition = if term.is_empty() { "where $1 = ''" } else { "where strpos(search_text, $1) > 0" };
        let sql = format!(
            "select {COLUMNS}
               from (select id from acc_text {condition} order by name {order}, id {order} limit {take} offset {skip}) k
               join acc_text a using (id)
              order by a.name, a.id"
        );
        Ok(sqlx::query(AssertSqlSafe(sql)).bind(term.to_lowercase()).fetch_all(&mut self.db).await?.len())
    }
}

fn pattern(term: &str) -> String {
    let escaped = term.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    if term.is_empty() { "%".to_owned() } else { format!("%{escaped}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_sought_as_it_is_written() {
        assert_eq!(pattern("50%_Off"), "%50\\%\\_off%");
        assert_eq!(pattern(""), "%");
    }
}
