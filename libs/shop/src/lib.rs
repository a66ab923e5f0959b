//! The shop's profile and locations as a service heard them from identity: currency, rounding, local dates.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use db::{Conn, Error};
use proto::identity::v1::shop::{LeapDay as HeardLeapDay, TaxRounding};
use proto::identity::v1::{LocationChanged, ShopChanged};
use sqlx::Row;
use types::{Date, LeapDay, Majority};
use uuid::Uuid;

const FEBRUARY_28: &str = "february_28";
const MARCH_1: &str = "march_1";
/// Until identity says otherwise.
const ONLINE_CONSENT_YEARS: i32 = 13;

/// What all locations share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Digits after the decimal point.
    pub currency_digits: u32,
    pub time_zone: Tz,
    /// Tax is rounded once per document instead of once per line.
    pub rounds_document: bool,
    /// The smallest cash amount in minor units; 1 means cash is exact.
    pub cash_rounding_minor_units: i64,
    pub receipt_footer: Option<String>,
    /// ISO 3166-1, two letters.
    pub country: String,
    pub majority: Majority,
    /// Who is younger cannot consent online by himself.
    pub online_consent_years: i32,
}

/// Where the shop trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub id: Uuid,
    pub name: String,
    pub time_zone: Tz,
}

/// The profile; before it was ever heard, that of a shop that counts in dollars and cents in UTC.
///
/// # Errors
/// The database's.
pub async fn shop(conn: &mut Conn) -> Result<Shop, Error> {
    let row = sqlx::query(
        "select name, currency, currency_digits, time_zone, tax_rounding, cash_rounding_minor_units, receipt_footer,
                country, majority_years, online_consent_years, leap_day
           from shop_copy",
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else {
        return Ok(Shop {
            name: "Shop".to_owned(),
            currency: "USD".to_owned(),
            currency_digits: 2,
            time_zone: Tz::UTC,
            rounds_document: false,
            cash_rounding_minor_units: 1,
            receipt_footer: None,
            country: "US".to_owned(),
            majority: Majority::default(),
            online_consent_years: ONLINE_CONSENT_YEARS,
        });
    };
    Ok(Shop {
        name: row.try_get("name")?,
        currency: row.try_get("currency")?,
        currency_digits: u32::try_from(row.try_get::<i32, _>("currency_digits")?).unwrap_or(2),
        time_zone: zone(row.try_get("time_zone")?, Tz::UTC),
        rounds_document: row.try_get::<&str, _>("tax_rounding")? == "document",
        cash_rounding_minor_units: i64::from(row.try_get::<i32, _>("cash_rounding_minor_units")?),
        receipt_footer: row.try_get("receipt_footer")?,
        country: row.try_get("country")?,
        majority: Majority {
            years: row.try_get("majority_years")?,
            leap_day: if row.try_get::<&str, _>("leap_day")? == FEBRUARY_28 {
                LeapDay::February28
            } else {
                LeapDay::March1
            },
        },
        online_consent_years: row.try_get("online_consent_years")?,
    })
}

/// A location, with the shop's time zone where it has none of its own.
///
/// # Errors
/// The database's.
pub async fn location(conn: &mut Conn, id: Uuid) -> Result<Option<Location>, Error> {
    let row = sqlx::query(
        "select l.id, l.name, l.time_zone, s.time_zone as shop_zone
           from location_copy l left join shop_copy s on true where l.id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let shop_zone = zone(row.try_get::<Option<&str>, _>("shop_zone")?.unwrap_or("UTC"), Tz::UTC);
        let own: Option<&str> = row.try_get("time_zone")?;
        Ok(Location {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            time_zone: own.map_or(shop_zone, |name| zone(name, shop_zone)),
        })
    })
    .transpose()
}

/// The day it is somewhere at an instant.
pub fn local_date(now: DateTime<Utc>, time_zone: Tz) -> Date {
    now.with_timezone(&time_zone).date_naive()
}

/// The day it is at the shop at an instant.
///
/// # Errors
/// The database's.
pub async fn today(conn: &mut Conn, now: DateTime<Utc>) -> Result<Date, Error> {
    Ok(local_date(now, shop(conn).await?.time_zone))
}

/// Keeps the newest profile.
///
/// # Errors
/// The database's.
pub async fn hear_shop(conn: &mut Conn, event: &ShopChanged) -> Result<(), Error> {
    let Some(shop) = &event.shop else { return Ok(()) };
    let document = shop.tax_rounding == i32::from(TaxRounding::Document);
    let majority = Majority::default();
    // What an identity of before did not say.
    let or = |said: i32, otherwise: i32| if said == 0 { otherwise } else { said };
    sqlx::query(
        "insert into shop_copy (version, name, currency, currency_digits, time_zone, tax_rounding,
                                cash_rounding_minor_units, receipt_footer, country, majority_years,
                                online_consent_years, leap_day)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (one) do update
            set version = excluded.version, name = excluded.name, currency = excluded.currency,
                currency_digits = excluded.currency_digits, time_zone = excluded.time_zone,
                tax_rounding = excluded.tax_rounding, cash_rounding_minor_units = excluded.cash_rounding_minor_units,
                receipt_footer = excluded.receipt_footer, country = excluded.country,
                majority_years = excluded.majority_years, online_consent_years = excluded.online_consent_years,
                leap_day = excluded.leap_day
          where shop_copy.version < excluded.version",
    )
    .bind(event.version)
    .bind(&shop.name)
    .bind(&shop.currency)
    .bind(shop.currency_digits)
    .bind(&shop.time_zone)
    .bind(if document { "document" } else { "line" })
    .bind(shop.cash_rounding_minor_units)
    .bind(&shop.receipt_footer)
    .bind(if shop.country.is_empty() { "US" } else { &shop.country })
    .bind(or(shop.majority_years, majority.years))
    .bind(or(shop.online_consent_years, ONLINE_CONSENT_YEARS))
    .bind(if shop.leap_day() == HeardLeapDay::February28 { FEBRUARY_28 } else { MARCH_1 })
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the newest version of a location.
///
/// # Errors
/// The database's.
pub async fn hear_location(conn: &mut Conn, event: &LocationChanged) -> Result<(), Error> {
    let Some(location) = &event.location else { return Ok(()) };
    let Ok(id) = Uuid::try_parse(&location.id) else { return Ok(()) };
    sqlx::query(
        "insert into location_copy (id, version, name, time_zone)
         values ($1, $2, $3, $4)
             on conflict (id) do update
            set version = excluded.version, name = excluded.name, time_zone = excluded.time_zone
          where location_copy.version < excluded.version",
    )
    .bind(id)
    .bind(event.version)
    .bind(&location.name)
    .bind(&location.time_zone)
    .execute(conn)
    .await?;
    Ok(())
}

fn zone(name: &str, or: Tz) -> Tz {
    name.parse().unwrap_or(or)
}
