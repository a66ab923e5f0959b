//! All SQL of contacts.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Contact, ContactId, Details, Draft};
use crate::Error;
use crate::account::AccountId;

const COLUMNS: &str =
    "id, account_id, name, role, email, phone, phone_e164, preferred, notes, version, created_at, updated_at";

const CONTACTS: Select = Select { columns: COLUMNS, from: "contact", id: "id" };

const SORTS: Sorts = &[("name", "lower(name)"), ("role", "lower(role)"), ("created_at", "created_at")];

pub(crate) async fn list(conn: &mut Conn, account_id: AccountId, list: &List) -> Result<Page<Contact>, Error> {
    list.page(conn, CONTACTS, SORTS, |rows| {
        rows.eq("account_id", account_id);
        rows.search(&["name", "role", "email", "phone", "phone_e164"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ContactId) -> Result<Contact, Error> {
    sqlx::query_as(CONTACTS.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::ContactNotFound(id))
}

/// Locks a contact; its account is locked before it.
pub(crate) async fn lock(conn: &mut Conn, id: ContactId) -> Result<Contact, Error> {
    let sql = AssertSqlSafe(format!("select {COLUMNS} from contact where id = $1 for update"));
    sqlx::query_as(sql).bind(id).fetch_optional(conn).await?.ok_or(Error::ContactNotFound(id))
}

const PREFER: &str = "
update contact
   set preferred = false, version = version + 1, updated_at = now()
 where account_id = $1 and preferred and id <> $2
returning ";

/// Another one than this is preferred no more.
pub(crate) async fn prefer(conn: &mut Conn, account_id: AccountId, id: ContactId) -> Result<Option<Contact>, Error> {
    let sql = AssertSqlSafe([PREFER, COLUMNS].concat());
    Ok(sqlx::query_as(sql).bind(account_id).bind(id).fetch_optional(conn).await?)
}

const INSERT: &str = "
insert into contact (id, account_id, name, role, email, phone, phone_e164, preferred, notes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning ";

pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<Contact, Error> {
    let Details { name, role, email, phone, phone_e164, preferred, notes } = &draft.details;
    let contact = sqlx::query_as(AssertSqlSafe([INSERT, COLUMNS].concat()))
        .bind(draft.id)
        .bind(draft.account_id)
        .bind(name)
        .bind(role)
        .bind(email)
        .bind(phone)
        .bind(phone_e164)
        .bind(preferred)
        .bind(notes)
        .fetch_one(conn)
        .await?;
    Ok(contact)
}

const SAVE: &str = "
update contact
   set name = $2, role = $3, email = $4, phone = $5, phone_e164 = $6, preferred = $7, notes = $8,
       version = version + 1, updated_at = now()
 where id = $1
returning ";

/// Stores the details of a locked contact.
pub(crate) async fn save(conn: &mut Conn, contact: &Contact) -> Result<Contact, Error> {
    let Details { name, role, email, phone, phone_e164, preferred, notes } = &contact.details;
    let saved = sqlx::query_as(AssertSqlSafe([SAVE, COLUMNS].concat()))
        .bind(contact.id)
        .bind(name)
        .bind(role)
        .bind(email)
        .bind(phone)
        .bind(phone_e164)
        .bind(preferred)
        .bind(notes)
        .fetch_one(conn)
        .await?;
    Ok(saved)
}

pub(crate) async fn remove(conn: &mut Conn, id: ContactId) -> Result<(), Error> {
    sqlx::query("delete from contact where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Contact {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            details: Details {
                name: row.try_get("name")?,
                role: row.try_get("role")?,
                email: row.try_get("email")?,
                phone: row.try_get("phone")?,
                phone_e164: row.try_get("phone_e164")?,
                preferred: row.try_get("preferred")?,
                notes: row.try_get("notes")?,
            },
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
