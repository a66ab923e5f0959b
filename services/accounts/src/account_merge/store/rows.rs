//! The rows that go over with their account, and come back.

use std::collections::HashSet;

use db::{Conn, Error as DbError};
use sqlx::AssertSqlSafe;
use types::uuid::Uuid;

use crate::Error;
use crate::account::AccountId;
use crate::account_merge::owned::{Follows, OWNED, One};
use crate::account_merge::{AccountMerge, Conflict, Left, Moved};

/// A table whose rows go over.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    one: Option<One>,
    versioned: bool,
}

/// The tables whose rows go over.
fn tables() -> impl Iterator<Item = Table> {
    OWNED.iter().filter_map(|owned| match owned.follows {
        Follows::Moves { one, versioned } => Some(Table { name: owned.table, one, versioned }),
        Follows::Stays(_) => None,
    })
}

impl Table {
    /// What one row of an account at most may be, and how two rows are such of one kind.
    fn one(self) -> Option<(&'static str, String)> {
        let One { column, per } = self.one?;
        let same = per.map_or_else(String::new, |per| format!(" and other.{per} = {}.{per}", self.name));
        Some((column, same))
    }

    /// What changes of a row beside its account.
    const fn bump(self) -> &'static str {
        if self.versioned { ", version = version + 1, updated_at = now()" } else { "" }
    }
}

/// Everything of the source goes over to the target.
///
/// # Errors
/// The conflicts, all of them, when something cannot stand beside what the target has.
pub(crate) async fn move_over(conn: &mut Conn, source: AccountId, target: AccountId) -> Result<Vec<Moved>, Error> {
    let (mut moved, mut conflicts) = (Vec::new(), Vec::new());
    for table in tables() {
        let gave_way = give_way(conn, table, source, target).await?;
        match move_all(conn, table, source, target).await? {
            Ok(ids) => moved.extend(ids.into_iter().map(|id| Moved {
                kind: table.name.to_owned(),
                id,
                gave_way: gave_way.contains(&id),
                left: None,
            })),
            Err(()) => conflicts.extend(move_each(conn, table, source, target).await?),
        }
    }
    if conflicts.is_empty() { Ok(moved) } else { Err(Error::MergeConflicts(conflicts)) }
}

/// What is the one of its kind gives way, when the target has one. Answers what it was.
async fn give_way(
    conn: &mut Conn,
    table: Table,
    source: AccountId,
    target: AccountId,
) -> Result<HashSet<Uuid>, DbError> {
    let Some((one, same)) = table.one() else { return Ok(HashSet::new()) };
    let name = table.name;
    let sql = format!(
        "update {name} set {one} = false
          where account_id = $1 and {one}
            and exists (select from {name} other where other.account_id = $2 and other.{one}{same})
         returning id"
    );
    let gave: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(source).bind(target).fetch_all(conn).await?;
    Ok(gave.into_iter().collect())
}

/// All rows at once; nothing when one of them conflicts.
async fn move_all(
    conn: &mut Conn,
    table: Table,
    source: AccountId,
    target: AccountId,
) -> Result<Result<Vec<Uuid>, ()>, DbError> {
    let Table { name, .. } = table;
    let sql = format!("update {name} set account_id = $2{} where account_id = $1 returning id", table.bump());
    sqlx::query("savepoint moving").execute(&mut *conn).await?;
    let moved = sqlx::query_scalar(AssertSqlSafe(sql)).bind(source).bind(target).fetch_all(&mut *conn).await;
    match moved {
        Ok(ids) => {
            sqlx::query("release savepoint moving").execute(conn).await?;
            Ok(Ok(ids))
        }
        Err(error) if rule(&error).is_some() => {
            sqlx::query("rollback to savepoint moving").execute(conn).await?;
            Ok(Err(()))
        }
        Err(error) => Err(error),
    }
}

