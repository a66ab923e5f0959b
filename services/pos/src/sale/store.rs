//! SQL of sales.

mod counter;
mod parts;

use chrono::{DateTime, Utc};
use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use types::{Date, Decimal, Money};
use uuid::Uuid;

use super::line::{Line, LineDraft, Off};
use super::{Customer, Discount, Sale, SaleId, State, Totals, Void};
use crate::drawer::{RegisterId, SessionId};
use crate::error::Error;
use crate::receipt::Head;
use crate::tender::{Kind, Tender};

pub(crate) use self::counter::{Counter, counter, place, rates};
use self::parts::{Parts, amount, insert_tenders, percent, reason};

const SALES: Select = Select {
    columns: "s.id, s.number, s.state, s.location_id, s.register_id, s.drawer_session_id, \
              case when s.state = 'draft' then account_now(s.account_id) else s.account_id end as account_id, \
              case when s.state = 'draft' and s.account_id is not null \
                   then coalesce((select c.name from account_copy c where c.id = account_now(s.account_id)), s.account_name) \
                   else s.account_name end as account_name, \
              s.member_id, s.discount_percent, s.discount_amount, s.discount_reason, s.net, s.tax, s.total, s.cash_rounding, \
              s.paid, s.change, s.cash_kept, s.taxes, s.business_on, s.receipt, s.created_by, s.voided_by, s.void_reason, \
              s.void_session_id, s.version, s.created_at, s.completed_at, s.voided_at",
    from: "sale s",
    id: "s.id",
};
const SORTS: Sorts = &[
    ("created_at", "s.created_at"),
    ("completed_at", "s.completed_at"),
    ("number", "s.number"),
    ("total", "s.total"),
    ("business_on", "s.business_on"),
];

impl FromRow<'_, PgRow> for Sale {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let money = |name: &str| row.try_get(name).map(Money::minor);
        let (by, reason): (Option<Uuid>, Option<String>) = (row.try_get("voided_by")?, row.try_get("void_reason")?);
        let at: Option<DateTime<Utc>> = row.try_get("voided_at")?;
        let session = row.try_get("void_session_id")?;
        Ok(Self {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            state: state(row.try_get("state")?),
            location_id: row.try_get("location_id")?,
            register_id: row.try_get("register_id")?,
            drawer_session_id: row.try_get("drawer_session_id")?,
            customer: Customer {
                account_id: row.try_get("account_id")?,
                account_name: row.try_get("account_name")?,
                member_id: row.try_get("member_id")?,
            },
            lines: Vec::new(),
            discount: discount(row)?,
            taxes: row.try_get::<Json<_>, _>("taxes")?.0,
            tenders: Vec::new(),
            totals: Totals {
                net: money("net")?,
                tax: money("tax")?,
                total: money("total")?,
                cash_rounding: money("cash_rounding")?,
                paid: money("paid")?,
                change: money("change")?,
                cash_kept: money("cash_kept")?,
            },
            business_on: row.try_get("business_on")?,
            receipt: row.try_get::<Option<Json<Head>>, _>("receipt")?.map(|head| head.0),
            created_by: row.try_get("created_by")?,
            void: by.zip(reason).zip(at).map(|((by, reason), at)| Void { by, reason, at, session }),
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            completed_at: row.try_get("completed_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Line {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            draft: LineDraft {
                product_id: row.try_get("product_id")?,
                sku: row.try_get("sku")?,
                description: row.try_get("description")?,
                quantity: row.try_get("quantity")?,
                unit_price: Money::minor(row.try_get("unit_price")?),
                list_price: row.try_get::<Option<i64>, _>("list_price")?.map(Money::minor),
                tax_category: row.try_get("tax_category")?,
                discount: discount(row)?,
            },
            net: Money::minor(row.try_get("net")?),
            tax: Money::minor(row.try_get("tax")?),
            gross: Money::minor(row.try_get("gross")?),
        })
    }
}

impl FromRow<'_, PgRow> for Tender {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: if row.try_get::<&str, _>("kind")? == "card" { Kind::Card } else { Kind::Cash },
            amount: Money::minor(row.try_get("amount")?),
            change: Money::minor(row.try_get("change")?),
            reference: row.try_get("reference")?,
        })
    }
}

