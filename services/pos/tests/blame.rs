//! A refusal names the field that is to blame, as the caller wrote it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use proto::accounts::v1::{Account, AccountChanged};
use proto::common::v1::Money;
use proto::pos::v1 as pb;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::counter::{Shop1, blamed, card, cash, line, open_item, reason};

fn quote(shop: &Shop1, lines: Vec<pb::SaleLineInput>) -> pb::QuoteSaleRequest {
    pb::QuoteSaleRequest { register_id: shop.register.clone(), lines, ..pb::QuoteSaleRequest::default() }
}

fn told(status: &Status) -> (String, Vec<String>) {
    (reason(status), blamed(status))
}

fn is(why: &str, field: &str) -> (String, Vec<String>) {
    (why.to_owned(), vec![field.to_owned()])
}

async fn draft(shop: &Shop1, lines: Vec<pb::SaleLineInput>) -> pb::Sale {
    shop.sell(pb::CreateSaleRequest { lines, complete: false, ..shop.cart(&[], vec![]) }).await.unwrap()
}

#[tokio::test]
async fn inventory_blames_the_line_of_the_sale_not_of_its_products() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let (unknown, item) = (Uuid::now_v7().to_string(), shop.shelf.product(1_000));
    let after_two = |product: &str| vec![open_item(100), open_item(100), line(product)];
    let refused = shop.sales("k").quote_sale(quote(&shop, after_two(&unknown))).await.unwrap_err();
    assert_eq!(told(&refused), is("PRODUCT_UNKNOWN", "lines[2].product_id"));
    let sale = draft(&shop, after_two(&item)).await;

    shop.shelf.sell_out();
    let cart = pb::CreateSaleRequest { lines: after_two(&item), ..shop.cart(&[], vec![cash(1_200)]) };
    let refused = shop.sell(cart).await.unwrap_err();
    assert_eq!((refused.code(), told(&refused)), (Code::FailedPrecondition, is("OUT_OF_STOCK", "lines[2].product_id")));
    let pay = pb::CompleteSaleRequest { id: sale.id, tenders: vec![cash(1_200)] };
    let refused = shop.sales("k").complete_sale(pay).await.unwrap_err();
    assert_eq!(told(&refused), is("OUT_OF_STOCK", "lines[2].product_id"));
}

#[tokio::test]
async fn a_line_that_is_added_is_called_the_line() {
    let shop = Shop1::open().await;
    let sale = draft(&shop, vec![open_item(100), open_item(100)]).await;
    let discount = pb::Discount { amount: Some(Money { minor_units: 101 }), ..pb::Discount::default() };
    let item = shop.shelf.product(1_000);
    for (line, why, field) in [
        (line(&Uuid::now_v7().to_string()), "PRODUCT_UNKNOWN", "line.product_id"),
        (pb::SaleLineInput { discount: Some(discount.clone()), ..open_item(100) }, "INVALID", "line.discount.amount"),
        (
            pb::SaleLineInput { unit_price: Some(Money { minor_units: 1 }), ..line(&item) },
            "PRICE_OVERRIDE_FORBIDDEN",
            "line.unit_price",
        ),
    ] {
        let add = pb::AddSaleLineRequest { id: sale.id.clone(), line: Some(line) };
        let refused = shop.sales(&Uuid::now_v7().to_string()).add_sale_line(add).await.unwrap_err();
        assert_eq!(told(&refused), is(why, field));
    }
    let large = pb::SaleLineInput { discount: Some(discount), ..open_item(100) };
    let refused = shop.sales("k").quote_sale(quote(&shop, vec![open_item(100), large])).await.unwrap_err();
    assert_eq!(told(&refused), is("INVALID", "lines[1].discount.amount"));
}

