//! Reversing by hand.

use kit::Service;
use proto::ledger::v1 as pb;
use proto::ledger::v1::journal_entry_service_client::JournalEntryServiceClient;
use proto::pos::v1::{Sale, tender};
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::*;

#[tokio::test]
async fn an_entry_is_reversed_by_its_opposite_dated_today_where_the_shop_is() {
    let house = open().await;
    let mut sale = sale(5000);
    sale.business_on = Some("2026-10-30".to_owned());
    house.hears(&completed(&sale)).await.unwrap();
    let entry = entries(&house).await.remove(0);

    let reversal = reverse(&house, &entry.id).await.unwrap();

    assert_eq!(sides(&reversal), [("1050", -5000), ("4000", 5000)]);
    assert_eq!(reversal.effective_on, TODAY);
    assert_eq!(reversal.memo, format!("Reversal of entry {}: booked twice", entry.number));
    assert_eq!(reversal.reverses_id.as_deref(), Some(entry.id.as_str()));
    assert_eq!(reversal.event_kind, "ledger.entry.reversed");
    let request = pb::GetJournalEntryRequest { id: entry.id.clone() };
    let entry = journal(&house).get_journal_entry(request).await.unwrap().into_inner().journal_entry.unwrap();
    assert_eq!(entry.reversed_by_id.as_deref(), Some(reversal.id.as_str()));
    let audited = house.audited().await;
    let action = "ledger.v1.JournalEntryService/ReverseJournalEntry".to_owned();
    assert_eq!(audited, [(action, "journal_entry".to_owned())]);
    assert_eq!(house.told().await, ["ledger.entry.posted", "ledger.entry.posted"]);
}

#[tokio::test]
async fn of_twenty_who_reverse_an_entry_at_once_one_succeeds() {
    let house = std::sync::Arc::new(open().await);
    house.hears(&completed(&sale(5000))).await.unwrap();
    let id = entries(&house).await[0].id.clone();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (house, id) = (house.clone(), id.clone());
        tasks.spawn(async move { reverse(&house, &id).await });
    }
    let mut reversed = 0;
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            Ok(_) => reversed += 1,
            Err(status) => {
                assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
                assert_eq!(reason(&status), "JOURNAL_ENTRY_REVERSED");
            }
        }
    }
    assert_eq!(reversed, 1);
    assert_eq!(entries(&house).await.len(), 2);
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_and_needs_its_key() {
    let house = open().await;
    house.hears(&completed(&sale(5000))).await.unwrap();
    let id = entries(&house).await[0].id.clone();
    let token = house.keys.token(&["ledger.admin"]);
    let request = || pb::ReverseJournalEntryRequest { id: id.clone(), reason: "wrong day".to_owned() };
    let mut client = JournalEntryServiceClient::new(house.token_with(&token, &[("idempotency-key", "once")]));
    let first = client.reverse_journal_entry(request()).await.unwrap().into_inner();
    let second = client.reverse_journal_entry(request()).await.unwrap().into_inner();
    assert_eq!(first, second);

    let mut keyless = JournalEntryServiceClient::new(house.token(&token));
    let status = keyless.reverse_journal_entry(request()).await.unwrap_err();
    assert_eq!(reason(&status), "IDEMPOTENCY_KEY_REQUIRED");
}

#[tokio::test]
async fn a_reversal_that_was_wrong_is_reversed_like_any_entry() {
    let house = open().await;
    house.hears(&completed(&sale(5000))).await.unwrap();
    let id = entries(&house).await[0].id.clone();
    let reversal = reverse(&house, &id).await.unwrap();
    let restored = reverse(&house, &reversal.id).await.unwrap();
    assert_eq!(sides(&restored), [("1050", 5000), ("4000", -5000)]);
    let again = reverse(&house, &reversal.id).await.unwrap_err();
    assert_eq!(reason(&again), "JOURNAL_ENTRY_REVERSED");
}

