//! All SQL of consents.

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::Date;

use super::{Consent, ConsentId, Filter, Next, Shown, State, Step};
use crate::Error;
use crate::consent_document::ConsentDocumentId;
use crate::member::{Ages, MemberId};
use crate::search::store::word;

const CONSENTS: Select = Select {
    columns: "c.id, c.member_id, m.first_name || ' ' || m.last_name as member_name, c.type, c.created_at, s.number, s.state,
 s.document_id, d.version as document_version, d.body_sha256 as document_hash, s.grantor_id,
 g.first_name || ' ' || g.last_name as grantor_name, s.on_behalf, s.expires_on, s.note, s.recorded_by,
 s.recorded_by_name, s.client_ip, s.created_at as step_at",
    from: "consent c
  join member m on m.id = c.member_id
  join lateral (select number, state, document_id, grantor_id, on_behalf, expires_on, note, recorded_by, recorded_by_name,
                       client_ip, created_at
                  from consent_step where consent_id = c.id order by number desc limit 1) s on true
  join consent_document d on d.id = s.document_id
  left join member g on g.id = s.grantor_id",
    id: "c.id",
};

const SORTS: Sorts =
    &[("created_at", "c.created_at"), ("updated_at", "s.created_at"), ("name", "m.sort_name"), ("type", "c.type")];

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Consent>, Error> {
    list.page(conn, CONSENTS, SORTS, |rows| {
        rows.eq_some("c.member_id", filter.member_id);
        rows.eq_some("c.type", filter.kind.clone());
        rows.eq_some("s.state", filter.state.map(<&str>::from));
        rows.search(&["m.first_name || ' ' || m.last_name", "c.type", "d.title"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ConsentId) -> Result<Consent, Error> {
    sqlx::query_as(CONSENTS.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::ConsentNotFound(id))
}

const HISTORY: &str = "
select s.number, s.state, s.document_id, d.version as document_version, d.body_sha256 as document_hash, s.grantor_id,
       g.first_name || ' ' || g.last_name as grantor_name, s.on_behalf, s.expires_on, s.note, s.recorded_by,
       s.recorded_by_name, s.client_ip, s.created_at as step_at
  from consent_step s
  join consent_document d on d.id = s.document_id
  left join member g on g.id = s.grantor_id
 where s.consent_id = $1
 order by s.number";

pub(crate) async fn history(conn: &mut Conn, id: ConsentId) -> Result<Vec<Step>, Error> {
    Ok(sqlx::query_as(HISTORY).bind(id).fetch_all(conn).await?)
}

/// Opens consents; what is asked in each is its first step.
pub(crate) async fn insert(conn: &mut Conn, consents: &[(ConsentId, MemberId)], kind: &str) -> Result<(), Error> {
    sqlx::query("insert into consent (id, member_id, type) select id, member_id, $3 from unnest($1::uuid[], $2::uuid[]) as t (id, member_id)")
        .bind(consents.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(consents.iter().map(|(_, member_id)| *member_id).collect::<Vec<_>>())
        .bind(kind)
        .execute(conn)
        .await?;
    Ok(())
}

const APPEND: &str = "
insert into consent_step (consent_id, number, state, document_id, grantor_id, on_behalf, expires_on, note, recorded_by,
                          recorded_by_name, client_ip)
select *
  from unnest($1::uuid[], $2::integer[], $3::text[], $4::uuid[], $5::uuid[], $6::boolean[], $7::date[], $8::text[],
              $9::uuid[], $10::text[], $11::text[])";

/// Adds steps. The members are locked, in the order given.
pub(crate) async fn append(conn: &mut Conn, steps: &[Next]) -> Result<(), Error> {
    sqlx::query(APPEND)
        .bind(steps.iter().map(|step| step.consent_id).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.number).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| <&str>::from(step.state)).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.document_id).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.grantor_id).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.on_behalf).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.expires_on).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.note.as_deref()).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.by.id).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.by.name.as_str()).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.by.client_ip.as_deref()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// At most so many consents in one transaction of a sweep.
pub(super) const BATCH: i64 = 500;

const OUTDATED: &str = "
select c.id
  from consent_now c join consent_document d on d.id = c.document_id
 where c.type = $1 and c.state in ('requested', 'granted') and d.version < $2
 order by c.member_id
 limit $3";

/// Consents that are open or hold for a version before this one.
pub(super) async fn outdated(conn: &mut Conn, kind: &str, version: i32) -> Result<Vec<ConsentId>, Error> {
    Ok(sqlx::query_scalar(OUTDATED).bind(kind).bind(version).bind(BATCH).fetch_all(conn).await?)
}

const EXPIRED: &str = "
select s.consent_id
  from consent_step s join consent c on c.id = s.consent_id
 where s.state = 'granted' and s.expires_on < $1
   and not exists (select from consent_step later where later.consent_id = s.consent_id and later.number > s.number)
 order by c.member_id
 limit $2";

/// Consents whose last day is over.
pub(super) async fn expired(conn: &mut Conn, today: Date) -> Result<Vec<ConsentId>, Error> {
    Ok(sqlx::query_scalar(EXPIRED).bind(today).bind(BATCH).fetch_all(conn).await?)
}

const OUTGROWN: &str = "
select s.consent_id
  from consent_step s join consent c on c.id = s.consent_id join member m on m.id = c.member_id
 where s.state = 'granted' and s.on_behalf
   and not exists (select from consent_step later where later.consent_id = s.consent_id and later.number > s.number)
   and not is_under_age(m.born_on, m.age_override, $1)
 order by c.member_id
 limit $2";

/// Consents that were given on behalf of those who are of age now.
pub(super) async fn outgrown(conn: &mut Conn, ages: Ages) -> Result<Vec<ConsentId>, Error> {
    Ok(sqlx::query_scalar(OUTGROWN).bind(ages.adults_born_by).bind(BATCH).fetch_all(conn).await?)
}

/// Locks the members of consents, in the order of their ids.
pub(super) async fn lock_members(conn: &mut Conn, ids: &[ConsentId]) -> Result<(), Error> {
    sqlx::query(
        "select from member where id in (select member_id from consent where id = any($1)) order by id for update",
    )
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Step {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        let grantor: Option<MemberId> = row.try_get("grantor_id")?;
        let name: Option<String> = row.try_get("grantor_name")?;
        Ok(Self {
            number: row.try_get("number")?,
            state: word::<State>(row, "state")?,
            document: Shown {
                id: row.try_get::<ConsentDocumentId, _>("document_id")?,
                version: row.try_get("document_version")?,
                hash: row.try_get("document_hash")?,
            },
            grantor: grantor.zip(name),
            on_behalf: row.try_get("on_behalf")?,
            expires_on: row.try_get("expires_on")?,
            note: row.try_get("note")?,
            recorded_by: row.try_get("recorded_by")?,
            recorded_by_name: row.try_get("recorded_by_name")?,
            client_ip: row.try_get("client_ip")?,
            created_at: row.try_get("step_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Consent {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            member_id: row.try_get("member_id")?,
            member_name: row.try_get("member_name")?,
            kind: row.try_get("type")?,
            step: Step::from_row(row)?,
            created_at: row.try_get("created_at")?,
        })
    }
}
