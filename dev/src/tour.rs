//! A clerk's day through REST, request by request: the first five minutes with the suite.

mod client;
mod layout;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::process::pause;
use crate::terminal::{paint, say};
use client::{Client, Till};

/// Events and books follow a sale within a second; a loaded machine may need longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the day; 1 when something was not as it should be.
pub(crate) async fn play(url: &str) -> Result<i32> {
    let mut clerk = Client::new(url);
    say(paint(1, &format!("A clerk's day at {url}")));
    chapter("The clerk signs in");
    clerk.sign_in("clerk@demo.test").await?;

    chapter("A register is free: the drawer is opened with 150 in cash");
    let till = open_drawer(&clerk).await?;

    chapter("What lies on the shelf");
    let goods = two_goods(&clerk, &till.location).await?;
    let lines = goods.iter().zip(["1", "2"]);
    let lines = lines.map(|(good, quantity)| json!({"productId": good["productId"], "quantity": quantity}));
    let lines = lines.collect::<Vec<_>>();

    chapter("What would it cost? Nothing is stored");
    let quote = clerk.post("/v1/sales/quote", &json!({"registerId": till.register, "lines": lines})).await?;

    let mut news = clerk.listen().await?;
    chapter("Two lines, paid in cash, in one request");
    let sale = uuid::Uuid::now_v7().to_string();
    let cash = notes(text(&quote, "total"));
    let order = json!({
        "id": sale,
        "registerId": till.register,
        "lines": lines,
        "tenders": [{"kind": "cash", "amount": cash}],
        "complete": true,
    });
    let sold = clerk.post("/v1/sales", &order).await?;

    chapter("The receipt (and /receipt.html to print)");
    let receipt = clerk.get(&format!("/v1/sales/{sale}/receipt")).await?;

    chapter("The event, as /v1/events tells it to the browser");
    let event = news.until(&sale, PATIENCE).await?;

    chapter("The stock is lower");
    let lower = await_moves(&clerk, &sale, &lines).await?;
    for good in &goods {
        let place = &till.location;
        clerk.get(&format!("/v1/stock-levels?locationId={place}&productId={}", text(good, "productId"))).await?;
    }

    chapter("The owner looks at the books: a balanced journal entry");
    let (entries, trail) = inspect(url, &sale).await?;

    chapter("The drawer is counted and closed, and the clerk signs out");
    let session = clerk.get(&format!("/v1/drawer-sessions/{}", till.session)).await?;
    let count = json!({"countedCash": session["expectedCash"], "note": "counted by the tour"});
    let closed = clerk.post(&format!("/v1/drawer-sessions/{}/close", till.session), &count).await?;
    clerk.sign_out().await?;

    Ok(verdict(&[
        ("the sale costs what the quote said", sold["total"] == quote["total"]),
        ("net and tax add up to the total", adds_up(&sold)),
        ("the receipt shows the same total", receipt["sale"]["total"] == sold["total"]),
        ("the change is right to the cent", minor(text(&sold, "change")) == minor(&cash) - minor(text(&sold, "total"))),
        ("the event was told", event),
        ("the stock is lower by what was sold", lower),
        ("each journal entry balances", !entries.is_empty() && entries.iter().all(balances)),
        ("the sale left an audit record", !rows(&trail).is_empty()),
        ("the drawer is neither over nor short", minor(text(&closed, "overShort")) == 0),
    ]))
}

/// Opens the drawer of the first register that has none open.
async fn open_drawer(clerk: &Client) -> Result<Till> {
    let registers = clerk.get("/v1/registers/all").await?;
    let free = rows(&registers).iter().find(|register| register["openSessionId"].is_null());
    let free = free.ok_or_else(|| Failure::new("every drawer is open: close one first"))?;
    let order = json!({"registerId": free["id"], "openingFloat": "150.00"});
    let session = clerk.post("/v1/drawer-sessions", &order).await?;
    Ok(Till {
        register: text(free, "id").to_owned(),
        location: text(free, "locationId").to_owned(),
        session: text(&session, "id").to_owned(),
    })
}

/// The two cheapest stock levels with something to sell.
async fn two_goods(clerk: &Client, location: &str) -> Result<Vec<Value>> {
    clerk.get(&format!("/v1/stock-levels?locationId={location}&limit=2")).await?;
    let levels = clerk.quietly(&format!("/v1/stock-levels?locationId={location}&limit=100")).await?;
    let plenty = |level: &&Value| digits(text(level, "available"), 4) >= 30_000;
    let mut goods = rows(&levels).iter().filter(plenty).cloned().collect::<Vec<_>>();
    goods.sort_by_key(|level| digits(text(level, "averageCost"), 6));
    goods.truncate(2);
    match goods.len() {
        2 => Ok(goods),
        _ => Err(Failure::new("no two products have three units left at this location")),
    }
}

