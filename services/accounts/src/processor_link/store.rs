//! All SQL of processor links.

use db::{Conn, Error as DbError, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{ProcessorLink, ProcessorLinkId};
use crate::Error;
use crate::account::AccountId;

const SORTS: Sorts = &[("created_at", "created_at"), ("processor", "processor"), ("customer_id", "customer_id")];

const LINKS: Select =
    Select { columns: "id, account_id, processor, customer_id, created_at", from: "processor_link", id: "id" };

pub(crate) async fn list(conn: &mut Conn, account_id: AccountId, list: &List) -> Result<Page<ProcessorLink>, Error> {
    list.page(conn, LINKS, SORTS, |rows| {
        rows.eq("account_id", account_id);
        rows.search(&["processor", "customer_id"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ProcessorLinkId) -> Result<ProcessorLink, Error> {
    let found = sqlx::query_as(LINKS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::ProcessorLinkNotFound(id))
}

const INSERT: &str = "
insert into processor_link (id, account_id, processor, customer_id)
values ($1, $2, $3, $4)
returning id, account_id, processor, customer_id, created_at";

/// Adds the customer of a processor to a locked account.
pub(crate) async fn insert(conn: &mut Conn, new: &ProcessorLink) -> Result<ProcessorLink, Error> {
    sqlx::query_as(INSERT)
        .bind(new.id)
        .bind(new.account_id)
        .bind(&new.processor)
        .bind(&new.customer_id)
        .fetch_one(conn)
        .await
        .on_constraint("processor_link_customer_key", || Error::ProcessorCustomerTaken)
}

pub(crate) async fn delete(conn: &mut Conn, id: ProcessorLinkId) -> Result<(), Error> {
    sqlx::query("delete from processor_link where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Removes all of an account, and answers them.
pub(crate) async fn delete_all(conn: &mut Conn, account_id: AccountId) -> Result<Vec<ProcessorLink>, Error> {
    let gone = sqlx::query_as(
        "delete from processor_link where account_id = $1 returning id, account_id, processor, customer_id, created_at",
    );
    Ok(gone.bind(account_id).fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for ProcessorLink {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            processor: row.try_get("processor")?,
            customer_id: row.try_get("customer_id")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
