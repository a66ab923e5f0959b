//! What a till makes of accounts that turn out to be one, and of those that do not after all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;

use proto::accounts::v1 as accounts;
use proto::common::v1::TellPersonalDataRequest;
use proto::common::v1::personal_data_source_service_client::PersonalDataSourceServiceClient;
use proto::pos::v1 as pb;
use tonic::Status;
use uuid::Uuid;

use crate::counter::{Shop1, cash, reason};

fn account(id: &str, name: &str, state: accounts::account::State, version: i64) -> accounts::AccountChanged {
    let account =
        accounts::Account { id: id.to_owned(), name: name.to_owned(), state: state.into(), ..Default::default() };
    accounts::AccountChanged { account: Some(account), version }
}

fn merged(source: &str, target: &str, version: i64) -> accounts::AccountMerged {
    accounts::AccountMerged {
        merge_id: Uuid::now_v7().to_string(),
        source_id: source.to_owned(),
        target_id: target.to_owned(),
        version,
        ..Default::default()
    }
}

fn unmerged(source: &str, target: &str, version: i64) -> accounts::AccountUnmerged {
    accounts::AccountUnmerged {
        merge_id: Uuid::now_v7().to_string(),
        source_id: source.to_owned(),
        target_id: target.to_owned(),
        version,
        ..Default::default()
    }
}

fn member(id: &str, account: &str, version: i64) -> accounts::MemberChanged {
    let member = accounts::Member {
        id: id.to_owned(),
        account_id: account.to_owned(),
        first_name: "Ann".to_owned(),
        last_name: "Miller".to_owned(),
        state: accounts::member::State::Active.into(),
        ..Default::default()
    };
    accounts::MemberChanged { member: Some(member), version }
}

/// A shop with an open drawer that knows two accounts: Millar, who turns out to be Miller.
struct Counter {
    shop: Shop1,
    product: String,
    source: String,
    target: String,
}

async fn counter() -> Counter {
    let shop = Shop1::open().await;
    shop.open_drawer(0).await;
    let product = shop.shelf.product(1_000);
    let [source, target] = [Uuid::now_v7().to_string(), Uuid::now_v7().to_string()];
    for (id, name) in [(&source, "Millar"), (&target, "Miller")] {
        shop.house.hears(&account(id, name, accounts::account::State::Active, 1)).await.unwrap();
    }
    Counter { shop, product, source, target }
}

impl Counter {
    async fn merge(&self, version: i64) {
        let tombstone = account(&self.source, "Millar", accounts::account::State::Merged, version);
        self.shop.house.hears(&tombstone).await.unwrap();
        self.shop.house.hears(&merged(&self.source, &self.target, version)).await.unwrap();
    }

    async fn undo(&self, version: i64) {
        let back = account(&self.source, "Millar", accounts::account::State::Active, version);
        self.shop.house.hears(&back).await.unwrap();
        self.shop.house.hears(&unmerged(&self.source, &self.target, version)).await.unwrap();
    }

    async fn sell(&self, account: &str) -> Result<pb::Sale, Status> {
        let cart = self.shop.cart(&[&self.product], vec![cash(1_000)]);
        self.shop.sell(pb::CreateSaleRequest { account_id: Some(account.to_owned()), ..cart }).await
    }

    async fn draft(&self, account: &str) -> pb::Sale {
        let cart = self.shop.cart(&[&self.product], Vec::new());
        let request = pb::CreateSaleRequest { account_id: Some(account.to_owned()), complete: false, ..cart };
        self.shop.sell(request).await.unwrap()
    }

    async fn get(&self, id: &str) -> pb::Sale {
        let request = pb::GetSaleRequest { id: id.to_owned() };
        self.shop.sales("any").get_sale(request).await.unwrap().into_inner().sale.unwrap()
    }

    async fn complete(&self, id: &str) -> pb::Sale {
        let request = pb::CompleteSaleRequest { id: id.to_owned(), tenders: vec![cash(1_000)] };
        let key = Uuid::now_v7().to_string();
        self.shop.sales(&key).complete_sale(request).await.unwrap().into_inner().sale.unwrap()
    }

    /// The ids of the sales of an account.
    async fn sales_of(&self, account: &str) -> BTreeSet<String> {
        let request = pb::ListSalesRequest { account_id: Some(account.to_owned()), ..Default::default() };
        let data = self.shop.sales("any").list_sales(request).await.unwrap().into_inner().data;
        data.into_iter().map(|sale| sale.id).collect()
    }
}

fn set(sales: &[&pb::Sale]) -> BTreeSet<String> {
    sales.iter().map(|sale| sale.id.clone()).collect()
}

