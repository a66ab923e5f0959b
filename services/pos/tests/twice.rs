//! A sale submitted twice at once: what one attempt holds, another's failure does not give away.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use proto::pos::v1 as pb;
use proto::pos::v1::sale_service_client::SaleServiceClient;
use sqlx::{Connection, PgConnection};
use testing::eventually;
use tokio::task::JoinHandle;
use tonic::Status;
use uuid::Uuid;

use crate::counter::{CLERK, Shop1, cash, reason};

type Answer = JoinHandle<Result<pb::Sale, Status>>;

/// A shop in which attempts stop: all of them after they hold their stock, those that can pay once more as they commit.
struct Halted {
    shop: Shop1,
    /// Holds the shop's profile, which every attempt reads.
    profile: PgConnection,
    /// Holds the drawer, which every completed sale shares.
    drawer: PgConnection,
}

impl Halted {
    async fn at(shop: Shop1) -> Self {
        let (mut profile, mut drawer) = (shop.house.sql().await, shop.house.sql().await);
        for (sql, stops) in [
            (&mut profile, "begin; lock table shop_copy in access exclusive mode"),
            (&mut drawer, "begin; select from drawer_session for update"),
        ] {
            sqlx::raw_sql(stops).execute(sql).await.unwrap();
        }
        Self { shop, profile, drawer }
    }

    /// Waits until so many attempts asked for the stock, and the first of them is inside its transaction.
    async fn held(&self, wanted: usize) {
        eventually("the attempt holds its stock", || async {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks
                  where not granted and database = (select oid from pg_database where datname = current_database())",
            )
            .fetch_one(&mut self.shop.house.sql().await)
            .await
            .unwrap();
            (self.shop.shelf.held().len() == wanted && waiting > 0).then_some(())
        })
        .await;
    }

    /// The poor attempt is refused while the good one has not committed; the good one then finds its stock still held.
    async fn goes_on(self, sale: &str, poor: Answer, good: Answer) {
        self.profile.close().await.unwrap();
        assert_eq!(reason(&poor.await.unwrap().unwrap_err()), "TENDER_TOO_LITTLE");
        assert_eq!(self.shop.shelf.holders(sale), 1, "only the attempt that failed let go");
        assert!(self.shop.shelf.given_back().is_empty());
        self.drawer.close().await.unwrap();
        assert_eq!(good.await.unwrap().unwrap().id, sale);
        assert_eq!(self.shop.shelf.holders(sale), 1);
    }
}

fn submit(shop: &Shop1, request: pb::CreateSaleRequest) -> Answer {
    let mut sales = shop.sales(&Uuid::now_v7().to_string());
    kit::task::spawn(async move { Ok(sales.create_sale(request).await?.into_inner().sale.unwrap()) })
}

fn pay(shop: &Shop1, id: &str, amount: i64) -> Answer {
    let mut sales = shop.sales(&Uuid::now_v7().to_string());
    let request = pb::CompleteSaleRequest { id: id.to_owned(), tenders: vec![cash(amount)] };
    kit::task::spawn(async move { Ok(sales.complete_sale(request).await?.into_inner().sale.unwrap()) })
}

#[tokio::test]
async fn a_sale_submitted_twice_keeps_its_stock_whichever_of_the_two_fails() {
    for poor_first in [true, false] {
        let shop = Shop1::open().await;
        shop.open_drawer(0).await;
        let item = shop.shelf.product(1_000);
        let id = Uuid::now_v7().to_string();
        let asks = |amount| pb::CreateSaleRequest { id: Some(id.clone()), ..shop.cart(&[&item], vec![cash(amount)]) };
        let (poor, good) = (asks(100), asks(1_000));
        let halted = Halted::at(shop).await;
        let (first, second) = if poor_first { (poor, good) } else { (good, poor) };
        let first = submit(&halted.shop, first);
        halted.held(1).await;
        let second = submit(&halted.shop, second);
        halted.held(2).await;
        let (poor, good) = if poor_first { (first, second) } else { (second, first) };
        halted.goes_on(&id, poor, good).await;
    }
}

#[tokio::test]
async fn a_draft_paid_twice_keeps_its_stock_when_the_first_payment_fails() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let draft = pb::CreateSaleRequest { complete: false, ..shop.cart(&[&item], vec![]) };
    let id = shop.sell(draft).await.unwrap().id;
    let halted = Halted::at(shop).await;
    let poor = pay(&halted.shop, &id, 100);
    halted.held(1).await;
    let good = pay(&halted.shop, &id, 1_000);
    halted.held(2).await;
    halted.goes_on(&id, poor, good).await;
}

#[tokio::test]
async fn a_request_repeated_while_the_first_is_under_way_keeps_its_stock() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let id = Uuid::now_v7().to_string();
    let cart = pb::CreateSaleRequest { id: Some(id.clone()), ..shop.cart(&[&item], vec![cash(1_000)]) };
    let halted = Halted::at(shop).await;
    let token = halted.shop.house.keys.token(CLERK);
    let submit = || {
        let voice = halted.shop.house.token_with(&token, &[("idempotency-key", "same")]);
        let (mut sales, cart) = (SaleServiceClient::new(voice), cart.clone());
        kit::task::spawn(async move { Ok::<_, Status>(sales.create_sale(cart).await?.into_inner().sale.unwrap()) })
    };
    let first = submit();
    halted.held(1).await;
    let again = submit();
    halted.held(2).await;
    halted.profile.close().await.unwrap();
    halted.drawer.close().await.unwrap();
    let (first, again) = (first.await.unwrap().unwrap(), again.await.unwrap().unwrap());
    assert_eq!(first, again);
    assert!(halted.shop.shelf.given_back().is_empty());
    assert!(halted.shop.shelf.holders(&id) > 0);
}
