//! The costing rules, case by case. Values are in cents.

use super::*;

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
    assert!(matches!(shelf.admits(&[line(ProductId::new(), "1")], Incoming::ForSale), Err(Error::ProductUnknown(_))));
    shelf.items.get_mut(&violin).unwrap().is_discontinued = true;
    assert!(matches!(shelf.admits(&lines, Incoming::ForSale), Err(Error::ProductDiscontinued(_))));
    shelf.admits(&lines, Incoming::ForTheBooks).unwrap();
    shelf.items.get_mut(&violin).unwrap().is_stock = false;
    assert!(matches!(shelf.admits(&lines, Incoming::ForTheBooks), Err(Error::ProductNotStocked(_))));
}
