//! Tax rates through their door.

use ledger::Ledger;
use proto::ledger::v1 as pb;
use proto::ledger::v1::tax_rate::State;
use proto::ledger::v1::tax_rate_service_client::TaxRateServiceClient;
use testing::House;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::*;

type Client = TaxRateServiceClient<testing::Voice>;

pub(crate) fn rate(name: &str) -> pb::TaxRate {
    pb::TaxRate {
        name: name.to_owned(),
        location_id: location_id(1),
        tax_category: "goods".to_owned(),
        rate: "8.25".to_owned(),
        ..pb::TaxRate::default()
    }
}

fn client(house: &House<Ledger>) -> Client {
    TaxRateServiceClient::new(house.user(&["ledger.admin"]))
}

pub(crate) async fn create(house: &House<Ledger>, rate: pb::TaxRate) -> Result<pb::TaxRate, Status> {
    let request = pb::CreateTaxRateRequest { tax_rate: Some(rate) };
    Ok(client(house).create_tax_rate(request).await?.into_inner().tax_rate.unwrap())
}

async fn update(client: &mut Client, rate: pb::TaxRate, mask: Option<&[&str]>) -> Result<pb::TaxRate, Status> {
    let update_mask =
        mask.map(|paths| prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let request = pb::UpdateTaxRateRequest { tax_rate: Some(rate), update_mask };
    Ok(client.update_tax_rate(request).await?.into_inner().tax_rate.unwrap())
}

async fn retire(house: &House<Ledger>, id: &str) -> Result<pb::TaxRate, Status> {
    let request = pb::RetireTaxRateRequest { id: id.to_owned() };
    Ok(client(house).retire_tax_rate(request).await?.into_inner().tax_rate.unwrap())
}

#[tokio::test]
async fn a_new_rate_is_told_to_those_who_charge_it() {
    let house = open().await;
    let created = create(&house, pb::TaxRate { rate: "8.250000".to_owned(), ..rate("Sales tax") }).await.unwrap();
    assert_eq!((created.rate.as_str(), created.state(), created.etag.as_str()), ("8.25", State::Active, "1"));

    let got = client(&house).get_tax_rate(pb::GetTaxRateRequest { id: created.id.clone() }).await.unwrap();
    assert_eq!(got.into_inner().tax_rate.as_ref(), Some(&created));
    let told = house.events::<pb::TaxRateChanged>().await;
    assert_eq!(told, [pb::TaxRateChanged { tax_rate: Some(created), version: 1 }]);
    assert_eq!(house.audited().await[0].1, "tax_rate");
}

#[tokio::test]
async fn a_change_touches_the_named_fields_and_is_told_with_its_version() {
    let house = open().await;
    let created = create(&house, rate("Sales tax")).await.unwrap();
    let mut client = client(&house);
    let change = pb::TaxRate { rate: "9".to_owned(), name: "ignored".to_owned(), ..created.clone() };
    let changed = update(&mut client, change, Some(&["rate"])).await.unwrap();
    assert_eq!((changed.rate.as_str(), changed.name.as_str(), changed.etag.as_str()), ("9", "Sales tax", "2"));

    let all = pb::TaxRate { included: true, position: 3, compounds: true, name: "VAT".to_owned(), ..changed };
    let changed = update(&mut client, all.clone(), None).await.unwrap();
    assert_eq!((changed.included, changed.position, changed.compounds, changed.name.as_str()), (true, 3, true, "VAT"));
    let same = update(&mut client, changed.clone(), None).await.unwrap();
    assert_eq!(same.etag, "3", "no change is no version");
    let versions: Vec<_> = house.events::<pb::TaxRateChanged>().await.iter().map(|told| told.version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_meanwhile_is_refused() {
    let house = open().await;
    let created = create(&house, rate("Sales tax")).await.unwrap();
    let seen = house.user_with(&["ledger.admin"], &[("if-match", "1")]);
    let mut seen = TaxRateServiceClient::new(seen);
    let change = |percent: &str| pb::TaxRate { rate: percent.to_owned(), ..created.clone() };
    update(&mut seen, change("9"), Some(&["rate"])).await.unwrap();
    let status = update(&mut seen, change("10"), Some(&["rate"])).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "TAX_RATE_CHANGED"));
}

#[tokio::test]
async fn what_a_rate_is_charged_on_never_changes() {
    let house = open().await;
    let created = create(&house, rate("Sales tax")).await.unwrap();
    for field in ["location_id", "tax_category", "state", "id", "nonsense"] {
        let status = update(&mut client(&house), created.clone(), Some(&[field])).await.unwrap_err();
        assert_eq!(fields(&status), [format!("tax_rate.{field}")]);
    }
}

#[tokio::test]
async fn a_tax_of_one_name_is_charged_once_even_when_twenty_add_it() {
    let house = std::sync::Arc::new(open().await);
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let house = house.clone();
        let name = if n % 2 == 0 { "Sales tax" } else { "SALES TAX" };
        tasks.spawn(async move { create(&house, rate(name)).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    for status in done.iter().filter_map(|done| done.as_ref().err()) {
        assert_eq!((status.code(), reason(status).as_str()), (Code::AlreadyExists, "TAX_RATE_TAKEN"));
    }
    // Elsewhere, on something else, and after the first was retired, the name is free.
    create(&house, pb::TaxRate { location_id: location_id(2), ..rate("Sales tax") }).await.unwrap();
    create(&house, pb::TaxRate { tax_category: "service".to_owned(), ..rate("Sales tax") }).await.unwrap();
    let city = create(&house, rate("City tax")).await.unwrap();
    let renamed = pb::TaxRate { name: "Sales tax".to_owned(), ..city.clone() };
    let status = update(&mut client(&house), renamed, Some(&["name"])).await.unwrap_err();
    assert_eq!(reason(&status), "TAX_RATE_TAKEN");
    assert_eq!(fields(&status), ["tax_rate.name"]);
    retire(&house, &city.id).await.unwrap();
    create(&house, rate("City tax")).await.unwrap();
}

#[tokio::test]
async fn a_retired_rate_stays_as_it_was_and_leaves_the_list() {
    let house = open().await;
    let created = create(&house, rate("Sales tax")).await.unwrap();
    let retired = retire(&house, &created.id).await.unwrap();
    assert_eq!((retired.state(), retired.etag.as_str()), (State::Retired, "2"));
    assert_eq!(house.events::<pb::TaxRateChanged>().await[1].tax_rate.as_ref(), Some(&retired));

    let again = retire(&house, &created.id).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "TAX_RATE_RETIRED"));
    let changed = update(&mut client(&house), created.clone(), Some(&["name"])).await.unwrap_err();
    assert_eq!(reason(&changed), "TAX_RATE_RETIRED");
    let mut client = client(&house);
    let mut ids = async |state: Option<State>| {
        let request = pb::ListTaxRatesRequest { state: state.map(Into::into), ..Default::default() };
        let data = client.list_tax_rates(request).await.unwrap().into_inner().data;
        data.into_iter().map(|rate| rate.id).collect::<Vec<_>>()
    };
    assert!(ids(None).await.is_empty());
    assert_eq!(ids(Some(State::Retired)).await, [created.id]);
}

#[tokio::test]
async fn everything_wrong_with_a_rate_is_said_with_its_field() {
    let house = open().await;
    let field = async |rate: pb::TaxRate| fields(&create(&house, rate).await.unwrap_err());
    assert_eq!(field(pb::TaxRate { rate: "1000".to_owned(), ..rate("Tax") }).await, ["tax_rate.rate"]);
    assert_eq!(field(pb::TaxRate { rate: "8,25".to_owned(), ..rate("Tax") }).await, ["tax_rate.rate"]);
    assert_eq!(field(pb::TaxRate { location_id: new_id(), ..rate("Tax") }).await, ["tax_rate.location_id"]);
    let two = pb::TaxRate { location_id: "here".to_owned(), rate: "-100".to_owned(), ..rate("Tax") };
    assert_eq!(field(two).await, ["tax_rate.location_id", "tax_rate.rate"]);
    let nothing = pb::TaxRate::default();
    let expected = ["tax_rate.name", "tax_rate.location_id", "tax_rate.tax_category", "tax_rate.rate"];
    let mut blamed = field(nothing).await;
    blamed.dedup();
    assert_eq!(blamed, expected);
    let missing = client(&house).get_tax_rate(pb::GetTaxRateRequest { id: new_id() }).await.unwrap_err();
    assert_eq!(reason(&missing), "TAX_RATE_NOT_FOUND");
}
