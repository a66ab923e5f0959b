//! Control accounts against those who own the value.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use db::inbox::{self, Entry};
use db::{Context, Subject};
use kit::Service;
use ledger::{Ledger, Settings};
use proto::Event;
use proto::inventory::v1::inventory_control_service_server::{InventoryControlService, InventoryControlServiceServer};
use proto::inventory::v1::{GetInventoryTotalsRequest, GetInventoryTotalsResponse};
use proto::ledger::v1 as pb;
use proto::ledger::v1::proof::State;
use proto::ledger::v1::report_service_client::ReportServiceClient;
use proto::pos::v1::pos_control_service_server::{PosControlService, PosControlServiceServer};
use proto::pos::v1::{
    GetPosTotalsRequest, GetPosTotalsResponse, GetSaleStatesRequest, GetSaleStatesResponse, Sale, tender,
};
use testing::{Builder, House};
use tonic::{Request, Response, Status};
use types::uuid::Uuid;

use crate::support::*;

/// What an owner says: snapshot, events, total. None: it is away. And what it could not book: waiting, parked.
#[derive(Clone, Default)]
struct Owner(Arc<Mutex<Option<(String, i64, i64)>>>, Arc<Mutex<(i64, i64)>>);

impl Owner {
    fn says(&self, snapshot: &str, events: i64, total: i64) {
        *self.0.lock().unwrap() = Some((snapshot.to_owned(), events, total));
    }

    fn asked(&self) -> Result<(String, i64, i64), Status> {
        self.0.lock().unwrap().clone().ok_or_else(|| Status::unavailable("away"))
    }
}

#[async_trait]
impl InventoryControlService for Owner {
    async fn get_inventory_totals(
        &self,
        _: Request<GetInventoryTotalsRequest>,
    ) -> Result<Response<GetInventoryTotalsResponse>, Status> {
        let (snapshot, events, total) = self.asked()?;
        let (waiting_events, parked_events) = *self.1.lock().unwrap();
        let value = money(total);
        Ok(Response::new(GetInventoryTotalsResponse { snapshot, events, value, waiting_events, parked_events }))
    }
}

#[async_trait]
impl PosControlService for Owner {
    async fn get_sale_states(
        &self,
        _: Request<GetSaleStatesRequest>,
    ) -> Result<Response<GetSaleStatesResponse>, Status> {
        Err(Status::unimplemented("not asked by the ledger"))
    }

    async fn get_pos_totals(&self, _: Request<GetPosTotalsRequest>) -> Result<Response<GetPosTotalsResponse>, Status> {
        let (snapshot, events, total) = self.asked()?;
        Ok(Response::new(GetPosTotalsResponse { snapshot, events, cash: money(total) }))
    }
}

async fn open_with(inventory: &Owner, pos: &Owner) -> House<Ledger> {
    let builder = Builder::default()
        .at(NOW)
        .asks("inventory", |routes| {
            routes.add_service(InventoryControlServiceServer::new(inventory.clone()));
        })
        .asks("pos", |routes| {
            routes.add_service(PosControlServiceServer::new(pos.clone()));
        });
    know(builder.open::<Ledger>(Settings {}).await).await
}

/// Hears an event of a producer's transaction as its consumer would: with its inbox row.
async fn hears_of<E: Event>(house: &House<Ledger>, producer_tx: i64, event: &E) {
    let subject = Subject { id: Uuid::now_v7(), version: 1 };
    let mut heard = events::Heard::for_test(E::KIND, subject, event.encode_to_vec(), house.clock.now());
    heard.producer_tx = producer_tx;
    let entry = Entry {
        event_id: heard.event_id,
        kind: heard.kind.clone(),
        producer: heard.producer.clone(),
        producer_tx,
        body: event.encode_to_vec(),
        headers: serde_json::json!({}),
    };
    let context = Context::of_service("ledger", "test", house.clock.now());
    let mut tx = house.app.db.begin_background(context).await.unwrap();
    inbox::take(&mut tx, &[entry]).await.unwrap();
    house.service.hear(&mut tx, &heard).await.unwrap();
    house.app.db.commit(tx).await.unwrap();
}

/// The proofs of inventory and drawer cash.
async fn proofs(house: &House<Ledger>) -> [pb::Proof; 2] {
    let mut client = ReportServiceClient::new(house.user(&["ledger.view"]));
    client.get_proofs(pb::GetProofsRequest {}).await.unwrap().into_inner().data.try_into().unwrap()
}

