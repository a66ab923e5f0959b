//! What a till must know before it rings up.

use chrono::{DateTime, Utc};
use db::Conn;
use sqlx::Row;
use uuid::Uuid;

use crate::drawer::{RegisterId, SessionId};
use crate::error::Error;
use crate::sale::line::Rate;
use crate::sale::{Customer, SaleId};

/// What a till must know to complete a sale, in one round trip.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) register_name: String,
    pub(crate) session: Option<SessionId>,
    /// The account asked for, or the one that it was merged into.
    pub(crate) account_id: Option<Uuid>,
    pub(crate) account_name: Option<String>,
    /// The certificate of an account that pays no tax today.
    pub(crate) exemption: Option<String>,
    pub(crate) account_holds: bool,
    pub(crate) member_holds: bool,
}

pub(crate) async fn counter(
    db: &mut Conn,
    register: RegisterId,
    customer: &Customer,
    at: DateTime<Utc>,
) -> Result<Counter, Error> {
    let row = sqlx::query(
        "select r.name, d.id as session, who.id as account_id, a.name as account_name,
                case when who.id is not null then exemption_at(who.id, r.location_id, $4) end as exemption,
                $2::uuid is null or coalesce(a.active, false) as account_holds,
                $3::uuid is null
                or coalesce(m.active and (m.account_id = who.id or account_now(m.account_id) = who.id), false)
                    as member_holds
           from register r
           left join drawer_session d on d.register_id = r.id and d.state = 'open'
           left join account_redirect led on led.source_id = $2 and led.target_id is not null
          cross join lateral (select case when led.target_id is null then $2 else account_now($2) end as id) who
           left join account_copy a on a.id = who.id
           left join member_copy m on m.id = $3
          where r.id = $1",
    )
    .bind(register)
    .bind(customer.account_id)
    .bind(customer.member_id)
    .bind(at)
    .fetch_optional(db)
    .await?
    .ok_or(Error::RegisterNotFound { id: register, field: Some("register_id") })?;
    Ok(Counter {
        register_name: row.try_get("name")?,
        session: row.try_get("session")?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        exemption: row.try_get("exemption")?,
        account_holds: row.try_get("account_holds")?,
        member_holds: row.try_get("member_holds")?,
    })
}

/// Where a register stands, and whether the sale is known already.
pub(crate) async fn place(db: &mut Conn, register: RegisterId, sale: SaleId) -> Result<(Uuid, bool), Error> {
    let row = sqlx::query(
        "select r.location_id, exists (select from sale s where s.id = $2) as known from register r where r.id = $1",
    )
    .bind(register)
    .bind(sale)
    .fetch_optional(db)
    .await?
    .ok_or(Error::RegisterNotFound { id: register, field: Some("register_id") })?;
    Ok((row.try_get("location_id")?, row.try_get("known")?))
}

/// The taxes that a location charges an account, or somebody without one; none of who is exempt.
pub(crate) async fn rates(
    db: &mut Conn,
    location: Uuid,
    account: Option<Uuid>,
    at: DateTime<Utc>,
) -> Result<Vec<Rate>, Error> {
    let rows = sqlx::query(
        "select tax_category, name, rate, included, position, compounds
           from tax_rate_copy
          where location_id = $1
            and active
            and case when $2::uuid is null then true else exemption_at(account_now($2), $1, $3) is null end
          order by position, id",
    )
    .bind(location)
    .bind(account)
    .bind(at)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Rate {
                tax_category: row.try_get("tax_category")?,
                name: row.try_get("name")?,
                rate: row.try_get("rate")?,
                included: row.try_get("included")?,
                position: row.try_get("position")?,
                compounds: row.try_get("compounds")?,
            })
        })
        .collect()
}
