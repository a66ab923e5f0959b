//! The shop's profile.

use identity::Identity;
use prost_types::FieldMask;
use proto::identity::v1 as pb;
use proto::identity::v1::shop_service_client::ShopServiceClient;
use testing::{Builder, House};
use tonic::Code;

use crate::staff::{ALL, open, reason, settings};

fn update(shop: pb::Shop, fields: &[&str]) -> pb::UpdateShopRequest {
    let paths = fields.iter().map(|field| (*field).to_owned()).collect();
    pb::UpdateShopRequest { shop: Some(shop), update_mask: Some(FieldMask { paths }) }
}

/// What was done to the shop.
async fn records(house: &House<Identity>) -> Vec<String> {
    let audited = house.audited().await.into_iter();
    audited.filter(|(_, kind)| kind == "shop").map(|(action, _)| action).collect()
}

#[tokio::test]
async fn a_shop_is_there_from_the_first_start_and_told() {
    let house = open().await;
    let shop = ShopServiceClient::new(house.user(&[])).get_shop(pb::GetShopRequest {}).await.unwrap().into_inner();
    let shop = shop.shop.unwrap();
    assert_eq!((shop.name.as_str(), shop.currency.as_str(), shop.currency_digits), ("Test Strings", "USD", 2));
    assert_eq!(shop.time_zone, "America/Chicago");
    assert_eq!(shop.etag, "1");
    let told = house.events::<pb::ShopChanged>().await;
    assert_eq!((told.len(), told[0].version, told[0].shop.as_ref()), (1, 1, Some(&shop)));
    assert_eq!(records(&house).await, ["begin"]);
}

#[tokio::test]
async fn the_gateway_may_ask_for_the_digits_for_itself() {
    let house = open().await;
    let mut gateway = ShopServiceClient::new(house.service("gateway"));
    assert!(gateway.get_shop(pb::GetShopRequest {}).await.is_ok());
    let mut other = ShopServiceClient::new(house.service("pos"));
    assert_eq!(other.get_shop(pb::GetShopRequest {}).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_currency_without_cents_has_no_digits() {
    for (currency, digits) in [("JPY", 0), ("KWD", 3)] {
        let builder = Builder::default();
        let settings = identity::Settings { shop_currency: currency.to_owned(), ..settings(&builder.keys()) };
        let house = builder.open::<identity::Identity>(settings).await;
        let told = house.events::<pb::ShopChanged>().await;
        assert_eq!(told[0].shop.as_ref().unwrap().currency_digits, digits, "{currency}");
    }
}

#[tokio::test]
async fn only_the_named_fields_of_the_shop_change() {
    let house = open().await;
    let mut admin = ShopServiceClient::new(house.user(&["identity.admin"]));
    let wanted = pb::Shop { name: "Harmony".to_owned(), receipt_footer: Some("Bye".to_owned()), ..pb::Shop::default() };
    let answer = admin.update_shop(update(wanted.clone(), &["name", "receipt_footer"])).await.unwrap().into_inner();
    let shop = answer.shop.unwrap();
    assert_eq!((shop.name.as_str(), shop.time_zone.as_str(), shop.etag.as_str()), ("Harmony", "America/Chicago", "2"));
    assert_eq!(shop.receipt_footer.as_deref(), Some("Bye"));

    let again = admin.update_shop(update(wanted, &["name"])).await.unwrap().into_inner().shop.unwrap();
    assert_eq!(again.etag, "2", "what is the same is no change");
    assert_eq!(house.events::<pb::ShopChanged>().await.len(), 2);
    assert_eq!(records(&house).await.len(), 2);

    let bare = admin.update_shop(update(pb::Shop::default(), &["receipt_footer"])).await.unwrap().into_inner();
    assert_eq!(bare.shop.unwrap().receipt_footer, None);
}

#[tokio::test]
async fn the_currency_never_changes_and_zones_exist() {
    let house = open().await;
    let mut admin = ShopServiceClient::new(house.user(&["identity.admin"]));
    let euro = pb::Shop { currency: "EUR".to_owned(), ..pb::Shop::default() };
    assert_eq!(admin.update_shop(update(euro, &["currency"])).await.unwrap_err().code(), Code::InvalidArgument);
    let whole = pb::Shop {
        name: "Whole".to_owned(),
        currency: "EUR".to_owned(),
        currency_digits: 0,
        time_zone: "Asia/Tokyo".to_owned(),
        tax_rounding: pb::shop::TaxRounding::Document.into(),
        cash_rounding_minor_units: 5,
        country: "JP".to_owned(),
        majority_years: 18,
        online_consent_years: 15,
        leap_day: pb::shop::LeapDay::February28.into(),
        till_lock_minutes: 5,
        ..pb::Shop::default()
    };
    let request = pb::UpdateShopRequest { shop: Some(whole), update_mask: None };
    let shop = admin.update_shop(request).await.unwrap().into_inner().shop.unwrap();
    assert_eq!((shop.currency.as_str(), shop.currency_digits, shop.cash_rounding_minor_units), ("USD", 2, 5));
    assert_eq!(shop.till_lock_minutes, 5);
    assert_eq!((shop.time_zone.as_str(), shop.tax_rounding()), ("Asia/Tokyo", pb::shop::TaxRounding::Document));

    assert_eq!((shop.country.as_str(), shop.online_consent_years), ("JP", 15));
    assert_eq!(shop.leap_day(), pb::shop::LeapDay::February28);

    let nowhere = pb::Shop { time_zone: "America/Atlantis".to_owned(), ..pb::Shop::default() };
    let refused = admin.update_shop(update(nowhere, &["time_zone"])).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID"));
}

#[tokio::test]
async fn when_people_come_of_age_is_the_shops_to_say_and_is_told() {
    let house = open().await;
    let mut admin = ShopServiceClient::new(house.user(&["identity.admin"]));
    let shop = admin.get_shop(pb::GetShopRequest {}).await.unwrap().into_inner().shop.unwrap();
    assert_eq!((shop.country.as_str(), shop.majority_years, shop.online_consent_years), ("US", 18, 13));
    assert_eq!(shop.leap_day(), pb::shop::LeapDay::March1);

    let other = pb::Shop {
        country: "AT".to_owned(),
        majority_years: 21,
        online_consent_years: 14,
        leap_day: pb::shop::LeapDay::February28.into(),
        ..pb::Shop::default()
    };
    let fields = ["country", "majority_years", "online_consent_years", "leap_day"];
    let shop = admin.update_shop(update(other, &fields)).await.unwrap().into_inner().shop.unwrap();
    assert_eq!((shop.country.as_str(), shop.majority_years, shop.online_consent_years), ("AT", 21, 14));
    assert_eq!(house.events::<pb::ShopChanged>().await.last().unwrap().shop.as_ref(), Some(&shop));

    for (field, wrong) in [
        ("country", pb::Shop { country: "XX".to_owned(), ..pb::Shop::default() }),
        ("country", pb::Shop { country: "austria".to_owned(), ..pb::Shop::default() }),
        ("majority_years", pb::Shop { majority_years: 13, ..pb::Shop::default() }),
        ("online_consent_years", pb::Shop { online_consent_years: 99, ..pb::Shop::default() }),
        ("leap_day", pb::Shop::default()),
    ] {
        let refused = admin.update_shop(update(wrong, &[field])).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID"), "{field}");
    }
}

#[tokio::test]
async fn an_old_etag_of_the_shop_is_refused() {
    let house = open().await;
    let shop = pb::Shop { name: "Mine".to_owned(), ..pb::Shop::default() };
    let mut current = ShopServiceClient::new(house.user_with(&ALL, &[("if-match", "1")]));
    assert!(current.update_shop(update(shop.clone(), &["name"])).await.is_ok());
    let refused = current.update_shop(update(shop, &["name"])).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "SHOP_CHANGED"));
}