fn of(sale: &pb::Sale) -> (&str, &str) {
    (sale.account_id.as_deref().unwrap(), sale.account_name.as_deref().unwrap())
}

#[tokio::test]
async fn open_sales_follow_the_account_and_completed_ones_keep_what_they_say() {
    let at = counter().await;
    let sold = at.sell(&at.source).await.unwrap();
    let open = at.draft(&at.source).await;
    let left_open = at.draft(&at.source).await;
    let theirs = at.sell(&at.target).await.unwrap();

    at.merge(2).await;

    assert_eq!(at.get(&sold.id).await, sold, "not a word of it changes");
    assert_eq!(of(&at.get(&open.id).await), (at.target.as_str(), "Miller"));
    let completed = at.complete(&open.id).await;
    assert_eq!(of(&completed), (at.target.as_str(), "Miller"));
    let again = at.sell(&at.source).await.unwrap();
    assert_eq!(of(&again), (at.target.as_str(), "Miller"), "who is called by the old id is served as the new one");
    let all = set(&[&sold, &open, &left_open, &theirs, &again]);
    for id in [&at.source, &at.target] {
        assert_eq!(at.sales_of(id).await, all);
    }

    at.undo(3).await;

    assert_eq!(of(&at.get(&left_open.id).await), (at.source.as_str(), "Millar"));
    assert_eq!(at.get(&completed.id).await, completed);
    assert_eq!(at.sales_of(&at.source).await, set(&[&sold, &left_open]));
    assert_eq!(at.sales_of(&at.target).await, set(&[&completed, &theirs, &again]));
    let told = at.shop.house.events::<pb::SaleCompleted>().await;
    let whose: Vec<&str> = told.iter().map(|event| of(event.sale.as_ref().unwrap()).0).collect();
    assert_eq!(whose, [&at.source, &at.target, &at.target, &at.target]);
}

#[tokio::test]
async fn the_people_of_a_merged_account_are_served_before_they_are_heard_of() {
    let at = counter().await;
    let ann = Uuid::now_v7().to_string();
    at.shop.house.hears(&member(&ann, &at.source, 1)).await.unwrap();
    at.merge(2).await;
    for account in [&at.source, &at.target] {
        let cart = at.shop.cart(&[&at.product], vec![cash(1_000)]);
        let request = pb::CreateSaleRequest { account_id: Some(account.clone()), member_id: Some(ann.clone()), ..cart };
        let sale = at.shop.sell(request).await.unwrap();
        assert_eq!((of(&sale).0, sale.member_id.as_ref()), (at.target.as_str(), Some(&ann)));
    }
    at.shop.house.hears(&account(&at.target, "Miller", accounts::account::State::Archived, 2)).await.unwrap();
    assert_eq!(reason(&at.sell(&at.source).await.unwrap_err()), "ACCOUNT_UNKNOWN");
}

#[tokio::test]
async fn whatever_the_order_of_the_news_the_end_is_the_same() {
    let at = counter().await;
    let third = Uuid::now_v7().to_string();
    at.shop.house.hears(&account(&third, "Mueller", accounts::account::State::Active, 1)).await.unwrap();
    let sold = at.sell(&at.source).await.unwrap();
    let open = at.draft(&at.source).await;
    // Merged, undone, merged again elsewhere, and that one merged in turn.
    let news = [
        (Some(&at.target), &at.source, 2),
        (None, &at.source, 4),
        (Some(&third), &at.source, 6),
        (Some(&at.target), &third, 2),
    ];
    for seed in 1..=20_u64 {
        println!("seed {seed}");
        sqlx::query("delete from account_redirect").execute(&mut at.shop.house.sql().await).await.unwrap();
        // Each is told twice, in an order of its own.
        let mut order: Vec<usize> = (0..news.len()).chain(0..news.len()).collect();
        let mut state = seed;
        for place in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(place, usize::try_from((state >> 33) % (place as u64 + 1)).unwrap());
        }
        for place in order {
            match news[place] {
                (Some(target), source, version) => {
                    at.shop.house.hears(&merged(source, target, version)).await.unwrap();
                }
                (None, source, version) => {
                    at.shop.house.hears(&unmerged(source, &at.target, version)).await.unwrap();
                }
            }
            // Whatever is half heard, nobody waits for ever.
            at.get(&open.id).await;
        }
        assert_eq!(of(&at.get(&open.id).await), (at.target.as_str(), "Miller"), "seed {seed}");
        for id in [&at.source, &third, &at.target] {
            assert_eq!(at.sales_of(id).await, set(&[&sold, &open]), "seed {seed}");
        }
    }
}

