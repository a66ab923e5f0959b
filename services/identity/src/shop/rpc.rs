//! The shop's profile on the wire.

use async_trait::async_trait;
use db::{Audit, Subject, Tx};
use kit::{App, Reply, etag, expect_etag, read, write};
use proto::identity::v1 as pb;
use tonic::Request;
use types::{Violation, parse_country};

use super::{LeapDay, Profile, Shop, TaxRounding, parse_time_zone, store};
use crate::Error;
use crate::change::{difference, means};
use crate::name::name;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl pb::shop_service_server::ShopService for Rpc {
    async fn get_shop(&self, request: Request<pb::GetShopRequest>) -> Reply<pb::GetShopResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            Ok::<_, Error>(pb::GetShopResponse { shop: Some(store::get(conn).await?.into()) })
        })
        .await
    }

    async fn update_shop(&self, request: Request<pb::UpdateShopRequest>) -> Reply<pb::UpdateShopResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let shop = store::lock(tx).await?;
            expect_etag(caller.if_match.as_deref(), shop.version, || Error::ShopChanged)?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let profile = changed(&shop.profile, message.shop.as_ref(), mask)?;
            let shop = save(tx, shop, &profile).await?;
            Ok::<_, Error>(pb::UpdateShopResponse { shop: Some(shop.into()) })
        })
        .await
    }
}

/// Saves a profile that differs, tells it and records the change.
pub(crate) async fn save(tx: &mut Tx, shop: Shop, profile: &Profile) -> Result<Shop, Error> {
    let Some((before, after)) = difference(shop.profile.fields(), profile.fields()) else { return Ok(shop) };
    let shop = store::save(tx, profile).await?;
    tell(tx, &shop);
    tx.audit(Audit::changed("shop", shop.id, before, after));
    Ok(shop)
}

/// Tells the others how the shop now is.
pub(crate) fn tell(tx: &mut Tx, shop: &Shop) {
    let event = pb::ShopChanged { shop: Some(shop.clone().into()), version: shop.version };
    tx.publish(Subject { id: shop.id.uuid(), version: shop.version }, &event);
}

fn changed(profile: &Profile, message: Option<&pb::Shop>, mask: Option<&[String]>) -> Result<Profile, Violation> {
    let message = message.ok_or_else(|| Violation::new("shop", "is required"))?;
    let mut profile = profile.clone();
    if means(mask, "name") {
        profile.name = name("shop.name", &message.name)?;
    }
    if means(mask, "time_zone") {
        profile.time_zone = parse_time_zone("shop.time_zone", &message.time_zone)?;
    }
    if means(mask, "tax_rounding") {
        profile.tax_rounding = match message.tax_rounding() {
            pb::shop::TaxRounding::Document => TaxRounding::Document,
            pb::shop::TaxRounding::Line | pb::shop::TaxRounding::Unspecified => TaxRounding::Line,
        };
    }
    if means(mask, "cash_rounding_minor_units") {
        profile.cash_rounding_minor_units = message.cash_rounding_minor_units;
    }
    if means(mask, "receipt_footer") {
        profile.receipt_footer = message.receipt_footer.clone().filter(|text| !text.trim().is_empty());
    }
    if means(mask, "country") {
        profile.country = parse_country("shop.country", &message.country)?;
    }
    if means(mask, "majority_years") {
        profile.majority_years = message.majority_years;
    }
    if means(mask, "online_consent_years") {
        profile.online_consent_years = message.online_consent_years;
    }
    if means(mask, "leap_day") {
        profile.leap_day = match message.leap_day() {
            pb::shop::LeapDay::February28 => LeapDay::February28,
            pb::shop::LeapDay::March1 | pb::shop::LeapDay::Unspecified => LeapDay::March1,
        };
    }
    if means(mask, "till_lock_minutes") {
        profile.till_lock_minutes = message.till_lock_minutes;
    }
    Ok(profile)
}

impl From<Shop> for pb::Shop {
    fn from(shop: Shop) -> Self {
        let Shop { id: _, currency, profile, version, updated_at } = shop;
        let tax_rounding = match profile.tax_rounding {
            TaxRounding::Line => pb::shop::TaxRounding::Line,
            TaxRounding::Document => pb::shop::TaxRounding::Document,
        };
        let leap_day = match profile.leap_day {
            LeapDay::March1 => pb::shop::LeapDay::March1,
            LeapDay::February28 => pb::shop::LeapDay::February28,
        };
        Self {
            name: profile.name,
            currency: currency.code,
            currency_digits: currency.digits,
            time_zone: profile.time_zone.name().to_owned(),
            tax_rounding: tax_rounding.into(),
            cash_rounding_minor_units: profile.cash_rounding_minor_units,
            receipt_footer: profile.receipt_footer,
            till_lock_minutes: profile.till_lock_minutes,
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
            country: profile.country,
            majority_years: profile.majority_years,
            online_consent_years: profile.online_consent_years,
            leap_day: leap_day.into(),
        }
    }
}
