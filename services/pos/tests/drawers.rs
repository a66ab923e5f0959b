use proto::pos::v1 as pb;
use tonic::Code;

use crate::counter::{Shop1, card, cash, minor, reason};

#[tokio::test]
async fn d1_change_is_not_counted_as_cash() {
    let shop = Shop1::open().await;
    let drawer = shop.open_drawer(10_000).await;
    for (price, tendered) in [(40_000, 50_000), (7_500, 10_000), (70_000, 80_000)] {
        let violin = shop.shelf.product(price);
        let sale = shop.sell(shop.cart(&[&violin], vec![cash(tendered)])).await.unwrap();
        assert_eq!(minor(sale.change), tendered - price);
    }
    assert_eq!(minor(shop.drawer(&drawer.id).await.expected_cash), 10_000 + 40_000 + 7_500 + 70_000);
}

#[tokio::test]
async fn d4_any_count_is_accepted_and_the_difference_is_told() {
    let shop = Shop1::open().await;
    let drawer = shop.open_drawer(10_000).await;
    let closed = shop.close_drawer(&drawer.id, 11_000).await.unwrap();
    assert_eq!((minor(closed.over_short), minor(closed.expected_cash)), (1_000, 10_000));
    let told = &shop.house.events::<pb::DrawerClosed>().await[0];
    assert_eq!((minor(told.over_short), minor(told.counted_cash)), (1_000, 11_000));
    assert_eq!(told.business_on, "2026-11-21");
    assert_eq!(shop.house.told().await, ["pos.drawer.opened", "pos.drawer.closed"]);
    let audited = shop.house.audited().await;
    assert!(
        audited.contains(&("pos.v1.DrawerSessionService/CloseDrawerSession".to_owned(), "drawer_session".to_owned()))
    );
}

#[tokio::test]
async fn a_card_leaves_the_drawer_as_it_is() {
    let shop = Shop1::open().await;
    let drawer = shop.open_drawer(10_000).await;
    let violin = shop.shelf.product(5_000);
    shop.sell(shop.cart(&[&violin], vec![card(5_000)])).await.unwrap();
    assert_eq!(minor(shop.drawer(&drawer.id).await.expected_cash), 10_000);
}

#[tokio::test]
async fn a_register_has_one_open_drawer_however_many_try() {
    let shop = Shop1::open().await;
    for _ in 0..5 {
        let mut tries = tokio::task::JoinSet::new();
        for n in 0..8 {
            let mut client = shop.drawers(&format!("{n}-{}", uuid::Uuid::now_v7()));
            let register_id = shop.register.clone();
            tries.spawn(async move {
                let opening_float = Some(proto::common::v1::Money { minor_units: 100 });
                client.create_drawer_session(pb::CreateDrawerSessionRequest { register_id, opening_float }).await
            });
        }
        let opened: Vec<_> = tries.join_all().await;
        let won: Vec<_> = opened.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        assert_eq!(won.len(), 1);
        for lost in opened.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!((lost.code(), reason(lost)), (Code::FailedPrecondition, "DRAWER_ALREADY_OPEN".to_owned()));
        }
        let id = won[0].get_ref().session.as_ref().unwrap().id.clone();
        shop.close_drawer(&id, 100).await.unwrap();
    }
}

#[tokio::test]
async fn g2_a_close_and_sales_race_and_no_cash_is_lost() {
    let shop = Shop1::open().await;
    let violin = shop.shelf.product(1_000);
    for _ in 0..10 {
        let drawer = shop.open_drawer(0).await;
        let mut sales = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let mut client = shop.sales(&uuid::Uuid::now_v7().to_string());
            let cart = shop.cart(&[&violin], vec![cash(1_000)]);
            sales.spawn(async move { client.create_sale(cart).await });
        }
        let closed = shop.close_drawer(&drawer.id, 0).await.unwrap();
        let answers = sales.join_all().await;
        let sold = answers.iter().filter(|answer| answer.is_ok()).count();
        for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(reason(refused), "DRAWER_NOT_OPEN");
        }
        // Every sale that was acknowledged is in the count that the close expected.
        assert_eq!(minor(closed.expected_cash), 1_000 * i64::try_from(sold).unwrap());
        assert_eq!(closed.sale_count, i32::try_from(sold).unwrap());
    }
}

#[tokio::test]
async fn a_closed_drawer_stays_closed() {
    let shop = Shop1::open().await;
    let drawer = shop.open_drawer(500).await;
    shop.close_drawer(&drawer.id, 500).await.unwrap();
    let again = shop.close_drawer(&drawer.id, 400).await.unwrap_err();
    assert_eq!(reason(&again), "SESSION_CLOSED");
    let id = uuid::Uuid::parse_str(&drawer.id).unwrap();
    let update = sqlx::query("update drawer_session set counted_cash = 1 where id = $1").bind(id);
    assert!(update.execute(&mut shop.house.sql().await).await.is_err(), "the database keeps a closed session");
}

#[tokio::test]
async fn a_negative_count_and_a_missing_float_are_refused_with_the_field() {
    let shop = Shop1::open().await;
    let drawer = shop.open_drawer(500).await;
    let refused = shop.close_drawer(&drawer.id, -1).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("counted_cash"));
    let request = pb::CreateDrawerSessionRequest { register_id: shop.register.clone(), opening_float: None };
    let refused = shop.drawers("k").create_drawer_session(request).await.unwrap_err();
    assert!(refused.message().contains("opening_float"), "{}", refused.message());
}
