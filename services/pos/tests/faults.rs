//! A repeated, cancelled or crashed request loses nothing and doubles nothing.

use std::time::Duration;

use proto::pos::v1 as pb;
use testing::eventually;
use tonic::Code;
use uuid::Uuid;

use crate::counter::{CLERK, Shop1, cash, reason};

#[tokio::test(flavor = "multi_thread")]
async fn f05_fifty_twins_of_a_request_sell_once() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let token = shop.house.keys.token(&["pos.edit"]);
    let (mut sent, mut acked) = (0, 0);
    for key in 0..4 {
        let key = format!("twin-{key}");
        let mut twins = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let voice = shop.house.token_with(&token, &[("idempotency-key", &key)]);
            let mut client = pb::sale_service_client::SaleServiceClient::new(voice);
            let cart = shop.cart(&[&item], vec![cash(1_000)]);
            sent += 1;
            twins.spawn(async move { client.create_sale(cart).await });
        }
        let answers = twins.join_all().await;
        let done: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        acked += done.len();
        assert!(!done.is_empty());
        assert!(done.iter().all(|answer| answer.get_ref() == done[0].get_ref()), "all twins hear the same");
        for late in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert!(matches!(late.code(), Code::Unavailable | Code::ResourceExhausted), "{late:?}");
        }
        // Another body under the same key.
        let voice = shop.house.token_with(&token, &[("idempotency-key", &key)]);
        let mut client = pb::sale_service_client::SaleServiceClient::new(voice);
        let other = client.create_sale(shop.cart(&[&item], vec![cash(1_001)])).await.unwrap_err();
        assert_eq!(reason(&other), "IDEMPOTENCY_KEY_REUSED");
    }
    let sales: i64 =
        sqlx::query_scalar("select count(*) from sale").fetch_one(&mut shop.house.sql().await).await.unwrap();
    println!("FAULT F05 seed=0 sent={sent} acked={acked} effects={sales} lost=0 dup={}", sales - 4);
    assert_eq!(sales, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_client_that_goes_away_leaves_no_half_sale() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let (mut acked, mut cancelled) = (0, 0);
    for round in 0..200_u64 {
        let id = Uuid::now_v7().to_string();
        let mut client = shop.sales(&id);
        let cart = pb::CreateSaleRequest { id: Some(id.clone()), ..shop.cart(&[&item], vec![cash(1_000)]) };
        let patience = Duration::from_micros(round * 977 % 60_000);
        match tokio::time::timeout(patience, client.create_sale(cart)).await {
            Ok(Ok(_)) => acked += 1,
            Ok(Err(status)) => panic!("{status}"),
            Err(_) => cancelled += 1,
        }
    }
    // What was cut off goes on to its end; a retry with the same key would tell how it ended.
    eventually("the calls that were cut off end", || async {
        let busy: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
              where datname = current_database() and usename = 'pos_rt' and state <> 'idle'",
        )
        .fetch_one(&mut shop.house.sql().await)
        .await
        .unwrap();
        (busy == 0 && shop.house.app.db.sizes()[0].1 == u32::try_from(shop.house.app.db.sizes()[0].2).unwrap())
            .then_some(())
    })
    .await;
    let (all, whole): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (
            where s.state = 'completed' and exists (select from sale_line l where l.sale_id = s.id)
              and exists (select from tender t where t.sale_id = s.id)
              and exists (select from outbox o where o.aggregate_id = s.id)
              and exists (select from audit a where a.subject_id = s.id::text))
           from sale s",
    )
    .fetch_one(&mut shop.house.sql().await)
    .await
    .unwrap();
    println!(
        "FAULT F04 seed=977 sent=200 acked={acked} cancelled={cancelled} effects={all} lost={} dup=0",
        i64::from(all < acked)
    );
    assert_eq!(all, whole, "no sale is half there");
    assert!(all >= acked && acked > 0);
}

#[tokio::test]
async fn the_same_sale_id_is_taken_once() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let id = Uuid::now_v7().to_string();
    let cart = pb::CreateSaleRequest { id: Some(id.clone()), ..shop.cart(&[&item], vec![cash(1_000)]) };
    shop.sell(cart.clone()).await.unwrap();
    let again = shop.sell(cart).await.unwrap_err();
    assert_eq!((again.code(), reason(&again)), (Code::AlreadyExists, "SALE_EXISTS".to_owned()));
    assert!(shop.shelf.given_back().is_empty(), "the stock of the first sale stays held");
}

#[tokio::test]
async fn the_same_request_under_another_key_is_answered_with_the_sale() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let token = shop.house.keys.token(CLERK);
    let submit = async |token: &str, cart: &pb::CreateSaleRequest| {
        let key = Uuid::now_v7().to_string();
        let voice = shop.house.token_with(token, &[("idempotency-key", &key)]);
        pb::sale_service_client::SaleServiceClient::new(voice).create_sale(cart.clone()).await
    };
    let id = Uuid::now_v7().to_string();
    let cart = pb::CreateSaleRequest { id: Some(id.clone()), ..shop.cart(&[&item], vec![cash(1_000)]) };
    // Two at once, and one that comes later.
    let (first, twin) = tokio::join!(submit(&token, &cart), submit(&token, &cart));
    let sale = first.unwrap().into_inner().sale.unwrap();
    assert_eq!(twin.unwrap().into_inner().sale.unwrap().number, sale.number);
    let again = submit(&token, &cart).await.unwrap().into_inner().sale.unwrap();
    assert_eq!((again.id, again.number, again.lines), (id.clone(), sale.number, sale.lines));
    assert!(shop.shelf.holders(&id) > 0, "the stock of the sale stays held");

    let other = pb::CreateSaleRequest { tenders: vec![cash(1_001)], ..cart.clone() };
    assert_eq!(reason(&submit(&token, &other).await.unwrap_err()), "SALE_EXISTS");
    let somebody_else = shop.house.keys.token(CLERK);
    assert_eq!(reason(&submit(&somebody_else, &cart).await.unwrap_err()), "SALE_EXISTS");
    assert_eq!(shop.house.events::<pb::SaleCompleted>().await.len(), 1);
}

#[tokio::test]
async fn a_sale_without_an_idempotency_key_is_refused() {
    let shop = Shop1::open().await;
    let item = shop.shelf.product(1_000);
    let mut client = pb::sale_service_client::SaleServiceClient::new(shop.house.user(&["pos.edit"]));
    let refused = client.create_sale(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap_err();
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REQUIRED");
}
