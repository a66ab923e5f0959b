use proto::common::v1::Money;
use proto::identity::v1::{Shop, shop::TaxRounding};
use proto::pos::v1 as pb;
use proto::pos::v1::sale_service_client::SaleServiceClient;
use testing::eventually;
use tonic::Code;
use uuid::Uuid;

use crate::counter::{MANAGER, Shop1, card, cash, line, minor, reason};

#[tokio::test]
async fn a_clerk_sells_two_lines_for_cash() {
    let shop = Shop1::open().await;
    shop.tax("8.25", false).await;
    shop.open_drawer(10_000).await;
    let (bow, violin) = (shop.shelf.product(4_999), shop.shelf.product(29_900));
    let sale = shop.sell(shop.cart(&[&bow, &violin], vec![cash(40_000)])).await.unwrap();
    assert_eq!(sale.state, i32::from(pb::sale::State::Completed));
    assert_eq!(
        [sale.net, sale.tax, sale.total, sale.paid, sale.change].map(minor),
        [34_899, 2_879, 37_778, 37_778, 2_222]
    );
    assert_eq!(sale.business_on.as_deref(), Some("2026-11-21"));
    assert!(sale.number.as_deref().unwrap().starts_with("20261121-"));
    assert_eq!(shop.house.told().await, ["pos.drawer.opened", "pos.sale.completed"]);
    let told = shop.house.events::<pb::SaleCompleted>().await.remove(0).sale.unwrap();
    assert_eq!((told.id.clone(), told.lines.len(), told.total), (sale.id.clone(), 2, sale.total));
    let stored = shop.sales("x").get_sale(pb::GetSaleRequest { id: sale.id.clone() }).await.unwrap().into_inner();
    assert_eq!(stored.sale.unwrap().lines, sale.lines);
}

#[tokio::test]
async fn c1_cash_is_rounded_as_its_own_line_and_the_void_mirrors_it() {
    let profile = Shop { cash_rounding_minor_units: 5, tax_rounding: TaxRounding::Line.into(), ..Shop::default() };
    let shop = Shop1::with(profile).await;
    shop.tax("15", false).await;
    let drawer = shop.open_drawer(0).await;
    let item = shop.shelf.product(1_367);
    let sale = shop.sell(shop.cart(&[&item], vec![cash(1_570)])).await.unwrap();
    assert_eq!(
        [sale.net, sale.tax, sale.total, sale.cash_rounding, sale.paid].map(minor),
        [1_367, 205, 1_572, -2, 1_570]
    );
    assert_eq!(minor(shop.drawer(&drawer.id).await.expected_cash), 1_570);
    shop.void(&sale.id).await.unwrap();
    assert_eq!(minor(shop.drawer(&drawer.id).await.expected_cash), 0);
}

#[tokio::test]
async fn t17_two_lines_with_tax_included_come_to_the_price_on_the_tag() {
    let shop = Shop1::open().await;
    shop.tax("21", true).await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(37_900);
    let sale = shop.sell(shop.cart(&[&item, &item], vec![card(75_800)])).await.unwrap();
    assert_eq!([sale.net, sale.tax, sale.total].map(minor), [62_644, 13_156, 75_800]);
}

#[tokio::test]
async fn a_sale_without_an_open_drawer_is_impossible() {
    let shop = Shop1::open().await;
    let item = shop.shelf.product(1_000);
    let refused = shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "DRAWER_NOT_OPEN".to_owned()));
    assert!(shop.house.told().await.is_empty());
    // Even past all our code.
    let forced = sqlx::query(
        "insert into sale (id, state, location_id, register_id, net, tax, total, paid, created_by, completed_at, number,
                           business_on, receipt, drawer_session_id)
         values ($1, 'completed', $2, $3, 1, 0, 1, 1, $1, now(), 'n', '2026-01-01', '{}', $1)",
    )
    .bind(Uuid::now_v7())
    .bind(Uuid::parse_str(&shop.location).unwrap())
    .bind(Uuid::parse_str(&shop.register).unwrap())
    .execute(&mut shop.house.sql().await)
    .await;
    assert!(forced.unwrap_err().to_string().contains("drawer is not open"));
    // What was held is given back.
    let given_back = || async { (!shop.shelf.given_back().is_empty()).then_some(()) };
    eventually("the stock of the refused sale is given back", given_back).await;
}

