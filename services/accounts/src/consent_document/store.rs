//! All SQL of consent documents.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{ConsentDocument, ConsentDocumentId, Draft, Text};
use crate::Error;

const DOCUMENTS: Select = Select {
    columns: "id, type, version, title, body, body_sha256, valid_days, published_by_name, created_at",
    from: "consent_document",
    id: "id",
};

const SORTS: Sorts =
    &[("type", "type"), ("title", "lower(title)"), ("version", "version"), ("created_at", "created_at")];

pub(crate) async fn list(conn: &mut Conn, kind: Option<String>, list: &List) -> Result<Page<ConsentDocument>, Error> {
    list.page(conn, DOCUMENTS, SORTS, |rows| {
        rows.eq_some("type", kind.clone());
        rows.search(&["type", "title", "body"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ConsentDocumentId) -> Result<ConsentDocument, Error> {
    let found = sqlx::query_as(DOCUMENTS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::ConsentDocumentNotFound(id))
}

const NEWEST: &str = "
select id, type, version, title, body, body_sha256, valid_days, published_by_name, created_at
  from consent_document
 where type = $1
 order by version desc
 limit 1";

/// The version that people are asked to consent to now.
pub(crate) async fn newest(conn: &mut Conn, kind: &str) -> Result<Option<ConsentDocument>, Error> {
    Ok(sqlx::query_as(NEWEST).bind(kind).fetch_optional(conn).await?)
}

/// All kinds of texts.
pub(crate) async fn kinds(conn: &mut Conn) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar("select distinct type from consent_document order by type").fetch_all(conn).await?)
}

const INSERT: &str = "
insert into consent_document (id, type, version, title, body, body_sha256, valid_days, published_by, published_by_name)
select $1, $2, coalesce(max(version), 0) + 1, $3, $4, encode(sha256(convert_to($4, 'UTF8')), 'hex'), $5, $6, $7
  from consent_document
 where type = $2";

/// Publishes the next version. Of two that are published at once the second comes after the first.
pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<ConsentDocument, Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('consent_document.' || $1, 0))")
        .bind(&draft.kind)
        .execute(&mut *conn)
        .await?;
    sqlx::query(INSERT)
        .bind(draft.id)
        .bind(&draft.kind)
        .bind(&draft.text.title)
        .bind(&draft.text.body)
        .bind(draft.text.valid_days)
        .bind(draft.published_by)
        .bind(&draft.published_by_name)
        .execute(&mut *conn)
        .await?;
    get(conn, draft.id).await
}

impl FromRow<'_, PgRow> for ConsentDocument {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("type")?,
            version: row.try_get("version")?,
            text: Text {
                title: row.try_get("title")?,
                body: row.try_get("body")?,
                valid_days: row.try_get("valid_days")?,
            },
            hash: row.try_get("body_sha256")?,
            published_by_name: row.try_get("published_by_name")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
