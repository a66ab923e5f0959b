//! The SQL of duplicates; every part of it goes through an index.

use db::{Conn, Error as DbError};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{Candidate, Sought, Why};
use crate::Error;

// In their order, so that two who hold several do not wait for each other.
const HOLD: &str = "
select pg_advisory_xact_lock(hashtextextended(held, 0))
  from (select distinct held
          from unnest(array[
                   'email ' || lower($2), 'phone ' || phone_tail($3),
                   'name ' || coalesce(nullif(name_core($1), ''), lower($1))
               ]) held
         where held is not null
         order by held) in_order";

/// Until the transaction ends, nobody else holds the same e-mail address, phone number or name: who waited for it sees what
/// came of it.
pub(crate) async fn hold(conn: &mut Conn, sought: &Sought) -> Result<(), Error> {
    sqlx::query(HOLD).bind(&sought.name).bind(&sought.email).bind(&sought.phone).execute(conn).await?;
    Ok(())
}

// Of a phone number that hundreds share the first fifty are enough to look at.
const CANDIDATES: &str = "
with alike (account_id, why, nearness) as (
    (select id, 'email', 1 from account where email is not null and lower(email) = lower($2) limit 50)
    union all
    (select account_id, 'email', 1
       from member
      where email is not null and lower(email) = lower($2) and state = 'active'
      limit 50)
    union all
    (select account_id, 'email', 1 from contact where email is not null and lower(email) = lower($2) limit 50)
    union all
    (select id, 'phone', 1 from account where phone is not null and phone_tail(phone) = phone_tail($3) limit 50)
    union all
    (select account_id, 'phone', 1
       from member
      where phone is not null and phone_tail(phone) = phone_tail($3) and state = 'active'
      limit 50)
    union all
    (select account_id, 'phone', 1
       from contact
      where phone_e164 is not null and phone_tail(phone_e164) = phone_tail($3)
      limit 50)
    union all
    (select coalesce(phone_number.account_id, member.account_id), 'phone', 1
       from phone_number
       left join member on member.id = phone_number.member_id
      where phone_tail(phone_number.e164) = phone_tail($3)
        and (phone_number.member_id is null or member.state = 'active')
      limit 50)
    union all
    select id, 'name', nearness from account_namesakes($1)
)
select account.id, account.number, account.name, array_agg(distinct alike.why) as why
  from alike
  join account on account.id = alike.account_id
 where account.state <> 'merged'
 group by account.id
 order by bool_or(alike.why = 'email') desc, bool_or(alike.why = 'phone') desc, max(alike.nearness) desc, account.number
 limit 10";

/// The accounts that may be who is sought, the likeliest first.
pub(crate) async fn candidates(conn: &mut Conn, sought: &Sought) -> Result<Vec<Candidate>, Error> {
    let found = sqlx::query_as(CANDIDATES).bind(&sought.name).bind(&sought.email).bind(&sought.phone);
    Ok(found.fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for Candidate {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let words: Vec<String> = row.try_get("why")?;
        let mut why: Vec<Why> = words.iter().filter_map(|word| word.parse().ok()).collect();
        why.sort_unstable();
        Ok(Self { id: row.try_get("id")?, number: row.try_get("number")?, name: row.try_get("name")?, why })
    }
}
