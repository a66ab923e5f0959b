//! All SQL of imports.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{AccountImport, AccountImportErrorId, AccountImportId, Blame, Checked, Staged};
use crate::search::store::word;
use crate::{AccountId, Error, MemberId};

const IMPORTS: Select = Select {
    columns: "id, file_name, dry_run, state, bytes, checked_bytes, rows, accounts, members, errors, attempts, failure,
              version, created_at, updated_at",
    from: "account_import",
    id: "id",
};
const SORTS: Sorts = &[("created_at", "created_at"), ("file_name", "file_name"), ("state", "state")];

const ERRORS: Select = Select { columns: "id, line, field, message", from: "account_import_error", id: "id" };
const ERROR_SORTS: Sorts = &[("line", "line"), ("field", "field")];

pub(crate) async fn list(conn: &mut Conn, list: &List) -> Result<Page<AccountImport>, Error> {
    list.page(conn, IMPORTS, SORTS, |rows| rows.search(&["file_name"], &list.q)).await
}

pub(crate) async fn errors(conn: &mut Conn, id: AccountImportId, list: &List) -> Result<Page<Blame>, Error> {
    list.page(conn, ERRORS, ERROR_SORTS, |rows| {
        rows.eq("import_id", id);
        rows.search(&["field", "message"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: AccountImportId) -> Result<AccountImport, Error> {
    let found = sqlx::query_as(IMPORTS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::AccountImportNotFound(id))
}

const LOCK: &str = "
select id, file_name, dry_run, state, bytes, checked_bytes, rows, accounts, members, errors, attempts, failure,
       version, created_at, updated_at
  from account_import
 where id = $1
   for update";

pub(crate) async fn lock(conn: &mut Conn, id: AccountImportId) -> Result<AccountImport, Error> {
    sqlx::query_as(LOCK).bind(id).fetch_optional(conn).await?.ok_or(Error::AccountImportNotFound(id))
}

const NEXT: &str = "
select id, file_name, dry_run, state, bytes, checked_bytes, rows, accounts, members, errors, attempts, failure,
       version, created_at, updated_at
  from account_import
 where state in ('uploaded', 'checking', 'publishing')
   and id <> all ($1)
 order by attempts, created_at
 limit 1
   for update";

/// Locks the oldest import that waits to be worked on, but for some. What broke off, perhaps with the process, comes after
/// all that was not tried as often, so that it keeps nobody waiting.
pub(crate) async fn lock_next(conn: &mut Conn, but: &[AccountImportId]) -> Result<Option<AccountImport>, Error> {
    Ok(sqlx::query_as(NEXT).bind(but).fetch_optional(conn).await?)
}

const INSERT: &str = "
insert into account_import (id, file_name, dry_run)
values ($1, $2, $3)
returning id, file_name, dry_run, state, bytes, checked_bytes, rows, accounts, members, errors, attempts, failure,
          version, created_at, updated_at";

pub(crate) async fn insert(
    conn: &mut Conn,
    id: AccountImportId,
    file_name: &str,
    dry_run: bool,
) -> Result<AccountImport, Error> {
    Ok(sqlx::query_as(INSERT).bind(id).bind(file_name).bind(dry_run).fetch_one(conn).await?)
}

const SAVE: &str = "
update account_import
   set state = $2, bytes = $3, checked_bytes = $4, rows = $5, accounts = $6, members = $7, errors = $8, attempts = $9,
       failure = $10, version = version + 1, updated_at = now()
 where id = $1
returning id, file_name, dry_run, state, bytes, checked_bytes, rows, accounts, members, errors, attempts, failure,
          version, created_at, updated_at";

pub(crate) async fn save(conn: &mut Conn, import: &AccountImport) -> Result<AccountImport, Error> {
    let Checked { bytes, rows, accounts, members, errors } = import.checked;
    let saved = sqlx::query_as(SAVE)
        .bind(import.id)
        .bind(<&str>::from(import.state))
        .bind(import.bytes)
        .bind(bytes)
        .bind(rows)
        .bind(accounts)
        .bind(members)
        .bind(errors)
        .bind(import.attempts)
        .bind(&import.failure)
        .fetch_one(conn)
        .await?;
    Ok(saved)
}

pub(crate) async fn add_part(conn: &mut Conn, id: AccountImportId, place: i64, data: &[u8]) -> Result<(), Error> {
    sqlx::query("insert into account_import_part (import_id, place, data) values ($1, $2, $3)")
        .bind(id)
        .bind(place)
        .bind(data)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets the pieces that came so far.
pub(crate) async fn forget_parts(conn: &mut Conn, id: AccountImportId) -> Result<(), Error> {
    sqlx::query("delete from account_import_part where import_id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// The piece that begins at a place.
pub(crate) async fn part(conn: &mut Conn, id: AccountImportId, place: i64) -> Result<Option<Vec<u8>>, Error> {
    let part = sqlx::query_scalar("select data from account_import_part where import_id = $1 and place = $2")
        .bind(id)
        .bind(place)
        .fetch_optional(conn)
        .await?;
    Ok(part)
}

pub(crate) async fn add_rows(conn: &mut Conn, id: AccountImportId, rows: &[Staged]) -> Result<(), Error> {
    sqlx::query(
        "insert into account_import_row (import_id, line, account_id, key, account, member_id, member)
         select $1, *
           from unnest($2::bigint[], $3::uuid[], $4::text[], $5::bytea[], $6::uuid[], $7::bytea[])",
    )
    .bind(id)
    .bind(rows.iter().map(|row| row.line).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.account_id).collect::<Vec<AccountId>>())
    .bind(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.account.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.member.as_ref().map(|(id, _)| *id)).collect::<Vec<Option<MemberId>>>())
    .bind(rows.iter().map(|row| row.member.as_ref().map(|(_, member)| member.as_slice())).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn add_errors(conn: &mut Conn, id: AccountImportId, errors: &[Blame]) -> Result<(), Error> {
    sqlx::query(
        "insert into account_import_error (import_id, id, line, field, message)
         select $1, * from unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[])",
    )
    .bind(id)
    .bind(errors.iter().map(|error| error.id).collect::<Vec<AccountImportErrorId>>())
    .bind(errors.iter().map(|error| error.line).collect::<Vec<_>>())
    .bind(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>())
    .bind(errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows that open an account which an earlier row has opened, each with that row's line.
pub(crate) async fn opened_twice(conn: &mut Conn, id: AccountImportId, limit: i64) -> Result<Vec<(i64, i64)>, Error> {
    let twice = sqlx::query_as(
        "select line, first
           from (select line, min(line) over (partition by key) as first
                   from account_import_row
                  where import_id = $1 and account is not null) opening
          where line > first
          order by line
          limit $2",
    )
    .bind(id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(twice)
}

/// Good rows below a line, in order.
pub(crate) async fn rows(conn: &mut Conn, id: AccountImportId, line: i64, limit: i64) -> Result<Vec<Staged>, Error> {
    let rows = sqlx::query_as(
        "select line, account_id, key, account, member_id, member
           from account_import_row
          where import_id = $1 and line > $2
          order by line
          limit $3",
    )
    .bind(id)
    .bind(line)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Forgets what an earlier check made of the content.
pub(crate) async fn forget_check(conn: &mut Conn, id: AccountImportId) -> Result<(), Error> {
    sqlx::query("delete from account_import_row where import_id = $1").bind(id).execute(&mut *conn).await?;
    sqlx::query("delete from account_import_error where import_id = $1").bind(id).execute(conn).await?;
    Ok(())
}

const FORGET_CONTENT: &str = "
with ended as (
    select id
      from account_import
     where state in ('rejected', 'published', 'failed', 'discarded')
), parts as (
    delete from account_import_part where import_id in (select id from ended)
)
delete from account_import_row where import_id in (select id from ended)";

/// This transaction may take longer than a request may.
pub(crate) async fn be_patient(conn: &mut Conn, time: &str) -> Result<(), Error> {
    sqlx::query("select set_config('statement_timeout', $1, true)").bind(time).execute(conn).await?;
    Ok(())
}

/// Removes the content of imports that have ended.
pub(crate) async fn forget_content(conn: &mut Conn) -> Result<(), Error> {
    sqlx::query(FORGET_CONTENT).execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for AccountImport {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            file_name: row.try_get("file_name")?,
            dry_run: row.try_get("dry_run")?,
            state: word(row, "state")?,
            bytes: row.try_get("bytes")?,
            checked: Checked {
                bytes: row.try_get("checked_bytes")?,
                rows: row.try_get("rows")?,
                accounts: row.try_get("accounts")?,
                members: row.try_get("members")?,
                errors: row.try_get("errors")?,
            },
            attempts: row.try_get("attempts")?,
            failure: row.try_get("failure")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Blame {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            line: row.try_get("line")?,
            field: row.try_get("field")?,
            message: row.try_get("message")?,
        })
    }
}

impl FromRow<'_, PgRow> for Staged {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let member_id: Option<MemberId> = row.try_get("member_id")?;
        let member: Option<Vec<u8>> = row.try_get("member")?;
        Ok(Self {
            line: row.try_get("line")?,
            account_id: row.try_get("account_id")?,
            key: row.try_get("key")?,
            account: row.try_get("account")?,
            member: member_id.zip(member),
        })
    }
}
