//! What events write into the journal.

use proto::ledger::v1::EntryPosted;
use proto::pos::v1::{Sale, tender};

use crate::support::*;

#[tokio::test]
async fn d1_a_cash_sale_books_what_stays_in_the_drawer_not_what_was_handed_over() {
    let house = open().await;
    let sale = Sale { tenders: vec![tendered(tender::Kind::Cash, 50_000, 10_000)], ..sale(40_000) };
    house.hears(&completed(&sale)).await.unwrap();

    let booked = entries_of(&house, &sale.id).await;
    assert_eq!(booked.len(), 1);
    let entry = &booked[0];
    assert_eq!(sides(entry), [("1010", 40_000), ("4000", -40_000)]);
    assert_eq!(entry.memo, "Sale 20261121-0042");
    assert_eq!(entry.effective_on, TODAY);
    assert_eq!(entry.amount, money(40_000));
    assert_eq!((entry.source_service.as_str(), entry.source_kind.as_str()), ("pos", "sale"));
    assert_eq!(entry.event_kind, "pos.sale.completed");
    assert_eq!(house.told().await, ["ledger.entry.posted"]);
    let told = house.events::<EntryPosted>().await.remove(0);
    assert_eq!((told.journal_entry_id, told.source_id), (entry.id.clone(), sale.id));
}

#[tokio::test]
async fn tax_goods_and_services_paid_in_cash_and_by_card_have_their_own_accounts() {
    let house = open().await;
    let sale = Sale {
        lines: vec![line("goods", 10_000), line("service", 5000), line("strings", 2000)],
        tenders: vec![tendered(tender::Kind::Card, 12_000, 0), tendered(tender::Kind::Cash, 6000, 10)],
        net: money(17_000),
        tax: money(990),
        total: money(17_990),
        ..sale(0)
    };
    house.hears(&completed(&sale)).await.unwrap();

    let booked = entries_of(&house, &sale.id).await;
    let expected = [("1010", 5990), ("1050", 12_000), ("4000", -12_000), ("4100", -5000), ("2100", -990)];
    assert_eq!(sides(&booked[0]), expected);
    assert_eq!(booked[0].lines[4].name, "Sales tax payable");
}

#[tokio::test]
async fn c1_rounded_cash_is_booked_with_its_rounding_and_the_void_mirrors_it() {
    let house = open().await;
    let sale = Sale {
        lines: vec![line("goods", 1367)],
        tenders: vec![tendered(tender::Kind::Cash, 2000, 430)],
        net: money(1367),
        tax: money(205),
        total: money(1572),
        cash_rounding: money(-2),
        ..sale(0)
    };
    house.hears(&completed(&sale)).await.unwrap();
    house.hears(&voided(&sale, "2026-11-22")).await.unwrap();

    let booked = entries_of(&house, &sale.id).await;
    assert_eq!(sides(&booked[0]), [("1010", 1570), ("4000", -1367), ("2100", -205), ("5950", 2)]);
    assert_eq!(sides(&booked[1]), [("1010", -1570), ("4000", 1367), ("2100", 205), ("5950", -2)]);
    assert_eq!(booked[1].effective_on, "2026-11-22");
    assert_eq!(booked[1].memo, "Void of sale 20261121-0042: wrong strings");
    assert_eq!(booked[1].reverses_id.as_deref(), Some(booked[0].id.as_str()));
    assert_eq!(booked[0].reversed_by_id.as_deref(), Some(booked[1].id.as_str()));
}

#[tokio::test]
async fn a_void_that_is_heard_before_its_sale_is_booked_from_what_it_tells() {
    let house = open().await;
    let sale = sale(5000);
    house.hears(&voided(&sale, TODAY)).await.unwrap();
    house.hears(&completed(&sale)).await.unwrap();

    let booked = entries_of(&house, &sale.id).await;
    assert_eq!(sides(&booked[0]), [("1050", -5000), ("4000", 5000)]);
    assert_eq!(sides(&booked[1]), [("1050", 5000), ("4000", -5000)]);
    assert_eq!((&booked[0].reverses_id, &booked[1].reversed_by_id), (&None, &None));
}

#[tokio::test]
async fn an_event_is_booked_once_however_often_it_is_told() {
    let house = open().await;
    let sale = sale(5000);
    for _ in 0..3 {
        house.hears(&completed(&sale)).await.unwrap();
    }
    for _ in 0..2 {
        house.hears(&voided(&sale, TODAY)).await.unwrap();
    }
    assert_eq!(entries(&house).await.len(), 2);
    assert_eq!(house.told().await.len(), 2);
    assert!(exceptions(&house, false).await.is_empty());
}

