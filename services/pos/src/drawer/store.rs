//! SQL of registers and drawer sessions.

use chrono::{DateTime, Utc};
use db::{Conn, List, OnConstraint, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::{Date, Money};
use uuid::Uuid;

use super::{Closing, Register, RegisterId, Session, SessionId};
use crate::error::Error;

const REGISTERS: Select = Select {
    columns: "r.id, r.location_id, r.name, r.version, r.created_at, r.updated_at, d.id as open_session_id",
    from: "register r left join drawer_session d on d.register_id = r.id and d.state = 'open'",
    id: "r.id",
};
const REGISTER_SORTS: Sorts = &[("name", "r.name"), ("created_at", "r.created_at")];

/// While a drawer is open, what it should hold is summed from its sales: no row is hot.
const SESSIONS: Select = Select {
    columns: "d.id, d.register_id, d.location_id, d.opening_float, d.counted_cash, d.closed_by, d.closed_at, \
              d.opened_by, d.note, d.business_on, d.version, d.opened_at, \
              coalesce(d.expected_cash, d.opening_float \
                 + (select coalesce(sum(s.cash_kept), 0) from sale s where s.drawer_session_id = d.id) \
                 - (select coalesce(sum(s.cash_kept), 0) from sale s where s.void_session_id = d.id))::bigint as expected_cash, \
              (select count(*) from sale s where s.drawer_session_id = d.id)::integer as sale_count",
    from: "drawer_session d",
    id: "d.id",
};
const SESSION_SORTS: Sorts = &[("opened_at", "d.opened_at"), ("closed_at", "d.closed_at")];

impl FromRow<'_, PgRow> for Register {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            location_id: row.try_get("location_id")?,
            name: row.try_get("name")?,
            open_session_id: row.try_get("open_session_id")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Session {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let counted: Option<i64> = row.try_get("counted_cash")?;
        let by: Option<Uuid> = row.try_get("closed_by")?;
        let at: Option<DateTime<Utc>> = row.try_get("closed_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            register_id: row.try_get("register_id")?,
            location_id: row.try_get("location_id")?,
            opening_float: Money::minor(row.try_get("opening_float")?),
            expected_cash: Money::minor(row.try_get("expected_cash")?),
            closing: counted.zip(by).zip(at).map(|((counted, by), at)| Closing {
                counted: Money::minor(counted),
                by,
                at,
            }),
            sale_count: row.try_get("sale_count")?,
            opened_by: row.try_get("opened_by")?,
            note: row.try_get("note")?,
            business_on: row.try_get("business_on")?,
            version: row.try_get("version")?,
            opened_at: row.try_get("opened_at")?,
        })
    }
}

pub(crate) async fn list_registers(
    db: &mut Conn,
    list: &List,
    location: Option<Uuid>,
) -> Result<Page<Register>, Error> {
    list.page(db, REGISTERS, REGISTER_SORTS, |rows| {
        rows.eq_some("r.location_id", location);
        rows.search(&["r.name"], &list.q);
    })
    .await
}

pub(crate) async fn all_registers(db: &mut Conn) -> Result<Vec<Register>, Error> {
    Ok(sqlx::query_as(REGISTERS.all("r.name, r.id")).fetch_all(db).await?)
}

pub(crate) async fn get_register(db: &mut Conn, id: RegisterId) -> Result<Register, Error> {
    sqlx::query_as(REGISTERS.one())
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or(Error::RegisterNotFound { id, field: None })
}

/// Holds the register against changes until the transaction ends.
pub(crate) async fn lock_register(tx: &mut Conn, id: RegisterId) -> Result<Register, Error> {
    sqlx::query("select id from register where id = $1 for update").bind(id).execute(&mut *tx).await?;
    get_register(tx, id).await
}

pub(crate) async fn insert_register(
    tx: &mut Conn,
    id: RegisterId,
    location: Uuid,
    name: &str,
) -> Result<Register, Error> {
    sqlx::query("insert into register (id, location_id, name) values ($1, $2, $3)")
        .bind(id)
        .bind(location)
        .bind(name)
        .execute(&mut *tx)
        .await
        .on_constraint("register_name_key", || Error::RegisterNameTaken)?;
    get_register(tx, id).await
}

