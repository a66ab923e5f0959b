//! The demo shop.

use inventory::{Inventory, Settings};
use kit::Service;
use proto::inventory::v1 as pb;
use proto::inventory::v1::inventory_control_service_client::InventoryControlServiceClient;
use proto::inventory::v1::product_service_client::ProductServiceClient;
use testing::{Builder, House};
use types::id::demo_id;

use crate::shop::NOON;

async fn count(house: &House<Inventory>, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut house.sql().await).await.unwrap()
}

#[tokio::test]
async fn the_demo_shop_is_stocked_once() {
    let house = Builder::default().at(NOON).open::<Inventory>(Settings::default()).await;
    house.service.seed().await.unwrap();
    house.service.seed().await.unwrap();

    assert_eq!(count(&house, "select count(*) from category").await, 14);
    assert_eq!(count(&house, "select count(*) from product where kind = 'stock'").await, 300);
    assert_eq!(count(&house, "select count(*) from product where kind = 'service'").await, 20);
    assert_eq!(count(&house, "select count(*) from location_copy").await, 2);
    let stocked = "select count(*) from stock_level where on_hand between 8 and 402";
    assert_eq!(count(&house, stocked).await, 600, "every thing lies in both locations");
    assert_eq!(count(&house, "select count(*) from stock_adjustment").await, 6);
    let foreign = "select count(*) from product where price <> 199 + ('x' || right(id::text, 8))::bit(32)::bigint * 7919 % 24000 * 10";
    assert_eq!(count(&house, foreign).await, 0, "prices are those that pos knows");

    let kinds = house.told().await;
    let told = |kind: &str| kinds.iter().filter(|told| *told == kind).count();
    assert_eq!((told("inventory.category.changed"), told("inventory.product.changed")), (14, 320));
    assert_eq!((told("inventory.stock.received"), told("inventory.stock.adjusted")), (12, 6));
    let mut ledger = InventoryControlServiceClient::new(house.service("ledger"));
    let totals = ledger.get_inventory_totals(pb::GetInventoryTotalsRequest {}).await.unwrap().into_inner();
    let came: i64 =
        house.events::<pb::StockReceived>().await.iter().map(|event| event.value.unwrap().minor_units).sum();
    let set: i64 = house.events::<pb::StockAdjusted>().await.iter().map(|event| event.value.unwrap().minor_units).sum();
    assert_eq!((totals.events, totals.value.unwrap().minor_units), (18, came + set));

    let mut products = ProductServiceClient::new(house.user(&["inventory.view"]));
    let first = pb::GetProductRequest { id: demo_id(6, 1).to_string() };
    let first = products.get_product(first).await.unwrap().into_inner().product.unwrap();
    assert_eq!((first.tax_category.as_str(), first.price.unwrap().minor_units), ("goods", 79_389));
}
