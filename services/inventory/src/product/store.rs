//! All SQL of products.

use db::{Conn, List, Page, Select, Sorts, violates};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use types::{Decimal, Money};

use super::{Kind, Product, ProductId, State};
use crate::Error;
use crate::category::CategoryId;
use crate::error::Blame;
use crate::quantity::Quantity;

const COLUMNS: Select = Select {
    columns: "product.id, product.sku, product.barcode, product.name, product.description, product.category_id,
              product.kind, product.tax_category, product.price, product.state, product.version, product.created_at,
              product.updated_at,
              (select coalesce(sum(l.on_hand), 0) from stock_level l where l.product_id = product.id) as quantity_on_hand",
    from: "product",
    id: "product.id",
};

const SORTS: Sorts = &[
    ("name", "lower(product.name)"),
    ("sku", "lower(product.sku)"),
    ("price", "product.price"),
    ("quantity_on_hand", "quantity_on_hand"),
    ("created_at", "product.created_at"),
    ("updated_at", "product.updated_at"),
];

/// What a list of products is narrowed to.
pub(crate) struct Narrow {
    pub(crate) state: State,
    pub(crate) category: Option<CategoryId>,
    pub(crate) kind: Option<Kind>,
    pub(crate) barcode: Option<String>,
}

impl FromRow<'_, PgRow> for Product {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            sku: row.try_get("sku")?,
            barcode: row.try_get("barcode")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            category_id: row.try_get("category_id")?,
            kind: word(row, "kind")?,
            tax_category: row.try_get("tax_category")?,
            price: Money::minor(row.try_get("price")?),
            state: word(row, "state")?,
            quantity_on_hand: quantity(row, "quantity_on_hand")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A column whose check constraint allows the words of an enum only.
pub(crate) fn word<T: std::str::FromStr>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| sqlx::Error::Decode(format!("{column} holds the unknown word {text}").into()))
}

/// A column of `numeric(14,4)`, or a sum of such.
pub(crate) fn quantity(row: &PgRow, column: &str) -> Result<Quantity, sqlx::Error> {
    let decimal: Decimal = row.try_get(column)?;
    Quantity::from_decimal(decimal).ok_or_else(|| sqlx::Error::Decode(format!("{column} holds no quantity").into()))
}

pub(crate) async fn list(conn: &mut Conn, narrow: &Narrow, list: &List) -> Result<Page<Product>, Error> {
    list.page(conn, COLUMNS, SORTS, |rows| {
        rows.eq("product.state", <&str>::from(narrow.state));
        rows.eq_some("product.kind", narrow.kind.map(<&str>::from));
        rows.eq_some("product.barcode", narrow.barcode.clone());
        if let Some(category) = narrow.category {
            rows.with(
                "product.category_id in (
                     with recursive below as (
                         select id from category where id = ",
                category,
                "         union all
                         select c.id from category c join below on c.parent_id = below.id
                     )
                     select id from below)",
            );
        }
        rows.search(&["product.search_text"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ProductId) -> Result<Product, Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS.columns).push(" from product where product.id = ").push_bind(id);
    sql.build_query_as().fetch_optional(conn).await?.ok_or(Error::ProductNotFound(id))
}

/// Locks a product and reads it as it is under the lock: what is on hand lies in another table.
pub(crate) async fn lock(conn: &mut Conn, id: ProductId) -> Result<Product, Error> {
    sqlx::query("select id from product where id = $1 for update").bind(id).execute(&mut *conn).await?;
    get(conn, id).await
}

/// Keeps products from leaving the catalogue until the end of the transaction.
pub(crate) async fn pin(conn: &mut Conn, ids: &[ProductId]) -> Result<(), Error> {
    sqlx::query("select id from product where id = any($1) order by id for share").bind(ids).execute(conn).await?;
    Ok(())
}

pub(crate) async fn is_empty(conn: &mut Conn) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("select not exists (select from product)").fetch_one(conn).await?)
}

/// Adds products.
pub(crate) async fn insert(conn: &mut Conn, products: &[Product]) -> Result<(), Error> {
    let each = products.iter();
    let done = sqlx::query(
        "insert into product (id, sku, barcode, name, description, category_id, kind, tax_category, price)
         select id, sku, barcode, name, description, category_id, kind, tax_category, price
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
                       $9::bigint[])
             as t (id, sku, barcode, name, description, category_id, kind, tax_category, price)",
    )
    .bind(each.clone().map(|product| product.id).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.sku.as_str()).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.barcode.as_deref()).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.name.as_str()).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.description.as_deref()).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.category_id).collect::<Vec<_>>())
    .bind(each.clone().map(|product| <&str>::from(product.kind)).collect::<Vec<_>>())
    .bind(each.clone().map(|product| product.tax_category.as_str()).collect::<Vec<_>>())
    .bind(each.map(|product| product.price.minor_units()).collect::<Vec<_>>())
    .execute(conn)
    .await;
    match (done, products) {
        (Ok(_), _) => Ok(()),
        (Err(error), [product]) => Err(refused(error, product)),
        (Err(error), _) => Err(error.into()),
    }
}

/// Saves a product under the next version.
pub(crate) async fn save(conn: &mut Conn, product: &Product) -> Result<(), Error> {
    sqlx::query(
        "update product
            set sku = $2, barcode = $3, name = $4, description = $5, category_id = $6, tax_category = $7, price = $8,
                state = $9, version = version + 1, updated_at = now()
          where id = $1",
    )
    .bind(product.id)
    .bind(&product.sku)
    .bind(&product.barcode)
    .bind(&product.name)
    .bind(&product.description)
    .bind(product.category_id)
    .bind(&product.tax_category)
    .bind(product.price.minor_units())
    .bind(<&str>::from(product.state))
    .execute(conn)
    .await
    .map_err(|error| refused(error, product))?;
    Ok(())
}

fn refused(error: sqlx::Error, product: &Product) -> Error {
    if violates(&error, "product_sku_key") {
        return Error::SkuTaken(product.sku.clone());
    }
    if violates(&error, "product_barcode_key") {
        return Error::BarcodeTaken(product.barcode.clone().unwrap_or_default());
    }
    if violates(&error, "product_category_id_fkey") {
        return Error::CategoryUnknown(Blame::on("product.category_id", "no such category"));
    }
    error.into()
}
