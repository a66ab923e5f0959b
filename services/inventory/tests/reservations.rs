//! Promises: all or none, once, and never more than there is.

use std::sync::Arc;

use db::Pools;
use proto::inventory::v1 as pb;
use proto::inventory::v1::reservation::State;
use testing::Builder;
use tonic::Code;

use crate::shop::{Shop, blamed, id, reason};

/// A shop whose service has many connections, for races.
async fn crowded() -> Arc<Shop> {
    Arc::new(Shop::with(Builder::default().pools(Pools { requests: 20, background: 4 })).await)
}

/// Many sales ask at once, each for so much; how many got it, and why the others did not.
async fn rush(shop: &Arc<Shop>, product: &pb::Product, sales: usize, quantity: &'static str) -> (usize, Vec<String>) {
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..sales {
        let (shop, product) = (Arc::clone(shop), product.clone());
        asks.spawn(async move { shop.reserve(&id(), &[(&product, quantity)]).await });
    }
    let answers = asks.join_all().await;
    let refused: Vec<String> = answers.iter().filter_map(|answer| answer.as_ref().err().map(reason)).collect();
    (sales - refused.len(), refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_sales_that_want_the_last_seven_get_seven() {
    let shop = crowded().await;
    for run in 0..20 {
        let violin = shop.stocked(&format!("Violin {run}"), "7", "10").await;
        let (held, refused) = rush(&shop, &violin, 20, "1").await;
        assert_eq!((held, refused), (7, vec!["OUT_OF_STOCK".to_owned(); 13]), "run {run}");
        assert_eq!(shop.level(&violin).await, ("7".to_owned(), "7".to_owned(), 7_000));
    }
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_of_two_sales_that_want_sixty_of_a_hundred_at_once_one_gets_them() {
    let shop = crowded().await;
    for run in 0..20 {
        let string = shop.stocked(&format!("String {run}"), "100", "1").await;
        assert_eq!(rush(&shop, &string, 2, "60").await.0, 1, "run {run}");
        assert_eq!(shop.stock_level(&string).await.available, "40");
    }
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_that_name_the_same_goods_in_another_order_do_not_wait_for_each_other() {
    let shop = crowded().await;
    let (violin, bow, rosin) = (
        shop.stocked("Violin", "200", "1").await,
        shop.stocked("Bow", "200", "1").await,
        shop.stocked("Rosin", "200", "1").await,
    );
    let mut sales = tokio::task::JoinSet::new();
    for n in 0..24 {
        let shop = Arc::clone(&shop);
        let mut goods = [violin.clone(), bow.clone(), rosin.clone()];
        goods.rotate_left(n % 3);
        sales.spawn(async move {
            let lines = goods.each_ref().map(|product| (product, "1"));
            let sale = id();
            shop.reserve(&sale, &lines).await.unwrap();
            shop.completes(&shop.sale(&sale, &lines)).await.unwrap();
        });
    }
    sales.join_all().await;
    assert_eq!(shop.level(&bow).await, ("176".to_owned(), "0".to_owned(), 17_600));
    let deadlocks: i64 =
        sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()")
            .fetch_one(&mut shop.house.sql().await)
            .await
            .unwrap();
    assert_eq!(deadlocks, 0, "a deadlock would be tried again, and so stay unseen");
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_asks_twice_at_once_is_promised_once() {
    let shop = crowded().await;
    let violin = shop.stocked("Violin", "100", "1").await;
    for _ in 0..10 {
        let sale = id();
        let lines = [(&violin, "2")];
        let (left, right) = tokio::join!(shop.reserve(&sale, &lines), shop.reserve(&sale, &lines));
        assert_eq!(left.unwrap().reservation.unwrap().id, right.unwrap().reservation.unwrap().id);
    }
    assert_eq!(shop.stock_level(&violin).await.reserved, "20");
    shop.adds_up().await;
}

#[tokio::test]
async fn all_lines_are_promised_or_none() {
    let shop = Shop::open().await;
    let (violin, bow) = (shop.stocked("Violin", "5", "1").await, shop.stocked("Bow", "1", "1").await);
    let never = shop.product("Never here").await;
    let refused = shop.reserve(&id(), &[(&violin, "1"), (&bow, "2"), (&never, "1")]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "OUT_OF_STOCK"));
    assert_eq!(blamed(&refused), ["lines[1].product_id", "lines[2].product_id"]);
    assert!(refused.message().contains("Bow (SKU-Bow)"), "{}", refused.message());
    assert_eq!(shop.level(&violin).await.1, "0");

    let refused = shop.reserve(&id(), &[(&bow, "0.6"), (&violin, "1"), (&bow, "0.5")]).await.unwrap_err();
    assert_eq!(blamed(&refused), ["lines[0].product_id"], "lines of one product are added up");
    shop.adds_up().await;
}

#[tokio::test]
async fn every_line_has_its_price_and_services_need_no_promise() {
    let shop = Shop::open().await;
    let (violin, lesson) = (shop.stocked("Violin", "5", "1").await, shop.service("Lesson").await);
    let answer = shop.reserve(&id(), &[(&lesson, "1"), (&violin, "2"), (&violin, "1"), (&lesson, "3")]).await.unwrap();
    let names: Vec<_> = answer.products.iter().map(|product| (product.name.as_str(), product.is_stock)).collect();
    assert_eq!(names, [("Lesson", false), ("Violin", true), ("Violin", true), ("Lesson", false)]);
    let priced = &answer.products[1];
    assert_eq!((priced.sku.as_str(), priced.tax_category.as_str()), ("SKU-Violin", "goods"));
    assert_eq!(priced.price.unwrap().minor_units, 19_900);
    let held = answer.reservation.unwrap();
    assert_eq!((held.state(), held.lines.len(), held.lines[0].quantity.as_str()), (State::Pending, 1, "3"));
    assert_eq!(held.expires_at.unwrap().seconds - shop.house.clock.now().timestamp(), 15 * 60);

    assert!(shop.reserve(&id(), &[(&lesson, "1")]).await.unwrap().reservation.is_none());
    assert!(shop.reserve(&id(), &[]).await.unwrap().products.is_empty());
    let priced = shop.ask("", &[(&violin, "99")], true).await.unwrap_err();
    assert_eq!(blamed(&priced), ["sale_id"]);
    let priced = shop.ask("quote", &[(&violin, "99"), (&lesson, "1")], true).await.unwrap();
    assert_eq!((priced.products.len(), priced.reservation), (2, None));
    assert_eq!(shop.level(&violin).await.1, "3", "prices hold nothing");
    assert_eq!(shop.house.audited().await.len(), 3, "a promise is no decision of a user");
    shop.adds_up().await;
}

#[tokio::test]
async fn unknown_and_discontinued_products_are_named_by_their_lines() {
    let shop = Shop::open().await;
    let (violin, gone) = (shop.stocked("Violin", "5", "1").await, shop.product("Gone").await);
    let unknown = pb::Product { id: id(), ..violin.clone() };
    shop.products().discontinue_product(pb::DiscontinueProductRequest { id: gone.id.clone() }).await.unwrap();
    for price_only in [true, false] {
        let refused = shop.ask(&id(), &[(&violin, "1"), (&unknown, "1")], price_only).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PRODUCT_UNKNOWN"));
        assert_eq!(blamed(&refused), ["lines[1].product_id"]);
        let refused = shop.ask(&id(), &[(&gone, "1"), (&violin, "1")], price_only).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PRODUCT_DISCONTINUED"));
        assert_eq!(blamed(&refused), ["lines[0].product_id"]);
    }
    let much = "999999999";
    let refused = shop.reserve(&id(), &[(&violin, much); 11]).await.unwrap_err();
    assert_eq!(blamed(&refused), ["lines[0].quantity"]);
    let refused = shop.reserve(&id(), &[(&violin, "-1"), (&violin, "x")]).await.unwrap_err();
    assert_eq!(blamed(&refused), ["lines[0].quantity", "lines[1].quantity"]);
    shop.adds_up().await;
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_and_another_is_refused() {
    let shop = Shop::open().await;
    let (violin, bow) = (shop.stocked("Violin", "5", "1").await, shop.stocked("Bow", "5", "1").await);
    let sale = id();
    let first = shop.reserve(&sale, &[(&violin, "2"), (&bow, "1")]).await.unwrap().reservation.unwrap();

    shop.house.clock.set("2026-11-21T12:10:00Z".parse().unwrap());
    let again = shop.reserve(&sale, &[(&bow, "1"), (&violin, "1"), (&violin, "1")]).await.unwrap().reservation.unwrap();
    assert_eq!(again.id, first.id);
    assert_eq!(
        again.expires_at.unwrap().seconds - first.expires_at.unwrap().seconds,
        600,
        "asked again it holds longer"
    );
    assert_eq!(shop.level(&violin).await.1, "2");

    for lines in [&[(&violin, "2")][..], &[(&violin, "2"), (&bow, "2")]] {
        let refused = shop.reserve(&sale, lines).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "RESERVATION_DIFFERS"));
    }
    shop.completes(&shop.sale(&sale, &[(&violin, "2"), (&bow, "1")])).await.unwrap();
    let posted = shop.reserve(&sale, &[(&violin, "2"), (&bow, "1")]).await.unwrap().reservation.unwrap();
    assert_eq!((posted.id, posted.state), (first.id, State::Posted.into()));
    shop.adds_up().await;
}

#[tokio::test]
async fn a_sale_that_did_not_come_about_gives_its_stock_back_once() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "5", "1").await;
    let sale = id();
    shop.give_up(&sale).await;
    shop.reserve(&sale, &[(&violin, "4")]).await.unwrap();
    shop.give_up(&sale).await;
    shop.give_up(&sale).await;
    assert_eq!(shop.level(&violin).await.1, "0");

    shop.reserve(&sale, &[(&violin, "5")]).await.unwrap();
    assert_eq!(shop.states(&sale).await, [State::Voided, State::Pending], "it may ask anew, for something else");
    shop.completes(&shop.sale(&sale, &[(&violin, "5")])).await.unwrap();
    shop.give_up(&sale).await;
    assert_eq!(shop.states(&sale).await, [State::Voided, State::Posted], "what has gone out is not given back");
    assert_eq!(shop.level(&violin).await, ("0".to_owned(), "0".to_owned(), 0));
    shop.adds_up().await;
}

#[tokio::test]
async fn what_two_attempts_at_a_sale_hold_is_given_back_by_the_last_of_them() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "1", "1").await;
    let lines = [(&violin, "1")];
    for failed in [0, 1] {
        let (sale, attempts) = (id(), [id(), id()]);
        for attempt in &attempts {
            shop.reserve_for(&sale, attempt, &lines).await.unwrap();
        }
        // Asked again, it is still one.
        shop.reserve_for(&sale, &attempts[0], &lines).await.unwrap();
        shop.give_up_for(&sale, &attempts[failed]).await;
        shop.give_up_for(&sale, &attempts[failed]).await;
        shop.give_up_for(&sale, &id()).await;
        shop.give_up(&sale).await;
        let other = shop.reserve(&id(), &lines).await.unwrap_err();
        assert_eq!(reason(&other), "OUT_OF_STOCK", "the other attempt relies on it");
        shop.give_up_for(&sale, &attempts[1 - failed]).await;
        assert_eq!(shop.states(&sale).await, [State::Voided]);
    }
    shop.adds_up().await;
}

