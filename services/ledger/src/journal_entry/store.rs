//! All SQL of the journal.

use std::collections::HashMap;

use db::seal::Chain;
use db::{Conn, List, Page, Select, Sorts};
use kit::Fault;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use types::uuid::Uuid;
use types::{Date, Money};

use super::{BookedLine, Customer, Draft, JournalEntry, JournalEntryId, Line, Reverses, Side, Source};
use crate::Error;
use crate::ledger_account::LedgerAccountId;

/// Entries with their lines, one text each.
pub(crate) const CHAIN: Chain = Chain {
    name: "journal",
    rows: "
select e.id, e.tx, e.number as position,
       (jsonb_build_array(e.id, e.number, e.effective_on, e.memo, e.source_service, e.source_kind, e.source_id,
                         e.event_kind, e.producer_tx::text, e.reverses_id, e.amount,
                         (extract(epoch from e.recorded_at) * 1000000)::bigint,
                         (select jsonb_agg(jsonb_build_array(l.ordinal, l.ledger_account_id, l.effective_on, l.debit,
                                                             l.credit, l.memo) order by l.ordinal)
                            from journal_line l
                           where l.journal_entry_id = e.id))
        -- Entries of before customers were named are hashed as they were.
        || case when e.account_id is null then '[]' else jsonb_build_array(e.account_id) end)::text as canonical
  from journal_entry e",
};

const SELECT: Select = Select {
    columns: "e.id, e.number, e.effective_on, e.memo, e.source_service, e.source_kind, e.source_id, e.event_kind, \
              e.reverses_id, r.id as reversed_by_id, e.account_id, c.name as account_name, e.amount, e.recorded_at, s.number as seal, \
              encode(s.hash, 'hex') as hash",
    from: "journal_entry e left join journal_entry r on r.reverses_id = e.id \
           left join seal s on s.chain = 'journal' and s.row_id = e.id \
           left join account_copy c on c.id = e.account_id",
    id: "e.id",
};
const SORTS: Sorts = &[
    ("number", "e.number"),
    ("effective_on", "e.effective_on"),
    ("amount", "e.amount"),
    ("event_kind", "e.event_kind"),
    ("recorded_at", "e.recorded_at"),
];

impl FromRow<'_, PgRow> for JournalEntry {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let seal: Option<i64> = row.try_get("seal")?;
        Ok(Self {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            effective_on: row.try_get("effective_on")?,
            memo: row.try_get("memo")?,
            source: Source {
                service: row.try_get("source_service")?,
                kind: row.try_get("source_kind")?,
                id: row.try_get("source_id")?,
                event: row.try_get("event_kind")?,
            },
            reverses: row.try_get("reverses_id")?,
            reversed_by: row.try_get("reversed_by_id")?,
            account: row
                .try_get::<Option<_>, _>("account_id")?
                .map(|id| Ok::<_, sqlx::Error>(Customer { id, name: row.try_get("account_name")? }))
                .transpose()?,
            lines: Vec::new(),
            amount: Money::minor(row.try_get("amount")?),
            recorded_at: row.try_get("recorded_at")?,
            seal: seal.zip(row.try_get("hash")?),
        })
    }
}

/// Which entries a list shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) source_id: Option<Uuid>,
    pub(crate) event_kind: Option<String>,
    pub(crate) ledger_account_id: Option<LedgerAccountId>,
    /// Entries of accounts that were merged into it too.
    pub(crate) account_id: Option<Uuid>,
    pub(crate) from_on: Option<Date>,
    pub(crate) until_on: Option<Date>,
}

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<JournalEntry>, Error> {
    let mut page: Page<JournalEntry> = list
        .page::<_, Error>(conn, SELECT, SORTS, |rows| {
            rows.eq_some("e.source_id", filter.source_id);
            rows.eq_some("e.event_kind", filter.event_kind.clone());
            if let Some(id) = filter.ledger_account_id {
                rows.with("e.id in (select journal_entry_id from journal_line where ledger_account_id = ", id, ")");
            }
            if let Some(id) = filter.account_id {
                rows.with("e.account_id = any(array(select accounts_of(", id, ")))");
            }
            if let Some(day) = filter.from_on {
                rows.with("e.effective_on >= ", day, "");
            }
            if let Some(day) = filter.until_on {
                rows.with("e.effective_on <= ", day, "");
            }
            rows.search(&["e.memo", "e.event_kind", "e.number::text"], &list.q);
        })
        .await?;
    add_lines(conn, &mut page.data).await?;
    Ok(page)
}