fn discount(row: &PgRow) -> sqlx::Result<Option<Discount>> {
    let percent: Option<Decimal> = row.try_get("discount_percent")?;
    let amount: Option<i64> = row.try_get("discount_amount")?;
    let off = percent.map(Off::Percent).or_else(|| amount.map(|minor| Off::Amount(Money::minor(minor))));
    let reason = row.try_get("discount_reason")?;
    Ok(off.map(|off| Discount { off, reason }))
}

fn state(text: &str) -> State {
    match text {
        "completed" => State::Completed,
        "voided" => State::Voided,
        _ => State::Draft,
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Draft => "draft",
        State::Completed => "completed",
        State::Voided => "voided",
    }
}

/// What narrows a list of sales.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<State>,
    pub(crate) register: Option<RegisterId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) account: Option<Uuid>,
    pub(crate) from: Option<Date>,
    pub(crate) until: Option<Date>,
}

pub(crate) async fn list(db: &mut Conn, list: &List, filter: &Filter) -> Result<Page<Sale>, Error> {
    list.page(db, SALES, SORTS, |rows| {
        rows.eq_some("s.state", filter.state.map(word));
        rows.eq_some("s.register_id", filter.register);
        rows.eq_some("s.drawer_session_id", filter.session);
        if let Some(account) = filter.account {
            // Those of accounts that were merged into it too.
            rows.with("s.account_id = any(array(select accounts_of(", account, ")))");
        }
        if let Some(day) = filter.from {
            rows.with("s.business_on >= ", day, "");
        }
        if let Some(day) = filter.until {
            rows.with("s.business_on <= ", day, "");
        }
        rows.search(&["s.number", "s.account_name"], &list.q);
    })
    .await
}

pub(crate) async fn get(db: &mut Conn, id: SaleId) -> Result<Sale, Error> {
    let sale: Option<Sale> = sqlx::query_as(SALES.one()).bind(id).fetch_optional(&mut *db).await?;
    let mut sale = sale.ok_or(Error::SaleNotFound(id))?;
    sale.lines = sqlx::query_as(
        "select id, product_id, sku, description, quantity, unit_price, list_price, tax_category, discount_percent,
                discount_amount, discount_reason, net, tax, gross
           from sale_line where sale_id = $1 order by position",
    )
    .bind(id)
    .fetch_all(&mut *db)
    .await?;
    sale.tenders =
        sqlx::query_as("select id, kind, amount, change, reference from tender where sale_id = $1 order by position")
            .bind(id)
            .fetch_all(db)
            .await?;
    Ok(sale)
}

/// Holds the sale against changes until the transaction ends.
pub(crate) async fn lock(tx: &mut Conn, id: SaleId) -> Result<Sale, Error> {
    sqlx::query("select id from sale where id = $1 for update").bind(id).execute(&mut *tx).await?;
    get(tx, id).await
}

/// The number of the next completed sale: its date and a turn that only grows.
pub(crate) fn number(business_on: Date, turn: i64) -> String {
    format!("{}-{turn:06}", business_on.format("%Y%m%d"))
}

/// Stores a new sale with its lines and tenders, and the hash of the request that asked for it.
pub(crate) async fn insert(tx: &mut Conn, sale: &Sale, request_hash: Option<&[u8]>) -> Result<(), Error> {
    let parts = Parts::of(sale);
    sqlx::query(INSERT)
        .bind(sale.id)
        .bind(&sale.number)
        .bind(word(sale.state))
        .bind(sale.location_id)
        .bind(sale.register_id)
        .bind(sale.drawer_session_id)
        .bind(sale.customer.account_id)
        .bind(&sale.customer.account_name)
        .bind(sale.customer.member_id)
        .bind(percent(sale.discount.as_ref()))
        .bind(amount(sale.discount.as_ref()))
        .bind(reason(sale.discount.as_ref()))
        .bind(sale.totals.net.minor_units())
        .bind(sale.totals.tax.minor_units())
        .bind(sale.totals.total.minor_units())
        .bind(sale.totals.cash_rounding.minor_units())
        .bind(sale.totals.paid.minor_units())
        .bind(sale.totals.change.minor_units())
        .bind(sale.totals.cash_kept.minor_units())
        .bind(Json(&sale.taxes))
        .bind(sale.business_on)
        .bind(sale.receipt.as_ref().map(Json))
        .bind(sale.created_by)
        .bind(sale.completed_at)
        .bind(sale.created_at)
        .bind(request_hash)
        .execute(&mut *tx)
        .await
        .map_err(|error| whistle(error, sale.id))?;
    parts.insert_lines(tx, sale.id).await?;
    insert_tenders(tx, sale).await
}