#[tokio::test]
async fn a_completed_sale_does_not_change_even_for_the_database() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let sale = shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap();
    let id = Uuid::parse_str(&sale.id).unwrap();
    let mut sql = shop.house.sql().await;
    for forbidden in [
        "update sale set total = 1, net = 1 where id = $1",
        "update sale set state = 'draft' where id = $1",
        "delete from sale_line where sale_id = $1",
        "update tender set amount = 1 where sale_id = $1",
        "delete from tender where sale_id = $1",
        "insert into sale_line (id, sale_id, position, description, quantity, unit_price, tax_category, net, tax, gross)
         values (gen_random_uuid(), $1, 9, 'x', 1, 1, 'goods', 1, 0, 1)",
    ] {
        assert!(sqlx::query(forbidden).bind(id).execute(&mut sql).await.is_err(), "{forbidden}");
    }
    let refused = shop
        .sales("k")
        .add_sale_line(pb::AddSaleLineRequest { id: sale.id.clone(), line: Some(line(&item)) })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SALE_COMPLETED");
}

#[tokio::test]
async fn a_draft_grows_shrinks_is_discounted_and_paid() {
    let shop = Shop1::open().await;
    shop.tax("10", false).await;
    shop.open_drawer(0).await;
    let (reed, case) = (shop.shelf.product(1_000), shop.shelf.product(5_000));
    let draft = pb::CreateSaleRequest { complete: false, ..shop.cart(&[&reed], vec![]) };
    let sale = shop.sell(draft).await.unwrap();
    assert!(shop.shelf.held().is_empty(), "a draft holds nothing");
    let mut till = shop.sales("k1");
    let added = pb::AddSaleLineRequest { id: sale.id.clone(), line: Some(line(&case)) };
    let sale = till.add_sale_line(added).await.unwrap().into_inner().sale.unwrap();
    assert_eq!(minor(sale.total), 6_600);
    let removed = pb::RemoveSaleLineRequest { id: sale.id.clone(), line_id: sale.lines[0].id.clone() };
    let sale = shop.sales("k2").remove_sale_line(removed).await.unwrap().into_inner().sale.unwrap();
    assert_eq!((sale.lines.len(), minor(sale.total)), (1, 5_500));
    let discount = Some(pb::Discount { percent: Some("10".to_owned()), ..pb::Discount::default() });
    let set = pb::SetSaleDiscountRequest { id: sale.id.clone(), discount };
    let sale = shop.sales("k3").set_sale_discount(set).await.unwrap().into_inner().sale.unwrap();
    assert_eq!([sale.net, sale.tax, sale.total].map(minor), [4_500, 450, 4_950]);
    let pay = pb::CompleteSaleRequest { id: sale.id.clone(), tenders: vec![card(2_000), cash(3_000)] };
    let sale = shop.sales("k4").complete_sale(pay).await.unwrap().into_inner().sale.unwrap();
    assert_eq!((sale.state, minor(sale.change)), (i32::from(pb::sale::State::Completed), 50));
    assert_eq!(shop.shelf.held(), std::slice::from_ref(&sale.id));
    let told = shop.house.events::<pb::SaleCompleted>().await.remove(0).sale.unwrap();
    assert_eq!(told.etag, sale.etag, "what is told is what is stored");
}

