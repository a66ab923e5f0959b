//! Receipts, adjustments, costs.

use proto::inventory::v1 as pb;
use proto::inventory::v1::stock_service_client::StockServiceClient;
use tonic::Code;

use crate::shop::{Shop, blamed, id, reason};

#[tokio::test]
async fn i1_ten_at_10_and_ten_at_20_leave_five_worth_75_after_fifteen() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "10", "10").await;
    shop.receive(&[(&violin, "10", "20")]).await.unwrap();
    assert_eq!(shop.stock_level(&violin).await.average_cost, "15");

    let sale = id();
    shop.completes(&shop.sale(&sale, &[(&violin, "15")])).await.unwrap();

    let issued = shop.house.events::<pb::StockIssued>().await.remove(0);
    assert_eq!((issued.sale_id.as_str(), issued.value.unwrap().minor_units), (sale.as_str(), 22_500));
    assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 7_500));
    let moved = shop.moves_of(&sale).await.remove(0);
    assert_eq!((moved.quantity.as_str(), moved.value.unwrap().minor_units), ("-15", -22_500));
    assert_eq!((moved.on_hand_after.as_str(), moved.value_after.unwrap().minor_units), ("5", 7_500));
    shop.adds_up().await;
}

#[tokio::test]
async fn i5_the_issue_that_empties_the_stock_takes_the_odd_cent() {
    let shop = Shop::open().await;
    for (name, costs, whole) in [("Up", ["1.00", "1.00", "1.01"], 301), ("Down", ["1.02", "1.00", "1.00"], 302)] {
        let string = shop.product(name).await;
        for cost in costs {
            shop.receive(&[(&string, "1", cost)]).await.unwrap();
        }
        assert_eq!(shop.level(&string).await, ("3".to_owned(), "0".to_owned(), whole));
        shop.completes(&shop.sale(&id(), &[(&string, "3")])).await.unwrap();
        assert_eq!(shop.level(&string).await, ("0".to_owned(), "0".to_owned(), 0));
        assert_eq!(shop.house.events::<pb::StockIssued>().await.pop().unwrap().value.unwrap().minor_units, whole);
    }
    shop.adds_up().await;
}

#[tokio::test]
async fn i26_two_issues_at_once_of_three_leave_four_of_ten() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "10", "3.33").await;
    let (left, right) = (shop.sale(&id(), &[(&violin, "3")]), shop.sale(&id(), &[(&violin, "3")]));
    let (left, right) = tokio::join!(shop.completes(&left), shop.completes(&right));
    left.unwrap();
    right.unwrap();
    assert_eq!(shop.level(&violin).await, ("4".to_owned(), "0".to_owned(), 1_332));
    shop.adds_up().await;
}

#[tokio::test]
async fn a_receipt_counts_each_of_its_lines() {
    let shop = Shop::open().await;
    let (violin, bow) = (shop.product("Violin").await, shop.product("Bow").await);
    let receipt = shop.receive(&[(&violin, "1", "0.005"), (&bow, "2", "3"), (&violin, "2.5", "0.335")]).await.unwrap();
    let values: Vec<_> =
        receipt.moves.iter().map(|moved| (moved.quantity.as_str(), moved.value.unwrap().minor_units)).collect();
    assert_eq!(values, [("1", 1), ("2", 600), ("2.5", 84)], "half a cent is rounded up, line by line");
    assert_eq!(receipt.value.unwrap().minor_units, 685);
    assert_eq!(shop.level(&violin).await, ("3.5".to_owned(), "0".to_owned(), 85));
    let told = shop.house.events::<pb::StockReceived>().await.remove(0);
    assert_eq!((told.receipt_id, told.value.unwrap().minor_units), (receipt.id, 685));
    let audited = shop.house.audited().await.pop().unwrap();
    assert_eq!(audited, ("inventory.v1.StockService/CreateStockReceipt".to_owned(), "stock_receipt".to_owned()));
    shop.adds_up().await;
}

