//! Categories and products.

use proto::common::v1::Money;
use proto::inventory::v1 as pb;
use proto::inventory::v1::category_service_client::CategoryServiceClient;
use proto::inventory::v1::product_service_client::ProductServiceClient;
use tonic::Code;

use crate::shop::{Shop, blamed, id, reason, thing};

async fn shelf(shop: &Shop, name: &str, parent: Option<&pb::Category>) -> pb::Category {
    let category = pb::Category {
        name: name.to_owned(),
        parent_id: parent.map(|parent| parent.id.clone()),
        ..pb::Category::default()
    };
    let request = pb::CreateCategoryRequest { category: Some(category) };
    shop.categories().create_category(request).await.unwrap().into_inner().category.unwrap()
}

fn mask(fields: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: fields.iter().map(|field| (*field).to_owned()).collect() })
}

async fn hang(shop: &Shop, child: &pb::Category, parent: Option<&str>) -> Result<pb::Category, tonic::Status> {
    let category = pb::Category { parent_id: parent.map(str::to_owned), ..child.clone() };
    let request = pb::UpdateCategoryRequest { category: Some(category), update_mask: mask(&["parent_id"]) };
    Ok(shop.categories().update_category(request).await?.into_inner().category.unwrap())
}

#[tokio::test]
async fn a_renamed_shelf_renames_the_paths_below_it_and_tells_of_each() {
    let shop = Shop::open().await;
    let guitars = shelf(&shop, "Guitars", None).await;
    let basses = shelf(&shop, "Basses", Some(&guitars)).await;
    let fretless = shelf(&shop, "Fretless", Some(&basses)).await;
    assert_eq!(fretless.path, "Guitars / Basses / Fretless");

    let renamed = pb::Category { name: "Plucked".to_owned(), ..guitars.clone() };
    let request = pb::UpdateCategoryRequest { category: Some(renamed), update_mask: mask(&["name"]) };
    shop.categories().update_category(request).await.unwrap();

    let get = pb::GetCategoryRequest { id: fretless.id.clone() };
    let fretless = shop.categories().get_category(get).await.unwrap().into_inner().category.unwrap();
    assert_eq!((fretless.path.as_str(), fretless.etag.as_str()), ("Plucked / Basses / Fretless", "2"));
    let told: Vec<_> = shop.house.events::<pb::CategoryChanged>().await;
    let last = told.iter().filter_map(|event| Some((event.category.as_ref()?.path.clone(), event.version)));
    assert_eq!(last.filter(|(_, version)| *version == 2).count(), 3, "the shelf and the two below it");

    let root = hang(&shop, &basses, None).await.unwrap();
    assert_eq!(root.path, "Basses");
}

