//! All SQL of phone numbers.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Details, Draft, Owner, PhoneNumber, PhoneNumberId};
use crate::Error;
use crate::search::store::word;

const COLUMNS: &str = "id, account_id, member_id, kind, typed, e164, preferred, version, created_at, updated_at";

const NUMBERS: Select = Select { columns: COLUMNS, from: "phone_number", id: "id" };

const SORTS: Sorts = &[("created_at", "created_at"), ("kind", "kind"), ("e164", "e164")];

pub(crate) async fn list(conn: &mut Conn, owner: Owner, list: &List) -> Result<Page<PhoneNumber>, Error> {
    list.page(conn, NUMBERS, SORTS, |rows| {
        match owner {
            Owner::Account(id) => rows.eq("account_id", id),
            Owner::Member(id) => rows.eq("member_id", id),
        }
        rows.search(&["typed", "e164"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: PhoneNumberId) -> Result<PhoneNumber, Error> {
    sqlx::query_as(NUMBERS.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::PhoneNumberNotFound(id))
}

/// Locks a number; its owner is locked before it.
pub(crate) async fn lock(conn: &mut Conn, id: PhoneNumberId) -> Result<PhoneNumber, Error> {
    let sql = AssertSqlSafe(format!("select {COLUMNS} from phone_number where id = $1 for update"));
    sqlx::query_as(sql).bind(id).fetch_optional(conn).await?.ok_or(Error::PhoneNumberNotFound(id))
}

const PREFER: &str = "
update phone_number
   set preferred = false, version = version + 1, updated_at = now()
 where (account_id = $1 or member_id = $2) and preferred and id <> $3
returning ";

/// Another one of the owner than this is preferred no more.
pub(crate) async fn prefer(conn: &mut Conn, owner: Owner, id: PhoneNumberId) -> Result<Option<PhoneNumber>, Error> {
    let (account_id, member_id) = owner.ids();
    let sql = AssertSqlSafe([PREFER, COLUMNS].concat());
    Ok(sqlx::query_as(sql).bind(account_id).bind(member_id).bind(id).fetch_optional(conn).await?)
}

const INSERT: &str = "
insert into phone_number (id, account_id, member_id, kind, typed, e164, preferred)
values ($1, $2, $3, $4, $5, $6, $7)
returning ";

pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<PhoneNumber, Error> {
    let (account_id, member_id) = draft.owner.ids();
    let number = sqlx::query_as(AssertSqlSafe([INSERT, COLUMNS].concat()))
        .bind(draft.id)
        .bind(account_id)
        .bind(member_id)
        .bind(<&str>::from(draft.details.kind))
        .bind(&draft.details.number)
        .bind(&draft.details.e164)
        .bind(draft.details.preferred)
        .fetch_one(conn)
        .await?;
    Ok(number)
}

const SAVE: &str = "
update phone_number
   set kind = $2, typed = $3, e164 = $4, preferred = $5, version = version + 1, updated_at = now()
 where id = $1
returning ";

/// Stores the details of a locked number.
pub(crate) async fn save(conn: &mut Conn, number: &PhoneNumber) -> Result<PhoneNumber, Error> {
    let saved = sqlx::query_as(AssertSqlSafe([SAVE, COLUMNS].concat()))
        .bind(number.id)
        .bind(<&str>::from(number.details.kind))
        .bind(&number.details.number)
        .bind(&number.details.e164)
        .bind(number.details.preferred)
        .fetch_one(conn)
        .await?;
    Ok(saved)
}

pub(crate) async fn remove(conn: &mut Conn, id: PhoneNumberId) -> Result<(), Error> {
    sqlx::query("delete from phone_number where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for PhoneNumber {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let owner = match (row.try_get("account_id")?, row.try_get("member_id")?) {
            (Some(id), _) => Owner::Account(id),
            (None, Some(id)) => Owner::Member(id),
            (None, None) => return Err(DbError::Decode("a phone number of nobody".into())),
        };
        Ok(Self {
            id: row.try_get("id")?,
            owner,
            details: Details {
                kind: word(row, "kind")?,
                number: row.try_get("typed")?,
                e164: row.try_get("e164")?,
                preferred: row.try_get("preferred")?,
            },
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
