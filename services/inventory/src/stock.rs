//! Stock: what lies where, and what it cost by moving average.

pub(crate) mod book;
pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::BTreeMap;

use types::Money;

use crate::Error;
use crate::error::Blame;
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

/// What one location may be worth of one product, in minor units.
const VALUE_MAX: Money = Money::minor(1_000_000_000_000_000);

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

/// What a location holds of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub on_hand: Quantity,
    pub reserved: Quantity,
    pub value: Money,
}

/// A product at the shelf's location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// How a clerk knows the product.
    pub label: String,
    pub is_stock: bool,
    pub is_discontinued: bool,
    /// As it was read under its lock; none when nothing of it ever lay here.
    pub was: Option<Holding>,
    pub now: Holding,
}

/// A movement that is to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub line: i16,
    pub product: ProductId,
    pub kind: Kind,
    pub quantity: Quantity,
    pub value: Money,
    pub on_hand_after: Quantity,
    pub value_after: Money,
}

/// Some products at one location, locked, and what is done to them.
#[derive(Clone, Debug)]
pub struct Shelf {
    pub location: LocationId,
    pub items: BTreeMap<ProductId, Item>,
    pub moves: Vec<Move>,
}

impl Shelf {
    pub fn new(location: LocationId, items: BTreeMap<ProductId, Item>) -> Self {
        Self { location, items, moves: Vec::new() }
    }

    /// All lines speak of stock that may come in.
    ///
    /// # Errors
    /// When a product is unknown, is never counted, or out of sale and `Incoming::ForSale` is meant.
    pub fn admits(&self, lines: &[Line], incoming: Incoming) -> Result<(), Error> {
        let item = |line: &Line| self.items.get(&line.product);
        let unknown = lines.iter().filter(|line| item(line).is_none());
        let unknown = unknown.map(|line| Blame::on_line(line.index, format!("no product {}", line.product)));
        if let Some(blame) = Blame::on_all(unknown) {
            return Err(Error::ProductUnknown(blame));
        }
        let services = lines.iter().filter_map(|line| item(line).filter(|item| !item.is_stock).map(|item| (line, item)));
        let services = services.map(|(line, item)| Blame::on_line(line.index, format!("{} is never counted", item.label)));
        if let Some(blame) = Blame::on_all(services) {
            return Err(Error::ProductNotStocked(blame));
        }
        let gone = lines.iter().filter_map(|line| item(line).filter(|item| item.is_discontinued).map(|item| (line, item)));
        let gone = gone.map(|(line, item)| Blame::on_line(line.index, format!("{} is out of sale", item.label)));
        match (incoming, Blame::on_all(gone)) {
            (Incoming::ForSale, Some(blame)) => Err(Error::ProductDiscontinued(blame)),
            _ => Ok(()),
        }
    }

    /// Goods come in at what they cost; the average moves.
    ///
    /// # Errors
    /// When the location would hold more than can be counted.
    pub fn receive(&mut self, line: &Line, value: Money) -> Result<(), Error> {
        self.enter(line, Kind::Receipt, value)
    }

    /// The books follow what is found. What is found enters at the average cost of what is there.
    ///
    /// # Errors
    /// When less is on hand, or the rest is promised to sales.
    pub fn adjust(&mut self, line: &Line) -> Result<(), Error> {
        if line.quantity.is_negative() {
            return self.leave(&Line { quantity: -line.quantity, ..*line }, Kind::Adjustment);
        }
        let now = self.holding(line);
        let value = if now.on_hand.is_zero() { Money::ZERO } else { line.quantity.share(now.value, now.on_hand) };
        self.enter(line, Kind::Adjustment, value)
    }

    /// Goods of a sale go out at the average cost.
    ///
    /// # Errors
    /// When less is on hand, or the rest is promised to other sales.
    pub fn issue(&mut self, line: &Line) -> Result<(), Error> {
        self.leave(line, Kind::Sale)
    }

    /// Goods of a voided sale come back at the cost they left with.
    ///
    /// # Errors
    /// When the location would hold more than can be counted.
    pub fn take_back(&mut self, line: &Line, value: Money) -> Result<(), Error> {
        self.enter(line, Kind::Return, value)
    }

    /// A promise ends; what was held for it is free, or about to go out.
    pub fn release(&mut self, product: ProductId, quantity: Quantity) {
        if let Some(item) = self.items.get_mut(&product) {
            item.now.reserved = item.now.reserved - quantity;
        }
    }

    /// The change of the stock's value by all moves so far.
    pub fn value(&self) -> Money {
        self.moves.iter().map(|moved| moved.value).sum()
    }

    /// The items that differ from what was read.
    pub fn changed(&self) -> impl Iterator<Item = (ProductId, Holding, Holding)> + Clone + '_ {
        let changed = self.items.iter().map(|(id, item)| (*id, item.was.unwrap_or_default(), item.now));
        changed.filter(|(_, was, now)| was != now)
    }

    fn holding(&self, line: &Line) -> Holding {
        self.items.get(&line.product).map(|item| item.now).unwrap_or_default()
    }

    fn enter(&mut self, line: &Line, kind: Kind, value: Money) -> Result<(), Error> {
        let now = self.holding(line);
        let after = Holding { on_hand: now.on_hand + line.quantity, value: now.value + value, ..now };
        if after.on_hand > Quantity::MAX || after.value > VALUE_MAX {
            let blame = Blame::on(format!("lines[{}].quantity", line.index), "is more than a location can hold");
            return Err(Error::StockTooLarge(blame));
        }
        self.moved(line, kind, line.quantity, value, after);
        Ok(())
    }

    fn leave(&mut self, line: &Line, kind: Kind) -> Result<(), Error> {
        let now = self.holding(line);
        if now.on_hand - now.reserved < line.quantity {
            return Err(self.short(line));
        }
        // The last unit takes what is left of the value, or cents would lie on an empty shelf.
        let value =
            if line.quantity == now.on_hand { now.value } else { line.quantity.share(now.value, now.on_hand) };
        let after = Holding { on_hand: now.on_hand - line.quantity, value: now.value - value, ..now };
        self.moved(line, kind, -line.quantity, -value, after);
        Ok(())
    }

    fn moved(&mut self, line: &Line, kind: Kind, quantity: Quantity, value: Money, after: Holding) {
        let Some(item) = self.items.get_mut(&line.product) else { return };
        item.now = after;
        self.moves.push(Move {
            // A sale's lines are added up per product, so that it can be booked once only.
            line: match kind {
                Kind::Receipt | Kind::Adjustment => i16::try_from(line.index).unwrap_or(i16::MAX),
                Kind::Sale | Kind::Return => 0,
            },
            product: line.product,
            kind,
            quantity,
            value,
            on_hand_after: after.on_hand,
            value_after: after.value,
        });
    }

    fn short(&self, line: &Line) -> Error {
        let now = self.holding(line);
        let label = self.items.get(&line.product).map_or_else(|| line.product.to_string(), |item| item.label.clone());
        if now.on_hand < line.quantity {
            return Error::OutOfStock(Blame::on_line(line.index, format!("only {} of {label} are in stock", now.on_hand)));
        }
        let free = now.on_hand - now.reserved;
        let sentence = format!("{} of {label} are promised to sales, {free} can be taken", now.reserved);
        Error::StockReserved(Blame::on_line(line.index, sentence))
    }
}

/// What comes in: for sale, or to set the books right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    ForSale,
    ForTheBooks,
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

#[cfg(test)]
mod tests;