#[tokio::test]
async fn a_shelf_never_lies_below_itself() {
    let shop = Shop::open().await;
    let guitars = shelf(&shop, "Guitars", None).await;
    let basses = shelf(&shop, "Basses", Some(&guitars)).await;
    for below in [&basses, &guitars] {
        let refused = hang(&shop, &guitars, Some(&below.id)).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CATEGORY_CYCLE"));
        assert_eq!(blamed(&refused), ["category.parent_id"]);
    }
    let refused = hang(&shop, &guitars, Some(&id())).await.unwrap_err();
    assert_eq!(reason(&refused), "CATEGORY_UNKNOWN");
    assert_eq!(blamed(&refused), ["category.parent_id"]);

    // Each move is harmless alone; together they would make a ring.
    let (left, right) = (shelf(&shop, "Left", None).await, shelf(&shop, "Right", None).await);
    let both = tokio::join!(hang(&shop, &left, Some(&right.id)), hang(&shop, &right, Some(&left.id)));
    assert_eq!([both.0.is_ok(), both.1.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

#[tokio::test]
async fn the_tree_is_not_bottomless() {
    let shop = Shop::open().await;
    let mut above = shelf(&shop, "0", None).await;
    for depth in 1..10 {
        above = shelf(&shop, &depth.to_string(), Some(&above)).await;
    }
    let category = pb::Category { name: "10".to_owned(), parent_id: Some(above.id), ..pb::Category::default() };
    let request = pb::CreateCategoryRequest { category: Some(category) };
    let refused = shop.categories().create_category(request).await.unwrap_err();
    assert_eq!(reason(&refused), "CATEGORY_TOO_DEEP");
    assert_eq!(blamed(&refused), ["category.parent_id"]);
}

#[tokio::test]
async fn a_shelf_is_not_hung_where_those_below_it_would_lie_too_deep() {
    let shop = Shop::open().await;
    let top = shelf(&shop, "0", None).await;
    let mut above = top.clone();
    for depth in 1..5 {
        above = shelf(&shop, &depth.to_string(), Some(&above)).await;
    }
    let tree = shelf(&shop, "Tree", None).await;
    let mut leaf = tree.clone();
    for depth in 1..6 {
        leaf = shelf(&shop, &format!("Leaf {depth}"), Some(&leaf)).await;
    }
    let refused = hang(&shop, &tree, Some(&above.id)).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), blamed(&refused)),
        ("CATEGORY_TOO_DEEP", vec!["category.parent_id".to_owned()])
    );
    hang(&shop, &tree, above.parent_id.as_deref()).await.unwrap();

    // While it is moved, somebody adds a level below it: one of the two is too late.
    for n in 0..5 {
        let tree = shelf(&shop, &format!("Tree {n}"), None).await;
        let mut leaf = tree.clone();
        for depth in 1..5 {
            leaf = shelf(&shop, &format!("Leaf {depth}"), Some(&leaf)).await;
        }
        let deeper = pb::Category { name: "Deeper".to_owned(), parent_id: Some(leaf.id), ..pb::Category::default() };
        let mut categories = shop.categories();
        let create = categories.create_category(pb::CreateCategoryRequest { category: Some(deeper) });
        let (moved, created) = tokio::join!(hang(&shop, &tree, Some(&above.id)), create);
        assert!(moved.is_ok() != created.is_ok(), "run {n}");
    }
}

#[tokio::test]
async fn one_sku_is_one_product_whatever_its_letters() {
    let shop = Shop::open().await;
    let barcode = |code: &str| Some(code.to_owned());
    let violin = pb::Product { sku: "Vln-1".to_owned(), barcode: barcode("4006381333931"), ..thing("Violin") };
    shop.create(violin.clone()).await.unwrap();

    let same = pb::Product { sku: "VLN-1".to_owned(), barcode: None, ..violin.clone() };
    let refused = shop.create(same).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "SKU_TAKEN"));
    assert_eq!(blamed(&refused), ["product.sku"]);
    let same = pb::Product { sku: "VLN-2".to_owned(), ..violin.clone() };
    let refused = shop.create(same).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "BARCODE_TAKEN"));
    assert_eq!(blamed(&refused), ["product.barcode"]);

    let other = shop.create(pb::Product { sku: "VLN-3".to_owned(), barcode: None, ..violin.clone() }).await.unwrap();
    shop.create(pb::Product { sku: "VLN-4".to_owned(), barcode: None, ..violin }).await.unwrap();
    let taken = pb::Product { sku: "vln-1".to_owned(), ..other };
    let request = pb::UpdateProductRequest { product: Some(taken), update_mask: mask(&["sku"]) };
    let refused = shop.products().update_product(request).await.unwrap_err();
    assert_eq!(reason(&refused), "SKU_TAKEN");
}

