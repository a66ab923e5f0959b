//! All SQL of the shop's profile.

use db::{Conn, Tx};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Currency, Profile, Shop, ShopId, TaxRounding};
use crate::Error;

const COLUMNS: &str = "id, name, currency, currency_digits, time_zone, tax_rounding, cash_rounding_minor_units, \
                       receipt_footer, country, majority_years, online_consent_years, leap_day, till_lock_minutes, version, \
                       updated_at";

/// Makes the shop; none when there is one.
pub(crate) async fn insert(tx: &mut Tx, currency: &Currency, profile: &Profile) -> Result<Option<Shop>, Error> {
    let done = sqlx::query(
        "insert into shop (id, name, currency, currency_digits, time_zone, tax_rounding, cash_rounding_minor_units,
                           receipt_footer, country, majority_years, online_consent_years, leap_day)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (one) do nothing",
    )
    .bind(ShopId::new())
    .bind(&profile.name)
    .bind(&currency.code)
    .bind(currency.digits)
    .bind(profile.time_zone.name())
    .bind(<&str>::from(profile.tax_rounding))
    .bind(profile.cash_rounding_minor_units)
    .bind(&profile.receipt_footer)
    .bind(&profile.country)
    .bind(profile.majority_years)
    .bind(profile.online_consent_years)
    .bind(<&str>::from(profile.leap_day))
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    get(tx).await.map(Some)
}

pub(crate) async fn get(conn: &mut Conn) -> Result<Shop, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(COLUMNS).push(" from shop");
    Ok(select.build_query_as().fetch_one(conn).await?)
}

pub(crate) async fn lock(tx: &mut Tx) -> Result<Shop, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(COLUMNS).push(" from shop for update");
    Ok(select.build_query_as().fetch_one(&mut **tx).await?)
}

/// Saves the profile and counts the version up.
pub(crate) async fn save(tx: &mut Tx, profile: &Profile) -> Result<Shop, Error> {
    sqlx::query(
        "update shop
            set name = $1, time_zone = $2, tax_rounding = $3, cash_rounding_minor_units = $4, receipt_footer = $5,
                country = $6, majority_years = $7, online_consent_years = $8, leap_day = $9, till_lock_minutes = $10,
                version = version + 1, updated_at = now()",
    )
    .bind(&profile.name)
    .bind(profile.time_zone.name())
    .bind(<&str>::from(profile.tax_rounding))
    .bind(profile.cash_rounding_minor_units)
    .bind(&profile.receipt_footer)
    .bind(&profile.country)
    .bind(profile.majority_years)
    .bind(profile.online_consent_years)
    .bind(<&str>::from(profile.leap_day))
    .bind(profile.till_lock_minutes)
    .execute(&mut **tx)
    .await?;
    get(tx).await
}

impl FromRow<'_, PgRow> for Shop {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decode = |why: String| sqlx::Error::Decode(why.into());
        let leap_day =
            row.try_get::<&str, _>("leap_day")?.parse().map_err(|error| decode(format!("leap_day: {error}")))?;
        let rounding: TaxRounding = row
            .try_get::<&str, _>("tax_rounding")?
            .parse()
            .map_err(|error| decode(format!("tax_rounding: {error}")))?;
        Ok(Self {
            id: row.try_get("id")?,
            currency: Currency { code: row.try_get("currency")?, digits: row.try_get("currency_digits")? },
            profile: Profile {
                name: row.try_get("name")?,
                time_zone: row.try_get::<&str, _>("time_zone")?.parse().map_err(|error| decode(format!("{error}")))?,
                tax_rounding: rounding,
                cash_rounding_minor_units: row.try_get("cash_rounding_minor_units")?,
                receipt_footer: row.try_get("receipt_footer")?,
                country: row.try_get("country")?,
                majority_years: row.try_get("majority_years")?,
                online_consent_years: row.try_get("online_consent_years")?,
                leap_day,
                till_lock_minutes: row.try_get("till_lock_minutes")?,
            },
            version: row.try_get("version")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
