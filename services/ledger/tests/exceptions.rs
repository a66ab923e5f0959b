//! Events that no rule can book.

use kit::Service;
use proto::pos::v1::{Sale, SaleCompleted, tender};

use crate::support::*;

#[tokio::test]
async fn an_event_that_cannot_be_booked_is_noted_once_and_stops_nobody() {
    let house = open().await;
    let bad = Sale { tenders: vec![tendered(tender::Kind::Cash, 1, 0)], ..sale(500) };
    house.hears(&completed(&bad)).await.unwrap();
    house.hears(&SaleCompleted { sale: None }).await.unwrap();
    house.hears(&completed(&Sale { business_on: None, ..sale(500) })).await.unwrap();
    house.hears(&completed(&sale(700))).await.unwrap();

    let open = exceptions(&house, false).await;
    let noted: Vec<_> = open.iter().map(|exception| exception.reason.as_str()).collect();
    assert_eq!(
        noted,
        ["the sale's tenders do not add up", "the event lacks the sale", "the event lacks the business date"]
    );
    assert_eq!(open[0].source_id, bad.id);
    assert_eq!(open[1].source_id, "");
    assert_eq!(open[0].event_kind, "pos.sale.completed");
    assert_eq!(entries(&house).await.len(), 1);
    assert!(exceptions(&house, true).await.is_empty());
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_is_an_exception() {
    let house = open().await;
    let subject = db::Subject { id: new_id().parse().unwrap(), version: 1 };
    for kind in ["pos.gift_card.sold", "rentals.fee.charged"] {
        let heard = events::Heard::for_test(kind, subject, vec![1, 2, 3], house.clock.now());
        let context = db::Context::of_service("ledger", "test", house.clock.now());
        let mut tx = house.app.db.begin_background(context).await.unwrap();
        house.service.hear(&mut tx, &heard).await.unwrap();
        house.app.db.commit(tx).await.unwrap();
    }
    let open = exceptions(&house, false).await;
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|exception| exception.reason == "no rule books events of this kind"));
}

#[tokio::test]
async fn what_came_too_early_is_booked_when_its_location_is_known() {
    let house = open().await;
    let mut early = received(4200);
    early.location_id = location_id(3);
    house.hears(&early).await.unwrap();
    assert_eq!(exceptions(&house, false).await.len(), 1);

    let retry = house.service.jobs().into_iter().find(|job| job.name == "retry_exceptions").unwrap();
    retry.run_once(&house.app.db, "ledger").await.unwrap();
    assert!(entries(&house).await.is_empty(), "it is not due yet");
    due(&house).await;
    retry.run_once(&house.app.db, "ledger").await.unwrap();
    assert_eq!(exceptions(&house, false).await.len(), 1, "the location is still unknown");

    house.hears(&location(3, Some("Asia/Tokyo"))).await.unwrap();
    due(&house).await;
    retry.run_once(&house.app.db, "ledger").await.unwrap();

    assert!(exceptions(&house, false).await.is_empty());
    let resolved = exceptions(&house, true).await;
    assert_eq!(resolved.len(), 1);
    assert!(resolved[0].resolved_at.is_some());
    let booked = entries_of(&house, &early.receipt_id).await;
    assert_eq!(sides(&booked[0]), [("1300", 4200), ("2050", -4200)]);
    due(&house).await;
    retry.run_once(&house.app.db, "ledger").await.unwrap();
    assert_eq!(entries(&house).await.len(), 1);
}

/// Lets the time between two attempts pass.
async fn due(house: &testing::House<ledger::Ledger>) {
    let passed = sqlx::query("update posting_exception set tried_at = tried_at - interval '2 hours'");
    passed.execute(&mut house.sql().await).await.unwrap();
}