#[tokio::test]
async fn only_the_named_fields_change_and_the_audit_says_which() {
    let shop = Shop::open().await;
    let violin = shop.create(pb::Product { description: Some("Old".to_owned()), ..thing("Violin") }).await.unwrap();
    let wanted = pb::Product {
        id: violin.id.clone(),
        name: "  Viola ".to_owned(),
        price: Some(Money { minor_units: 5 }),
        ..pb::Product::default()
    };
    let request =
        pb::UpdateProductRequest { product: Some(wanted.clone()), update_mask: mask(&["name", "description"]) };
    let viola = shop.products().update_product(request).await.unwrap().into_inner().product.unwrap();
    assert_eq!((viola.name.as_str(), viola.description, viola.price), ("Viola", None, violin.price));
    assert_eq!((viola.sku, viola.etag.as_str()), (violin.sku.clone(), "2"));

    let (before, after): (String, String) =
        sqlx::query_as("select before::text, after::text from audit where before is not null")
            .fetch_one(&mut shop.house.sql().await)
            .await
            .unwrap();
    assert_eq!(before, r#"{"name": "Violin", "description": "Old"}"#);
    assert_eq!(after, r#"{"name": "Viola", "description": null}"#);

    let nothing = pb::UpdateProductRequest { product: Some(wanted), update_mask: mask(&["name"]) };
    let same = shop.products().update_product(nothing).await.unwrap().into_inner().product.unwrap();
    assert_eq!(same.etag, "2", "nothing changed, nothing is told");
    assert_eq!(shop.house.told().await, ["inventory.product.changed"; 2]);
}

#[tokio::test]
async fn a_product_is_what_it_is_for_life() {
    let shop = Shop::open().await;
    let violin = shop.product("Violin").await;
    let lesson = pb::Product { kind: pb::product::Kind::Service.into(), ..violin.clone() };
    for update_mask in [mask(&["kind"]), None] {
        let request = pb::UpdateProductRequest { product: Some(lesson.clone()), update_mask };
        let refused = shop.products().update_product(request).await.unwrap_err();
        assert_eq!((refused.code(), blamed(&refused)), (Code::InvalidArgument, vec!["product.kind".to_owned()]));
    }
    let cheaper =
        pb::Product { price: Some(Money { minor_units: -1 }), category_id: Some("x".to_owned()), ..thing("Bow") };
    let refused = shop.create(cheaper).await.unwrap_err();
    assert_eq!(blamed(&refused), ["product.category_id", "product.price"]);
    let nowhere = pb::Product { category_id: Some(id()), ..thing("Bow") };
    assert_eq!(reason(&shop.create(nowhere).await.unwrap_err()), "CATEGORY_UNKNOWN");
}

#[tokio::test]
async fn who_saw_an_older_version_changes_nothing() {
    let shop = Shop::open().await;
    let violin = shop.product("Violin").await;
    let guitars = shelf(&shop, "Guitars", None).await;
    let stale = || shop.house.user_with(&["inventory.edit"], &[("if-match", "7")]);

    let request = pb::UpdateProductRequest { product: Some(violin.clone()), update_mask: mask(&["name"]) };
    let refused = ProductServiceClient::new(stale()).update_product(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "PRODUCT_CHANGED"));
    let request = pb::UpdateCategoryRequest { category: Some(guitars), update_mask: mask(&["name"]) };
    let refused = CategoryServiceClient::new(stale()).update_category(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "CATEGORY_CHANGED"));

    let fresh = shop.house.user_with(&["inventory.edit"], &[("if-match", &violin.etag)]);
    let renamed = pb::Product { name: "Viola".to_owned(), ..violin };
    let request = pb::UpdateProductRequest { product: Some(renamed), update_mask: mask(&["name"]) };
    ProductServiceClient::new(fresh).update_product(request).await.unwrap();
}

#[tokio::test]
async fn a_product_leaves_the_catalogue_after_its_stock() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "2", "100").await;
    assert_eq!(shop.get(&violin).await.quantity_on_hand, "2");
    let discontinue = || pb::DiscontinueProductRequest { id: violin.id.clone() };
    let refused = shop.products().discontinue_product(discontinue()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "STOCK_REMAINS"));

    shop.adjust("loss", &[(&violin, "-2")]).await.unwrap();
    let gone = shop.products().discontinue_product(discontinue()).await.unwrap().into_inner().product.unwrap();
    assert_eq!(gone.state(), pb::product::State::Discontinued);
    let refused = shop.products().discontinue_product(discontinue()).await.unwrap_err();
    assert_eq!(reason(&refused), "PRODUCT_DISCONTINUED");
    assert_eq!(reason(&shop.receive(&[(&violin, "1", "1")]).await.unwrap_err()), "PRODUCT_DISCONTINUED");

    let list = |state: Option<pb::product::State>| pb::ListProductsRequest {
        state: state.map(Into::into),
        ..pb::ListProductsRequest::default()
    };
    let shown = shop.products().list_products(list(None)).await.unwrap().into_inner();
    assert!(shown.data.is_empty(), "what is out of sale is not listed");
    let shown = shop.products().list_products(list(Some(pb::product::State::Discontinued))).await.unwrap().into_inner();
    assert_eq!(shown.data.len(), 1);
}

