//! Stock on the wire.

use async_trait::async_trait;
use db::{List, Page};
use kit::{App, Reply, read, write};
use proto::inventory::v1 as pb;
use proto::inventory::v1::stock_service_server::StockService;
use strum::VariantNames;
use tonic::Request;
use types::id::parse_uuid;
use types::{Money, Violation, Violations};

use super::store::{LevelRow, MoveRow, NarrowMoves};
use super::{Adjustment, AdjustmentId, Kind, Line, LocationId, Reason, Receipt, ReceiptId, Source, book, store};
use crate::Error;
use crate::product::ProductId;
use crate::quantity::{Quantity, UnitCost};

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl StockService for Rpc {
    async fn list_stock_levels(
        &self,
        request: Request<pb::ListStockLevelsRequest>,
    ) -> Reply<pb::ListStockLevelsResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let product = ProductId::parse_some("product_id", message.product_id.as_deref())?;
            let location = LocationId::parse_some("location_id", message.location_id.as_deref())?;
            let page = store::levels(conn, product, location, &list).await?;
            let digits = shop::shop(conn).await?.currency_digits;
            let data = page.data.into_iter().map(|row| Shown { row, currency_digits: digits }).collect();
            Ok::<_, Error>(Page { data, total: page.total }.answer(&list))
        })
        .await
    }

    async fn list_stock_moves(&self, request: Request<pb::ListStockMovesRequest>) -> Reply<pb::ListStockMovesResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let source = message.source_id.as_deref().filter(|id| !id.is_empty());
            let narrow = NarrowMoves {
                product: ProductId::parse_some("product_id", message.product_id.as_deref())?,
                location: LocationId::parse_some("location_id", message.location_id.as_deref())?,
                kind: kind(message.kind()),
                source: source.map(|id| parse_uuid("source_id", id)).transpose()?,
            };
            Ok::<_, Error>(store::moves(conn, &narrow, &list).await?.answer(&list))
        })
        .await
    }

    async fn create_stock_receipt(
        &self,
        request: Request<pb::CreateStockReceiptRequest>,
    ) -> Reply<pb::CreateStockReceiptResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let receipt = receipt(message)?;
            let value = book::receive(tx, &receipt, proto::timestamp(caller.now)).await?;
            let moves = wire_moves(store::moves_of(tx, Source::Receipt(receipt.id)).await?);
            let receipt = pb::StockReceipt {
                id: receipt.id.to_string(),
                location_id: receipt.location.to_string(),
                supplier: receipt.supplier,
                reference: receipt.reference,
                created_at: moves.first().and_then(|moved| moved.created_at),
                moves,
                value: Some(value.into()),
            };
            Ok::<_, Error>(pb::CreateStockReceiptResponse { receipt: Some(receipt) })
        })
        .await
    }

    async fn create_stock_adjustment(
        &self,
        request: Request<pb::CreateStockAdjustmentRequest>,
    ) -> Reply<pb::CreateStockAdjustmentResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let adjustment = adjustment(message)?;
            let value = book::adjust(tx, &adjustment, proto::timestamp(caller.now)).await?;
            let moves = wire_moves(store::moves_of(tx, Source::Adjustment(adjustment.id)).await?);
            let adjustment = pb::StockAdjustment {
                id: adjustment.id.to_string(),
                location_id: adjustment.location.to_string(),
                reason: <&str>::from(adjustment.reason).to_owned(),
                note: adjustment.note,
                created_at: moves.first().and_then(|moved| moved.created_at),
                moves,
                value: Some(value.into()),
            };
            Ok::<_, Error>(pb::CreateStockAdjustmentResponse { adjustment: Some(adjustment) })
        })
        .await
    }
}