#[tokio::test]
async fn a_sale_of_nothing_needs_no_entry_and_is_no_exception() {
    let house = open().await;
    house.hears(&completed(&Sale { tenders: vec![], ..sale(0) })).await.unwrap();
    house.hears(&drawer_opened(0)).await.unwrap();
    assert!(entries(&house).await.is_empty());
    assert!(exceptions(&house, false).await.is_empty());
}

#[tokio::test]
async fn d4_a_drawer_takes_its_float_from_the_safe_and_gives_the_count_back() {
    let house = open().await;
    house.hears(&drawer_opened(20_000)).await.unwrap();
    house.hears(&drawer_closed(60_000, 61_000)).await.unwrap();
    house.hears(&drawer_closed(60_000, 59_000)).await.unwrap();

    let booked = entries(&house).await;
    assert_eq!(sides(&booked[0]), [("1010", 20_000), ("1000", -20_000)]);
    assert_eq!(sides(&booked[1]), [("1010", 1000), ("5900", -1000), ("1000", 61_000), ("1010", -61_000)]);
    assert_eq!(sides(&booked[2]), [("1010", -1000), ("5900", 1000), ("1000", 59_000), ("1010", -59_000)]);
}

#[tokio::test]
async fn stock_is_booked_at_its_value_and_cost_follows_the_sale() {
    let house = open().await;
    let sale = sale(9900);
    house.hears(&received(30_000)).await.unwrap();
    house.hears(&adjusted(-1500)).await.unwrap();
    house.hears(&adjusted(250)).await.unwrap();
    house.hears(&issued(&sale.id, 4000)).await.unwrap();
    house.hears(&returned(&sale.id, 4000)).await.unwrap();
    house.hears(&completed(&sale)).await.unwrap();

    let booked = entries(&house).await;
    let expected: [&[(&str, i64)]; 6] = [
        &[("1300", 30_000), ("2050", -30_000)],
        &[("1300", -1500), ("5100", 1500)],
        &[("1300", 250), ("5100", -250)],
        &[("5000", 4000), ("1300", -4000)],
        &[("1300", 4000), ("5000", -4000)],
        &[("1050", 9900), ("4000", -9900)],
    ];
    for (entry, expected) in booked.iter().zip(expected) {
        assert_eq!(sides(entry), expected, "{}", entry.memo);
    }
    let of_sale: Vec<_> = entries_of(&house, &sale.id).await.into_iter().map(|entry| entry.event_kind).collect();
    assert_eq!(of_sale, ["inventory.stock.issued", "inventory.stock.returned", "pos.sale.completed"]);
}

#[tokio::test]
async fn stock_counts_for_the_date_it_was_at_the_location() {
    let house = open().await;
    let late = "2026-11-21T23:30:00Z";
    let mut in_chicago = received(100);
    in_chicago.occurred_at = at(late);
    let mut in_berlin = received(200);
    in_berlin.occurred_at = at(late);
    in_berlin.location_id = location_id(2);
    house.hears(&in_chicago).await.unwrap();
    house.hears(&in_berlin).await.unwrap();
    assert_eq!(entries_of(&house, &in_chicago.receipt_id).await[0].effective_on, "2026-11-21");
    assert_eq!(entries_of(&house, &in_berlin.receipt_id).await[0].effective_on, "2026-11-22");
}

#[tokio::test]
async fn copies_and_news_of_others_are_not_booked_and_no_exceptions() {
    let house = open().await;
    house.hears(&proto::identity::v1::ShopChanged::default()).await.unwrap();
    house.hears(&proto::accounts::v1::AccountChanged::default()).await.unwrap();
    assert!(entries(&house).await.is_empty());
    assert!(exceptions(&house, false).await.is_empty());
}

#[tokio::test]
async fn consumers_that_hear_the_same_event_at_once_book_it_once() {
    let house = std::sync::Arc::new(open().await);
    let sale = sale(5000);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (house, sale) = (house.clone(), sale.clone());
        tasks.spawn(async move {
            if n % 2 == 0 { house.hears(&completed(&sale)).await } else { house.hears(&voided(&sale, TODAY)).await }
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    let booked = entries_of(&house, &sale.id).await;
    let mut kinds: Vec<_> = booked.iter().map(|entry| entry.event_kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["pos.sale.completed", "pos.sale.voided"]);
    assert!(exceptions(&house, false).await.is_empty());
}
