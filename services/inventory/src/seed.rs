//! Inventory's share of the demo shop: a music store's catalogue, and stock in both locations.

mod catalogue;

use chrono::{DateTime, TimeDelta, Utc};
use db::{Context, Tx};
use kit::App;
use proto::identity::v1::shop::TaxRounding;
use proto::identity::v1::{Location, LocationChanged, Shop, ShopChanged};
use types::id::demo_id;

use crate::Error;
use crate::category::CategoryId;
use crate::product::ProductId;
use crate::quantity::{Quantity, UnitCost};
use crate::stock::{Adjustment, AdjustmentId, Line, LocationId, Reason, Receipt, ReceiptId};
use crate::{category, product, stock};

/// The kinds of the demo's well-known ids.
const LOCATION: u16 = 1;
const CATEGORY: u16 = 5;
const PRODUCT: u16 = 6;

/// Products on a shelf, and all products.
const GOODS: u32 = 300;
const PRODUCTS: u32 = 320;
/// Lines of one receipt, as one delivery.
const DELIVERY: usize = 50;
/// The shop was stocked before its first sale, which was a month ago.
const STOCKED: TimeDelta = TimeDelta::days(45);

/// Fills the demo shop, unless there are products already.
pub(crate) async fn fill(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_background(Context::of_service(app.name, "seed", now)).await?;
    if !product::store::is_empty(&mut tx).await? {
        return Ok(());
    }
    surroundings(&mut tx).await?;
    categories(&mut tx, now).await?;
    products(&mut tx, now).await?;
    for location in 1..=2 {
        deliveries(&mut tx, location, now - STOCKED).await?;
        corrections(&mut tx, location, now - STOCKED + TimeDelta::days(7)).await?;
    }
    app.db.commit(tx).await?;
    Ok(())
}

/// The shop and its locations as identity's seed makes them; what identity tells later is newer.
async fn surroundings(tx: &mut Tx) -> Result<(), Error> {
    let profile = Shop {
        name: "Harmony Music".to_owned(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        time_zone: "America/Chicago".to_owned(),
        tax_rounding: TaxRounding::Line.into(),
        cash_rounding_minor_units: 1,
        ..Shop::default()
    };
    shop::hear_shop(tx, &ShopChanged { shop: Some(profile), version: 0 }).await?;
    for (n, name) in [(1, "Main Street"), (2, "Riverside")] {
        let location = Location { id: demo_id(LOCATION, n).to_string(), name: name.to_owned(), ..Location::default() };
        shop::hear_location(tx, &LocationChanged { location: Some(location), version: 0 }).await?;
    }
    Ok(())
}

async fn categories(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
    let categories = catalogue::categories(now)?;
    category::store::insert(tx, &categories).await?;
    categories.iter().for_each(|category| category::rpc::tell(tx, category));
    Ok(())
}

async fn products(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
    let products = catalogue::products(now);
    product::store::insert(tx, &products).await?;
    products.iter().for_each(|product| product::rpc::tell(tx, product));
    Ok(())
}

/// Everything on the shelves, at somewhat more than half of its price.
async fn deliveries(tx: &mut Tx, location: u32, at: DateTime<Utc>) -> Result<(), Error> {
    let goods: Vec<u32> = (1..=GOODS).collect();
    for (number, delivery) in goods.chunks(DELIVERY).enumerate() {
        let lines = delivery.iter().enumerate();
        let lines = lines.map(|(index, n)| Ok((line(index, *n, on_hand(*n, location)), cost(*n)?)));
        let receipt = Receipt {
            id: ReceiptId::new(),
            location: location_id(location),
            supplier: Some(catalogue::SUPPLIERS[number % catalogue::SUPPLIERS.len()].to_owned()),
            reference: Some(format!("DN-{location}{number:03}")),
            lines: lines.collect::<Result<_, Error>>()?,
        };
        stock::book::receive(tx, &receipt, proto::timestamp(at)).await?;
    }
    Ok(())
}

async fn corrections(tx: &mut Tx, location: u32, at: DateTime<Utc>) -> Result<(), Error> {
    for (n, (reason, units, note)) in (location..).step_by(7).zip([
        (Reason::Damage, -1, "dropped while unpacking"),
        (Reason::Count, 2, "found at the yearly count"),
        (Reason::ShopUse, -3, "for the lesson rooms"),
    ]) {
        let adjustment = Adjustment {
            id: AdjustmentId::new(),
            location: location_id(location),
            reason,
            note: Some(note.to_owned()),
            lines: vec![line(0, n, Quantity::units(units))],
        };
        stock::book::adjust(tx, &adjustment, proto::timestamp(at)).await?;
    }
    Ok(())
}

fn line(index: usize, n: u32, quantity: Quantity) -> Line {
    Line { index, product: product_id(n), quantity }
}

/// Many of what is cheap, few of what is dear: 12 to 400, more than a month of the demo's past takes.
fn on_hand(n: u32, location: u32) -> Quantity {
    let units = 1_500_000 / price(n).max(1) + i64::from((n * 37 + location * 11) % 7);
    Quantity::units(i32::try_from(units.clamp(12, 400)).unwrap_or(12))
}

/// In minor units. pos seeds its past sales with the same prices.
fn price(n: u32) -> i64 {
    199 + i64::from(n) * 7_919 % 24_000 * 10
}

fn cost(n: u32) -> Result<UnitCost, Error> {
    let minor_units = price(n) * i64::from(52 + n % 9) / 100;
    Ok(UnitCost::parse("unit_cost", &format!("{}.{:02}", minor_units / 100, minor_units % 100))?)
}

fn location_id(n: u32) -> LocationId {
    LocationId::from_uuid(demo_id(LOCATION, n))
}

fn category_id(n: u32) -> CategoryId {
    CategoryId::from_uuid(demo_id(CATEGORY, n))
}

fn product_id(n: u32) -> ProductId {
    ProductId::from_uuid(demo_id(PRODUCT, n))
}