#[tokio::test]
async fn two_starts_make_one_shop() {
    let house = open().await;
    let again = identity::Settings { shop_name: "Another".to_owned(), ..settings(&house.keys) };
    <identity::Identity as kit::Service>::open(house.app.clone(), again).await.map(|_| ()).unwrap();
    let told = house.events::<pb::ShopChanged>().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].shop.as_ref().unwrap().name, "Test Strings");
}

#[tokio::test]
async fn a_malformed_setting_keeps_identity_from_starting() {
    let house = open().await;
    let good = || settings(&house.keys);
    let secret = |text: &str| kit::config::Secret::new(text.to_owned());
    for (settings, named) in [
        (identity::Settings { shop_currency: "dollars".to_owned(), ..good() }, "SHOP_CURRENCY"),
        (identity::Settings { shop_time_zone: "Here".to_owned(), ..good() }, "SHOP_TIME_ZONE"),
        (identity::Settings { shop_country: "Utopia".to_owned(), ..good() }, "SHOP_COUNTRY"),
        (identity::Settings { token_key: secret("%"), ..good() }, "TOKEN_KEY"),
        (identity::Settings { token_key: secret("AAAA"), ..good() }, "TOKEN_KEY"),
        (identity::Settings { refresh_key: secret("AAAA"), ..good() }, "REFRESH_KEY"),
        (identity::Settings { token_keys_also: "kid=AAAA".to_owned(), ..good() }, "TOKEN_KEYS_ALSO"),
        (identity::Settings { initial_user_email: "a@b.test".to_owned(), ..good() }, "INITIAL_USER"),
    ] {
        let opened = <identity::Identity as kit::Service>::open(house.app.clone(), settings).await;
        assert!(opened.err().unwrap().contains(named), "{named}");
    }
}
