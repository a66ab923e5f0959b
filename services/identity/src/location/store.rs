//! All SQL of locations.

use db::{Conn, List, OnConstraint, Page, Select, Sorts, Tx};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Draft, Location, LocationId};
use crate::Error;

const LOCATIONS: Select =
    Select { columns: "id, name, address, time_zone, version, created_at, updated_at", from: "location", id: "id" };
const SORTS: Sorts = &[("name", "name"), ("created_at", "created_at"), ("updated_at", "updated_at")];
const NAME_KEY: &str = "location_name_key";

pub(crate) async fn insert(tx: &mut Tx, id: LocationId, draft: &Draft) -> Result<Location, Error> {
    sqlx::query("insert into location (id, name, address, time_zone) values ($1, $2, $3, $4)")
        .bind(id)
        .bind(&draft.name)
        .bind(draft.address.as_ref().map(Json))
        .bind(draft.time_zone.map(|zone| zone.name()))
        .execute(&mut **tx)
        .await
        .on_constraint(NAME_KEY, || Error::LocationNameTaken(draft.name.clone()))?;
    get(tx, id).await
}

pub(crate) async fn get(conn: &mut Conn, id: LocationId) -> Result<Location, Error> {
    one(conn, id, "").await
}

pub(crate) async fn lock(tx: &mut Tx, id: LocationId) -> Result<Location, Error> {
    one(tx, id, " for update").await
}

async fn one(conn: &mut Conn, id: LocationId, how: &'static str) -> Result<Location, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(LOCATIONS.columns).push(" from location where id = ").push_bind(id).push(how);
    select.build_query_as().fetch_optional(conn).await?.ok_or(Error::LocationNotFound(id))
}

/// Saves what was said and counts the version up.
pub(crate) async fn save(tx: &mut Tx, id: LocationId, draft: &Draft) -> Result<Location, Error> {
    sqlx::query(
        "update location
            set name = $2, address = $3, time_zone = $4, version = version + 1, updated_at = now()
          where id = $1",
    )
    .bind(id)
    .bind(&draft.name)
    .bind(draft.address.as_ref().map(Json))
    .bind(draft.time_zone.map(|zone| zone.name()))
    .execute(&mut **tx)
    .await
    .on_constraint(NAME_KEY, || Error::LocationNameTaken(draft.name.clone()))?;
    get(tx, id).await
}

pub(crate) async fn list(conn: &mut Conn, list: &List) -> Result<Page<Location>, Error> {
    list.page(conn, LOCATIONS, SORTS, |rows| rows.search(&["name", "address ->> 'city'"], &list.q)).await
}

/// Every location, by name.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Location>, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(LOCATIONS.columns).push(" from location order by name, id");
    Ok(select.build_query_as().fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for Location {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let zone = row.try_get::<Option<&str>, _>("time_zone")?;
        let time_zone = zone.map(str::parse).transpose();
        Ok(Self {
            id: row.try_get("id")?,
            draft: Draft {
                name: row.try_get("name")?,
                address: row.try_get::<Option<Json<_>>, _>("address")?.map(|Json(address)| address),
                time_zone: time_zone.map_err(|error| sqlx::Error::Decode(format!("{error}").into()))?,
            },
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