const INSERT: &str = "
insert into sale (id, number, state, location_id, register_id, drawer_session_id, account_id, account_name, member_id,
                  discount_percent, discount_amount, discount_reason, net, tax, total, cash_rounding, paid, change, cash_kept,
                  taxes, business_on, receipt, created_by, completed_at, created_at, updated_at, request_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $25,
        $26)";

/// Whether the sale came about by this very request of this person.
pub(crate) async fn came_by(db: &mut Conn, id: SaleId, by: Uuid, request_hash: &[u8]) -> Result<bool, Error> {
    let known =
        sqlx::query_scalar("select exists (select from sale where id = $1 and created_by = $2 and request_hash = $3)")
            .bind(id)
            .bind(by)
            .bind(request_hash)
            .fetch_one(db)
            .await?;
    Ok(known)
}

/// The turn of the next completed sale. It is taken outside of any lock, so numbers may have gaps.
pub(crate) async fn next_turn(tx: &mut Conn) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("select nextval('sale_number')").fetch_one(tx).await?)
}

/// Stores what a draft now is: its lines anew, its totals, and with tenders its completion.
pub(crate) async fn save(tx: &mut Conn, sale: &Sale) -> Result<(), Error> {
    if sale.state != State::Voided {
        sqlx::query("delete from sale_line where sale_id = $1").bind(sale.id).execute(&mut *tx).await?;
        Parts::of(sale).insert_lines(tx, sale.id).await?;
    }
    let completes = sale.state == State::Completed;
    if completes {
        insert_tenders(tx, sale).await?;
    }
    sqlx::query(UPDATE)
        .bind(sale.id)
        .bind(&sale.number)
        .bind(word(sale.state))
        .bind(sale.drawer_session_id)
        .bind(percent(sale.discount.as_ref()))
        .bind(amount(sale.discount.as_ref()))
        .bind(reason(sale.discount.as_ref()))
        .bind(sale.totals.net.minor_units())
        .bind(sale.totals.tax.minor_units())
        .bind(sale.totals.total.minor_units())
        .bind(sale.totals.cash_rounding.minor_units())
        .bind(sale.totals.paid.minor_units())
        .bind(sale.totals.change.minor_units())
        .bind(sale.totals.cash_kept.minor_units())
        .bind(Json(&sale.taxes))
        .bind(sale.business_on)
        .bind(sale.receipt.as_ref().map(Json))
        .bind(sale.completed_at)
        .bind(sale.void.as_ref().map(|void| void.by))
        .bind(sale.void.as_ref().map(|void| void.reason.clone()))
        .bind(sale.void.as_ref().map(|void| void.at))
        .bind(sale.void.as_ref().and_then(|void| void.session))
        .bind(sale.customer.account_id)
        .bind(&sale.customer.account_name)
        .bind(sale.customer.member_id)
        .execute(tx)
        .await
        .map_err(|error| whistle(error, sale.id))?;
    Ok(())
}

const UPDATE: &str = "
update sale
   set number = $2, state = $3, drawer_session_id = $4, discount_percent = $5, discount_amount = $6, discount_reason = $7,
       net = $8, tax = $9, total = $10, cash_rounding = $11, paid = $12, change = $13, cash_kept = $14, taxes = $15,
       business_on = $16, receipt = $17, completed_at = $18, voided_by = $19, void_reason = $20, voided_at = $21,
       void_session_id = $22, account_id = $23, account_name = $24, member_id = $25, tx = pg_current_xact_id(), version = version + 1, updated_at = now()
 where id = $1";

fn whistle(error: db::Error, id: SaleId) -> Error {
    if db::violates(&error, "sale_pkey") {
        Error::SaleExists(id)
    } else if db::violates(&error, "sale_open_drawer") {
        Error::DrawerNotOpen
    } else {
        error.into()
    }
}

/// The states of the sales that are known, and whether each was ever completed.
pub(crate) async fn states(db: &mut Conn, ids: &[Uuid]) -> Result<Vec<(SaleId, State, bool)>, Error> {
    let rows = sqlx::query("select id, state, completed_at is not null as completed from sale where id = any($1)")
        .bind(ids)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("id")?, state(row.try_get("state")?), row.try_get("completed")?))).collect()
}
