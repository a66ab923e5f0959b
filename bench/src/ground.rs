//! What must be there before anything can be sold: open drawers, products, stock.

use futures_util::StreamExt;
use futures_util::stream;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::{Failure, Result};
use crate::order::{Counter, Good, Till, millionths, minor, tenthousandths};
use crate::session::Session;

/// Units of each product that are on the shelf at least, so that no run ends for want of goods.
const UNITS: i64 = 100_000;

/// Lines of one receipt.
const LINES_MAX: usize = 500;

/// Opens every drawer, adds products until there are `wanted`, and fills the shelves.
pub(crate) async fn prepare(owner: &Session, wanted: usize) -> Result<Counter> {
    let shop = owner.get("/v1/shop").await?;
    let digits = usize::try_from(shop["currencyDigits"].as_u64().unwrap_or(2)).unwrap_or(2);
    let mut tills = open_drawers(owner, digits).await?;
    let goods = goods(owner, wanted, digits).await?;
    let mut locations = tills.iter().map(|till| till.location.clone()).collect::<Vec<_>>();
    locations.sort_unstable();
    locations.dedup();
    for location in &locations {
        fill(owner, location, &goods).await?;
    }
    let plain = shop["taxRounding"] == "line";
    for till in &mut tills {
        till.tax = if plain { tax(owner, &till.location).await? } else { None };
    }
    let mut counter = Counter { tills, goods, digits };
    trust_cards(owner, &mut counter).await?;
    Ok(counter)
}

async fn open_drawers(owner: &Session, digits: usize) -> Result<Vec<Till>> {
    let registers = owner.get("/v1/registers/all").await?;
    let mut tills = Vec::new();
    for register in registers.as_array().into_iter().flatten() {
        let till = Till { register: text(register, "id"), location: text(register, "locationId"), tax: None };
        if register["openSessionId"].is_null() {
            let float = if digits == 0 { "200".to_owned() } else { format!("200.{}", "0".repeat(digits)) };
            owner.post("/v1/drawer-sessions", &json!({"registerId": till.register, "openingFloat": float})).await?;
        }
        tills.push(till);
    }
    if tills.is_empty() { Err(Failure::new("the shop has no register")) } else { Ok(tills) }
}

/// Stock products in the order of their ids.
async fn goods(owner: &Session, wanted: usize, digits: usize) -> Result<Vec<Good>> {
    let known = known_goods(owner, digits).await?;
    let missing = wanted.saturating_sub(known.len());
    if missing == 0 {
        return Ok(known);
    }
    println!("adding {missing} products");
    let run = Uuid::now_v7().simple().to_string();
    let add = |n: usize| {
        let product = json!({
            "sku": format!("B{}-{n}", &run[20..]),
            "name": format!("Bench product {n}"),
            "kind": "stock",
            "taxCategory": "goods",
            "price": if digits == 0 { "500".to_owned() } else { format!("5.{}", "0".repeat(digits)) },
        });
        async move { owner.post("/v1/products", &product).await }
    };
    let mut added = stream::iter((0..missing).map(add)).buffer_unordered(16);
    while let Some(product) = added.next().await {
        product?;
    }
    known_goods(owner, digits).await
}

async fn known_goods(owner: &Session, digits: usize) -> Result<Vec<Good>> {
    let rows = owner.all("/v1/products?kind=stock&sort=name").await?;
    let good =
        |row: &Value| Some(Good { id: text(row, "id").parse().ok()?, price: minor(&text(row, "price"), digits) });
    // Cards pay to the cent, so all goods are taxed alike; others may have put theirs on the shelf.
    let plain = rows.iter().filter(|row| row["taxCategory"] == "goods" && row["state"] == "active");
    let mut goods = plain.filter_map(good).collect::<Vec<_>>();
    goods.sort_unstable_by_key(|good| good.id);
    if goods.len() < 3 { Err(Failure::new("the shop has fewer than three stock products")) } else { Ok(goods) }
}

async fn fill(owner: &Session, location: &str, goods: &[Good]) -> Result<()> {
    let levels = owner.all(&format!("/v1/stock-levels?locationId={location}")).await?;
    let full = |level: &&Value| tenthousandths(&text(level, "available")) >= UNITS * 10_000 / 2;
    let full = levels.iter().filter(full).map(|level| text(level, "productId"));
    let full = full.collect::<std::collections::BTreeSet<_>>();
    let empty = goods.iter().map(|good| good.id.to_string()).filter(|id| !full.contains(id)).collect::<Vec<_>>();
    for part in empty.chunks(LINES_MAX) {
        let line = |id: &String| json!({"productId": id, "quantity": UNITS.to_string(), "unitCost": "1.25"});
        let lines = part.iter().map(line).collect::<Vec<_>>();
        let receipt = json!({"locationId": location, "supplier": "Bench", "lines": lines});
        owner.post("/v1/stock-receipts", &receipt).await?;
    }
    Ok(())
}

/// The one plain tax on goods at a location, in millionths.
async fn tax(owner: &Session, location: &str) -> Result<Option<i64>> {
    let rates = owner.all(&format!("/v1/tax-rates?locationId={location}&taxCategory=goods")).await?;
    Ok(match rates.as_slice() {
        [] => Some(0),
        [rate] if rate["included"] == false => Some(millionths(&text(rate, "rate"))),
        _ => None,
    })
}

/// Cards are paid to the cent, so ours must be the suite's arithmetic; where it is not, everybody pays cash.
async fn trust_cards(owner: &Session, counter: &mut Counter) -> Result<()> {
    let mut random = StdRng::seed_from_u64(0);
    let tills = counter.tills.clone();
    for (index, till) in tills.iter().enumerate().filter(|(_, till)| till.tax.is_some()) {
        let alone = Counter { tills: vec![till.clone()], ..counter.clone() };
        let card = (0..64).map(|_| alone.order(&mut random)).find_map(|order| {
            let body = serde_json::from_slice::<Value>(&order.body).ok()?;
            (body["tenders"][0]["kind"] == "card").then_some(body)
        });
        let Some(card) = card else { continue };
        let quote = json!({"registerId": card["registerId"], "lines": card["lines"]});
        let total = owner.post("/v1/sales/quote", &quote).await?["total"].clone();
        if total != card["tenders"][0]["amount"] {
            println!("register {}: {total} is not {}: cash only", till.register, card["tenders"][0]["amount"]);
            counter.tills[index].tax = None;
        }
    }
    Ok(())
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}
