//! Sales that are heard of: in any order, any number of times.

use proto::inventory::v1 as pb;
use proto::inventory::v1::reservation::State;
use proto::pos::v1 as pos;

use crate::shop::{Shop, id, reason};

#[tokio::test]
async fn a_completed_sale_takes_what_was_promised_to_it() {
    let shop = Shop::open().await;
    let (violin, lesson) = (shop.stocked("Violin", "5", "10").await, shop.service("Lesson").await);
    let sale = id();
    shop.reserve(&sale, &[(&violin, "2"), (&lesson, "1")]).await.unwrap();
    let mut event = shop.sale(&sale, &[(&violin, "1"), (&lesson, "1"), (&violin, "1")]);
    event.lines.push(pos::SaleLine {
        description: "Open item".to_owned(),
        quantity: "1".to_owned(),
        ..Default::default()
    });
    event.completed_at = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });

    shop.completes(&event).await.unwrap();

    assert_eq!(shop.level(&violin).await, ("3".to_owned(), "0".to_owned(), 3_000));
    assert_eq!(shop.states(&sale).await, [State::Posted]);
    let issued = shop.house.events::<pb::StockIssued>().await;
    assert_eq!((issued.len(), issued[0].value.unwrap().minor_units), (1, 2_000));
    assert_eq!(issued[0].occurred_at.unwrap().seconds, 1_700_000_000, "the cost belongs to the day of the sale");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_sale_is_issued_and_reversed_once_however_often_it_is_told() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "5", "10").await;
    let sale = shop.sale(&id(), &[(&violin, "2")]);
    shop.reserve(&sale.id, &[(&violin, "2")]).await.unwrap();
    for _ in 0..3 {
        shop.completes(&sale).await.unwrap();
    }
    assert_eq!(shop.level(&violin).await.0, "3");
    for _ in 0..3 {
        shop.reverses(&sale).await.unwrap();
        shop.completes(&sale).await.unwrap();
    }
    assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 5_000));
    let told = shop.house.told().await;
    assert_eq!(told[2..], ["inventory.stock.issued", "inventory.stock.returned"]);
    assert_eq!(shop.moves_of(&sale.id).await.len(), 2);
    shop.adds_up().await;
}

#[tokio::test]
async fn one_sale_heard_by_two_at_once_is_issued_once() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "50", "10").await;
    for promised in [true, false] {
        let sale = shop.sale(&id(), &[(&violin, "2")]);
        if promised {
            shop.reserve(&sale.id, &[(&violin, "2")]).await.unwrap();
        }
        // The one that comes too late may be told to try again; then there is nothing left to do.
        let (left, right) = tokio::join!(shop.completes(&sale), shop.completes(&sale));
        assert!(left.is_ok() || right.is_ok());
        shop.completes(&sale).await.unwrap();
        assert_eq!(shop.moves_of(&sale.id).await.len(), 1);
    }
    assert_eq!(shop.level(&violin).await, ("46".to_owned(), "0".to_owned(), 46_000));
    shop.adds_up().await;
}

#[tokio::test]
async fn goods_come_back_at_the_cost_they_left_with() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "10", "10").await;
    let sale = shop.sale(&id(), &[(&violin, "10")]);
    shop.completes(&sale).await.unwrap();
    shop.receive(&[(&violin, "10", "20")]).await.unwrap();
    shop.reverses(&sale).await.unwrap();
    assert_eq!(shop.level(&violin).await, ("20".to_owned(), "0".to_owned(), 30_000));
    let back = shop.house.events::<pb::StockReturned>().await.remove(0);
    assert_eq!((back.sale_id, back.value.unwrap().minor_units), (sale.id.clone(), 10_000));
    assert_eq!(shop.moves_of(&sale.id).await[1].kind(), pb::stock_move::Kind::Return);
    shop.adds_up().await;
}

