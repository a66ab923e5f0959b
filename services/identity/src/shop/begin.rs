//! A shop is there from the first start on.

use db::{Audit, Context};
use kit::App;
use serde_json::json;

use types::parse_country;

use super::{Currency, LeapDay, Profile, TaxRounding, parse_time_zone, rpc, store};
use crate::name::name;
use crate::{Error, NAME, Settings};

/// Makes the shop when there is none yet.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn open(app: &App, settings: &Settings) -> Result<(), String> {
    make(app, settings).await.map_err(|error| format!("the shop cannot be made: {error}"))
}

async fn make(app: &App, settings: &Settings) -> Result<(), Error> {
    let currency = Currency::parse("SHOP_CURRENCY", &settings.shop_currency)?;
    let profile = Profile {
        name: name("SHOP_NAME", &settings.shop_name)?,
        time_zone: parse_time_zone("SHOP_TIME_ZONE", &settings.shop_time_zone)?,
        tax_rounding: TaxRounding::Line,
        cash_rounding_minor_units: 1,
        receipt_footer: None,
        country: parse_country("SHOP_COUNTRY", &settings.shop_country)?,
        majority_years: 18,
        online_consent_years: 13,
        leap_day: LeapDay::March1,
        till_lock_minutes: 2,
    };
    let mut tx = app.db.begin(Context::of_service(NAME, "begin", app.clock.now())).await?;
    // Another replica may be starting too: the first one makes it.
    let Some(shop) = store::insert(&mut tx, &currency, &profile).await? else { return Ok(()) };
    rpc::tell(&mut tx, &shop);
    let mut fields = shop.profile.fields();
    fields["currency"] = json!(shop.currency.code);
    tx.audit(Audit::created("shop", shop.id, fields));
    app.db.commit(tx).await?;
    Ok(())
}
