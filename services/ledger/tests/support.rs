//! A ledger that knows its shop, events that move value, and what became of them.

use chrono::{DateTime, Utc};
use ledger::{Ledger, Settings};
use proto::common::v1::Money;
use proto::identity::v1::{Location, LocationChanged, Shop, ShopChanged};
use proto::inventory::v1::{StockAdjusted, StockIssued, StockReceived, StockReturned};
use proto::ledger::v1 as pb;
use proto::ledger::v1::journal_entry_service_client::JournalEntryServiceClient;
use proto::ledger::v1::posting_exception_service_client::PostingExceptionServiceClient;
use proto::pos::v1::{DrawerClosed, DrawerOpened, Sale, SaleCompleted, SaleLine, SaleVoided, Tender, tender};
use testing::{Builder, House};
use types::id::demo_id;
use types::uuid::Uuid;

/// Noon in London, six in the morning in Chicago.
pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";
pub(crate) const TODAY: &str = "2026-11-21";

pub(crate) async fn open() -> House<Ledger> {
    know(Builder::default().at(NOW).open::<Ledger>(Settings {}).await).await
}

/// The shop in Chicago, with a second location in Berlin.
pub(crate) async fn know(house: House<Ledger>) -> House<Ledger> {
    let shop = Shop {
        name: "Harmony Music".to_owned(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        time_zone: "America/Chicago".to_owned(),
        cash_rounding_minor_units: 1,
        ..Shop::default()
    };
    house.hears(&ShopChanged { shop: Some(shop), version: 1 }).await.unwrap();
    house.hears(&location(1, None)).await.unwrap();
    house.hears(&location(2, Some("Europe/Berlin"))).await.unwrap();
    house
}

pub(crate) fn location(n: u32, time_zone: Option<&str>) -> LocationChanged {
    let location = Location {
        id: location_id(n),
        name: format!("Location {n}"),
        time_zone: time_zone.map(str::to_owned),
        ..Location::default()
    };
    LocationChanged { location: Some(location), version: 1 }
}

pub(crate) fn location_id(n: u32) -> String {
    demo_id(1, n).to_string()
}

pub(crate) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
pub(crate) fn money(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units })
}

pub(crate) fn at(text: &str) -> Option<prost_types::Timestamp> {
    Some(proto::timestamp(text.parse::<DateTime<Utc>>().unwrap()))
}

/// A sale of goods without tax, paid with a card.
pub(crate) fn sale(total: i64) -> Sale {
    Sale {
        id: new_id(),
        number: Some("20261121-0042".to_owned()),
        location_id: location_id(1),
        lines: vec![line("goods", total)],
        tenders: vec![tendered(tender::Kind::Card, total, 0)],
        net: money(total),
        tax: money(0),
        total: money(total),
        cash_rounding: money(0),
        business_on: Some(TODAY.to_owned()),
        ..Sale::default()
    }
}

pub(crate) fn line(tax_category: &str, net: i64) -> SaleLine {
    SaleLine { id: new_id(), tax_category: tax_category.to_owned(), net: money(net), ..SaleLine::default() }
}

pub(crate) fn tendered(kind: tender::Kind, amount: i64, change: i64) -> Tender {
    Tender { id: new_id(), kind: kind.into(), amount: money(amount), change: money(change), reference: None }
}

pub(crate) fn completed(sale: &Sale) -> SaleCompleted {
    SaleCompleted { sale: Some(sale.clone()) }
}

pub(crate) fn voided(sale: &Sale, business_on: &str) -> SaleVoided {
    let sale = Sale { void_reason: Some("wrong strings".to_owned()), ..sale.clone() };
    SaleVoided { sale: Some(sale), business_on: business_on.to_owned() }
}

pub(crate) fn drawer_opened(float: i64) -> DrawerOpened {
    DrawerOpened {
        drawer_session_id: new_id(),
        location_id: location_id(1),
        opening_float: money(float),
        business_on: TODAY.to_owned(),
        occurred_at: at(NOW),
    }
}

pub(crate) fn drawer_closed(expected: i64, counted: i64) -> DrawerClosed {
    DrawerClosed {
        drawer_session_id: new_id(),
        location_id: location_id(1),
        expected_cash: money(expected),
        counted_cash: money(counted),
        over_short: money(counted - expected),
        business_on: TODAY.to_owned(),
        occurred_at: at(NOW),
    }
}

pub(crate) fn received(value: i64) -> StockReceived {
    StockReceived { receipt_id: new_id(), location_id: location_id(1), value: money(value), occurred_at: at(NOW) }
}

pub(crate) fn adjusted(value: i64) -> StockAdjusted {
    StockAdjusted {
        adjustment_id: new_id(),
        location_id: location_id(1),
        reason: "count".to_owned(),
        value: money(value),
        occurred_at: at(NOW),
    }
}

