//! All SQL of external references.

use db::{Conn, Error as DbError, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{ExternalReference, ExternalReferenceId, Filter};
use crate::Error;
use crate::account::AccountId;

const SORTS: Sorts = &[("created_at", "created_at"), ("system", "system"), ("external_id", "external_id")];

const REFERENCES: Select =
    Select { columns: "id, account_id, system, external_id, created_at", from: "external_reference", id: "id" };

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<ExternalReference>, Error> {
    list.page(conn, REFERENCES, SORTS, |rows| {
        rows.eq_some("account_id", filter.account_id);
        rows.eq_some("external_id", filter.external_id.clone());
        rows.eq_some("system", filter.system.clone());
        rows.search(&["system", "external_id"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ExternalReferenceId) -> Result<ExternalReference, Error> {
    let found = sqlx::query_as(REFERENCES.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::ExternalReferenceNotFound(id))
}

const INSERT: &str = "
insert into external_reference (id, account_id, system, external_id)
values ($1, $2, $3, $4)
returning id, account_id, system, external_id, created_at";

/// Adds what another system calls a locked account.
pub(crate) async fn insert(conn: &mut Conn, new: &ExternalReference) -> Result<ExternalReference, Error> {
    sqlx::query_as(INSERT)
        .bind(new.id)
        .bind(new.account_id)
        .bind(&new.system)
        .bind(&new.external_id)
        .fetch_one(conn)
        .await
        .on_constraint("external_reference_live_key", || Error::ExternalIdTaken)
}

pub(crate) async fn delete(conn: &mut Conn, id: ExternalReferenceId) -> Result<(), Error> {
    sqlx::query("delete from external_reference where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Removes all of an account, and answers them.
pub(crate) async fn delete_all(conn: &mut Conn, account_id: AccountId) -> Result<Vec<ExternalReference>, Error> {
    let gone = sqlx::query_as(
        "delete from external_reference where account_id = $1 returning id, account_id, system, external_id, created_at",
    );
    Ok(gone.bind(account_id).fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for ExternalReference {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            system: row.try_get("system")?,
            external_id: row.try_get("external_id")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
