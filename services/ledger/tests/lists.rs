//! Every list keeps the convention, and every sort of every list runs.

use proto::ledger::v1 as pb;
use proto::ledger::v1::journal_entry_service_client::JournalEntryServiceClient;
use proto::ledger::v1::ledger_account_service_client::LedgerAccountServiceClient;
use proto::ledger::v1::posting_exception_service_client::PostingExceptionServiceClient;
use proto::ledger::v1::tax_rate_service_client::TaxRateServiceClient;
use proto::pos::v1::Sale;
use testing::list_behaves;

use crate::support::*;
use crate::tax_rates::{create, rate};

#[tokio::test]
async fn the_chart_lists_as_all_lists_do() {
    let house = open().await;
    list_behaves(house.user(&["ledger.view"]), "ledger.v1.LedgerAccountService/ListLedgerAccounts", &[]).await;
    let mut client = LedgerAccountServiceClient::new(house.user(&["ledger.view"]));
    for sort in ["code", "name", "kind", "created_at", "createdAt"] {
        let request = pb::ListLedgerAccountsRequest { sort: sort.to_owned(), ..Default::default() };
        client.list_ledger_accounts(request).await.unwrap();
    }
    let expenses =
        pb::ListLedgerAccountsRequest { kind: Some(pb::ledger_account::Kind::Expense.into()), ..Default::default() };
    let expenses = client.list_ledger_accounts(expenses).await.unwrap().into_inner().data;
    let codes: Vec<_> = expenses.iter().map(|account| account.code.as_str()).collect();
    assert_eq!(codes, ["5000", "5100", "5900", "5950"]);

    let all = client.list_all_ledger_accounts(pb::ListAllLedgerAccountsRequest {}).await.unwrap().into_inner().data;
    let controls: Vec<_> = all.iter().filter_map(|account| account.control_of.as_deref()).collect();
    assert_eq!(controls, ["drawer_cash", "inventory"]);
    assert!(all.iter().map(|account| &account.name).is_sorted(), "by name");
    let one = client.get_ledger_account(pb::GetLedgerAccountRequest { id: all[0].id.clone() }).await.unwrap();
    assert_eq!(one.into_inner().ledger_account.as_ref(), Some(&all[0]));
    let missing = client.get_ledger_account(pb::GetLedgerAccountRequest { id: new_id() }).await.unwrap_err();
    assert_eq!(reason(&missing), "LEDGER_ACCOUNT_NOT_FOUND");
}

#[tokio::test]
async fn the_journal_lists_as_all_lists_do() {
    let house = open().await;
    for (day, total) in [("2026-11-01", 500), ("2026-11-02", 300), ("2026-11-03", 400), ("2026-11-04", 100)] {
        let sale = Sale { business_on: Some(day.to_owned()), ..sale(total) };
        house.hears(&completed(&sale)).await.unwrap();
    }
    house.hears(&received(900)).await.unwrap();
    list_behaves(house.user(&["ledger.view"]), "ledger.v1.JournalEntryService/ListJournalEntries", &[]).await;
    let mut client = JournalEntryServiceClient::new(house.user(&["ledger.view"]));
    let mut ask = async |request: pb::ListJournalEntriesRequest| {
        let answer = client.list_journal_entries(request).await.unwrap().into_inner();
        answer.data.iter().map(|entry| entry.amount.as_ref().unwrap().minor_units).collect::<Vec<_>>()
    };
    for sort in ["number", "effective_on", "amount", "event_kind", "recorded_at"] {
        let sorted = ask(pb::ListJournalEntriesRequest { sort: sort.to_owned(), ..Default::default() }).await;
        assert_eq!(sorted.len(), 5, "{sort}");
    }
    assert_eq!(
        ask(pb::ListJournalEntriesRequest { sort: "amount".to_owned(), ..Default::default() }).await,
        [100, 300, 400, 500, 900]
    );
    let between = pb::ListJournalEntriesRequest {
        from_on: Some("2026-11-02".to_owned()),
        until_on: Some("2026-11-03".to_owned()),
        ..Default::default()
    };
    assert_eq!(ask(between).await, [300, 400]);
    let kind = Some("inventory.stock.received".to_owned());
    assert_eq!(ask(pb::ListJournalEntriesRequest { event_kind: kind, ..Default::default() }).await, [900]);
    assert_eq!(ask(pb::ListJournalEntriesRequest { q: "goods rec".to_owned(), ..Default::default() }).await, [900]);
    let inventory = entries(&house).await[4].lines[0].ledger_account_id.clone();
    let of_account = pb::ListJournalEntriesRequest { ledger_account_id: Some(inventory), ..Default::default() };
    assert_eq!(ask(of_account).await, [900]);

    let bad = pb::ListJournalEntriesRequest {
        source_id: Some("x".to_owned()),
        ledger_account_id: Some("y".to_owned()),
        from_on: Some("2026-02-30".to_owned()),
        ..Default::default()
    };
    let status = client.list_journal_entries(bad).await.unwrap_err();
    assert_eq!(fields(&status), ["source_id", "ledger_account_id", "from_on"]);
}

#[tokio::test]
async fn exceptions_list_as_all_lists_do() {
    let house = open().await;
    for _ in 0..3 {
        house.hears(&completed(&Sale { business_on: None, ..sale(500) })).await.unwrap();
    }
    list_behaves(house.user(&["ledger.view"]), "ledger.v1.PostingExceptionService/ListPostingExceptions", &[]).await;
    let mut client = PostingExceptionServiceClient::new(house.user(&["ledger.view"]));
    for sort in ["created_at", "event_kind", "resolved_at"] {
        let request = pb::ListPostingExceptionsRequest { sort: sort.to_owned(), ..Default::default() };
        assert_eq!(client.list_posting_exceptions(request).await.unwrap().into_inner().data.len(), 3);
    }
}

#[tokio::test]
async fn tax_rates_list_as_all_lists_do() {
    let house = open().await;
    for (name, location, category) in [("State", 1, "goods"), ("City", 1, "goods"), ("State", 2, "service")] {
        let rate = pb::TaxRate { location_id: location_id(location), tax_category: category.to_owned(), ..rate(name) };
        create(&house, rate).await.unwrap();
    }
    list_behaves(house.user(&["ledger.view"]), "ledger.v1.TaxRateService/ListTaxRates", &[]).await;
    let mut client = TaxRateServiceClient::new(house.user(&["ledger.view"]));
    let mut ask = async |request: pb::ListTaxRatesRequest| {
        let answer = client.list_tax_rates(request).await.unwrap().into_inner();
        answer.data.into_iter().map(|rate| rate.name).collect::<Vec<_>>()
    };
    for sort in ["name", "tax_category", "rate", "position", "created_at", "updated_at"] {
        let sorted = ask(pb::ListTaxRatesRequest { sort: sort.to_owned(), ..Default::default() }).await;
        assert_eq!(sorted.len(), 3, "{sort}");
    }
    let location = Some(location_id(1));
    assert_eq!(ask(pb::ListTaxRatesRequest { location_id: location, ..Default::default() }).await, ["City", "State"]);
    let category = Some("service".to_owned());
    assert_eq!(ask(pb::ListTaxRatesRequest { tax_category: category, ..Default::default() }).await, ["State"]);
    assert_eq!(ask(pb::ListTaxRatesRequest { q: "cit".to_owned(), ..Default::default() }).await, ["City"]);
}
