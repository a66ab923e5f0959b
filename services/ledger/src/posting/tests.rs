use proptest::prelude::*;

use super::*;
use crate::journal_entry::Side;

fn booked(movement: &Movement) -> Vec<(String, i64)> {
    let lines = movement.lines().unwrap().unwrap();
    lines.as_slice().iter().map(|line| (line.code.clone(), signed(line.side))).collect()
}

/// Debits are positive.
fn signed(side: Side) -> i64 {
    (side.debit() - side.credit()).minor_units()
}

fn lines(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(code, amount)| ((*code).to_owned(), *amount)).collect()
}

fn money(minor_units: i64) -> Money {
    Money::minor(minor_units)
}

#[test]
fn d1_change_never_reaches_the_drawer() {
    let sale = |tendered, change, total| Sale {
        cash: money(tendered) - money(change),
        goods: money(total),
        net: money(total),
        total: money(total),
        ..Sale::default()
    };
    for (tendered, change, total) in [(50_000, 10_000, 40_000), (10_000, 2_500, 7_500), (80_000, 10_000, 70_000)] {
        let booked = booked(&Movement::SaleCompleted(sale(tendered, change, total)));
        assert_eq!(booked, lines(&[("1010", total), ("4000", -total)]));
    }
}

#[test]
fn c1_what_rounding_cash_took_away_has_its_own_line() {
    let sale = Sale {
        cash: money(1570),
        goods: money(1367),
        net: money(1367),
        tax: money(205),
        total: money(1572),
        cash_rounding: money(-2),
        ..Sale::default()
    };
    let expected = lines(&[("1010", 1570), ("4000", -1367), ("2100", -205), ("5950", 2)]);
    assert_eq!(booked(&Movement::SaleCompleted(sale.clone())), expected);
    let mirrored: Vec<_> = expected.into_iter().map(|(code, amount)| (code, -amount)).collect();
    assert_eq!(booked(&Movement::SaleVoided(sale)), mirrored, "the refund is the void: -15.70");
}

#[test]
fn c2_rounding_the_cash_remainder_up_is_a_gain() {
    let sale = Sale {
        cash: money(573),
        card: money(1000),
        goods: money(1367),
        net: money(1367),
        tax: money(205),
        total: money(1572),
        cash_rounding: money(1),
        ..Sale::default()
    };
    let expected = lines(&[("1010", 573), ("1050", 1000), ("4000", -1367), ("2100", -205), ("5950", -1)]);
    assert_eq!(booked(&Movement::SaleCompleted(sale)), expected);
}

#[test]
fn goods_and_services_earn_apart_and_returns_change_sides() {
    let sale = Sale {
        card: money(700),
        goods: money(-500),
        services: money(1200),
        net: money(700),
        total: money(700),
        ..Sale::default()
    };
    assert_eq!(booked(&Movement::SaleCompleted(sale)), lines(&[("1050", 700), ("4000", 500), ("4100", -1200)]));
}

#[test]
fn d4_a_drawer_with_ten_too_much() {
    let over = Movement::DrawerClosed { expected: money(40_000), counted: money(41_000), over_short: money(1000) };
    assert_eq!(booked(&over), lines(&[("1010", 1000), ("5900", -1000), ("1000", 41_000), ("1010", -41_000)]));
    let short = Movement::DrawerClosed { expected: money(40_000), counted: money(39_000), over_short: money(-1000) };
    assert_eq!(booked(&short), lines(&[("1010", -1000), ("5900", 1000), ("1000", 39_000), ("1010", -39_000)]));
    let exact = Movement::DrawerClosed { expected: money(400), counted: money(400), over_short: money(0) };
    assert_eq!(booked(&exact), lines(&[("1000", 400), ("1010", -400)]));
    let wrong = Movement::DrawerClosed { expected: money(400), counted: money(410), over_short: money(11) };
    assert_eq!(wrong.lines(), Err(Unpostable::WrongDifference));
}

#[test]
fn stock_moves_value_in_and_out_of_inventory() {
    for (movement, expected) in [
        (Movement::StockReceived { value: money(900) }, [("1300", 900), ("2050", -900)]),
        (Movement::StockAdjusted { value: money(50) }, [("1300", 50), ("5100", -50)]),
        (Movement::StockAdjusted { value: money(-50) }, [("1300", -50), ("5100", 50)]),
        (Movement::StockIssued { value: money(225) }, [("5000", 225), ("1300", -225)]),
        (Movement::StockReturned { value: money(225) }, [("1300", 225), ("5000", -225)]),
        (Movement::DrawerOpened { float: money(10_000) }, [("1010", 10_000), ("1000", -10_000)]),
    ] {
        assert_eq!(booked(&movement), lines(&expected), "{movement:?}");
    }
}

#[test]
fn where_nothing_moved_nothing_is_booked() {
    assert_eq!(Movement::SaleCompleted(Sale::default()).lines(), Ok(None));
    assert_eq!(Movement::DrawerOpened { float: Money::ZERO }.lines(), Ok(None));
    assert_eq!(Movement::StockIssued { value: Money::ZERO }.lines(), Ok(None));
}

#[test]
fn a_sale_that_contradicts_itself_is_not_booked() {
    let good = Sale { cash: money(110), goods: money(100), net: money(100), tax: money(10), total: money(110), ..Sale::default() };
    assert!(good.lines().is_ok());
    for (bad, why) in [
        (Sale { goods: money(99), ..good.clone() }, "lines"),
        (Sale { tax: money(11), ..good.clone() }, "net and tax"),
        (Sale { cash: money(109), ..good.clone() }, "tenders"),
        (Sale { cash_rounding: money(1), ..good }, "tenders"),
    ] {
        assert_eq!(bad.lines(), Err(Unpostable::DoesNotAddUp(why)));
    }
}

proptest! {
    #[test]
    fn every_sale_that_adds_up_is_booked_in_balance_and_its_void_takes_all_of_it_back(
        goods in -1_000_000_i64..1_000_000,
        services in -1_000_000_i64..1_000_000,
        tax in -100_000_i64..100_000,
        cash in -1_000_000_i64..1_000_000,
        cash_rounding in -4_i64..5,
    ) {
        let total = goods + services + tax;
        let sale = Sale {
            cash: money(cash),
            card: money(total + cash_rounding - cash),
            goods: money(goods),
            services: money(services),
            net: money(goods + services),
            tax: money(tax),
            total: money(total),
            cash_rounding: money(cash_rounding),
        };
        let completed = Movement::SaleCompleted(sale.clone()).lines().unwrap();
        let voided = Movement::SaleVoided(sale).lines().unwrap();
        let completed = completed.as_ref().map_or(&[][..], |lines| lines.as_slice());
        let voided = voided.as_ref().map_or(&[][..], |lines| lines.as_slice());
        prop_assert_eq!(completed.iter().map(|line| signed(line.side)).sum::<i64>(), 0);
        prop_assert!(completed.iter().all(|line| line.side.debit().is_positive() ^ line.side.credit().is_positive()));
        prop_assert_eq!(completed.len(), voided.len());
        for (line, back) in completed.iter().zip(voided) {
            prop_assert_eq!(&line.code, &back.code);
            prop_assert_eq!(line.side, back.side.turned());
        }
    }
}
