//! What becomes of promises whose time is over.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kit::Service;
use proto::inventory::v1::reservation::State;
use proto::pos::v1 as pos;
use proto::pos::v1::pos_control_service_server::{PosControlService, PosControlServiceServer};
use testing::Builder;
use tonic::{Request, Response, Status};

use crate::shop::{NOON, Shop, id};

/// A pos that knows some sales, or nobody reaches.
#[derive(Clone, Default)]
struct Pos {
    sales: Arc<Mutex<Vec<pos::SaleState>>>,
    is_away: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pos {
    fn knows(&self, sale: &str, state: pos::sale::State, was_completed: bool) {
        let known = pos::SaleState { sale_id: sale.to_owned(), state: state.into(), was_completed };
        self.sales.lock().unwrap().push(known);
    }
}

#[async_trait]
impl PosControlService for Pos {
    async fn get_sale_states(
        &self,
        request: Request<pos::GetSaleStatesRequest>,
    ) -> Result<Response<pos::GetSaleStatesResponse>, Status> {
        if *self.is_away.lock().unwrap() {
            return Err(Status::unavailable("away"));
        }
        let asked = request.into_inner().sale_ids;
        self.asked.lock().unwrap().extend(asked.clone());
        let sales = self.sales.lock().unwrap().iter().filter(|sale| asked.contains(&sale.sale_id)).cloned().collect();
        Ok(Response::new(pos::GetSaleStatesResponse { sales }))
    }

    async fn get_pos_totals(
        &self,
        _request: Request<pos::GetPosTotalsRequest>,
    ) -> Result<Response<pos::GetPosTotalsResponse>, Status> {
        Err(Status::unimplemented("nobody asks here"))
    }
}

async fn shop() -> (Shop, Pos) {
    let pos = Pos::default();
    let fake = pos.clone();
    let builder = Builder::default().asks("pos", |routes| {
        routes.add_service(PosControlServiceServer::new(fake));
    });
    (Shop::with(builder).await, pos)
}

async fn sweep(shop: &Shop, at: &str) -> Result<(), kit::Fault> {
    shop.house.clock.set(at.parse().unwrap());
    let jobs = shop.house.service.jobs();
    jobs[0].run_once(&shop.house.app.db, "inventory").await
}

#[tokio::test]
async fn pos_says_whether_an_overdue_promise_is_kept() {
    let (shop, pos) = shop().await;
    let violin = shop.stocked("Violin", "10", "1").await;
    let sales: Vec<String> = (0..5).map(|_| id()).collect();
    for sale in &sales {
        shop.reserve(sale, &[(&violin, "1")]).await.unwrap();
    }
    let [completed, draft, given_up, reversed, unknown] = sales.as_slice() else { unreachable!() };
    pos.knows(completed, pos::sale::State::Completed, true);
    pos.knows(draft, pos::sale::State::Draft, false);
    pos.knows(given_up, pos::sale::State::Voided, false);
    pos.knows(reversed, pos::sale::State::Voided, true);

    sweep(&shop, "2026-11-21T12:14:59Z").await.unwrap();
    assert!(pos.asked.lock().unwrap().is_empty(), "nobody asks before the time is over");
    sweep(&shop, "2026-11-21T12:15:00Z").await.unwrap();

    assert_eq!(shop.states(completed).await, [State::Confirmed]);
    assert_eq!(shop.states(reversed).await, [State::Confirmed], "its two events are on their way");
    for over in [draft, given_up, unknown] {
        assert_eq!(shop.states(over).await, [State::Expired]);
    }
    assert_eq!(shop.level(&violin).await.1, "2");
    shop.adds_up().await;

    // A confirmed promise never expires, and is not given up by a call that comes late either.
    sweep(&shop, "2026-12-24T12:00:00Z").await.unwrap();
    shop.give_up(completed).await;
    assert_eq!(shop.states(completed).await, [State::Confirmed]);
    shop.completes(&shop.sale(completed, &[(&violin, "1")])).await.unwrap();
    shop.reverses(&shop.sale(reversed, &[(&violin, "1")])).await.unwrap();
    shop.completes(&shop.sale(reversed, &[(&violin, "1")])).await.unwrap();
    assert_eq!(shop.states(completed).await, [State::Posted]);
    assert_eq!(shop.states(reversed).await, [State::Voided]);
    assert_eq!(shop.level(&violin).await, ("9".to_owned(), "0".to_owned(), 900));
    shop.adds_up().await;
}

#[tokio::test]
async fn without_pos_every_promise_stays() {
    let (shop, pos) = shop().await;
    let violin = shop.stocked("Violin", "10", "1").await;
    let sale = id();
    shop.reserve(&sale, &[(&violin, "1")]).await.unwrap();
    *pos.is_away.lock().unwrap() = true;
    assert!(sweep(&shop, "2026-11-21T13:00:00Z").await.is_err(), "the job says why it did nothing");
    assert_eq!(shop.states(&sale).await, [State::Pending]);

    *pos.is_away.lock().unwrap() = false;
    sweep(&shop, "2026-11-21T13:00:00Z").await.unwrap();
    assert_eq!(shop.states(&sale).await, [State::Expired]);

    shop.house.clock.set(NOON.parse().unwrap());
    shop.reserve(&sale, &[(&violin, "10")]).await.unwrap();
    assert_eq!(shop.states(&sale).await, [State::Expired, State::Pending], "a sale that is late may ask anew");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_sale_that_completes_after_its_promise_expired_takes_what_is_free() {
    let (shop, _pos) = shop().await;
    let violin = shop.stocked("Violin", "1", "1").await;
    let sale = shop.sale(&id(), &[(&violin, "1")]);
    shop.reserve(&sale.id, &[(&violin, "1")]).await.unwrap();
    sweep(&shop, "2026-11-21T13:00:00Z").await.unwrap();
    shop.completes(&sale).await.unwrap();
    assert_eq!(shop.states(&sale.id).await, [State::Expired, State::Posted]);
    assert_eq!(shop.level(&violin).await.0, "0");
    shop.adds_up().await;
}

#[tokio::test]
async fn a_shop_without_overdue_promises_asks_nobody() {
    let shop = Shop::open().await;
    sweep(&shop, "2026-11-21T13:00:00Z").await.unwrap();
    let violin = shop.stocked("Violin", "1", "1").await;
    shop.reserve(&id(), &[(&violin, "1")]).await.unwrap();
    let refused = sweep(&shop, "2026-11-22T13:00:00Z").await.unwrap_err();
    assert!(refused.to_string().contains("POS_URL"), "{refused}");
}