#[tokio::test]
async fn a_proof_is_pending_until_all_was_heard_and_then_agrees() {
    let (inventory, pos) = (Owner::default(), Owner::default());
    let house = open_with(&inventory, &pos).await;
    hears_of(&house, 700, &received(9000)).await;
    hears_of(&house, 701, &issued(&new_id(), 2000)).await;
    inventory.says("703:703:", 3, 6500);
    pos.says("703:703:", 0, 0);

    let [proof, cash] = proofs(&house).await;
    assert_eq!((proof.control.as_str(), proof.code.as_str()), ("inventory", "1300"));
    assert_eq!((proof.state(), proof.heard_events, proof.owner_events), (State::Pending, 2, 3));
    assert_eq!((cash.control.as_str(), cash.code.as_str(), cash.state()), ("drawer_cash", "1010", State::Agrees));

    hears_of(&house, 702, &adjusted(-500)).await;
    let [proof, _] = proofs(&house).await;
    assert_eq!((proof.state(), proof.heard_events), (State::Agrees, 3));
    assert_eq!((proof.ledger_balance, proof.owner_total, proof.difference), (money(6500), money(6500), money(0)));
}

#[tokio::test]
async fn what_the_owner_had_not_committed_at_its_instant_is_left_out() {
    let (inventory, pos) = (Owner::default(), Owner::default());
    let house = open_with(&inventory, &pos).await;
    // 705 was still running and 710 had not begun when the owner looked; both were heard meanwhile.
    for (tx, value) in [(700, 100), (705, 5000), (706, 20), (710, 70_000)] {
        hears_of(&house, tx, &received(value)).await;
    }
    inventory.says("705:708:705", 2, 120);
    let [proof, cash] = proofs(&house).await;
    assert_eq!((proof.state(), proof.ledger_balance, proof.heard_events), (State::Agrees, money(120), 2));
    assert_eq!((cash.state(), cash.owner_total), (State::Unreachable, None), "pos is away");
}

#[tokio::test]
async fn cash_is_proved_through_a_day_and_a_reversal_by_hand_of_long_ago_is_put_right() {
    let (inventory, pos) = (Owner::default(), Owner::default());
    let house = open_with(&inventory, &pos).await;
    let sale = Sale { tenders: vec![tendered(tender::Kind::Cash, 5000, 1000)], ..sale(4000) };
    hears_of(&house, 10, &drawer_opened(20_000)).await;
    hears_of(&house, 11, &completed(&sale)).await;
    pos.says("12:12:", 2, 24_000);
    assert_eq!(proofs(&house).await[1].state(), State::Agrees);
    hears_of(&house, 12, &voided(&sale, TODAY)).await;
    hears_of(&house, 13, &drawer_closed(20_000, 19_900)).await;
    pos.says("14:14:", 4, 0);
    assert_eq!(proofs(&house).await[1].state(), State::Agrees);

    let opened = entries(&house).await.remove(0);
    let reversal = reversed_long_ago(&house, &opened.id).await;
    let [_, cash] = proofs(&house).await;
    assert_eq!((cash.state(), cash.difference), (State::Differs, money(-20_000)));
    let restored = reverse(&house, &reversal).await.unwrap();
    assert_eq!(proofs(&house).await[1].state(), State::Agrees);
    let again = reverse(&house, &restored.id).await.unwrap_err();
    assert_eq!(reason(&again), "CONTROL_ACCOUNT", "what is right stays so");
}

#[tokio::test]
async fn an_event_that_was_not_booked_shows_as_a_difference() {
    let (inventory, pos) = (Owner::default(), Owner::default());
    let house = open_with(&inventory, &pos).await;
    let mut nowhere = received(900);
    nowhere.location_id = new_id();
    hears_of(&house, 5, &nowhere).await;
    inventory.says("6:6:", 1, 900);
    let [proof, _] = proofs(&house).await;
    assert_eq!((proof.state(), proof.difference), (State::Differs, money(-900)));
    assert_eq!(exceptions(&house, false).await.len(), 1);
}

#[tokio::test]
async fn a_sale_that_inventory_could_not_book_is_not_agreed_upon() {
    let (inventory, pos) = (Owner::default(), Owner::default());
    let house = open_with(&inventory, &pos).await;
    hears_of(&house, 5, &received(900)).await;
    inventory.says("6:6:", 1, 900);
    for (waiting, parked, state, reason) in [
        (2, 0, State::Pending, Some("inventory will try some sales or voids (2) again")),
        (0, 1, State::Differs, Some("inventory could not book some sales or voids (1); somebody must look")),
        (0, 0, State::Agrees, None),
    ] {
        *inventory.1.lock().unwrap() = (waiting, parked);
        let [proof, _] = proofs(&house).await;
        assert_eq!((proof.state(), proof.reason.as_deref(), proof.difference), (state, reason, money(0)));
    }
}

#[tokio::test]
async fn owners_without_an_address_are_unreachable_not_an_error() {
    let house = open().await;
    let states = proofs(&house).await.map(|proof| proof.state());
    assert_eq!(states, [State::Unreachable; 2]);
}
