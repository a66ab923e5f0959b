//! All SQL of responsible adults.

use std::collections::BTreeSet;

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Details, Draft, Power, ResponsibleAdult, ResponsibleAdultId, State};
use crate::Error;
use crate::member::{Ages, MemberId};
use crate::search::store::word;

const ADULTS: Select = Select {
    columns: "r.id, r.member_id, r.adult_id, m.first_name || ' ' || m.last_name as member_name,
 a.first_name || ' ' || a.last_name as adult_name, r.powers, r.relation, r.state, r.ended_at, r.version, r.created_at,
 r.updated_at",
    from: "responsible_adult r join member m on m.id = r.member_id join member a on a.id = r.adult_id",
    id: "r.id",
};

/// Whose list it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Member(MemberId),
    Adult(MemberId),
}

pub(crate) async fn list(conn: &mut Conn, of: Of, state: State, list: &List) -> Result<Page<ResponsibleAdult>, Error> {
    const BY_ADULT: Sorts = &[("name", "a.sort_name"), ("created_at", "r.created_at")];
    const BY_MEMBER: Sorts = &[("name", "m.sort_name"), ("created_at", "r.created_at")];
    let sorts = if matches!(of, Of::Member(_)) { BY_ADULT } else { BY_MEMBER };
    list.page(conn, ADULTS, sorts, |rows| {
        match of {
            Of::Member(id) => {
                rows.eq("r.member_id", id);
                rows.search(&["a.first_name || ' ' || a.last_name", "r.relation"], &list.q);
            }
            Of::Adult(id) => {
                rows.eq("r.adult_id", id);
                rows.search(&["m.first_name || ' ' || m.last_name", "r.relation"], &list.q);
            }
        }
        rows.eq("r.state", <&str>::from(state));
    })
    .await
}

/// Those who answer for a member now, and still come themselves.
pub(crate) async fn answering(conn: &mut Conn, member_id: MemberId) -> Result<Vec<ResponsibleAdult>, Error> {
    let sql = AssertSqlSafe(format!(
        "select {} from {} where r.member_id = $1 and r.state = 'active' and a.state = 'active'",
        ADULTS.columns, ADULTS.from
    ));
    Ok(sqlx::query_as(sql).bind(member_id).fetch_all(conn).await?)
}

pub(crate) async fn get(conn: &mut Conn, id: ResponsibleAdultId) -> Result<ResponsibleAdult, Error> {
    let found = sqlx::query_as(ADULTS.one()).bind(id).fetch_optional(conn).await?;
    found.ok_or(Error::ResponsibleAdultNotFound(id))
}

/// Locks it; the minor's row is locked before it.
pub(crate) async fn lock(conn: &mut Conn, id: ResponsibleAdultId) -> Result<ResponsibleAdult, Error> {
    sqlx::query("select from responsible_adult where id = $1 for update").bind(id).execute(&mut *conn).await?;
    get(conn, id).await
}

const GROWN: &str = "
select r.id, r.member_id
  from responsible_adult r join member m on m.id = r.member_id
 where r.state = 'active' and r.powers <> '{pay}' and not is_under_age(m.born_on, m.age_override, $1)
 order by r.member_id, r.id
 limit 500";

/// Those who answer for somebody who is of age.
pub(super) async fn grown(conn: &mut Conn, ages: Ages) -> Result<Vec<(ResponsibleAdultId, MemberId)>, Error> {
    Ok(sqlx::query_as(GROWN).bind(ages.adults_born_by).fetch_all(conn).await?)
}

const INSERT: &str = "
insert into responsible_adult (id, member_id, adult_id, powers, relation)
select id, member_id, adult_id, string_to_array(powers, ','), relation
  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
       as t (id, member_id, adult_id, powers, relation)";

pub(crate) async fn insert(conn: &mut Conn, drafts: &[Draft]) -> Result<(), Error> {
    sqlx::query(INSERT)
        .bind(drafts.iter().map(|draft| draft.id).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.member_id).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.adult_id).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| words(&draft.details.powers).join(",")).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.details.relation.as_deref()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

const SAVE: &str = "
update responsible_adult
   set powers = $2, relation = $3, state = $4, ended_at = $5, version = version + 1, updated_at = now()
 where id = $1";

/// Stores the details and the state of a locked one.
pub(crate) async fn save(conn: &mut Conn, adult: &ResponsibleAdult) -> Result<ResponsibleAdult, Error> {
    sqlx::query(SAVE)
        .bind(adult.id)
        .bind(words(&adult.details.powers))
        .bind(&adult.details.relation)
        .bind(<&str>::from(adult.state))
        .bind(adult.ended_at)
        .execute(&mut *conn)
        .await?;
    get(conn, adult.id).await
}

fn words(powers: &BTreeSet<Power>) -> Vec<&'static str> {
    powers.iter().map(|power| <&str>::from(*power)).collect()
}

impl FromRow<'_, PgRow> for ResponsibleAdult {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let powers: Vec<String> = row.try_get("powers")?;
        let powers = powers.iter().map(|word| word.parse()).collect::<Result<_, _>>();
        Ok(Self {
            id: row.try_get("id")?,
            member_id: row.try_get("member_id")?,
            adult_id: row.try_get("adult_id")?,
            member_name: row.try_get("member_name")?,
            adult_name: row.try_get("adult_name")?,
            details: Details {
                powers: powers.map_err(|error: strum::ParseError| DbError::Decode(Box::new(error)))?,
                relation: row.try_get("relation")?,
            },
            state: word(row, "state")?,
            ended_at: row.try_get("ended_at")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