pub(crate) fn issued(sale_id: &str, value: i64) -> StockIssued {
    StockIssued { sale_id: sale_id.to_owned(), location_id: location_id(1), value: money(value), occurred_at: at(NOW) }
}

pub(crate) fn returned(sale_id: &str, value: i64) -> StockReturned {
    StockReturned {
        sale_id: sale_id.to_owned(),
        location_id: location_id(1),
        value: money(value),
        occurred_at: at(NOW),
    }
}

pub(crate) fn journal(house: &House<Ledger>) -> JournalEntryServiceClient<testing::Voice> {
    JournalEntryServiceClient::new(house.user(&["ledger.view"]))
}

/// All entries, as the list shows them.
pub(crate) async fn entries(house: &House<Ledger>) -> Vec<pb::JournalEntry> {
    let request = pb::ListJournalEntriesRequest { limit: 100, ..Default::default() };
    journal(house).list_journal_entries(request).await.unwrap().into_inner().data
}

/// The entries that something caused, first to last.
pub(crate) async fn entries_of(house: &House<Ledger>, source_id: &str) -> Vec<pb::JournalEntry> {
    let request = pb::ListJournalEntriesRequest { source_id: Some(source_id.to_owned()), ..Default::default() };
    journal(house).list_journal_entries(request).await.unwrap().into_inner().data
}

/// Code and amount of each line; debits are positive.
pub(crate) fn sides(entry: &pb::JournalEntry) -> Vec<(&str, i64)> {
    let side = |line: &pb::JournalLine| match (&line.debit, &line.credit) {
        (Some(debit), None) => debit.minor_units,
        (None, Some(credit)) => -credit.minor_units,
        both => panic!("a line has one side: {both:?}"),
    };
    entry.lines.iter().map(|line| (line.code.as_str(), side(line))).collect()
}

pub(crate) async fn exceptions(house: &House<Ledger>, resolved: bool) -> Vec<pb::PostingException> {
    let mut client = PostingExceptionServiceClient::new(house.user(&["ledger.view"]));
    let request = pb::ListPostingExceptionsRequest { resolved: Some(resolved), ..Default::default() };
    client.list_posting_exceptions(request).await.unwrap().into_inner().data
}

/// Reverses an entry by hand, under a key of its own.
pub(crate) async fn reverse(house: &House<Ledger>, id: &str) -> Result<pb::JournalEntry, tonic::Status> {
    let key = new_id();
    let mut client =
        JournalEntryServiceClient::new(house.user_with(&["ledger.admin"], &[("idempotency-key", key.as_str())]));
    let request = pb::ReverseJournalEntryRequest { id: id.to_owned(), reason: "booked twice".to_owned() };
    Ok(client.reverse_journal_entry(request).await?.into_inner().journal_entry.unwrap())
}

/// Writes the opposite of an entry, as the service did by hand; the triggers say whether it may. Answers with its id.
pub(crate) async fn turn(conn: &mut sqlx::PgConnection, id: &str) -> Result<String, sqlx::Error> {
    let reversal = Uuid::now_v7();
    sqlx::query(
        "with entry as (
            insert into journal_entry (id, effective_on, memo, source_service, source_kind, source_id, event_kind,
                                       reverses_id, amount)
            select $1, effective_on, 'By hand', 'ledger', 'journal_entry', id, 'ledger.entry.reversed', id, amount
              from journal_entry
             where id = $2
         )
         insert into journal_line (journal_entry_id, ordinal, ledger_account_id, effective_on, debit, credit)
         select $1, ordinal, ledger_account_id, effective_on, credit, debit from journal_line where journal_entry_id = $2",
    )
    .bind(reversal)
    .bind(id.parse::<Uuid>().unwrap())
    .execute(conn)
    .await?;
    Ok(reversal.to_string())
}

/// An entry is reversed by hand as it could be before control accounts were closed to that. Answers with the reversal.
pub(crate) async fn reversed_long_ago(house: &House<Ledger>, id: &str) -> String {
    let mut sql = house.sql().await;
    sqlx::query("alter table journal_entry disable trigger journal_entry_controls").execute(&mut sql).await.unwrap();
    let reversal = turn(&mut sql, id).await.unwrap();
    sqlx::query("alter table journal_entry enable trigger journal_entry_controls").execute(&mut sql).await.unwrap();
    reversal
}

/// The reason in an answer's details.
pub(crate) fn reason(status: &tonic::Status) -> String {
    use tonic_types::StatusExt;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The fields that an answer's details blame.
pub(crate) fn fields(status: &tonic::Status) -> Vec<String> {
    use tonic_types::StatusExt;
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}
