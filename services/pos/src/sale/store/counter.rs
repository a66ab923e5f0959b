//! What a till must know before it rings up.

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
    pub(crate) account_name: Option<String>,
    pub(crate) account_holds: bool,
    pub(crate) member_holds: bool,
}

pub(crate) async fn counter(db: &mut Conn, register: RegisterId, customer: &Customer) -> Result<Counter, Error> {
    let row = sqlx::query(
        "select r.name, d.id as session, a.name as account_name,
                $2::uuid is null or coalesce(a.active, false) as account_holds,
                $3::uuid is null or coalesce(m.active and m.account_id = $2, false) as member_holds
           from register r
           left join drawer_session d on d.register_id = r.id and d.state = 'open'
           left join account_copy a on a.id = $2
           left join member_copy m on m.id = $3
          where r.id = $1",
    )
    .bind(register)
    .bind(customer.account_id)
    .bind(customer.member_id)
    .fetch_optional(db)
    .await?
    .ok_or(Error::RegisterNotFound(register))?;
    Ok(Counter {
        register_name: row.try_get("name")?,
        session: row.try_get("session")?,
        account_name: row.try_get("account_name")?,
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
    .ok_or(Error::RegisterNotFound(register))?;
    Ok((row.try_get("location_id")?, row.try_get("known")?))
}

/// The taxes that a location charges.
pub(crate) async fn rates(db: &mut Conn, location: Uuid) -> Result<Vec<Rate>, Error> {
    let rows = sqlx::query(
        "select tax_category, name, rate, included, position, compounds
           from tax_rate_copy where location_id = $1 and active order by position, id",
    )
    .bind(location)
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
