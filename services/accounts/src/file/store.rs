//! All SQL of files.

use chrono::{DateTime, Utc};
use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use kit::Fault;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{File, FileId, Purpose};
use crate::Error;
use crate::identity_document::IdentityDocumentId;
use crate::member::MemberId;
use crate::search::store::word;

const FILES: Select = Select {
    columns: "id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id, version, created_at",
    from: "file",
    id: "id",
};
const SORTS: Sorts =
    &[("created_at", "created_at"), ("name", "name"), ("purpose", "purpose"), ("size_bytes", "size_bytes")];

pub(crate) async fn list(
    conn: &mut Conn,
    member: MemberId,
    purpose: Option<Purpose>,
    list: &List,
) -> Result<Page<File>, Error> {
    list.page(conn, FILES, SORTS, |rows| {
        rows.eq("member_id", member);
        rows.eq_some("purpose", purpose.map(<&str>::from));
        rows.search(&["name", "content_type"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: FileId) -> Result<File, Error> {
    find(conn, id).await?.ok_or(Error::FileNotFound(id))
}

pub(crate) async fn find(conn: &mut Conn, id: FileId) -> Result<Option<File>, Error> {
    Ok(sqlx::query_as(FILES.one()).bind(id).fetch_optional(conn).await?)
}

const LOCK: &str = "
select id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id, version, created_at
  from file
 where id = $1
   for update";

pub(crate) async fn lock(conn: &mut Conn, id: FileId) -> Result<File, Error> {
    let found = sqlx::query_as(LOCK).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::FileNotFound(id))
}

const INSERT: &str = "
insert into file (id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id)
values ($1, $2, $3, $4, $5, $6, $7, $8)
returning id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id, version, created_at";

pub(crate) async fn insert(conn: &mut Conn, file: &File) -> Result<File, Error> {
    let inserted = sqlx::query_as(INSERT)
        .bind(file.id)
        .bind(file.member_id)
        .bind(<&str>::from(file.purpose))
        .bind(&file.name)
        .bind(&file.content_type)
        .bind(file.size_bytes)
        .bind(&file.sha256)
        .bind(file.identity_document_id)
        .fetch_one(conn)
        .await?;
    Ok(inserted)
}

pub(crate) async fn delete(conn: &mut Conn, id: FileId) -> Result<(), Error> {
    sqlx::query("delete from file where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

const DELETE_ALL: &str = "
delete from file
 where member_id = $1
   and purpose = $2
returning id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id, version, created_at";

/// Removes what a member has for a purpose.
pub(crate) async fn delete_all(conn: &mut Conn, member: MemberId, purpose: Purpose) -> Result<Vec<File>, Error> {
    Ok(sqlx::query_as(DELETE_ALL).bind(member).bind(<&str>::from(purpose)).fetch_all(conn).await?)
}

const DELETE_SCANS: &str = "
delete from file
 where identity_document_id = any($1)
returning id, member_id, purpose, name, content_type, size_bytes, sha256, identity_document_id, version, created_at";

/// Removes the scans of documents that go.
pub(crate) async fn delete_scans(conn: &mut Conn, documents: &[IdentityDocumentId]) -> Result<Vec<File>, Error> {
    Ok(sqlx::query_as(DELETE_SCANS).bind(documents).fetch_all(conn).await?)
}

/// Writes down that there will be bytes; from a time on they may be removed unless a file came to have them.
pub(crate) async fn expect_bytes(conn: &mut Conn, id: FileId, removable_at: DateTime<Utc>) -> Result<(), Error> {
    let expect = sqlx::query("insert into file_bytes (file_id, removable_at) values ($1, $2)");
    expect.bind(id).bind(removable_at).execute(conn).await?;
    Ok(())
}

/// The bytes belong to a file from now on.
pub(crate) async fn claim_bytes(conn: &mut Conn, id: FileId, now: DateTime<Utc>) -> Result<(), Error> {
    let claim = sqlx::query("update file_bytes set removable_at = null where file_id = $1 and removable_at > $2");
    match claim.bind(id).bind(now).execute(conn).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(Fault::new("the bytes of a file were given up before it was written").into()),
    }
}

/// The bytes may be removed, unless a file has them.
pub(crate) async fn release_bytes(conn: &mut Conn, id: FileId) -> Result<(), Error> {
    let release = "update file_bytes set removable_at = '-infinity' where file_id = $1 and removable_at is not null";
    sqlx::query(release).bind(id).execute(conn).await?;
    Ok(())
}

/// Some of the bytes that may be removed, in the order of their ids.
pub(crate) async fn removable(
    conn: &mut Conn,
    now: DateTime<Utc>,
    after: Option<FileId>,
    limit: i64,
) -> Result<Vec<FileId>, Error> {
    let removable = sqlx::query_scalar(
        "select file_id from file_bytes
          where removable_at <= $1 and ($2::uuid is null or file_id > $2)
          order by file_id limit $3",
    );
    Ok(removable.bind(now).bind(after).bind(limit).fetch_all(conn).await?)
}

/// These bytes are gone.
pub(crate) async fn forget_bytes(conn: &mut Conn, ids: &[FileId]) -> Result<(), Error> {
    sqlx::query("delete from file_bytes where file_id = any($1)").bind(ids).execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for File {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            member_id: row.try_get("member_id")?,
            purpose: word(row, "purpose")?,
            name: row.try_get("name")?,
            content_type: row.try_get("content_type")?,
            size_bytes: row.try_get("size_bytes")?,
            sha256: row.try_get("sha256")?,
            identity_document_id: row.try_get("identity_document_id")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
