//! Booking receipts and adjustments: lock, apply the rules, write, tell.

use db::{Audit, Conn, Subject, Tx};
use proto::inventory::v1 as pb;
use serde_json::json;
use types::Money;

use super::store::{Why, insert_adjustment, insert_receipt, save};
use super::{Adjustment, Line, LocationId, Receipt, Source, store};
use crate::Error;
use crate::error::Blame;
use crate::product::{self, ProductId};
use crate::shelf::{Incoming, Shelf};

/// Books goods that came in at an instant, and answers with their value.
pub(crate) async fn receive(tx: &mut Tx, receipt: &Receipt, at: prost_types::Timestamp) -> Result<Money, Error> {
    let lines: Vec<Line> = receipt.lines.iter().map(|(line, _)| *line).collect();
    let digits = shop::shop(tx).await?.currency_digits;
    let mut shelf = prepare(tx, receipt.location, &lines, Incoming::ForSale).await?;
    for (line, cost) in &receipt.lines {
        let too_much = || Error::StockTooLarge(Blame::on(format!("lines[{}].unit_cost", line.index), "is too large"));
        let value = cost.of(line.quantity, digits).ok_or_else(too_much)?;
        shelf.receive(line, value)?;
    }
    let value = shelf.value();
    insert_receipt(tx, receipt, value).await?;
    save(tx, &shelf, Why::of(Source::Receipt(receipt.id))).await?;
    tx.publish(
        Subject { id: receipt.id.uuid(), version: 1 },
        &pb::StockReceived {
            receipt_id: receipt.id.to_string(),
            location_id: receipt.location.to_string(),
            value: Some(value.into()),
            occurred_at: Some(at),
        },
    );
    tx.audit(Audit::created(
        "stock_receipt",
        receipt.id,
        json!({
            "location_id": receipt.location.to_string(),
            "supplier": receipt.supplier,
            "reference": receipt.reference,
            "value": value.minor_units(),
            "lines": record(&lines),
        }),
    ));
    Ok(value)
}

/// Books a correction that was made at an instant, and answers with the change of the stock's value.
pub(crate) async fn adjust(tx: &mut Tx, adjustment: &Adjustment, at: prost_types::Timestamp) -> Result<Money, Error> {
    let mut shelf = prepare(tx, adjustment.location, &adjustment.lines, Incoming::ForTheBooks).await?;
    let found = adjustment.lines.iter().filter(|line| !line.quantity.is_negative()).map(|line| line.product);
    shelf.costs = store::last_costs(tx, adjustment.location, &found.collect::<Vec<_>>()).await?;
    for line in &adjustment.lines {
        shelf.adjust(line)?;
    }
    let value = shelf.value();
    insert_adjustment(tx, adjustment, value).await?;
    let source = Source::Adjustment(adjustment.id);
    save(tx, &shelf, Why { source, reason: Some(adjustment.reason), note: adjustment.note.as_deref() }).await?;
    let reason: &str = adjustment.reason.into();
    tx.publish(
        Subject { id: adjustment.id.uuid(), version: 1 },
        &pb::StockAdjusted {
            adjustment_id: adjustment.id.to_string(),
            location_id: adjustment.location.to_string(),
            reason: reason.to_owned(),
            value: Some(value.into()),
            occurred_at: Some(at),
        },
    );
    tx.audit(Audit::created(
        "stock_adjustment",
        adjustment.id,
        json!({
            "location_id": adjustment.location.to_string(),
            "reason": reason,
            "note": adjustment.note,
            "value": value.minor_units(),
            "lines": record(&adjustment.lines),
        }),
    ));
    Ok(value)
}

/// The shelf of a location that we know, with the products of the lines, locked.
async fn prepare(conn: &mut Conn, location: LocationId, lines: &[Line], incoming: Incoming) -> Result<Shelf, Error> {
    if shop::location(conn, location.uuid()).await?.is_none() {
        return Err(Error::LocationUnknown(Blame::on("location_id", format!("no location {location} is known here"))));
    }
    let mut products: Vec<ProductId> = lines.iter().map(|line| line.product).collect();
    products.sort_unstable();
    products.dedup();
    product::store::pin(conn, &products).await?;
    store::open(conn, location, &products).await?;
    let shelf = store::lock(conn, location, &products).await?;
    shelf.admits(lines, incoming)?;
    Ok(shelf)
}

fn record(lines: &[Line]) -> serde_json::Value {
    let each = lines.iter();
    each.map(|line| json!({"product_id": line.product.to_string(), "quantity": line.quantity.to_string()})).collect()
}
