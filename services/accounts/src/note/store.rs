//! All SQL of notes.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{About, Note, NoteId, Words};
use crate::Error;

const NOTES: Select = Select {
    columns: "id, account_id, member_id, text, sealed, author_id, author_name, created_at",
    from: "note",
    id: "id",
};
const SORTS: Sorts = &[("created_at", "created_at"), ("author_name", "author_name")];

pub(crate) async fn list(conn: &mut Conn, about: About, list: &List) -> Result<Page<Note>, Error> {
    list.page(conn, NOTES, SORTS, |rows| {
        match about {
            About::Account(id) => rows.eq("account_id", id),
            About::Member(id) => rows.eq("member_id", id),
        }
        rows.search(&["text", "author_name"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: NoteId) -> Result<Note, Error> {
    sqlx::query_as(NOTES.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::NoteNotFound(id))
}

const INSERT: &str = "
insert into note (id, account_id, member_id, sensitive, text, sealed, author_id, author_name)
values ($1, $2, $3, $4, $5, $6, $7, $8)
returning id, account_id, member_id, text, sealed, author_id, author_name, created_at";

pub(crate) async fn insert(conn: &mut Conn, note: &Note) -> Result<Note, Error> {
    let (account_id, member_id) = match note.about {
        About::Account(id) => (Some(id), None),
        About::Member(id) => (None, Some(id)),
    };
    let (text, sealed) = match &note.words {
        Words::Plain(text) => (Some(text), None),
        Words::Sealed(sealed) => (None, Some(sealed)),
    };
    let note = sqlx::query_as(INSERT)
        .bind(note.id)
        .bind(account_id)
        .bind(member_id)
        .bind(sealed.is_some())
        .bind(text)
        .bind(sealed)
        .bind(note.author_id)
        .bind(&note.author_name)
        .fetch_one(conn)
        .await?;
    Ok(note)
}

/// Removes a note for good, and answers it.
pub(crate) async fn delete(conn: &mut Conn, id: NoteId) -> Result<Note, Error> {
    let gone = sqlx::query_as(
        "delete from note where id = $1
         returning id, account_id, member_id, text, sealed, author_id, author_name, created_at",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    gone.ok_or(Error::NoteNotFound(id))
}

impl FromRow<'_, PgRow> for Note {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let about = match (row.try_get("account_id")?, row.try_get("member_id")?) {
            (_, Some(member)) => About::Member(member),
            (Some(account), None) => About::Account(account),
            (None, None) => return Err(DbError::Decode("a note about nobody".into())),
        };
        let words = match row.try_get::<Option<String>, _>("sealed")? {
            Some(sealed) => Words::Sealed(sealed),
            None => Words::Plain(row.try_get("text")?),
        };
        Ok(Self {
            id: row.try_get("id")?,
            about,
            words,
            author_id: row.try_get("author_id")?,
            author_name: row.try_get("author_name")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