pub(crate) async fn save_register(tx: &mut Conn, register: &Register) -> Result<Register, Error> {
    sqlx::query("update register set name = $2, version = version + 1, updated_at = now() where id = $1")
        .bind(register.id)
        .bind(&register.name)
        .execute(&mut *tx)
        .await
        .on_constraint("register_name_key", || Error::RegisterNameTaken)?;
    get_register(tx, register.id).await
}

pub(crate) async fn list_sessions(
    db: &mut Conn,
    list: &List,
    register: Option<RegisterId>,
    state: Option<&'static str>,
) -> Result<Page<Session>, Error> {
    list.page(db, SESSIONS, SESSION_SORTS, |rows| {
        rows.eq_some("d.register_id", register);
        rows.eq_some("d.state", state);
        rows.search(&["d.opened_by_name", "d.note"], &list.q);
    })
    .await
}

pub(crate) async fn get_session(db: &mut Conn, id: SessionId) -> Result<Session, Error> {
    sqlx::query_as(SESSIONS.one()).bind(id).fetch_optional(db).await?.ok_or(Error::SessionNotFound(id))
}

/// Waits for sales in flight, which hold a share lock, and keeps new ones out.
pub(crate) async fn lock_session(tx: &mut Conn, id: SessionId) -> Result<Session, Error> {
    sqlx::query("select id from drawer_session where id = $1 for update").bind(id).execute(&mut *tx).await?;
    get_session(tx, id).await
}

/// Who opens a drawer, where and with how much.
pub(crate) struct Opening<'a> {
    pub(crate) id: SessionId,
    pub(crate) register: &'a Register,
    pub(crate) float: Money,
    pub(crate) by: Uuid,
    pub(crate) by_name: &'a str,
    pub(crate) business_on: Date,
    pub(crate) at: DateTime<Utc>,
}

pub(crate) async fn open_session(tx: &mut Conn, opening: &Opening<'_>) -> Result<Session, Error> {
    sqlx::query(
        "insert into drawer_session (id, register_id, location_id, opening_float, opened_by, opened_by_name, business_on,
                                     opened_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(opening.id)
    .bind(opening.register.id)
    .bind(opening.register.location_id)
    .bind(opening.float.minor_units())
    .bind(opening.by)
    .bind(opening.by_name)
    .bind(opening.business_on)
    .bind(opening.at)
    .execute(&mut *tx)
    .await
    .on_constraint("drawer_session_open_key", || Error::DrawerAlreadyOpen)?;
    get_session(tx, opening.id).await
}

pub(crate) async fn save_closed(tx: &mut Conn, session: &Session, closing: &Closing) -> Result<Session, Error> {
    sqlx::query(
        "update drawer_session
            set state = 'closed', expected_cash = $2, counted_cash = $3, closed_by = $4, closed_at = $5, note = $6,
                version = version + 1, updated_at = now()
          where id = $1",
    )
    .bind(session.id)
    .bind(session.expected_cash.minor_units())
    .bind(closing.counted.minor_units())
    .bind(closing.by)
    .bind(closing.at)
    .bind(&session.note)
    .execute(&mut *tx)
    .await?;
    get_session(tx, session.id).await
}

/// The cash in all open drawers.
pub(crate) async fn cash_in_open_drawers(db: &mut Conn) -> Result<Money, Error> {
    let minor: i64 = sqlx::query_scalar(
        "select coalesce(sum(d.opening_float
                  + (select coalesce(sum(s.cash_kept), 0) from sale s where s.drawer_session_id = d.id)
                  - (select coalesce(sum(s.cash_kept), 0) from sale s where s.void_session_id = d.id)), 0)::bigint
           from drawer_session d where d.state = 'open'",
    )
    .fetch_one(db)
    .await?;
    Ok(Money::minor(minor))
}
