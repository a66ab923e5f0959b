//! Stock: what lies where, and what it cost by moving average.

pub(crate) mod book;
pub(crate) mod rpc;
pub(crate) mod store;

use crate::product::ProductId;
use crate::quantity::{Quantity, UnitCost};

types::ids! {
    /// A row of the stock: a product at a location.
    LevelId,
    /// A movement of stock.
    MoveId,
    /// Goods that came in together.
    ReceiptId,
    /// A correction of the stock.
    AdjustmentId,
    /// Where the shop trades; identity owns it.
    LocationId,
    /// What the stock is sold by; pos owns it.
    SaleId,
}

/// Why stock moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Receipt,
    Adjustment,
    Sale,
    Return,
}

/// Why the books were wrong about the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    Count,
    Damage,
    Loss,
    Found,
    ShopUse,
}

/// What causes a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Receipt(ReceiptId),
    Adjustment(AdjustmentId),
    Sale(SaleId),
}

impl Source {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Receipt(_) => "receipt",
            Self::Adjustment(_) => "adjustment",
            Self::Sale(_) => "sale",
        }
    }

    pub fn id(self) -> types::uuid::Uuid {
        match self {
            Self::Receipt(id) => id.uuid(),
            Self::Adjustment(id) => id.uuid(),
            Self::Sale(id) => id.uuid(),
        }
    }
}

/// One line of a request: so much of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the request, to blame it there.
    pub index: usize,
    pub product: ProductId,
    /// Negative takes away, where that is allowed.
    pub quantity: Quantity,
}

/// Goods that came in.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub id: ReceiptId,
    pub location: LocationId,
    pub supplier: Option<String>,
    pub reference: Option<String>,
    pub lines: Vec<(Line, UnitCost)>,
}

/// A correction of the stock.
#[derive(Clone, Debug)]
pub struct Adjustment {
    pub id: AdjustmentId,
    pub location: LocationId,
    pub reason: Reason,
    pub note: Option<String>,
    pub lines: Vec<Line>,
}
