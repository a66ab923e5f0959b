//! All SQL of ledger accounts.

use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{Kind, LedgerAccount, LedgerAccountId};
use crate::Error;

const SELECT: Select =
    Select { columns: "id, code, name, kind, control_of, created_at", from: "ledger_account", id: "id" };
const SORTS: Sorts = &[("code", "code"), ("name", "name"), ("kind", "kind"), ("created_at", "created_at")];

impl FromRow<'_, PgRow> for LedgerAccount {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            code: row.try_get("code")?,
            name: row.try_get("name")?,
            kind: kind(row)?,
            control_of: row.try_get("control_of")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// The kind in a row that has one.
pub(crate) fn kind(row: &PgRow) -> sqlx::Result<Kind> {
    row.try_get::<&str, _>("kind")?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(crate) async fn list(conn: &mut Conn, kind: Option<Kind>, list: &List) -> Result<Page<LedgerAccount>, Error> {
    list.page(conn, SELECT, SORTS, |rows| {
        rows.eq_some("kind", kind.map(<&str>::from));
        rows.search(&["code", "name"], &list.q);
    })
    .await
}

pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<LedgerAccount>, Error> {
    let all = sqlx::query_as(
        "select id, code, name, kind, control_of, created_at
           from ledger_account
          order by name, id",
    );
    Ok(all.fetch_all(conn).await?)
}

pub(crate) async fn get(conn: &mut Conn, id: LedgerAccountId) -> Result<LedgerAccount, Error> {
    sqlx::query_as(
        "select id, code, name, kind, control_of, created_at
           from ledger_account
          where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?
    .ok_or(Error::LedgerAccountNotFound(id))
}
