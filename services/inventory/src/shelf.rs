//! Some products at one location, and the rules of what may be done to them: what comes in, what goes out, what it costs.

use std::collections::BTreeMap;

use types::Money;

use crate::Error;
use crate::error::Blame;
use crate::product::ProductId;
use crate::quantity::Quantity;
use crate::stock::{Kind, Line, LocationId};

/// What one location may be worth of one product, in minor units.
const VALUE_MAX: Money = Money::minor(1_000_000_000_000_000);

/// What a location holds of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub on_hand: Quantity,
    pub reserved: Quantity,
    pub value: Money,
}

/// What so many units were worth when their cost was last known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub value: Money,
    /// More than zero.
    pub units: Quantity,
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
    /// The last known costs of those that may be found; absent where none was ever known.
    pub costs: BTreeMap<ProductId, Cost>,
    pub moves: Vec<Move>,
}

impl Shelf {
    pub fn new(location: LocationId, items: BTreeMap<ProductId, Item>) -> Self {
        Self { location, items, costs: BTreeMap::new(), moves: Vec::new() }
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
        let services =
            lines.iter().filter_map(|line| item(line).filter(|item| !item.is_stock).map(|item| (line, item)));
        let services =
            services.map(|(line, item)| Blame::on_line(line.index, format!("{} is never counted", item.label)));
        if let Some(blame) = Blame::on_all(services) {
            return Err(Error::ProductNotStocked(blame));
        }
        let gone =
            lines.iter().filter_map(|line| item(line).filter(|item| item.is_discontinued).map(|item| (line, item)));
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

    /// The books follow what is found. What is found enters at the average cost of what is there, or was there last.
    ///
    /// # Errors
    /// When less is on hand, or the rest is promised to sales.
    pub fn adjust(&mut self, line: &Line) -> Result<(), Error> {
        if line.quantity.is_negative() {
            return self.leave(&Line { quantity: -line.quantity, ..*line }, Kind::Adjustment);
        }
        let now = self.holding(line);
        let there = Cost { value: now.value, units: now.on_hand };
        let cost = if now.on_hand.is_zero() { self.costs.get(&line.product) } else { Some(&there) };
        let value = cost.map_or(Money::ZERO, |cost| line.quantity.share(cost.value, cost.units));
        self.enter(line, Kind::Adjustment, value)
    }

    /// Goods of a sale go out at the average cost.
    ///
    /// # Errors
    /// When less is on hand, or the rest is promised to other sales.
    pub fn issue(&mut self, line: &Line) -> Result<(), Error> {
        self.leave(line, Kind::Sale)
    }

    /// A sale's stock products go out, after what was held for it is released; services only pass by. Answers with the
    /// lines that went out.
    ///
    /// # Errors
    /// When a product is unknown, or too little of it is there.
    pub fn sell(
        &mut self,
        lines: &[(ProductId, Quantity)],
        held: &[(ProductId, Quantity)],
    ) -> Result<Vec<(ProductId, Quantity)>, Error> {
        held.iter().for_each(|(product, quantity)| self.release(*product, *quantity));
        let mut issued = Vec::with_capacity(lines.len());
        for (index, (product, quantity)) in lines.iter().copied().enumerate() {
            let unknown = || Error::ProductUnknown(Blame::on_line(index, format!("no product {product}")));
            if self.items.get(&product).ok_or_else(unknown)?.is_stock {
                self.issue(&Line { index, product, quantity })?;
                issued.push((product, quantity));
            }
        }
        Ok(issued)
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
        let value = if line.quantity == now.on_hand { now.value } else { line.quantity.share(now.value, now.on_hand) };
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
            return Error::OutOfStock(Blame::on_line(
                line.index,
                format!("only {} of {label} are in stock", now.on_hand),
            ));
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

#[cfg(test)]
mod tests {
    //! Case by case; values are in cents.

    use super::*;
    use crate::quantity::UnitCost;

    fn shelf() -> (Shelf, ProductId) {
        let id = ProductId::new();
        let item = Item {
            label: "Violin (VLN-1)".to_owned(),
            is_stock: true,
            is_discontinued: false,
            was: None,
            now: Holding::default(),
        };
        (Shelf::new(LocationId::new(), BTreeMap::from([(id, item)])), id)
    }

    fn line(product: ProductId, quantity: &str) -> Line {
        Line { index: 0, product, quantity: Quantity::parse("quantity", quantity).unwrap() }
    }

    fn receive(shelf: &mut Shelf, product: ProductId, quantity: &str, cost: &str) {
        let line = line(product, quantity);
        let value = UnitCost::parse("unit_cost", cost).unwrap().of(line.quantity, 2).unwrap();
        shelf.receive(&line, value).unwrap();
    }

    /// What went out was worth, and what is left: quantity and value.
    fn issue(shelf: &mut Shelf, product: ProductId, quantity: &str) -> (i64, String, i64) {
        shelf.issue(&line(product, quantity)).unwrap();
        let now = shelf.items[&product].now;
        (-shelf.moves.last().unwrap().value.minor_units(), now.on_hand.to_string(), now.value.minor_units())
    }

    #[test]
    fn i1_an_average_of_two_receipts_goes_out() {
        let (mut shelf, violin) = shelf();
        receive(&mut shelf, violin, "10", "10");
        receive(&mut shelf, violin, "10", "20");
        assert_eq!(issue(&mut shelf, violin, "15"), (22_500, "5".to_owned(), 7_500));
    }

    #[test]
    fn i5_the_last_unit_takes_what_is_left_of_the_value() {
        for (costs, whole) in [(["1.00", "1.00", "1.01"], 301), (["1.02", "1.00", "1.00"], 302)] {
            let (mut shelf, violin) = shelf();
            costs.iter().for_each(|cost| receive(&mut shelf, violin, "1", cost));
            let mut one_by_one = shelf.clone();
            assert_eq!(issue(&mut shelf, violin, "3"), (whole, "0".to_owned(), 0));
            let cents: i64 = (0..3).map(|_| issue(&mut one_by_one, violin, "1").0).sum();
            assert_eq!((cents, one_by_one.items[&violin].now), (whole, Holding::default()), "one by one");
        }
    }

    #[test]
    fn i8_a_return_comes_back_at_the_cost_it_left_with() {
        let (mut shelf, violin) = shelf();
        receive(&mut shelf, violin, "10", "10");
        issue(&mut shelf, violin, "10");
        receive(&mut shelf, violin, "10", "20");
        shelf.take_back(&line(violin, "10"), Money::minor(10_000)).unwrap();
        assert_eq!(shelf.items[&violin].now.value, Money::minor(30_000));
    }

    #[test]
    fn parts_of_units_keep_every_cent() {
        let (mut shelf, string) = shelf();
        receive(&mut shelf, string, "1", "0.10");
        let mut gone = 0;
        for _ in 0..3 {
            gone += issue(&mut shelf, string, "0.3333").0;
        }
        assert_eq!(gone + issue(&mut shelf, string, "0.0001").0, 10);
    }

    #[test]
    fn stock_is_never_negative_and_a_promise_is_kept() {
        let (mut shelf, violin) = shelf();
        receive(&mut shelf, violin, "3", "10");
        assert!(matches!(shelf.issue(&line(violin, "3.0001")), Err(Error::OutOfStock(_))));
        shelf.items.get_mut(&violin).unwrap().now.reserved = Quantity::units(2);
        assert!(matches!(shelf.adjust(&line(violin, "-2")), Err(Error::StockReserved(_))));
        shelf.adjust(&line(violin, "-1")).unwrap();
        shelf.release(violin, Quantity::units(2));
        shelf.issue(&line(violin, "2")).unwrap();
        assert_eq!(shelf.items[&violin].now, Holding::default());
    }

    #[test]
    fn what_is_found_enters_at_the_average_cost() {
        let (mut shelf, violin) = shelf();
        shelf.adjust(&line(violin, "1")).unwrap();
        assert_eq!(shelf.value(), Money::ZERO, "nothing there, no average");
        receive(&mut shelf, violin, "2", "15");
        shelf.adjust(&line(violin, "3")).unwrap();
        assert_eq!(shelf.items[&violin].now.value, Money::minor(6_000));
    }

    #[test]
    fn what_is_found_on_an_emptied_shelf_enters_at_the_last_known_cost() {
        let (mut shelf, violin) = shelf();
        receive(&mut shelf, violin, "2", "1.665");
        shelf.costs.insert(violin, Cost { value: Money::minor(333), units: Quantity::units(2) });
        shelf.adjust(&line(violin, "-2")).unwrap();
        shelf.adjust(&line(violin, "1")).unwrap();
        assert_eq!(shelf.items[&violin].now.value, Money::minor(167), "half a cent is rounded up");
        shelf.adjust(&line(violin, "1")).unwrap();
        assert_eq!(shelf.items[&violin].now.value, Money::minor(334), "then the average is that of what is there");
    }

    #[test]
    fn a_location_holds_no_more_than_can_be_counted() {
        let (mut shelf, violin) = shelf();
        for _ in 0..10 {
            receive(&mut shelf, violin, "999999999.9999", "0");
        }
        let more = line(violin, "1");
        assert!(matches!(shelf.receive(&more, Money::ZERO), Err(Error::StockTooLarge(_))));
        let (mut shelf, violin) = self::shelf();
        assert!(matches!(shelf.receive(&line(violin, "1"), VALUE_MAX + Money::minor(1)), Err(Error::StockTooLarge(_))));
    }

    #[test]
    fn only_counted_products_come_in() {
        let (mut shelf, violin) = shelf();
        let lines = [line(violin, "1")];
        shelf.admits(&lines, Incoming::ForSale).unwrap();
        assert!(matches!(
            shelf.admits(&[line(ProductId::new(), "1")], Incoming::ForSale),
            Err(Error::ProductUnknown(_))
        ));
        shelf.items.get_mut(&violin).unwrap().is_discontinued = true;
        assert!(matches!(shelf.admits(&lines, Incoming::ForSale), Err(Error::ProductDiscontinued(_))));
        shelf.admits(&lines, Incoming::ForTheBooks).unwrap();
        shelf.items.get_mut(&violin).unwrap().is_stock = false;
        assert!(matches!(shelf.admits(&lines, Incoming::ForTheBooks), Err(Error::ProductNotStocked(_))));
    }
}