pub(crate) async fn get(conn: &mut Conn, id: JournalEntryId) -> Result<JournalEntry, Error> {
    let Select { columns, from, .. } = SELECT;
    let entry: Option<JournalEntry> =
        sqlx::query_as(AssertSqlSafe(format!("select {columns} from {from} where e.id = $1")))
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
    let mut entry = entry.ok_or(Error::JournalEntryNotFound(id))?;
    add_lines(conn, std::slice::from_mut(&mut entry)).await?;
    Ok(entry)
}

async fn add_lines(conn: &mut Conn, entries: &mut [JournalEntry]) -> Result<(), Error> {
    let rows = sqlx::query(
        "select l.journal_entry_id, l.ledger_account_id, a.code, a.name, a.control_of is not null as is_control, l.debit,
                l.credit, l.memo
           from journal_line l
           join ledger_account a on a.id = l.ledger_account_id
          where l.journal_entry_id = any($1)
          order by l.journal_entry_id, l.ordinal",
    )
    .bind(entries.iter().map(|entry| entry.id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let mut lines: HashMap<JournalEntryId, Vec<BookedLine>> = HashMap::with_capacity(entries.len());
    for row in &rows {
        lines.entry(row.try_get("journal_entry_id")?).or_default().push(BookedLine::from_row(row)?);
    }
    for entry in entries {
        entry.lines = lines.remove(&entry.id).unwrap_or_default();
    }
    Ok(())
}

impl FromRow<'_, PgRow> for BookedLine {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (debit, credit): (i64, i64) = (row.try_get("debit")?, row.try_get("credit")?);
        let side = if debit > 0 { Side::Debit(Money::minor(debit)) } else { Side::Credit(Money::minor(credit)) };
        Ok(Self {
            ledger_account_id: row.try_get("ledger_account_id")?,
            code: row.try_get("code")?,
            name: row.try_get("name")?,
            is_control: row.try_get("is_control")?,
            side,
            memo: row.try_get("memo")?,
        })
    }
}

/// Books an entry with its lines in one statement. False when its source was booked before, or the entry that it takes
/// back was taken back already; then nothing was written.
///
/// # Errors
/// A fault when the chart lacks an account.
pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<bool, Error> {
    let (reverses, reverses_event) = match draft.reverses {
        Reverses::Nothing => (None, None),
        Reverses::Entry(id) => (Some(id), None),
        Reverses::EntryOf(event) => (None, Some(event)),
    };
    let lines = draft.lines.as_slice();
    let (entries, written): (i64, i64) = sqlx::query_as(INSERT)
        .bind(draft.id)
        .bind(draft.effective_on)
        .bind(draft.memo.as_str())
        .bind(&draft.source.service)
        .bind(&draft.source.kind)
        .bind(draft.source.id)
        .bind(&draft.source.event)
        .bind(reverses)
        .bind(reverses_event)
        .bind(draft.producer_tx)
        .bind(draft.lines.amount().minor_units())
        .bind(column(lines, |line| line.code.as_str()))
        .bind(column(lines, |line| line.side.debit().minor_units()))
        .bind(column(lines, |line| line.side.credit().minor_units()))
        .bind(draft.account_id)
        .fetch_one(conn)
        .await?;
    if entries == 1 && usize::try_from(written) != Ok(lines.len()) {
        return Err(Fault::new("the chart lacks an account that a posting rule books to").into());
    }
    Ok(entries == 1)
}