#[tokio::test]
async fn what_is_wrong_just_now_names_its_field_too() {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let item = shop.shelf.product(1_083);
    let cart = |tenders| shop.cart(&[&item], tenders);
    let nobody = || Some(Uuid::now_v7().to_string());
    let account = Account { id: Uuid::now_v7().to_string(), name: "Abel".to_owned(), ..Account::default() };
    let account = Account { state: proto::accounts::v1::account::State::Active.into(), ..account };
    shop.house.hears(&AccountChanged { account: Some(account.clone()), version: 1 }).await.unwrap();
    let taken = shop.sell(cart(vec![cash(1_083)])).await.unwrap().id;
    let mut dear = cart(vec![cash(2_000)]);
    dear.lines = vec![line(&item), pb::SaleLineInput { unit_price: Some(Money { minor_units: 1 }), ..line(&item) }];
    for (request, code, why, field) in [
        (
            pb::CreateSaleRequest { account_id: nobody(), ..cart(vec![cash(1_083)]) },
            Code::FailedPrecondition,
            "ACCOUNT_UNKNOWN",
            "account_id",
        ),
        (
            pb::CreateSaleRequest {
                account_id: Some(account.id.clone()),
                member_id: nobody(),
                ..cart(vec![cash(1_083)])
            },
            Code::FailedPrecondition,
            "MEMBER_UNKNOWN",
            "member_id",
        ),
        (cart(vec![card(83), cash(1), card(1_001)]), Code::FailedPrecondition, "CARD_OVERPAYS", "tenders[2].amount"),
        (cart(vec![]), Code::FailedPrecondition, "TENDER_TOO_LITTLE", "tenders"),
        (
            pb::CreateSaleRequest { register_id: Uuid::now_v7().to_string(), ..cart(vec![cash(1_083)]) },
            Code::NotFound,
            "REGISTER_NOT_FOUND",
            "register_id",
        ),
        (
            pb::CreateSaleRequest { id: Some(taken), ..cart(vec![cash(1_083)]) },
            Code::AlreadyExists,
            "SALE_EXISTS",
            "id",
        ),
        (dear, Code::PermissionDenied, "PRICE_OVERRIDE_FORBIDDEN", "lines[1].unit_price"),
    ] {
        let refused = shop.sell(request).await.unwrap_err();
        assert_eq!((refused.code(), told(&refused)), (code, is(why, field)));
    }
    let refused = shop.sell(cart(vec![])).await.unwrap_err();
    assert_eq!(refused.message(), "10.83 is still to be paid");
    let drawer = pb::CreateDrawerSessionRequest {
        register_id: Uuid::now_v7().to_string(),
        opening_float: Some(Money { minor_units: 0 }),
    };
    let refused = shop.drawers("k").create_drawer_session(drawer).await.unwrap_err();
    assert_eq!(told(&refused), is("REGISTER_NOT_FOUND", "register_id"));
}

#[tokio::test]
async fn a_quote_is_not_made_for_an_account_that_nobody_knows() {
    let shop = Shop1::open().await;
    let somebody = Some(Uuid::now_v7().to_string());
    let asks = pb::QuoteSaleRequest { account_id: somebody, ..quote(&shop, vec![open_item(100)]) };
    let refused = shop.sales("k").quote_sale(asks).await.unwrap_err();
    assert_eq!(told(&refused), is("ACCOUNT_UNKNOWN", "account_id"));
}

#[tokio::test]
async fn tenders_that_would_pay_nothing_are_refused() {
    let shop = Shop1::open().await;
    let item = shop.shelf.product(1_000);
    let unasked = pb::CreateSaleRequest { complete: false, ..shop.cart(&[&item], vec![cash(2_000)]) };
    let refused = shop.sell(unasked).await.unwrap_err();
    assert_eq!((refused.code(), blamed(&refused)), (Code::InvalidArgument, vec!["tenders".to_owned()]));
}

#[tokio::test]
async fn a_tax_category_that_is_none_or_not_asked_for_is_refused() {
    let shop = Shop1::open().await;
    let item = shop.shelf.product(1_000);
    let with = |category: &str, line: pb::SaleLineInput| {
        let line = pb::SaleLineInput { tax_category: Some(category.to_owned()), ..line };
        pb::CreateSaleRequest {
            complete: false,
            ..pb::CreateSaleRequest { lines: vec![line], ..shop.cart(&[], vec![]) }
        }
    };
    for request in [with("Goods", open_item(100)), with("Bogus cat!", open_item(100)), with("none", line(&item))] {
        let refused = shop.sell(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), blamed(&refused)),
            (Code::InvalidArgument, vec!["lines[0].tax_category".to_owned()])
        );
    }
    shop.sell(with("goods_2", open_item(100))).await.unwrap();
}