/// Row by row, to learn which of them conflict. Nothing of this stays.
async fn move_each(
    conn: &mut Conn,
    table: Table,
    source: AccountId,
    target: AccountId,
) -> Result<Vec<Conflict>, DbError> {
    let Table { name, .. } = table;
    let ids: Vec<Uuid> =
        sqlx::query_scalar(AssertSqlSafe(format!("select id from {name} where account_id = $1 order by id")))
            .bind(source)
            .fetch_all(&mut *conn)
            .await?;
    let mut conflicts = Vec::new();
    for id in ids {
        sqlx::query("savepoint moving_one").execute(&mut *conn).await?;
        let moved = sqlx::query(AssertSqlSafe(format!("update {name} set account_id = $2 where id = $1")));
        match moved.bind(id).bind(target).execute(&mut *conn).await {
            Ok(_) => {}
            Err(error) => {
                let Some(rule) = rule(&error) else { return Err(error) };
                sqlx::query("rollback to savepoint moving_one").execute(&mut *conn).await?;
                conflicts.push(Conflict { kind: table.name, id, rule });
            }
        }
    }
    Ok(conflicts)
}

/// The rule of which a row is one too many: unique, or excluded.
fn rule(error: &DbError) -> Option<String> {
    let violated = error.as_database_error()?;
    let code = violated.code()?;
    let constraint = violated.constraint().unwrap_or("unknown");
    ["23505", "23P01"].contains(&code.as_ref()).then(|| constraint.to_owned())
}

/// Exactly what went over comes back, unless it was removed or went elsewhere meanwhile.
pub(crate) async fn move_back(conn: &mut Conn, merge: &AccountMerge, moved: &[Moved]) -> Result<Vec<Moved>, DbError> {
    sqlx::query("select set_config('accounts.unmerging', 'on', true)").execute(&mut *conn).await?;
    let mut told = Vec::with_capacity(moved.len());
    for table in tables() {
        let rows: Vec<&Moved> = moved.iter().filter(|row| row.kind == table.name).collect();
        if rows.is_empty() {
            continue;
        }
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let back = bring_back(conn, table, merge, &ids).await?;
        let gave_way: Vec<Uuid> =
            rows.iter().filter(|row| row.gave_way && back.contains(&row.id)).map(|row| row.id).collect();
        take_place(conn, table, &back, &gave_way).await?;
        let there = there(conn, table, &ids).await?;
        told.extend(rows.into_iter().map(|row| Moved { left: left(row.id, &back, &there), ..row.clone() }));
    }
    Ok(told)
}

fn left(id: Uuid, back: &HashSet<Uuid>, there: &HashSet<Uuid>) -> Option<Left> {
    match (back.contains(&id), there.contains(&id)) {
        (true, _) => None,
        (false, true) => Some(Left::Elsewhere),
        (false, false) => Some(Left::Gone),
    }
}

async fn bring_back(
    conn: &mut Conn,
    table: Table,
    merge: &AccountMerge,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, DbError> {
    let sql = format!(
        "update {} set account_id = $2{} where id = any($1) and account_id = $3 returning id",
        table.name,
        table.bump()
    );
    let back: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(ids)
        .bind(merge.source.id)
        .bind(merge.target.id)
        .fetch_all(conn)
        .await?;
    Ok(back.into_iter().collect())
}

/// What gave way is the one of its kind again, whatever took its place meanwhile.
async fn take_place(conn: &mut Conn, table: Table, back: &HashSet<Uuid>, gave_way: &[Uuid]) -> Result<(), DbError> {
    let Some((one, same)) = table.one().filter(|_| !gave_way.is_empty()) else { return Ok(()) };
    let name = table.name;
    let yields = format!(
        "update {name} set {one} = false
          where id = any($1) and {one} and exists (select from {name} other where other.id = any($2){same})"
    );
    let back: Vec<Uuid> = back.iter().copied().collect();
    sqlx::query(AssertSqlSafe(yields)).bind(back).bind(gave_way).execute(&mut *conn).await?;
    let takes = format!("update {name} set {one} = true where id = any($1)");
    sqlx::query(AssertSqlSafe(takes)).bind(gave_way).execute(conn).await?;
    Ok(())
}

async fn there(conn: &mut Conn, table: Table, ids: &[Uuid]) -> Result<HashSet<Uuid>, DbError> {
    let sql = format!("select id from {} where id = any($1)", table.name);
    let there: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(conn).await?;
    Ok(there.into_iter().collect())
}
