//! All SQL of payment methods. The token goes in, and never comes out here.

use db::{Conn, Error as DbError, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::Violation;

use super::{Details, Draft, PaymentMethod, PaymentMethodId};
use crate::Error;
use crate::account::AccountId;

const SORTS: Sorts = &[
    ("created_at", "created_at"),
    ("backup_priority", "coalesce(backup_priority, 100)"),
    ("brand", "coalesce(brand, '')"),
    ("expires", "coalesce(expires_on, 'infinity')"),
];

const METHODS: Select = Select {
    columns: "id, account_id, processor, brand, last4, expires_on, is_default, backup_priority, requires_update, version, \
              created_at, updated_at",
    from: "payment_method",
    id: "id",
};

pub(crate) async fn list(conn: &mut Conn, account_id: AccountId, list: &List) -> Result<Page<PaymentMethod>, Error> {
    list.page(conn, METHODS, SORTS, |rows| {
        rows.eq("account_id", account_id);
        rows.search(&["processor", "brand", "last4"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: PaymentMethodId) -> Result<PaymentMethod, Error> {
    let found = sqlx::query_as(METHODS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::PaymentMethodNotFound(id))
}

// The first of an account is its default. The account is locked, so nobody else is the first meanwhile.
const INSERT: &str = "
insert into payment_method (id, account_id, processor, provider_token, brand, last4, expires_on, backup_priority,
                            requires_update, is_default)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9,
        not exists (select from payment_method where account_id = $2 and is_default))
returning id, account_id, processor, brand, last4, expires_on, is_default, backup_priority, requires_update, version,
          created_at, updated_at";

/// Adds a payment method to a locked account.
pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<PaymentMethod, Error> {
    let Details { brand, last4, expires_on, backup_priority, requires_update } = &draft.details;
    sqlx::query_as(INSERT)
        .bind(draft.id)
        .bind(draft.account_id)
        .bind(&draft.processor)
        .bind(draft.token.reveal())
        .bind(brand)
        .bind(last4)
        .bind(expires_on)
        .bind(backup_priority)
        .bind(requires_update)
        .fetch_one(conn)
        .await
        .map_err(refused)
}

const SAVE: &str = "
update payment_method
   set brand = $2, last4 = $3, expires_on = $4, backup_priority = $5, requires_update = $6,
       version = version + 1, updated_at = now()
 where id = $1
returning id, account_id, processor, brand, last4, expires_on, is_default, backup_priority, requires_update, version,
          created_at, updated_at";

/// Stores the details of a payment method whose account is locked.
pub(crate) async fn save(conn: &mut Conn, method: &PaymentMethod) -> Result<PaymentMethod, Error> {
    let Details { brand, last4, expires_on, backup_priority, requires_update } = &method.details;
    sqlx::query_as(SAVE)
        .bind(method.id)
        .bind(brand)
        .bind(last4)
        .bind(expires_on)
        .bind(backup_priority)
        .bind(requires_update)
        .fetch_one(conn)
        .await
        .map_err(refused)
}

const SET_DEFAULT: &str = "
update payment_method
   set is_default = $2, version = version + 1, updated_at = now()
 where id = $1
returning id, account_id, processor, brand, last4, expires_on, is_default, backup_priority, requires_update, version,
          created_at, updated_at";

pub(crate) async fn set_default(
    conn: &mut Conn,
    id: PaymentMethodId,
    is_default: bool,
) -> Result<PaymentMethod, Error> {
    Ok(sqlx::query_as(SET_DEFAULT).bind(id).bind(is_default).fetch_one(conn).await?)
}

/// The default of a locked account.
pub(crate) async fn default_of(conn: &mut Conn, account_id: AccountId) -> Result<Option<PaymentMethodId>, Error> {
    let default = sqlx::query_scalar("select id from payment_method where account_id = $1 and is_default");
    Ok(default.bind(account_id).fetch_optional(conn).await?)
}

pub(crate) async fn delete(conn: &mut Conn, id: PaymentMethodId) -> Result<(), Error> {
    sqlx::query("delete from payment_method where id = $1")
        .bind(id)
        .execute(conn)
        .await
        .on_constraint("payment_method_use_payment_method_id_fkey", || Error::PaymentMethodInUse)?;
    Ok(())
}

/// Removes all of a locked account, and answers them.
pub(crate) async fn delete_all(conn: &mut Conn, account_id: AccountId) -> Result<Vec<PaymentMethod>, Error> {
    sqlx::query_as(
        "delete from payment_method
          where account_id = $1
         returning id, account_id, processor, brand, last4, expires_on, is_default, backup_priority, requires_update,
                   version, created_at, updated_at",
    )
    .bind(account_id)
    .fetch_all(conn)
    .await
    .on_constraint("payment_method_use_payment_method_id_fkey", || Error::PaymentMethodInUse)
}

fn refused(error: DbError) -> Error {
    if db::violates(&error, "payment_method_card_check") {
        Violation::new("payment_method.provider_token", "must be the processor's token, not a card number").into()
    } else if db::violates(&error, "payment_method_token_key") {
        Error::PaymentMethodExists
    } else {
        error.into()
    }
}

impl FromRow<'_, PgRow> for PaymentMethod {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            processor: row.try_get("processor")?,
            details: Details {
                brand: row.try_get("brand")?,
                last4: row.try_get("last4")?,
                expires_on: row.try_get("expires_on")?,
                backup_priority: row.try_get("backup_priority")?,
                requires_update: row.try_get("requires_update")?,
            },
            is_default: row.try_get("is_default")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