#[tokio::test]
async fn a_promise_from_before_holders_outlives_the_attempt_that_came_later() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "1", "1").await;
    let (sale, attempt) = (id(), id());
    shop.reserve(&sale, &[(&violin, "1")]).await.unwrap();
    let forget = "update reservation set holders = '{}'";
    sqlx::query(forget).execute(&mut shop.house.sql().await).await.unwrap();
    shop.reserve_for(&sale, &attempt, &[(&violin, "1")]).await.unwrap();
    shop.give_up_for(&sale, &attempt).await;
    assert_eq!(shop.states(&sale).await, [State::Pending]);
    shop.give_up(&sale).await;
    assert_eq!(shop.states(&sale).await, [State::Voided]);

    shop.reserve(&sale, &[(&violin, "1")]).await.unwrap();
    sqlx::query(forget).execute(&mut shop.house.sql().await).await.unwrap();
    shop.give_up_for(&sale, &attempt).await;
    assert_eq!(shop.states(&sale).await, [State::Voided, State::Voided]);
    shop.adds_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_fails_beside_another_never_frees_the_last_piece() {
    let shop = crowded().await;
    for run in 0..40 {
        let violin = shop.stocked(&format!("Violin {run}"), "1", "1").await;
        let sale = id();
        // One goes through with the sale; three hold, fail and give back; another sale wants the piece all the while.
        let mut attempts = tokio::task::JoinSet::new();
        for attempt in 0..4 {
            let (shop, violin, sale) = (Arc::clone(&shop), violin.clone(), sale.clone());
            attempts.spawn(async move {
                let holder = id();
                let held = shop.reserve_for(&sale, &holder, &[(&violin, "1")]).await.is_ok();
                if attempt > 0 {
                    shop.give_up_for(&sale, &holder).await;
                }
                attempt == 0 && held
            });
        }
        let rival = shop.reserve(&id(), &[(&violin, "1")]).await.is_ok();
        let is_held = attempts.join_all().await.contains(&true);
        let late = shop.reserve(&id(), &[(&violin, "1")]).await.is_ok();
        assert!(!(is_held && (rival || late)), "run {run}: sold twice");
        assert!(is_held || rival || late, "run {run}: nobody gets it");
    }
    shop.adds_up().await;
}
