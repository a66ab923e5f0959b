//! The journal on the wire.

use async_trait::async_trait;
use db::{Audit, List, Subject, Tx};
use kit::{App, Reply, read, write};
use proto::ledger::v1 as pb;
use proto::ledger::v1::journal_entry_service_server::JournalEntryService;
use serde_json::json;
use tonic::Request;
use types::id::parse_uuid;
use types::{Date, Money, Violation, Violations, parse_date};

use super::store::Filter;
use super::{BookedLine, Draft, JournalEntry, JournalEntryId, Side, store};
use crate::Error;
use crate::ledger_account::LedgerAccountId;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl JournalEntryService for Rpc {
    async fn list_journal_entries(
        &self,
        request: Request<pb::ListJournalEntriesRequest>,
    ) -> Reply<pb::ListJournalEntriesResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let page = store::list(db, &filter(&message)?, &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn get_journal_entry(
        &self,
        request: Request<pb::GetJournalEntryRequest>,
    ) -> Reply<pb::GetJournalEntryResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let id = JournalEntryId::parse("id", &message.id)?;
            let entry = store::get(db, id).await?;
            Ok::<_, Error>(pb::GetJournalEntryResponse { journal_entry: Some(entry.into()) })
        })
        .await
    }

    async fn reverse_journal_entry(
        &self,
        request: Request<pb::ReverseJournalEntryRequest>,
    ) -> Reply<pb::ReverseJournalEntryResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let id = JournalEntryId::parse("id", &message.id)?;
            let entry = store::get(tx, id).await?;
            let today = shop::today(tx, caller.now).await?;
            let by_hand = store::reversals_by_hand(tx, id).await?;
            let draft = entry.reversal(today, message.reason.trim(), by_hand)?;
            if !book(tx, &draft).await? {
                return Err(Error::JournalEntryReversed(id));
            }
            tx.audit(Audit::created(
                "journal_entry",
                draft.id,
                json!({
                    "reverses_id": id.to_string(),
                    "reason": message.reason.trim(),
                    "amount": draft.lines.amount().minor_units(),
                }),
            ));
            let reversal = store::get(tx, draft.id).await?;
            Ok(pb::ReverseJournalEntryResponse { journal_entry: Some(reversal.into()) })
        })
        .await
    }
}

/// Books an entry and tells of it. False when it was booked, or what it takes back was taken back, before.
pub(crate) async fn book(tx: &mut Tx, draft: &Draft) -> Result<bool, Error> {
    if !store::insert(tx, draft).await? {
        return Ok(false);
    }
    tx.publish(
        Subject { id: draft.id.uuid(), version: 1 },
        &pb::EntryPosted {
            journal_entry_id: draft.id.to_string(),
            source_kind: draft.source.kind.clone(),
            source_id: draft.source.id.to_string(),
            amount: Some(draft.lines.amount().into()),
        },
    );
    Ok(true)
}

fn filter(message: &pb::ListJournalEntriesRequest) -> Result<Filter, Violations> {
    let mut out = Violations::default();
    let filter = Filter {
        source_id: out.take(given(&message.source_id, |text| parse_uuid("source_id", text))).flatten(),
        event_kind: message.event_kind.clone().filter(|kind| !kind.is_empty()),
        ledger_account_id: out
            .take(LedgerAccountId::parse_some("ledger_account_id", message.ledger_account_id.as_deref()))
            .flatten(),
        account_id: out.take(given(&message.account_id, |text| parse_uuid("account_id", text))).flatten(),
        from_on: out.take(day("from_on", &message.from_on)).flatten(),
        until_on: out.take(day("until_on", &message.until_on)).flatten(),
    };
    out.into_result()?;
    Ok(filter)
}

fn day(field: &str, text: &Option<String>) -> Result<Option<Date>, Violation> {
    given(text, |text| parse_date(field, text))
}

/// Absent and blank are none.
fn given<T>(text: &Option<String>, parse: impl Fn(&str) -> Result<T, Violation>) -> Result<Option<T>, Violation> {
    text.as_deref().filter(|text| !text.is_empty()).map(parse).transpose()
}

impl From<JournalEntry> for pb::JournalEntry {
    fn from(entry: JournalEntry) -> Self {
        let JournalEntry {
            id,
            number,
            effective_on,
            memo,
            source,
            reverses,
            reversed_by,
            account,
            lines,
            amount,
            recorded_at,
            seal,
        } = entry;
        let (seal, hash) = seal.unzip();
        Self {
            id: id.to_string(),
            number,
            effective_on: effective_on.to_string(),
            memo,
            source_service: source.service,
            source_kind: source.kind,
            source_id: source.id.to_string(),
            event_kind: source.event,
            reverses_id: reverses.map(|id| id.to_string()),
            reversed_by_id: reversed_by.map(|id| id.to_string()),
            lines: lines.into_iter().map(Into::into).collect(),
            amount: Some(amount.into()),
            recorded_at: Some(proto::timestamp(recorded_at)),
            seal,
            hash,
            account_id: account.as_ref().map(|account| account.id.to_string()),
            account_name: account.and_then(|account| account.name),
        }
    }
}

impl From<BookedLine> for pb::JournalLine {
    fn from(line: BookedLine) -> Self {
        let BookedLine { ledger_account_id, code, name, is_control: _, side, memo } = line;
        let (debit, credit) = match side {
            Side::Debit(amount) => (Some(amount), None),
            Side::Credit(amount) => (None, Some(amount)),
        };
        let wire = |amount: Option<Money>| amount.map(Into::into);
        Self {
            ledger_account_id: ledger_account_id.to_string(),
            code,
            name,
            debit: wire(debit),
            credit: wire(credit),
            memo,
        }
    }
}
