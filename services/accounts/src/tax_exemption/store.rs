//! All SQL of tax exemptions.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use types::Date;

use super::{Details, Done, Draft, State, TaxExemption, TaxExemptionId, Who};
use crate::Error;
use crate::account::AccountId;
use crate::search::store::word;

const EXEMPTIONS: Select = Select {
    columns:
        "t.id, t.account_id, t.state, t.reason, t.certificate_number, t.expires_on, t.requested_by, t.requested_by_name,
 t.approved_by, t.approved_by_name, t.approved_at, t.expired_at, t.revoked_by, t.revoked_by_name, t.revoked_at,
 t.revoked_because, t.version, t.created_at, t.updated_at",
    from: "tax_exemption t join account a on a.id = t.account_id",
    id: "t.id",
};

const SORTS: Sorts = &[("created_at", "t.created_at"), ("expires_on", "t.expires_on"), ("name", "a.name")];

pub(crate) async fn list(
    conn: &mut Conn,
    account_id: Option<AccountId>,
    state: Option<State>,
    list: &List,
) -> Result<Page<TaxExemption>, Error> {
    list.page(conn, EXEMPTIONS, SORTS, |rows| {
        rows.eq_some("t.account_id", account_id);
        rows.eq_some("t.state", state.map(<&str>::from));
        rows.search(&["t.reason", "t.certificate_number", "a.name", "a.number::text"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: TaxExemptionId) -> Result<TaxExemption, Error> {
    let found = sqlx::query_as(EXEMPTIONS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::TaxExemptionNotFound(id))
}

pub(crate) async fn lock(conn: &mut Conn, id: TaxExemptionId) -> Result<TaxExemption, Error> {
    let sql = AssertSqlSafe(format!(
        "select {} from {} where t.id = $1 for update of t",
        EXEMPTIONS.columns, EXEMPTIONS.from
    ));
    sqlx::query_as(sql).bind(id).fetch_optional(conn).await?.ok_or(Error::TaxExemptionNotFound(id))
}

/// Locks some exemptions.
pub(crate) async fn lock_all(conn: &mut Conn, ids: &[TaxExemptionId]) -> Result<Vec<TaxExemption>, Error> {
    let sql = AssertSqlSafe(format!(
        "select {} from {} where t.id = any($1) order by t.id for update of t",
        EXEMPTIONS.columns, EXEMPTIONS.from
    ));
    Ok(sqlx::query_as(sql).bind(ids).fetch_all(conn).await?)
}

const INSERT: &str = "
insert into tax_exemption (id, account_id, reason, certificate_number, expires_on, requested_by, requested_by_name)
values ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) async fn insert(conn: &mut Conn, draft: &Draft) -> Result<TaxExemption, Error> {
    sqlx::query(INSERT)
        .bind(draft.id)
        .bind(draft.account_id)
        .bind(&draft.details.reason)
        .bind(&draft.details.certificate_number)
        .bind(draft.details.expires_on)
        .bind(draft.requested_by.id)
        .bind(&draft.requested_by.name)
        .execute(&mut *conn)
        .await?;
    get(conn, draft.id).await
}

const SAVE: &str = "
update tax_exemption
   set state = $2, reason = $3, certificate_number = $4, expires_on = $5, approved_by = $6, approved_by_name = $7,
       approved_at = $8, expired_at = $9, revoked_by = $10, revoked_by_name = $11, revoked_at = $12,
       revoked_because = $13, version = version + 1, updated_at = now()
 where id = $1";

/// Stores a locked exemption.
pub(crate) async fn save(conn: &mut Conn, exemption: &TaxExemption) -> Result<TaxExemption, Error> {
    let approved = exemption.approved.as_ref();
    let revoked = exemption.revoked.as_ref();
    sqlx::query(SAVE)
        .bind(exemption.id)
        .bind(<&str>::from(exemption.state))
        .bind(&exemption.details.reason)
        .bind(&exemption.details.certificate_number)
        .bind(exemption.details.expires_on)
        .bind(approved.and_then(|done| done.by.id))
        .bind(approved.map(|done| done.by.name.as_str()))
        .bind(approved.map(|done| done.at))
        .bind(exemption.expired_at)
        .bind(revoked.and_then(|(done, _)| done.by.id))
        .bind(revoked.map(|(done, _)| done.by.name.as_str()))
        .bind(revoked.map(|(done, _)| done.at))
        .bind(revoked.map(|(_, because)| because.as_str()))
        .execute(&mut *conn)
        .await?;
    get(conn, exemption.id).await
}

const FORGET: &str = "
update tax_exemption
   set reason = 'forgotten',
       certificate_number = case when certificate_number is not null then 'forgotten' end,
       revoked_because = case when revoked_because is not null then 'forgotten' end,
       version = version + 1, updated_at = now()
 where account_id = $1
returning id";

/// Forgets what was written down of the exemptions of an account; that there were any, and until when, stays.
pub(crate) async fn forget(conn: &mut Conn, account_id: AccountId) -> Result<Vec<TaxExemptionId>, Error> {
    Ok(sqlx::query_scalar(FORGET).bind(account_id).fetch_all(conn).await?)
}

const OVER: &str = "
select id
  from tax_exemption
 where state = 'approved' and expires_on < $1
 order by id
 limit 500
   for update skip locked";

/// Locks those whose last day is over.
pub(super) async fn over(conn: &mut Conn, today: Date) -> Result<Vec<TaxExemptionId>, Error> {
    Ok(sqlx::query_scalar(OVER).bind(today).fetch_all(conn).await?)
}

/// Who did something, when anybody did.
fn done(row: &PgRow, by: &str, name: &str, at: &str) -> Result<Option<Done>, DbError> {
    let Some(at) = row.try_get(at)? else { return Ok(None) };
    Ok(Some(Done { by: Who { id: row.try_get(by)?, name: row.try_get(name)? }, at }))
}

impl FromRow<'_, PgRow> for TaxExemption {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let because: Option<String> = row.try_get("revoked_because")?;
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            state: word(row, "state")?,
            details: Details {
                reason: row.try_get("reason")?,
                certificate_number: row.try_get("certificate_number")?,
                expires_on: row.try_get("expires_on")?,
            },
            requested_by: Who { id: row.try_get("requested_by")?, name: row.try_get("requested_by_name")? },
            approved: done(row, "approved_by", "approved_by_name", "approved_at")?,
            expired_at: row.try_get("expired_at")?,
            revoked: done(row, "revoked_by", "revoked_by_name", "revoked_at")?.zip(because),
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