#[tokio::test]
async fn a_void_after_a_reversal_by_hand_is_for_somebody_to_look_at() {
    let house = open().await;
    let (reversed, restored) = (sale(5000), sale(700));
    house.hears(&completed(&reversed)).await.unwrap();
    house.hears(&completed(&restored)).await.unwrap();
    let booked = entries(&house).await;
    reverse(&house, &booked[0].id).await.unwrap();
    let reversal = reverse(&house, &booked[1].id).await.unwrap();
    let standing = reverse(&house, &reversal.id).await.unwrap();

    house.hears(&voided(&reversed, TODAY)).await.unwrap();
    house.hears(&voided(&restored, TODAY)).await.unwrap();

    let open = exceptions(&house, false).await;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].source_id.as_str(), open[0].event_kind.as_str()), (reversed.id.as_str(), "pos.sale.voided"));
    let void = entries_of(&house, &restored.id).await.remove(1);
    assert_eq!(void.reverses_id, Some(standing.id), "the void takes back what stood");
}

#[tokio::test]
async fn what_an_event_booked_to_a_control_account_is_not_reversed_by_hand() {
    let house = open().await;
    let sold = Sale { tenders: vec![tendered(tender::Kind::Cash, 5000, 0)], ..sale(5000) };
    house.hears(&received(9000)).await.unwrap();
    house.hears(&completed(&sold)).await.unwrap();
    for (entry, account) in entries(&house).await.into_iter().zip(["Inventory", "Cash in drawers"]) {
        let status = reverse(&house, &entry.id).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "CONTROL_ACCOUNT"));
        let sentence = format!(
            "entry {} books to {account}, which only events may move; void the sale or adjust the stock instead",
            entry.number
        );
        assert_eq!(status.message(), sentence);
    }
    house.hears(&voided(&sold, TODAY)).await.unwrap();
    assert!(exceptions(&house, false).await.is_empty());
    let all = entries(&house).await;
    assert_eq!(all.len(), 3);
    let status = reverse(&house, &all[2].id).await.unwrap_err();
    assert_eq!(reason(&status), "CONTROL_ACCOUNT", "nor is the void");
    let status = reverse(&house, &all[1].id).await.unwrap_err();
    assert_eq!(reason(&status), "JOURNAL_ENTRY_REVERSED");
}

#[tokio::test]
async fn a_void_that_waits_behind_a_reversal_of_long_ago_is_booked_when_that_is_reversed() {
    let house = open().await;
    let sold = Sale { tenders: vec![tendered(tender::Kind::Cash, 5000, 0)], ..sale(5000) };
    house.hears(&completed(&sold)).await.unwrap();
    let reversal = reversed_long_ago(&house, &entries(&house).await[0].id).await;
    house.hears(&voided(&sold, TODAY)).await.unwrap();
    assert_eq!(exceptions(&house, false).await.len(), 1);

    let restored = reverse(&house, &reversal).await.unwrap();
    sqlx::query("update posting_exception set tried_at = tried_at - interval '2 hours'")
        .execute(&mut house.sql().await)
        .await
        .unwrap();
    let retry = house.service.jobs().into_iter().find(|job| job.name == "retry_exceptions").unwrap();
    retry.run_once(&house.app.db, "ledger").await.unwrap();

    assert!(exceptions(&house, false).await.is_empty());
    let void = entries_of(&house, &sold.id).await.remove(1);
    assert_eq!(void.reverses_id, Some(restored.id));
}

#[tokio::test]
async fn a_void_and_a_reversal_by_hand_at_once_take_a_sale_back_once() {
    let house = open().await;
    for run in 0..10 {
        let sold = sale(5000);
        house.hears(&completed(&sold)).await.unwrap();
        let id = entries_of(&house, &sold.id).await[0].id.clone();
        let void = voided(&sold, TODAY);
        let (by_hand, heard) = tokio::join!(reverse(&house, &id), house.hears(&void));
        heard.unwrap();
        let voids = entries_of(&house, &sold.id).await.len() - 1;
        let open = exceptions(&house, false).await.iter().filter(|open| open.source_id == sold.id).count();
        match by_hand {
            Ok(_) => assert_eq!((voids, open), (0, 1), "run {run}: somebody looks at the void"),
            Err(status) => {
                assert_eq!((reason(&status).as_str(), voids, open), ("JOURNAL_ENTRY_REVERSED", 1, 0), "run {run}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_reversed() {
    let house = open().await;
    let status = reverse(&house, &new_id()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "JOURNAL_ENTRY_NOT_FOUND"));
    let status = reverse(&house, "entry 7").await.unwrap_err();
    assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["id".to_owned()]));
}