fn receipt(message: &pb::CreateStockReceiptRequest) -> Result<Receipt, Error> {
    let mut wrong = Violations::default();
    let location = wrong.take(LocationId::parse("location_id", &message.location_id));
    let mut lines = Vec::with_capacity(message.lines.len());
    for (index, line) in message.lines.iter().enumerate() {
        let product = wrong.take(ProductId::parse(&format!("lines[{index}].product_id"), &line.product_id));
        let quantity = wrong.take(Quantity::parse_positive(&format!("lines[{index}].quantity"), &line.quantity));
        let cost = wrong.take(UnitCost::parse(&format!("lines[{index}].unit_cost"), &line.unit_cost));
        if let (Some(product), Some(quantity), Some(cost)) = (product, quantity, cost) {
            lines.push((Line { index, product, quantity }, cost));
        }
    }
    wrong.into_result()?;
    Ok(Receipt {
        id: ReceiptId::new(),
        location: location.ok_or_else(|| Violation::new("location_id", "is required"))?,
        supplier: message.supplier.clone(),
        reference: message.reference.clone(),
        lines,
    })
}

fn adjustment(message: &pb::CreateStockAdjustmentRequest) -> Result<Adjustment, Error> {
    let mut wrong = Violations::default();
    let location = wrong.take(LocationId::parse("location_id", &message.location_id));
    let unknown = |_| Violation::new("reason", format!("must be one of {}", Reason::VARIANTS.join(", ")));
    let reason = wrong.take(message.reason.parse::<Reason>().map_err(unknown));
    let mut lines = Vec::with_capacity(message.lines.len());
    for (index, line) in message.lines.iter().enumerate() {
        let product = wrong.take(ProductId::parse(&format!("lines[{index}].product_id"), &line.product_id));
        let quantity = wrong.take(Quantity::parse(&format!("lines[{index}].quantity"), &line.quantity));
        if let (Some(product), Some(quantity)) = (product, quantity) {
            lines.push(Line { index, product, quantity });
        }
    }
    wrong.into_result()?;
    Ok(Adjustment {
        id: AdjustmentId::new(),
        location: location.ok_or_else(|| Violation::new("location_id", "is required"))?,
        reason: reason.ok_or_else(|| Violation::new("reason", "is required"))?,
        note: message.note.clone(),
        lines,
    })
}

fn kind(wire: pb::stock_move::Kind) -> Option<Kind> {
    match wire {
        pb::stock_move::Kind::Unspecified => None,
        pb::stock_move::Kind::Receipt => Some(Kind::Receipt),
        pb::stock_move::Kind::Adjustment => Some(Kind::Adjustment),
        pb::stock_move::Kind::Sale => Some(Kind::Sale),
        pb::stock_move::Kind::Return => Some(Kind::Return),
    }
}

fn wire_moves(rows: Vec<MoveRow>) -> Vec<pb::StockMove> {
    rows.into_iter().map(Into::into).collect()
}

/// A level, and the digits of the currency that its average is shown in.
struct Shown {
    row: LevelRow,
    currency_digits: u32,
}

impl From<Shown> for pb::StockLevel {
    fn from(Shown { row, currency_digits }: Shown) -> Self {
        let held = row.holding;
        Self {
            id: row.id.to_string(),
            product_id: row.product.to_string(),
            location_id: row.location.to_string(),
            sku: row.sku,
            product_name: row.product_name,
            on_hand: held.on_hand.to_string(),
            reserved: held.reserved.to_string(),
            available: (held.on_hand - held.reserved).to_string(),
            value: Some(held.value.into()),
            average_cost: held.on_hand.average_of(held.value, currency_digits).to_string(),
            updated_at: Some(proto::timestamp(row.updated_at)),
        }
    }
}

impl From<MoveRow> for pb::StockMove {
    fn from(row: MoveRow) -> Self {
        let kind = match row.kind {
            Kind::Receipt => pb::stock_move::Kind::Receipt,
            Kind::Adjustment => pb::stock_move::Kind::Adjustment,
            Kind::Sale => pb::stock_move::Kind::Sale,
            Kind::Return => pb::stock_move::Kind::Return,
        };
        let money = |money: Money| Some(money.into());
        Self {
            id: row.id.to_string(),
            product_id: row.product.to_string(),
            location_id: row.location.to_string(),
            sku: row.sku,
            product_name: row.product_name,
            kind: kind.into(),
            quantity: row.quantity.to_string(),
            value: money(row.value),
            on_hand_after: row.on_hand_after.to_string(),
            value_after: money(row.value_after),
            reason: row.reason,
            note: row.note,
            source_kind: row.source_kind,
            source_id: row.source_id.to_string(),
            created_at: Some(proto::timestamp(row.created_at)),
        }
    }
}
