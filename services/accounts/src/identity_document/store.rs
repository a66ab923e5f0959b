//! All SQL of identity documents.

use db::{Conn, Error as DbError, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::Date;

use super::{IdentityDocument, IdentityDocumentId};
use crate::Error;
use crate::member::MemberId;
use crate::search::store::word;

const DOCUMENTS: Select = Select {
    columns: "id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state, version, created_at, updated_at",
    from: "identity_document",
    id: "id",
};
const SORTS: Sorts = &[("created_at", "created_at"), ("kind", "kind"), ("expires_on", "expires_on")];

pub(crate) async fn list(conn: &mut Conn, member: MemberId, list: &List) -> Result<Page<IdentityDocument>, Error> {
    list.page(conn, DOCUMENTS, SORTS, |rows| {
        rows.eq("member_id", member);
        rows.search(&["issuer", "number_end", "kind"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: IdentityDocumentId) -> Result<IdentityDocument, Error> {
    let found = sqlx::query_as(DOCUMENTS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::IdentityDocumentNotFound(id))
}

const LOCK: &str = "
select id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state, version, created_at, updated_at
  from identity_document
 where id = $1
   for update";

pub(crate) async fn lock(conn: &mut Conn, id: IdentityDocumentId) -> Result<IdentityDocument, Error> {
    let found = sqlx::query_as(LOCK).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::IdentityDocumentNotFound(id))
}

const INSERT: &str = "
insert into identity_document (id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state, version, created_at, updated_at";

pub(crate) async fn insert(conn: &mut Conn, document: &IdentityDocument) -> Result<IdentityDocument, Error> {
    sqlx::query_as(INSERT)
        .bind(document.id)
        .bind(document.member_id)
        .bind(<&str>::from(document.kind))
        .bind(&document.sealed)
        .bind(&document.blind)
        .bind(&document.number_end)
        .bind(&document.issuer)
        .bind(document.expires_on)
        .bind(<&str>::from(document.state))
        .fetch_one(conn)
        .await
        .on_constraint("identity_document_number_key", || Error::IdentityDocumentKnown)
}

const SAVE: &str = "
update identity_document
   set issuer = $2, expires_on = $3, state = $4, version = version + 1, updated_at = now()
 where id = $1
returning id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state, version, created_at, updated_at";

pub(crate) async fn save(conn: &mut Conn, document: &IdentityDocument) -> Result<IdentityDocument, Error> {
    let saved = sqlx::query_as(SAVE)
        .bind(document.id)
        .bind(&document.issuer)
        .bind(document.expires_on)
        .bind(<&str>::from(document.state))
        .fetch_one(conn)
        .await?;
    Ok(saved)
}

pub(crate) async fn delete(conn: &mut Conn, id: IdentityDocumentId) -> Result<(), Error> {
    sqlx::query("delete from identity_document where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

const EXPIRE: &str = "
update identity_document
   set state = 'expired', version = version + 1, updated_at = now()
 where id in (select id from identity_document
               where state = 'active' and expires_on < $1
               order by id limit 500 for update skip locked)
returning id, member_id, kind, sealed, blind, number_end, issuer, expires_on, state, version, created_at, updated_at";

/// Marks some of those whose last day is over.
pub(crate) async fn expire(conn: &mut Conn, today: Date) -> Result<Vec<IdentityDocument>, Error> {
    Ok(sqlx::query_as(EXPIRE).bind(today).fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for IdentityDocument {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            member_id: row.try_get("member_id")?,
            kind: word(row, "kind")?,
            sealed: row.try_get("sealed")?,
            blind: row.try_get("blind")?,
            number_end: row.try_get("number_end")?,
            issuer: row.try_get("issuer")?,
            expires_on: row.try_get("expires_on")?,
            state: word(row, "state")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