#[tokio::test]
async fn a_quote_stores_nothing() {
    let shop = Shop1::open().await;
    shop.tax("8.25", false).await;
    let item = shop.shelf.product(1_999);
    let quote = pb::QuoteSaleRequest {
        register_id: shop.register.clone(),
        lines: vec![line(&item)],
        ..pb::QuoteSaleRequest::default()
    };
    let sale = shop.sales("k").quote_sale(quote).await.unwrap().into_inner().sale.unwrap();
    assert_eq!(minor(sale.total), 2_164);
    let stored: i64 =
        sqlx::query_scalar("select count(*) from sale").fetch_one(&mut shop.house.sql().await).await.unwrap();
    assert_eq!((stored, shop.shelf.held().len()), (0, 0));
}

#[tokio::test]
async fn a_void_pays_back_once_from_the_open_drawer() {
    let shop = Shop1::open().await;
    let first = shop.open_drawer(10_000).await;
    let item = shop.shelf.product(2_500);
    let sale = shop.sell(shop.cart(&[&item], vec![cash(3_000)])).await.unwrap();
    shop.close_drawer(&first.id, 12_500).await.unwrap();
    assert_eq!(reason(&shop.void(&sale.id).await.unwrap_err()), "DRAWER_NOT_OPEN");
    let second = shop.open_drawer(5_000).await;
    let voided = shop.void(&sale.id).await.unwrap();
    assert_eq!(voided.void_session_id.as_deref(), Some(second.id.as_str()));
    assert_eq!(minor(shop.drawer(&second.id).await.expected_cash), 2_500);
    assert_eq!(reason(&shop.void(&sale.id).await.unwrap_err()), "SALE_VOIDED");
    assert_eq!(shop.house.events::<pb::SaleVoided>().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_and_leaves_nothing() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    for (tenders, why) in
        [(vec![cash(999)], "TENDER_TOO_LITTLE"), (vec![], "TENDER_TOO_LITTLE"), (vec![card(1_001)], "CARD_OVERPAYS")]
    {
        let refused = shop.sell(shop.cart(&[&item], tenders)).await.unwrap_err();
        assert_eq!(reason(&refused), why);
    }
    assert_eq!(reason(&shop.sell(shop.cart(&[], vec![cash(1)])).await.unwrap_err()), "SALE_EMPTY");
    shop.shelf.sell_out();
    let refused = shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    shop.shelf.go_away();
    let refused = shop.sell(shop.cart(&[&item], vec![cash(1_000)])).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unavailable, "INVENTORY_AWAY".to_owned()));
    let stored: i64 =
        sqlx::query_scalar("select count(*) from sale").fetch_one(&mut shop.house.sql().await).await.unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn another_price_needs_a_manager() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let mut cart = shop.cart(&[&item], vec![card(900)]);
    cart.lines[0].unit_price = Some(Money { minor_units: 900 });
    let refused = shop.sell(cart.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::PermissionDenied, "PRICE_OVERRIDE_FORBIDDEN".to_owned()));
    let mut manager = SaleServiceClient::new(shop.house.user_with(MANAGER, &[("idempotency-key", "m")]));
    let sale = manager.create_sale(cart).await.unwrap().into_inner().sale.unwrap();
    let prices = |sale: &pb::Sale| [sale.lines[0].list_price, sale.lines[0].unit_price].map(minor);
    assert_eq!(prices(&sale), [1_000, 900]);
    let stored = shop.sales("x").get_sale(pb::GetSaleRequest { id: sale.id.clone() }).await.unwrap().into_inner();
    assert_eq!(prices(&stored.sale.unwrap()), [1_000, 900]);
}

