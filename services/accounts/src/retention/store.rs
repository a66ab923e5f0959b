//! All SQL of retention. Each statement takes some; the job asks until none is left.

use chrono::{DateTime, Utc};
use db::Conn;
use types::Date;

use crate::Error;
use crate::account_import::AccountImportId;
use crate::identity_document::IdentityDocumentId;
use crate::note::NoteId;

pub(crate) async fn documents(conn: &mut Conn, from: Date) -> Result<Vec<IdentityDocumentId>, Error> {
    let gone = sqlx::query_scalar(
        "delete from identity_document
          where id in (select id from identity_document where expires_on < $1 order by id limit 500)
         returning id",
    );
    Ok(gone.bind(from).fetch_all(conn).await?)
}

pub(crate) async fn sensitive_notes(conn: &mut Conn, since: DateTime<Utc>) -> Result<Vec<NoteId>, Error> {
    let gone = sqlx::query_scalar(
        "delete from note
          where id in (select id from note where sensitive and created_at < $1 order by id limit 500)
         returning id",
    );
    Ok(gone.bind(since).fetch_all(conn).await?)
}

/// Imports that wait for somebody who does not come.
pub(crate) async fn imports(conn: &mut Conn, since: DateTime<Utc>) -> Result<Vec<AccountImportId>, Error> {
    let waiting = sqlx::query_scalar(
        "select id from account_import
          where state in ('open', 'uploaded', 'checked') and updated_at < $1
          order by id limit 500",
    );
    Ok(waiting.bind(since).fetch_all(conn).await?)
}
