//! What every service keeps: permissions, lists, etags, controls.

use kit::Service;
use proto::pos::v1 as pb;
use proto::pos::v1::pos_control_service_client::PosControlServiceClient;
use proto::pos::v1::register_service_client::RegisterServiceClient;
use testing::list_behaves;
use tonic::Code;

use crate::counter::{MANAGER, Shop1, cash, minor, reason};

#[tokio::test]
async fn every_rpc_refuses_whom_it_must() {
    Shop1::open().await.house.refuses_whom_it_must().await;
}

#[tokio::test]
async fn a_card_number_is_refused_in_every_text() {
    Shop1::open().await.house.refuses_card_numbers(250).await;
}

#[tokio::test]
async fn lists_behave() {
    let shop = Shop1::open().await;
    for name in ["Second", "Third", "Fourth"] {
        shop.new_register(name).await;
    }
    let item = shop.shelf.product(1_000);
    for _ in 0..4 {
        let drawer = shop.open_drawer(0).await;
        shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap();
        shop.close_drawer(&drawer.id, 1_000).await.unwrap();
    }
    for rpc in ["RegisterService/ListRegisters", "DrawerSessionService/ListDrawerSessions", "SaleService/ListSales"] {
        list_behaves(shop.house.user(&["pos.view"]), &format!("pos.v1.{rpc}"), &[]).await;
    }
    let audit = shop.house.user(&["audit.view"]);
    list_behaves(audit, "common.v1.AuditService/ListAuditRecords", &[("service", "pos")]).await;
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let shop = Shop1::open().await;
    let change = |name: &str| pb::UpdateRegisterRequest {
        register: Some(pb::Register { id: shop.register.clone(), name: name.to_owned(), ..pb::Register::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".to_owned()] }),
    };
    let mut first = RegisterServiceClient::new(shop.house.user_with(MANAGER, &[("if-match", "1")]));
    first.update_register(change("Renamed")).await.unwrap();
    let stale = first.update_register(change("Again")).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale)), (Code::Aborted, "REGISTER_CHANGED".to_owned()));
    let mut fixed = change("x");
    fixed.update_mask = Some(prost_types::FieldMask { paths: vec!["location_id".to_owned()] });
    assert_eq!(first.update_register(fixed).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_cash_in_open_drawers_is_told_with_its_snapshot() {
    let shop = Shop1::open().await;
    shop.open_drawer(10_000).await;
    let item = shop.shelf.product(1_000);
    shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap();
    let mut ledger = PosControlServiceClient::new(shop.house.service("ledger"));
    let totals = ledger.get_pos_totals(pb::GetPosTotalsRequest {}).await.unwrap().into_inner();
    assert_eq!((minor(totals.cash), totals.events), (11_000, 2));
    assert!(totals.snapshot.contains(':'));
}

#[tokio::test]
async fn the_demo_is_seeded_once() {
    let shop = Shop1::open().await;
    sqlx::query("delete from register").execute(&mut shop.house.sql().await).await.unwrap();
    shop.house.service.seed().await.unwrap();
    shop.house.service.seed().await.unwrap();
    let mut sql = shop.house.sql().await;
    let (sales, drawers): (i64, i64) = sqlx::query_as(
        "select (select count(*) from sale), (select count(*) from drawer_session where state = 'closed')",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert!(sales > 300 && drawers == 90, "{sales} sales, {drawers} drawers");
}