#[tokio::test]
async fn a_repeated_receipt_comes_in_once() {
    let shop = Shop::open().await;
    let violin = shop.product("Violin").await;
    let voice = shop.house.user_with(&["inventory.edit"], &[("idempotency-key", "delivery 17")]);
    let line =
        pb::StockReceiptLine { product_id: violin.id.clone(), quantity: "2".to_owned(), unit_cost: "5".to_owned() };
    let request = || pb::CreateStockReceiptRequest {
        location_id: shop.main.clone(),
        supplier: Some("Cremona Trading".to_owned()),
        lines: vec![line.clone()],
        ..pb::CreateStockReceiptRequest::default()
    };
    let mut client = StockServiceClient::new(voice);
    let first = client.create_stock_receipt(request()).await.unwrap().into_inner();
    let second = client.create_stock_receipt(request()).await.unwrap().into_inner();
    assert_eq!(first, second);
    assert_eq!(shop.level(&violin).await.0, "2");
}

#[tokio::test]
async fn what_cannot_come_in_is_refused_line_by_line() {
    let shop = Shop::open().await;
    let (violin, lesson) = (shop.product("Violin").await, shop.service("Lesson").await);
    let unknown = pb::Product { id: id(), ..violin.clone() };
    let refused = shop.receive(&[(&violin, "1", "1"), (&unknown, "1", "1")]).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), blamed(&refused)),
        ("PRODUCT_UNKNOWN", vec!["lines[1].product_id".to_owned()])
    );
    let refused = shop.receive(&[(&lesson, "1", "1")]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PRODUCT_NOT_STOCKED"));
    let refused = shop.receive(&[(&violin, "-1", "-1"), (&violin, "0", "1.1234567")]).await.unwrap_err();
    let fields = ["lines[0].quantity", "lines[0].unit_cost", "lines[1].quantity", "lines[1].unit_cost"];
    assert_eq!(blamed(&refused), fields);
    let refused = shop.receive(&[(&violin, "999999999", "999999999")]).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), blamed(&refused)),
        ("STOCK_TOO_LARGE", vec!["lines[0].unit_cost".to_owned()])
    );

    let line =
        pb::StockReceiptLine { product_id: violin.id.clone(), quantity: "1".to_owned(), unit_cost: "1".to_owned() };
    let elsewhere = pb::CreateStockReceiptRequest {
        location_id: id(),
        lines: vec![line],
        ..pb::CreateStockReceiptRequest::default()
    };
    let refused = shop.stock().create_stock_receipt(elsewhere).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), blamed(&refused)), ("LOCATION_UNKNOWN", vec!["location_id".to_owned()]));
    assert_eq!(shop.house.told().await.len(), 2, "only the products were told");
}

#[tokio::test]
async fn the_books_follow_what_is_found_at_the_average_cost() {
    let shop = Shop::open().await;
    let (violin, bow) = (shop.stocked("Violin", "4", "15").await, shop.product("Bow").await);
    let found = shop.adjust("found", &[(&violin, "2"), (&bow, "1")]).await.unwrap();
    assert_eq!(found.value.unwrap().minor_units, 3_000, "a bow that never cost anything enters at nothing");
    let lost = shop.adjust("damage", &[(&violin, "-1")]).await.unwrap();
    assert_eq!((lost.value.unwrap().minor_units, lost.moves[0].reason.as_deref()), (-1_500, Some("damage")));
    assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 7_500));
    let told: Vec<_> = shop.house.events::<pb::StockAdjusted>().await;
    let told: Vec<_> = told.iter().map(|event| (event.reason.as_str(), event.value.unwrap().minor_units)).collect();
    assert_eq!(told, [("found", 3_000), ("damage", -1_500)]);
    shop.adds_up().await;
}

#[tokio::test]
async fn what_is_found_where_the_last_one_left_enters_at_the_last_known_cost() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "2", "1.665").await;
    assert_eq!(shop.level(&violin).await, ("2".to_owned(), "0".to_owned(), 333));
    let lost = shop.adjust("loss", &[(&violin, "-2")]).await.unwrap();
    assert_eq!(lost.value.unwrap().minor_units, -333);
    let found = shop.adjust("found", &[(&violin, "1")]).await.unwrap();
    assert_eq!(found.value.unwrap().minor_units, 167);
    shop.completes(&shop.sale(&id(), &[(&violin, "1")])).await.unwrap();
    let issued = shop.house.events::<pb::StockIssued>().await.remove(0);
    assert_eq!(issued.value.unwrap().minor_units, 167, "its sale has a cost of goods");

    shop.receive(&[(&violin, "1", "9")]).await.unwrap();
    shop.adjust("loss", &[(&violin, "-1")]).await.unwrap();
    let found = shop.adjust("found", &[(&violin, "2"), (&violin, "1")]).await.unwrap();
    assert_eq!(found.value.unwrap().minor_units, 2_700, "the last cost is the last receipt's");

    // Elsewhere no cost was ever known, and what was a present is one still.
    let elsewhere = pb::CreateStockAdjustmentRequest {
        location_id: shop.other.clone(),
        reason: "found".to_owned(),
        note: None,
        lines: vec![pb::StockAdjustmentLine { product_id: violin.id.clone(), quantity: "1".to_owned() }],
    };
    let found = shop.stock().create_stock_adjustment(elsewhere).await.unwrap().into_inner().adjustment.unwrap();
    assert_eq!(found.value.unwrap().minor_units, 0);
    let present = shop.stocked("Present", "1", "0").await;
    shop.adjust("loss", &[(&present, "-1")]).await.unwrap();
    assert_eq!(shop.adjust("found", &[(&present, "1")]).await.unwrap().value.unwrap().minor_units, 0);
    shop.adds_up().await;
}