fn exemption(id: &str, account: &str, expires_on: &str, version: i64) -> accounts::TaxExemptionChanged {
    let tax_exemption = accounts::TaxExemption {
        id: id.to_owned(),
        account_id: account.to_owned(),
        state: accounts::tax_exemption::State::Approved.into(),
        certificate_number: Some("IL-77".to_owned()),
        expires_on: Some(expires_on.to_owned()),
        ..Default::default()
    };
    accounts::TaxExemptionChanged { tax_exemption: Some(tax_exemption), version }
}

fn revoked(id: &str, account: &str, version: i64) -> accounts::TaxExemptionChanged {
    let mut event = exemption(id, account, "2026-12-31", version);
    event.tax_exemption.as_mut().unwrap().state = accounts::tax_exemption::State::Revoked.into();
    event
}

#[tokio::test]
async fn who_is_exempt_pays_no_tax_and_his_receipt_says_why() {
    let at = counter().await;
    at.shop.tax("8.25", false).await;
    let taxed = at.draft(&at.target).await;
    assert_eq!(taxed.tax.unwrap().minor_units, 83);
    let id = Uuid::now_v7().to_string();
    // The last day of it is today, where the shop is.
    at.shop.house.hears(&exemption(&id, &at.target, "2026-11-21", 2)).await.unwrap();

    let sold = at.sell(&at.target).await.unwrap();

    assert_eq!((sold.tax.unwrap().minor_units, sold.total.unwrap().minor_units, sold.taxes.len()), (0, 1_000, 0));
    let receipt = pb::GetReceiptRequest { id: sold.id.clone() };
    let receipt = at.shop.sales("any").get_receipt(receipt).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.tax_exemption_certificate.as_deref(), Some("IL-77"));
    let page = pb::PrintReceiptRequest { id: sold.id };
    let page = at.shop.sales("any").print_receipt(page).await.unwrap().into_inner().page.unwrap();
    assert!(String::from_utf8(page.data.to_vec()).unwrap().contains("IL-77"));
    // Merged into the exempt one, the other is exempt; by himself he is not.
    assert_eq!(at.draft(&at.source).await.tax.unwrap().minor_units, 83);
    at.merge(2).await;
    assert_eq!(at.draft(&at.source).await.tax.unwrap().minor_units, 0);
    // Old news changes nothing, and neither does one that has run out.
    at.shop.house.hears(&revoked(&id, &at.target, 3)).await.unwrap();
    at.shop.house.hears(&exemption(&id, &at.target, "2026-12-31", 2)).await.unwrap();
    assert_eq!(at.draft(&at.target).await.tax.unwrap().minor_units, 83);
    at.shop.house.hears(&exemption(&Uuid::now_v7().to_string(), &at.target, "2026-11-20", 1)).await.unwrap();
    assert_eq!(at.draft(&at.target).await.tax.unwrap().minor_units, 83);
}

#[tokio::test]
async fn a_draft_is_paid_when_the_one_it_was_for_has_gone() {
    let at = counter().await;
    let ann = Uuid::now_v7().to_string();
    at.shop.house.hears(&member(&ann, &at.source, 1)).await.unwrap();
    let cart = at.shop.cart(&[&at.product], Vec::new());
    let draft = pb::CreateSaleRequest {
        account_id: Some(at.source.clone()),
        member_id: Some(ann.clone()),
        complete: false,
        ..cart
    };
    let draft = at.shop.sell(draft).await.unwrap();
    assert_eq!(draft.member_id.as_ref(), Some(&ann));
    at.shop.house.hears(&member(&ann, &at.target, 2)).await.unwrap();

    let sale = at.complete(&draft.id).await;

    let whose = (of(&sale).0, sale.member_id.as_ref());
    assert_eq!(whose, (at.source.as_str(), None), "the account pays, and names nobody");
}

#[tokio::test]
async fn accounts_is_told_what_a_member_bought() {
    let at = counter().await;
    let ann = Uuid::now_v7().to_string();
    at.shop.house.hears(&member(&ann, &at.source, 1)).await.unwrap();
    let cart = at.shop.cart(&[&at.product], vec![cash(1_000)]);
    let request = pb::CreateSaleRequest { account_id: Some(at.source.clone()), member_id: Some(ann.clone()), ..cart };
    let sale = at.shop.sell(request).await.unwrap();
    at.sell(&at.source).await.unwrap();

    let mut source = PersonalDataSourceServiceClient::new(at.shop.house.service("accounts"));
    let request = TellPersonalDataRequest { member_id: ann };
    let document = source.tell_personal_data(request).await.unwrap().into_inner().document;
    let known: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(known["member"][0]["name"], "Ann Miller");
    assert_eq!(known["sale"].as_array().unwrap().len(), 1);
    assert_eq!(known["sale"][0]["number"], sale.number.unwrap());
}