#[tokio::test]
async fn a_reversal_that_overtakes_its_sale_leaves_the_stock_as_it_was() {
    let shop = Shop::open().await;
    let (violin, lesson) = (shop.stocked("Violin", "5", "10").await, shop.service("Lesson").await);
    for promised in [true, false] {
        let sale = shop.sale(&id(), &[(&violin, "2"), (&lesson, "1")]);
        if promised {
            shop.reserve(&sale.id, &[(&violin, "2")]).await.unwrap();
        }
        for _ in 0..2 {
            shop.reverses(&sale).await.unwrap();
        }
        assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 5_000), "promised {promised}");
        for _ in 0..2 {
            shop.completes(&sale).await.unwrap();
        }
        assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 5_000), "promised {promised}");
        assert!(shop.moves_of(&sale.id).await.is_empty());
        let refused = shop.reserve(&sale.id, &[(&violin, "2")]).await.unwrap_err();
        assert_eq!(reason(&refused), "SALE_VOIDED");
    }
    assert_eq!(shop.house.told().await.len(), 3, "two products and a receipt");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_sale_without_a_promise_takes_what_is_free_and_waits_for_what_is_not() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "5", "10").await;
    shop.reserve(&id(), &[(&violin, "4")]).await.unwrap();
    let sale = shop.sale(&id(), &[(&violin, "2")]);
    let refused = shop.completes(&sale).await.unwrap_err();
    assert!(refused.to_string().contains("promised to sales"), "{refused}");
    assert_eq!(shop.level(&violin).await.0, "5");
    shop.receive(&[(&violin, "1", "10")]).await.unwrap();
    shop.completes(&sale).await.unwrap();
    assert_eq!(shop.level(&violin).await, ("4".to_owned(), "4".to_owned(), 4_000));
    assert_eq!(
        shop.states(&sale.id).await,
        [State::Posted],
        "it is remembered, so that nothing is promised to it again"
    );
    shop.adds_up().await;
}

#[tokio::test]
async fn the_sale_has_the_last_word_on_what_was_promised() {
    let shop = Shop::open().await;
    let (violin, bow) = (shop.stocked("Violin", "5", "10").await, shop.stocked("Bow", "5", "10").await);
    let sale = shop.sale(&id(), &[(&violin, "1")]);
    shop.reserve(&sale.id, &[(&violin, "3"), (&bow, "2")]).await.unwrap();
    shop.completes(&sale).await.unwrap();
    assert_eq!(shop.level(&violin).await, ("4".to_owned(), "0".to_owned(), 4_000));
    assert_eq!(shop.level(&bow).await, ("5".to_owned(), "0".to_owned(), 5_000));

    let elsewhere = pos::Sale { location_id: shop.other.clone(), ..shop.sale(&id(), &[(&bow, "1")]) };
    shop.reserve(&elsewhere.id, &[(&bow, "1")]).await.unwrap();
    assert!(shop.completes(&elsewhere).await.is_err(), "there is no bow at the other location");
    assert_eq!(shop.level(&bow).await.1, "1", "and all is as it was");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_sale_of_services_moves_nothing() {
    let shop = Shop::open().await;
    let lesson = shop.service("Lesson").await;
    let sale = shop.sale(&id(), &[(&lesson, "1")]);
    shop.reverses(&sale).await.unwrap();
    shop.completes(&sale).await.unwrap();
    shop.reverses(&sale).await.unwrap();
    assert_eq!(shop.house.told().await, ["inventory.product.changed"]);
    assert!(shop.reservations(&sale.id).await.is_empty());
}

#[tokio::test]
async fn an_event_that_says_nonsense_changes_nothing() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "5", "10").await;
    let negative = shop.sale(&id(), &[(&violin, "-1")]);
    assert!(shop.completes(&negative).await.is_err());
    let unknown = pb::Product { id: id(), ..violin.clone() };
    assert!(shop.completes(&shop.sale(&id(), &[(&violin, "1"), (&unknown, "1")])).await.is_err());
    assert!(shop.house.hears(&pos::SaleCompleted { sale: None }).await.is_err());
    assert_eq!(shop.level(&violin).await, ("5".to_owned(), "0".to_owned(), 5_000));
    shop.adds_up().await;
}