/// Waits until what was sold has left the shelf: one move per line, of the quantity of the line.
async fn await_moves(clerk: &Client, sale: &str, lines: &[Value]) -> Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    let path = format!("/v1/stock-moves?sourceId={sale}&limit=5");
    while rows(&clerk.quietly(&path).await?).len() < lines.len() && Instant::now() < deadline {
        pause().await;
    }
    let moves = clerk.get(&path).await?;
    let gone = |line: &Value| {
        let same = |step: &&Value| step["productId"] == line["productId"];
        let quantity = rows(&moves).iter().find(same).map(|step| digits(text(step, "quantity"), 4));
        quantity == Some(-digits(text(line, "quantity"), 4))
    };
    Ok(rows(&moves).len() == lines.len() && lines.iter().all(gone))
}

/// What the owner sees of a sale: its journal entries and its audit records.
async fn inspect(url: &str, sale: &str) -> Result<(Vec<Value>, Value)> {
    let mut owner = Client::new(url);
    owner.sign_in("owner@demo.test").await?;
    let entries = await_entries(&owner, sale).await?;
    chapter("The audit trail of the sale, and its hash chain");
    let trail = owner.get(&format!("/v1/pos/audit-records?subjectId={sale}&limit=5")).await?;
    owner.get("/v1/pos/audit-verification").await?;
    owner.sign_out().await?;
    Ok((entries, trail))
}

/// Waits until the ledger has booked the sale.
async fn await_entries(owner: &Client, sale: &str) -> Result<Vec<Value>> {
    let deadline = Instant::now() + PATIENCE;
    let path = format!("/v1/journal-entries?sourceId={sale}&limit=5");
    while rows(&owner.quietly(&path).await?).is_empty() && Instant::now() < deadline {
        pause().await;
    }
    let mut entries = Vec::new();
    for entry in rows(&owner.get(&path).await?) {
        entries.push(owner.get(&format!("/v1/journal-entries/{}", text(entry, "id"))).await?);
    }
    Ok(entries)
}

fn chapter(title: &str) {
    say(format!("\n{}", paint(36, &format!("── {title}"))));
}

fn verdict(checks: &[(&str, bool)]) -> i32 {
    say("");
    for (sentence, holds) in checks {
        let mark = if *holds { paint(32, "yes") } else { paint(31, "NO ") };
        say(format!("  {mark}  {sentence}"));
    }
    i32::from(checks.iter().any(|(_, holds)| !holds))
}

/// The rows of a list, with or without pagination.
fn rows(answer: &Value) -> &[Value] {
    answer.as_array().or_else(|| answer["data"].as_array()).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn adds_up(sale: &Value) -> bool {
    let [net, tax, total] = ["net", "tax", "total"].map(|name| minor(text(sale, name)));
    total > 0 && net + tax == total
}

fn balances(entry: &Value) -> bool {
    let lines = entry["lines"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let side = |name: &str| lines.iter().map(|line| minor(text(line, name))).sum::<i64>();
    side("debit") > 0 && side("debit") == side("credit")
}

/// Minor units of an amount such as "-97.43"; both sides of a comparison have the currency's digits.
fn minor(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or_default()
}

/// A decimal such as "1.5" in units of its last of `places` digits.
fn digits(decimal: &str, places: usize) -> i64 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}{part:0<places$}").parse().unwrap_or_default()
}

/// The amount in twenties that covers the total.
fn notes(total: &str) -> String {
    let (units, digits) = total.split_once('.').unwrap_or((total, ""));
    let units = units.parse::<i64>().unwrap_or_default();
    let point = if digits.is_empty() { "" } else { "." };
    format!("{}{point}{}", (units / 20 + 1) * 20, "0".repeat(digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_pays_in_twenties() {
        for (total, paid) in [("97.43", "100.00"), ("100.00", "120.00"), ("0.05", "20.00"), ("1250", "1260")] {
            assert_eq!(notes(total), paid, "{total}");
        }
    }

    #[test]
    fn quantities_are_compared_by_value() {
        assert_eq!(digits("3", 4), digits("3.0000", 4));
        assert_eq!(digits("1.5", 4) - digits("1", 4), 5_000);
    }

    #[test]
    fn an_entry_balances_when_debits_equal_credits() {
        let entry = json!({"lines": [{"debit": "108.25"}, {"credit": "100.00"}, {"credit": "8.25"}]});
        assert!(balances(&entry));
        assert!(!balances(&json!({"lines": []})));
    }
}