#[tokio::test]
async fn the_audit_record_tells_overridden_prices_and_the_discount_of_the_sale() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let mut cart = shop.cart(&[&item, &item], vec![]);
    cart.lines[0].unit_price = Some(Money { minor_units: 900 });
    cart.discount = Some(pb::Discount {
        percent: Some("100".to_owned()),
        reason: Some("goodwill".to_owned()),
        ..pb::Discount::default()
    });
    let mut manager = SaleServiceClient::new(shop.house.user_with(MANAGER, &[("idempotency-key", "m")]));
    let sale = manager.create_sale(cart).await.unwrap().into_inner().sale.unwrap();
    let audit = "select to_jsonb(a)::text from audit a where subject_id = $1";
    let told: String = sqlx::query_scalar(audit).bind(&sale.id).fetch_one(&mut shop.house.sql().await).await.unwrap();
    for part in [
        r#""price_overrides": [{"sku": "SKU", "list_price": 1000, "unit_price": 900}]"#,
        r#""discount": {"reason": "goodwill", "percent": "100"}"#,
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test]
async fn the_receipt_shows_what_was_taken_off_and_why() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_000);
    let mut cart = shop.cart(&[&item, &item], vec![cash(2_000)]);
    let off = |percent: Option<&str>, amount: Option<i64>, reason: &str| {
        let amount = amount.map(|minor_units| Money { minor_units });
        Some(pb::Discount { percent: percent.map(str::to_owned), amount, reason: Some(reason.to_owned()) })
    };
    cart.lines[0].discount = off(Some("12.5"), None, "scratch <small>");
    cart.lines[0].unit_price = Some(Money { minor_units: 800 });
    cart.discount = off(None, Some(150), "member");
    let mut manager = SaleServiceClient::new(shop.house.user_with(MANAGER, &[("idempotency-key", "m")]));
    let id = manager.create_sale(cart).await.unwrap().into_inner().sale.unwrap().id;
    let page = shop.sales("k").print_receipt(pb::PrintReceiptRequest { id }).await.unwrap().into_inner().page.unwrap();
    let html = String::from_utf8(page.data.to_vec()).unwrap();
    for said in ["1 × 8.00 instead of 10.00", "less 12.5 %: scratch &lt;small&gt;", "Whole sale less 1.50: member"] {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[tokio::test]
async fn bad_input_names_every_field() {
    let shop = Shop1::open().await;
    let cart = pb::CreateSaleRequest {
        register_id: shop.register.clone(),
        lines: vec![
            pb::SaleLineInput {
                product_id: Some("nonsense".to_owned()),
                quantity: "-1".to_owned(),
                ..Default::default()
            },
            pb::SaleLineInput { quantity: "1e5".to_owned(), ..Default::default() },
        ],
        ..pb::CreateSaleRequest::default()
    };
    let refused = shop.sell(cart).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    for field in
        ["lines[0].product_id", "lines[0].quantity", "lines[1].quantity", "lines[1].unit_price", "lines[1].description"]
    {
        assert!(refused.message().contains(field), "{field}: {}", refused.message());
    }
}

#[tokio::test]
async fn the_receipt_says_what_was_true_then() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let mut cart = shop.cart(&[], vec![cash(2_000)]);
    cart.lines = vec![pb::SaleLineInput {
        quantity: "1".to_owned(),
        unit_price: Some(Money { minor_units: 1_500 }),
        description: Some("<b>String change</b>".to_owned()),
        tax_category: Some("service".to_owned()),
        ..Default::default()
    }];
    let sale = shop.sell(cart).await.unwrap();
    let receipt =
        shop.sales("k").get_receipt(pb::GetReceiptRequest { id: sale.id.clone() }).await.unwrap().into_inner();
    let receipt = receipt.receipt.unwrap();
    assert_eq!((receipt.shop_name.as_str(), receipt.printed_time.as_str()), ("Harmony Music", "2026-11-21 12:00"));
    let page = shop
        .sales("k")
        .print_receipt(pb::PrintReceiptRequest { id: sale.id })
        .await
        .unwrap()
        .into_inner()
        .page
        .unwrap();
    let html = String::from_utf8(page.data.to_vec()).unwrap();
    assert!(html.contains("15.00") && html.contains("&lt;b&gt;String change&lt;/b&gt;") && !html.contains("<b>"));
}
