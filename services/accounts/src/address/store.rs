//! All SQL of addresses.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Address, AddressId, Details, Draft, Kind};
use crate::Error;
use crate::account::AccountId;
use crate::search::store::word;

const COLUMNS: &str =
    "id, account_id, kind, label, line1, line2, city, region, postal_code, country, is_default, version,
 created_at, updated_at";

const ADDRESSES: Select = Select { columns: COLUMNS, from: "address", id: "id" };

const SORTS: Sorts = &[("created_at", "created_at"), ("kind", "kind"), ("city", "lower(city)")];

pub(crate) async fn list(
    conn: &mut Conn,
    account_id: AccountId,
    kind: Option<Kind>,
    list: &List,
) -> Result<Page<Address>, Error> {
    list.page(conn, ADDRESSES, SORTS, |rows| {
        rows.eq("account_id", account_id);
        rows.eq_some("kind", kind.map(<&str>::from));
        rows.search(&["label", "line1", "line2", "city", "region", "postal_code"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: AddressId) -> Result<Address, Error> {
    sqlx::query_as(ADDRESSES.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::AddressNotFound(id))
}

/// Locks an address; its account is locked before it.
pub(crate) async fn lock(conn: &mut Conn, id: AddressId) -> Result<Address, Error> {
    let sql = AssertSqlSafe(format!("select {COLUMNS} from address where id = $1 for update"));
    sqlx::query_as(sql).bind(id).fetch_optional(conn).await?.ok_or(Error::AddressNotFound(id))
}

const DEFAULT_OF: &str = "select exists (select from address where account_id = $1 and kind = $2 and is_default)";

/// Whether an account has a default of a kind.
pub(crate) async fn has_default(conn: &mut Conn, account_id: AccountId, kind: Kind) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(DEFAULT_OF).bind(account_id).bind(<&str>::from(kind)).fetch_one(conn).await?)
}

const PREFER: &str = "
update address
   set is_default = false, version = version + 1, updated_at = now()
 where account_id = $1 and kind = $2 and is_default and id <> $3
returning ";

/// Another one of the kind than this is the default no more.
pub(crate) async fn prefer(
    conn: &mut Conn,
    account_id: AccountId,
    kind: Kind,
    id: AddressId,
) -> Result<Option<Address>, Error> {
    let sql = AssertSqlSafe([PREFER, COLUMNS].concat());
    Ok(sqlx::query_as(sql).bind(account_id).bind(<&str>::from(kind)).bind(id).fetch_optional(conn).await?)
}

const INSERT: &str = "
insert into address (id, account_id, kind, label, line1, line2, city, region, postal_code, country, is_default)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
returning ";

pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<Address, Error> {
    let Details { kind, label, line1, line2, city, region, postal_code, country, is_default } = &draft.details;
    let address = sqlx::query_as(AssertSqlSafe([INSERT, COLUMNS].concat()))
        .bind(draft.id)
        .bind(draft.account_id)
        .bind(<&str>::from(*kind))
        .bind(label)
        .bind(line1)
        .bind(line2)
        .bind(city)
        .bind(region)
        .bind(postal_code)
        .bind(country)
        .bind(is_default)
        .fetch_one(conn)
        .await?;
    Ok(address)
}

const SAVE: &str = "
update address
   set kind = $2, label = $3, line1 = $4, line2 = $5, city = $6, region = $7, postal_code = $8, country = $9,
       is_default = $10, version = version + 1, updated_at = now()
 where id = $1
returning ";

/// Stores the details of a locked address.
pub(crate) async fn save(conn: &mut Conn, address: &Address) -> Result<Address, Error> {
    let Details { kind, label, line1, line2, city, region, postal_code, country, is_default } = &address.details;
    let saved = sqlx::query_as(AssertSqlSafe([SAVE, COLUMNS].concat()))
        .bind(address.id)
        .bind(<&str>::from(*kind))
        .bind(label)
        .bind(line1)
        .bind(line2)
        .bind(city)
        .bind(region)
        .bind(postal_code)
        .bind(country)
        .bind(is_default)
        .fetch_one(conn)
        .await?;
    Ok(saved)
}

pub(crate) async fn remove(conn: &mut Conn, id: AddressId) -> Result<(), Error> {
    sqlx::query("delete from address where id = $1").bind(id).execute(conn).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Address {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            details: Details {
                kind: word(row, "kind")?,
                label: row.try_get("label")?,
                line1: row.try_get("line1")?,
                line2: row.try_get("line2")?,
                city: row.try_get("city")?,
                region: row.try_get("region")?,
                postal_code: row.try_get("postal_code")?,
                country: row.try_get("country")?,
                is_default: row.try_get("is_default")?,
            },
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
