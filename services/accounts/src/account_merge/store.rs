//! All SQL of merges.

mod rows;

use chrono::{DateTime, Utc};
use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{AccountMerge, AccountMergeId, Done, Filter, Moved, Party};
use crate::Error;
use crate::search::store::word;

pub(crate) use rows::{move_back, move_over};

const SORTS: Sorts = &[("merged_at", "m.merged_at"), ("source_number", "s.number"), ("target_number", "t.number")];

const MERGES: Select = Select {
    columns: "m.id, m.source_id, s.number as source_number, s.name as source_name, m.target_id, t.number as target_number, \
              t.name as target_name, m.reason, m.source_state, m.tags_added, m.source_primary, m.merged_by, m.merged_by_name, m.merged_at, \
              m.undone_by, m.undone_by_name, m.undone_at, m.version",
    from: "account_merge m join account s on s.id = m.source_id join account t on t.id = m.target_id",
    id: "m.id",
};

pub(crate) async fn list(conn: &mut Conn, filter: Filter, list: &List) -> Result<Page<AccountMerge>, Error> {
    list.page(conn, MERGES, SORTS, |rows| {
        if let Some(account) = filter.account_id {
            rows.with("", account, " in (m.source_id, m.target_id)");
        }
        if let Some(undone) = filter.undone {
            rows.holds(if undone { "m.undone_at is not null" } else { "m.undone_at is null" });
        }
        rows.search(&["s.name", "t.name", "s.number::text", "t.number::text", "m.reason"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: AccountMergeId) -> Result<AccountMerge, Error> {
    let found = sqlx::query_as(MERGES.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::AccountMergeNotFound(id))
}

/// Reads a merge whose accounts are locked, and holds it against being undone twice.
pub(crate) async fn lock(conn: &mut Conn, id: AccountMergeId) -> Result<AccountMerge, Error> {
    let Select { columns, from, .. } = MERGES;
    let sql = AssertSqlSafe(format!("select {columns} from {from} where m.id = $1 for update of m"));
    sqlx::query_as(sql).bind(id).fetch_optional(conn).await?.ok_or(Error::AccountMergeNotFound(id))
}

const INSERT: &str = "
insert into account_merge (id, source_id, target_id, reason, source_state, tags_added, merged_by, merged_by_name, merged_at,
                           source_primary)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const INSERT_ROWS: &str = "
insert into account_merge_row (merge_id, kind, row_id, gave_way)
select $1, kind, row_id, gave_way
  from unnest($2::text[], $3::uuid[], $4::boolean[]) as t (kind, row_id, gave_way)";

/// Notes a merge and what went over with it.
pub(crate) async fn insert(conn: &mut Conn, merge: &AccountMerge, moved: &[Moved]) -> Result<(), Error> {
    sqlx::query(INSERT)
        .bind(merge.id)
        .bind(merge.source.id)
        .bind(merge.target.id)
        .bind(&merge.reason)
        .bind(<&str>::from(merge.source_state))
        .bind(&merge.tags_added)
        .bind(merge.merged.by)
        .bind(&merge.merged.by_name)
        .bind(merge.merged.at)
        .bind(merge.source_primary)
        .execute(&mut *conn)
        .await?;
    sqlx::query(INSERT_ROWS)
        .bind(merge.id)
        .bind(moved.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>())
        .bind(moved.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind(moved.iter().map(|row| row.gave_way).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// What went over, by kind.
pub(crate) async fn moved(conn: &mut Conn, id: AccountMergeId) -> Result<Vec<Moved>, Error> {
    let rows = sqlx::query(
        "select kind, row_id, gave_way, left_as from account_merge_row where merge_id = $1 order by kind, row_id",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let left = row.try_get::<Option<&str>, _>("left_as")?.map(|_| word(row, "left_as")).transpose()?;
            Ok(Moved {
                kind: row.try_get("kind")?,
                id: row.try_get("row_id")?,
                gave_way: row.try_get("gave_way")?,
                left,
            })
        })
        .collect()
}

const UNDO: &str = "
update account_merge
   set undone_by = $2, undone_by_name = $3, undone_at = $4, version = version + 1
 where id = $1";

const LEFT: &str = "
update account_merge_row
   set left_as = t.left_as
  from unnest($2::text[], $3::uuid[], $4::text[]) as t (kind, row_id, left_as)
 where account_merge_row.merge_id = $1
   and account_merge_row.kind = t.kind
   and account_merge_row.row_id = t.row_id";

/// Notes that a merge was undone, and what did not come back.
pub(crate) async fn undo(conn: &mut Conn, id: AccountMergeId, done: &Done, moved: &[Moved]) -> Result<(), Error> {
    sqlx::query(UNDO).bind(id).bind(done.by).bind(&done.by_name).bind(done.at).execute(&mut *conn).await?;
    let left: Vec<(&Moved, &'static str)> =
        moved.iter().filter_map(|row| row.left.map(|left| (row, left.into()))).collect();
    sqlx::query(LEFT)
        .bind(id)
        .bind(left.iter().map(|(row, _)| row.kind.as_str()).collect::<Vec<_>>())
        .bind(left.iter().map(|(row, _)| row.id).collect::<Vec<_>>())
        .bind(left.iter().map(|(_, left)| *left).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

impl FromRow<'_, PgRow> for AccountMerge {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let undone: Option<DateTime<Utc>> = row.try_get("undone_at")?;
        let by_name: Option<String> = row.try_get("undone_by_name")?;
        let by = row.try_get("undone_by")?;
        Ok(Self {
            id: row.try_get("id")?,
            source: Party {
                id: row.try_get("source_id")?,
                number: row.try_get("source_number")?,
                name: row.try_get("source_name")?,
            },
            target: Party {
                id: row.try_get("target_id")?,
                number: row.try_get("target_number")?,
                name: row.try_get("target_name")?,
            },
            reason: row.try_get("reason")?,
            source_state: word(row, "source_state")?,
            tags_added: row.try_get("tags_added")?,
            source_primary: row.try_get("source_primary")?,
            merged: Done {
                by: row.try_get("merged_by")?,
                by_name: row.try_get("merged_by_name")?,
                at: row.try_get("merged_at")?,
            },
            undone: undone.zip(by_name).map(|(at, by_name)| Done { by, by_name, at }),
            version: row.try_get("version")?,
        })
    }
}
