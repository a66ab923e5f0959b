//! All SQL of tax rates.

use db::{Conn, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use types::Decimal;
use types::uuid::Uuid;

use super::{Draft, Rate, State, TaxRate, TaxRateId, Terms};
use crate::Error;

const COLUMNS: &str = "id, location_id, tax_category, name, rate, included, position, compounds, state, version, \
                       created_at, updated_at";
const SELECT: Select = Select { columns: COLUMNS, from: "tax_rate", id: "id" };
const SORTS: Sorts = &[
    ("name", "name"),
    ("tax_category", "tax_category"),
    ("rate", "rate"),
    ("position", "position"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

impl FromRow<'_, PgRow> for TaxRate {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let state: &str = row.try_get("state")?;
        Ok(Self {
            id: row.try_get("id")?,
            location_id: row.try_get("location_id")?,
            tax_category: row.try_get("tax_category")?,
            terms: Terms {
                name: row.try_get("name")?,
                rate: Rate::from(row.try_get::<Decimal, _>("rate")?),
                included: row.try_get("included")?,
                position: row.try_get("position")?,
                compounds: row.try_get("compounds")?,
            },
            state: state.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Which rates a list shows.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) location_id: Option<Uuid>,
    pub(crate) tax_category: Option<String>,
    pub(crate) state: State,
}

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<TaxRate>, Error> {
    list.page(conn, SELECT, SORTS, |rows| {
        rows.eq("state", <&str>::from(filter.state));
        rows.eq_some("location_id", filter.location_id);
        rows.eq_some("tax_category", filter.tax_category.clone());
        rows.search(&["name", "tax_category"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: TaxRateId) -> Result<TaxRate, Error> {
    one(conn, id, "").await
}

/// Reads a rate that is about to change.
pub(crate) async fn lock(conn: &mut Conn, id: TaxRateId) -> Result<TaxRate, Error> {
    one(conn, id, "for update").await
}

async fn one(conn: &mut Conn, id: TaxRateId, lock: &'static str) -> Result<TaxRate, Error> {
    sqlx::query_as(AssertSqlSafe(format!("select {COLUMNS} from tax_rate where id = $1 {lock}")))
        .bind(id)
        .fetch_optional(conn)
        .await?
        .ok_or(Error::TaxRateNotFound(id))
}

pub(crate) async fn insert(conn: &mut Conn, id: TaxRateId, draft: &Draft) -> Result<TaxRate, Error> {
    let Draft { location_id, tax_category, terms } = draft;
    sqlx::query_as(AssertSqlSafe(format!(
        "insert into tax_rate (id, location_id, tax_category, name, rate, included, position, compounds)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         returning {COLUMNS}"
    )))
    .bind(id)
    .bind(location_id)
    .bind(tax_category)
    .bind(&terms.name)
    .bind(terms.rate.percent())
    .bind(terms.included)
    .bind(terms.position)
    .bind(terms.compounds)
    .fetch_one(conn)
    .await
    .on_constraint("tax_rate_name_key", || Error::TaxRateTaken(terms.name.clone()))
}

/// Writes what may change, as the next version.
pub(crate) async fn save(conn: &mut Conn, rate: &TaxRate) -> Result<TaxRate, Error> {
    let terms = &rate.terms;
    sqlx::query_as(AssertSqlSafe(format!(
        "update tax_rate
            set name = $2, rate = $3, included = $4, position = $5, compounds = $6, state = $7,
                version = version + 1, updated_at = now()
          where id = $1
         returning {COLUMNS}"
    )))
    .bind(rate.id)
    .bind(&terms.name)
    .bind(terms.rate.percent())
    .bind(terms.included)
    .bind(terms.position)
    .bind(terms.compounds)
    .bind(<&str>::from(rate.state))
    .fetch_one(conn)
    .await
    .on_constraint("tax_rate_name_key", || Error::TaxRateTaken(terms.name.clone()))
}

/// Whether there are rates at all, retired ones too.
pub(crate) async fn any(conn: &mut Conn) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("select exists (select from tax_rate)").fetch_one(conn).await?)
}