#[tokio::test]
async fn two_lines_of_one_product_see_each_other() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "3", "1").await;
    let refused = shop.adjust("loss", &[(&violin, "-2"), (&violin, "-2")]).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), blamed(&refused)), ("OUT_OF_STOCK", vec!["lines[1].product_id".to_owned()]));
    shop.adjust("count", &[(&violin, "-2"), (&violin, "-1"), (&violin, "3")]).await.unwrap();
    assert_eq!(shop.level(&violin).await, ("3".to_owned(), "0".to_owned(), 300), "they cost what the last ones did");
    shop.adds_up().await;
}

#[tokio::test]
async fn an_adjustment_needs_a_known_reason_and_free_stock() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "3", "1").await;
    let refused = shop.adjust("theft", &[(&violin, "-1")]).await.unwrap_err();
    assert_eq!((refused.code(), blamed(&refused)), (Code::InvalidArgument, vec!["reason".to_owned()]));
    for known in ["count", "damage", "loss", "found", "shop_use"] {
        shop.adjust(known, &[(&violin, "1")]).await.unwrap();
    }
    shop.reserve(&id(), &[(&violin, "6")]).await.unwrap();
    let refused = shop.adjust("loss", &[(&violin, "-3")]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "STOCK_RESERVED"));
    shop.adjust("loss", &[(&violin, "-2")]).await.unwrap();
    let refused = shop.adjust("loss", &[(&violin, "-7")]).await.unwrap_err();
    assert_eq!(reason(&refused), "OUT_OF_STOCK");
    shop.adds_up().await;
}

#[tokio::test]
async fn the_ledger_is_told_of_sales_that_are_stuck() {
    let shop = Shop::open().await;
    let totals = shop.totals().await;
    assert_eq!((totals.waiting_events, totals.parked_events), (0, 0));
    let stuck = "insert into inbox (event_id, kind, producer, producer_tx, body, headers, attempts, parked_at, done_at)
                 select gen_random_uuid(), kind, 'pos', '7', '', '{}', 1, parked_at, done_at
                   from (values ('pos.sale.completed', null, null), ('pos.sale.voided', null, null),
                                ('pos.sale.completed', now(), null), ('pos.sale.completed', null, now()),
                                ('identity.shop.changed', now(), null)) as t (kind, parked_at, done_at)";
    sqlx::query(stuck).execute(&mut shop.house.sql().await).await.unwrap();
    let totals = shop.totals().await;
    assert_eq!((totals.waiting_events, totals.parked_events), (2, 1));
}

#[tokio::test]
async fn the_ledger_sees_value_and_events_of_one_instant() {
    let shop = Shop::open().await;
    assert_eq!(shop.totals().await.events, 0);
    let violin = shop.stocked("Violin", "4", "15").await;
    shop.adjust("loss", &[(&violin, "-1")]).await.unwrap();
    let sale = shop.sale(&id(), &[(&violin, "1")]);
    shop.completes(&sale).await.unwrap();
    shop.reverses(&sale).await.unwrap();
    let totals = shop.totals().await;
    assert_eq!((totals.events, totals.value.unwrap().minor_units), (4, 4_500));
    let seen: bool =
        sqlx::query_scalar("select bool_and(pg_visible_in_snapshot(tx, $1::text::pg_snapshot)) from outbox")
            .bind(&totals.snapshot)
            .fetch_one(&mut shop.house.sql().await)
            .await
            .unwrap();
    assert!(seen, "the snapshot saw what it counted");
}
