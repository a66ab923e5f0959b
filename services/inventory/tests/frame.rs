//! What every service does: lists, permissions, append-only tables, the rights of its role.

use inventory::Inventory;
use kit::Service;
use proto::inventory::v1 as pb;
use proto::inventory::v1::category_service_client::CategoryServiceClient;
use proto::inventory::v1::product_service_client::ProductServiceClient;
use proto::inventory::v1::reservation_service_client::ReservationServiceClient;
use proto::inventory::v1::stock_service_client::StockServiceClient;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testing::list_behaves;

use crate::shop::{Shop, id};

/// A shop with at least three of everything.
async fn busy() -> Shop {
    let shop = Shop::open().await;
    for name in ["Violin", "Viola", "Cello", "Bow"] {
        let product = shop.stocked(name, "5", "3").await;
        shop.reserve(&id(), &[(&product, "1")]).await.unwrap();
        let category = pb::Category { name: name.to_owned(), ..pb::Category::default() };
        shop.categories().create_category(pb::CreateCategoryRequest { category: Some(category) }).await.unwrap();
    }
    shop
}

#[tokio::test]
async fn lists_behave() {
    let shop = busy().await;
    for rpc in [
        "CategoryService/ListCategories",
        "ProductService/ListProducts",
        "StockService/ListStockLevels",
        "StockService/ListStockMoves",
        "ReservationService/ListReservations",
    ] {
        list_behaves(shop.house.user(&["inventory.view"]), &format!("inventory.v1.{rpc}"), &[]).await;
    }
}

#[tokio::test]
async fn every_list_sorts_by_every_name_it_knows() {
    let shop = busy().await;
    let voice = || shop.house.user(&["inventory.view"]);
    for sort in ["name", "path", "sort_order", "created_at", "updatedAt"] {
        let request = pb::ListCategoriesRequest { sort: sort.to_owned(), q: "L".to_owned(), ..Default::default() };
        let found = CategoryServiceClient::new(voice()).list_categories(request).await.unwrap().into_inner();
        assert_eq!(found.pagination.unwrap().total, 3, "{sort}: a bow has no l");
    }
    for sort in ["name", "sku", "price", "quantityOnHand", "created_at", "updated_at"] {
        let request = pb::ListProductsRequest { sort: sort.to_owned(), ..Default::default() };
        let found = ProductServiceClient::new(voice()).list_products(request).await.unwrap().into_inner();
        assert_eq!(found.data.len(), 4, "{sort}");
    }
    for sort in ["productName", "sku", "on_hand", "reserved", "available", "value", "updated_at"] {
        let request = pb::ListStockLevelsRequest { sort: sort.to_owned(), ..Default::default() };
        let found = StockServiceClient::new(voice()).list_stock_levels(request).await.unwrap().into_inner();
        assert_eq!(found.data.len(), 4, "{sort}");
        assert!(found.data.iter().all(|level| (level.reserved.as_str(), level.available.as_str()) == ("1", "4")));
    }
    for sort in ["created_at", "product_name", "sku", "quantity", "value"] {
        let kind = Some(pb::stock_move::Kind::Receipt.into());
        let request = pb::ListStockMovesRequest { sort: sort.to_owned(), kind, ..Default::default() };
        let found = StockServiceClient::new(voice()).list_stock_moves(request).await.unwrap().into_inner();
        assert_eq!(found.data.len(), 4, "{sort}");
    }
    for sort in ["created_at", "updated_at", "expires_at", "state"] {
        let state = Some(pb::reservation::State::Pending.into());
        let request = pb::ListReservationsRequest { sort: sort.to_owned(), state, ..Default::default() };
        let found = ReservationServiceClient::new(voice()).list_reservations(request).await.unwrap().into_inner();
        assert_eq!(found.data.len(), 4, "{sort}");
        let one = pb::GetReservationRequest { id: found.data[0].id.clone() };
        let one = ReservationServiceClient::new(voice()).get_reservation(one).await.unwrap().into_inner();
        assert_eq!(one.reservation.as_ref(), found.data.first());
    }
    let all = CategoryServiceClient::new(voice()).list_all_categories(pb::ListAllCategoriesRequest {}).await.unwrap();
    let names: Vec<_> = all.into_inner().data.into_iter().map(|category| category.name).collect();
    assert_eq!(names, ["Bow", "Cello", "Viola", "Violin"]);
}

#[tokio::test]
async fn it_refuses_whom_it_must() {
    Shop::open().await.house.refuses_whom_it_must().await;
}

#[tokio::test]
async fn a_card_number_is_refused_in_every_text() {
    Shop::open().await.house.refuses_card_numbers(250).await;
}

#[tokio::test]
async fn moves_receipts_and_adjustments_are_only_ever_added() {
    let shop = busy().await;
    let mut role = PgConnection::connect(&shop.house.db.url()).await.unwrap();
    for table in Inventory::APPEND_ONLY {
        for statement in [
            format!("update {table} set created_at = now()"),
            format!("delete from {table}"),
            format!("truncate {table}"),
        ] {
            let refused = role.execute(AssertSqlSafe(statement.clone())).await.unwrap_err();
            assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
        }
    }
    let mut owner = shop.house.sql().await;
    for statement in ["update stock_move set value = 0", "delete from stock_move", "truncate stock_move"] {
        let refused = owner.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn the_database_holds_no_impossible_stock() {
    let shop = busy().await;
    let mut role = PgConnection::connect(&shop.house.db.url()).await.unwrap();
    for (change, constraint) in [
        ("on_hand = -1, reserved = 0", "stock_level_on_hand_check"),
        ("reserved = 6", "stock_level_reserved_check"),
        ("reserved = -1", "stock_level_reserved_check"),
        ("value = -1", "stock_level_value_check"),
        ("on_hand = 0, reserved = 0", "stock_level_empty_check"),
    ] {
        let refused = role.execute(AssertSqlSafe(format!("update stock_level set {change}"))).await.unwrap_err();
        assert!(refused.to_string().contains(constraint), "{change}: {refused}");
    }
}

#[tokio::test]
async fn its_role_may_do_what_it_needs_and_nothing_else() {
    let shop = Shop::open().await;
    let mut conn = shop.house.app.db.read().await.unwrap();
    let mut tables = vec!["audit", "seal"];
    tables.extend(Inventory::APPEND_ONLY);
    assert_eq!(db::check_role(&mut conn, Inventory::NAME, &tables).await.unwrap(), Vec::<String>::new());
}