fn column<'a, T>(lines: &'a [Line], get: impl Fn(&'a Line) -> T) -> Vec<T> {
    lines.iter().map(get).collect()
}

const INSERT: &str = "
with entry as (
    insert into journal_entry (id, effective_on, memo, source_service, source_kind, source_id, event_kind, reverses_id,
                               producer_tx, amount, account_id)
    values ($1, $2, $3, $4, $5, $6, $7,
            coalesce($8, (select id
                            from journal_entry
                           where source_id = $6
                             and event_kind = $9
                             and source_kind = $5
                             and source_service = $4)),
            $10::bigint::text::xid8, $11, $15)
    on conflict do nothing
    returning id, effective_on
), line as (
    insert into journal_line (journal_entry_id, ordinal, ledger_account_id, effective_on, debit, credit)
    select entry.id, l.ordinal, a.id, entry.effective_on, l.debit, l.credit
      from entry
     cross join unnest($12::text[], $13::bigint[], $14::bigint[]) with ordinality as l (code, debit, credit, ordinal)
      join ledger_account a on a.code = l.code
    returning ordinal
)
select (select count(*) from entry), (select count(*) from line)";

const KEEP_CUSTOMER: &str = "
insert into account_copy (id, version, name)
values ($1, $2, $3)
    on conflict (id) do update
   set version = excluded.version, name = excluded.name
 where account_copy.version < excluded.version";

/// Keeps the newest name of a customer's account.
pub(crate) async fn keep_customer(conn: &mut Conn, id: Uuid, name: &str, version: i64) -> Result<(), Error> {
    sqlx::query(KEEP_CUSTOMER).bind(id).bind(version).bind(name).execute(conn).await?;
    Ok(())
}

/// Whether a source was booked.
pub(crate) async fn is_booked(conn: &mut Conn, source: &Source) -> Result<bool, Error> {
    let booked = sqlx::query_scalar(
        "select exists (select
                          from journal_entry
                         where source_id = $1
                           and event_kind = $2
                           and source_kind = $3
                           and source_service = $4)",
    );
    Ok(booked.bind(source.id).bind(&source.event).bind(&source.kind).bind(&source.service).fetch_one(conn).await?)
}

/// How many reversals by hand there are in a row, from this entry down to the one that an event or a service made.
pub(crate) async fn reversals_by_hand(conn: &mut Conn, id: JournalEntryId) -> Result<i64, Error> {
    let count = sqlx::query_scalar(
        "with recursive reversal as (
            select id, reverses_id
              from journal_entry
             where id = $1
               and producer_tx is null
               and reverses_id is not null
            union all
            select e.id, e.reverses_id
              from reversal r
              join journal_entry e on e.id = r.reverses_id
             where e.producer_tx is null
               and e.reverses_id is not null
         )
         select count(*) from reversal",
    );
    Ok(count.bind(id).fetch_one(conn).await?)
}

/// The last of an event's entry, its reversal, the reversal of that, and so on; and how many reversals there were.
pub(crate) async fn last_reversal(
    conn: &mut Conn,
    source: &Source,
    event: &str,
) -> Result<Option<(JournalEntryId, i32)>, Error> {
    let last = sqlx::query_as(
        "with recursive reversal as (
            select id, 0 as reversals
              from journal_entry
             where source_id = $1
               and event_kind = $2
               and source_kind = $3
               and source_service = $4
            union all
            select e.id, r.reversals + 1
              from reversal r
              join journal_entry e on e.reverses_id = r.id
         )
         select id, reversals
           from reversal
          order by reversals desc
          limit 1",
    );
    Ok(last.bind(source.id).bind(event).bind(&source.kind).bind(&source.service).fetch_optional(conn).await?)
}