#[tokio::test]
async fn a_product_whose_goods_came_back_is_put_back_on_sale() {
    let shop = Shop::open().await;
    let violin = shop.stocked("Violin", "1", "100").await;
    let sale = shop.sale(&id(), &[(&violin, "1")]);
    shop.completes(&sale).await.unwrap();
    let discontinue = pb::DiscontinueProductRequest { id: violin.id.clone() };
    let gone = shop.products().discontinue_product(discontinue).await.unwrap().into_inner().product.unwrap();
    shop.reverses(&sale).await.unwrap();
    assert_eq!(shop.level(&violin).await.0, "1");
    let restore = || pb::RestoreProductRequest { id: violin.id.clone() };
    let mut viewer = ProductServiceClient::new(shop.house.user(&["inventory.view"]));
    assert_eq!(viewer.restore_product(restore()).await.unwrap_err().code(), Code::PermissionDenied);
    let told = shop.house.told().await.len();

    let back = shop.products().restore_product(restore()).await.unwrap().into_inner().product.unwrap();

    assert_eq!((back.state(), back.quantity_on_hand.as_str()), (pb::product::State::Active, "1"));
    assert_ne!(back.etag, gone.etag);
    assert_eq!(shop.house.told().await[told..], ["inventory.product.changed"]);
    let copy = shop.house.events::<pb::ProductChanged>().await.pop().unwrap();
    assert_eq!(copy.product.unwrap().state(), pb::product::State::Active);
    let audited = shop.house.audited().await.pop().unwrap();
    assert_eq!(audited, ("inventory.v1.ProductService/RestoreProduct".to_owned(), "product".to_owned()));
    shop.reserve(&id(), &[(&violin, "1")]).await.unwrap();
    let refused = shop.products().restore_product(restore()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PRODUCT_ACTIVE"));
    let unknown = shop.products().restore_product(pb::RestoreProductRequest { id: id() }).await.unwrap_err();
    assert_eq!(reason(&unknown), "PRODUCT_NOT_FOUND");
}

#[tokio::test]
async fn goods_that_come_in_and_a_product_that_goes_out_of_sale_do_not_cross() {
    let shop = Shop::open().await;
    for n in 0..5 {
        let violin = shop.product(&format!("Violin {n}")).await;
        let gone = pb::DiscontinueProductRequest { id: violin.id.clone() };
        let lines = [(&violin, "1", "1")];
        let mut products = shop.products();
        let (received, gone) = tokio::join!(shop.receive(&lines), products.discontinue_product(gone));
        assert!(received.is_ok() != gone.is_ok(), "either the goods are there or the product is gone");
    }
}

#[tokio::test]
async fn a_scanner_finds_a_product_and_a_category_finds_those_below_it() {
    let shop = Shop::open().await;
    let strings = shelf(&shop, "Strings", None).await;
    let violins = shelf(&shop, "Violins", Some(&strings)).await;
    let violin = pb::Product {
        barcode: Some("4006381333931".to_owned()),
        category_id: Some(violins.id.clone()),
        ..thing("Violin")
    };
    shop.create(violin).await.unwrap();
    shop.create(pb::Product { category_id: Some(strings.id.clone()), ..thing("Rosin") }).await.unwrap();
    shop.service("Lesson").await;
    let find = async |request: pb::ListProductsRequest| -> Vec<String> {
        let found = shop.products().list_products(request).await.unwrap().into_inner();
        found.data.into_iter().map(|product| product.name).collect()
    };
    let all = pb::ListProductsRequest::default;
    assert_eq!(find(pb::ListProductsRequest { barcode: Some("4006381333931".to_owned()), ..all() }).await, ["Violin"]);
    assert_eq!(find(pb::ListProductsRequest { category_id: Some(strings.id), ..all() }).await, ["Rosin", "Violin"]);
    assert_eq!(find(pb::ListProductsRequest { category_id: Some(violins.id), ..all() }).await, ["Violin"]);
    let services = Some(pb::product::Kind::Service.into());
    assert_eq!(find(pb::ListProductsRequest { kind: services, ..all() }).await, ["Lesson"]);
    assert_eq!(find(pb::ListProductsRequest { q: "sku-VIO".to_owned(), ..all() }).await, ["Violin"]);
}
