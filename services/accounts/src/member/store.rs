//! All SQL of members.

use chrono::{DateTime, Utc};
use db::{Conn, Error as DbError, List, OnConstraint, Page, Select, Sorts, Tx, Where};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};

use super::{AgeOverride, Ages, Draft, Filter, Member, MemberId, Person, State};
use crate::Error;
use crate::account::AccountId;
use crate::phone;
use crate::search::Sought;
use crate::search::store::{nearest_first, page_of, patterns, sought, word};

const SORTS: Sorts = &[("name", "sort_name"), ("number", "number"), ("created_at", "created_at")];

/// What is read of a member.
macro_rules! columns {
    () => {
        "id, account_id, number, first_name, last_name, email, phone, born_on, tags, age_override, age_override_reason,
 age_override_by, age_override_name, age_override_at, awaits_adult, phone_e164, state,
 version, created_at, updated_at"
    };
}

const MEMBERS: Select = Select { columns: columns!(), from: "member", id: "id" };

/// Who is of age on the day of a call.
pub(crate) async fn ages(conn: &mut Conn, now: DateTime<Utc>) -> Result<Ages, Error> {
    let shop = shop::shop(conn).await?;
    Ok(Ages::on(shop::local_date(now, shop.time_zone), shop.majority))
}

/// The same, and the rules in the database go by it until the transaction ends.
pub(crate) async fn say_ages(tx: &mut Tx, now: DateTime<Utc>) -> Result<Ages, Error> {
    let ages = ages(tx, now).await?;
    sqlx::query("select set_config('accounts.of_age_born_by', $1, true)")
        .bind(ages.adults_born_by.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(ages)
}

/// A page of what contains the text sought, or when nothing does, of what resembles it.
pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Member>, Error> {
    let sought = sought(conn, &list.q).await?;
    let page: Page<Member> = list
        .page::<Member, Error>(conn, MEMBERS, SORTS, |rows| {
            narrow(rows, filter);
            if let Some(sought) = &sought {
                rows.with("search_text like any (", patterns(sought), ")");
            }
        })
        .await?;
    if let Some(sought) = sought.filter(|_| page.total == 0) {
        return near(conn, filter, &sought, list).await;
    }
    Ok(page)
}

/// The condition of a filter. The state is written out, so that the planner sees which index holds such rows only.
fn narrow(rows: &mut Where, filter: &Filter) {
    rows.holds(match filter.state {
        State::Active => "state = 'active'",
        State::Archived => "state = 'archived'",
    });
    rows.eq_some("account_id", filter.account_id);
    if let Some(tag) = &filter.tag {
        rows.holds("tags <> '{}'");
        rows.with("tags @> array[", tag.clone(), "]");
    }
    let born_by = filter.ages.adults_born_by;
    match filter.minor {
        Some(true) => rows.with("is_under_age(born_on, age_override, ", born_by, ")"),
        Some(false) => rows.with("not is_under_age(born_on, age_override, ", born_by, ")"),
        None => {}
    }
    match filter.needs_adult {
        Some(true) => rows.with(NEEDS_ADULT, born_by, "))"),
        Some(false) => rows.with(NEEDS_NO_ADULT, born_by, "))"),
        None => {}
    }
    match filter.born_on_unknown {
        Some(true) => rows.holds("born_on is null"),
        Some(false) => rows.holds("born_on is not null"),
        None => {}
    }
}

const NEEDS_ADULT: &str = "(awaits_adult and coalesce(age_override, born_on::text) is not null
 and is_under_age(born_on, age_override, ";
const NEEDS_NO_ADULT: &str = "not (awaits_adult and coalesce(age_override, born_on::text) is not null
 and is_under_age(born_on, age_override, ";

async fn near(conn: &mut Conn, filter: &Filter, sought: &Sought, list: &List) -> Result<Page<Member>, Error> {
    let order = nearest_first(list, list.order(MEMBERS, SORTS)?);
    let mut found = QueryBuilder::<Postgres>::new("with found as materialized (select nearness, sort_name, ");
    found.push(MEMBERS.columns).push(" from member_near(").push_bind(sought.texts[0].clone());
    found.push(") join member using (id)");
    found.push(" where state = ").push_bind(<&str>::from(filter.state));
    if let Some(account_id) = filter.account_id {
        found.push(" and account_id = ").push_bind(account_id);
    }
    if let Some(tag) = &filter.tag {
        found.push(" and tags <> '{}' and tags @> array[").push_bind(tag.clone()).push("]");
    }
    let born_by = filter.ages.adults_born_by;
    if let Some(minor) = filter.minor {
        found.push(" and is_under_age(born_on, age_override, ").push_bind(born_by).push(") = ").push_bind(minor);
    }
    if let Some(needs) = filter.needs_adult {
        found.push(" and ").push(NEEDS_ADULT).push_bind(born_by).push(")) = ").push_bind(needs);
    }
    if let Some(unknown) = filter.born_on_unknown {
        found.push(" and (born_on is null) = ").push_bind(unknown);
    }
    Ok(page_of(conn, found, MEMBERS.columns, &order, list).await?)
}

pub(crate) async fn get(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    sqlx::query_as(MEMBERS.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::MemberNotFound(id))
}

/// Locks a member; its account is locked before it where both are.
pub(crate) async fn lock(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    lock_all(conn, &[id]).await?.pop().ok_or(Error::MemberNotFound(id))
}

/// Locks members in the order of their ids.
pub(crate) async fn lock_all(conn: &mut Conn, ids: &[MemberId]) -> Result<Vec<Member>, Error> {
    const SQL: &str = concat!("select ", columns!(), " from member where id = any($1) order by id for update");
    Ok(sqlx::query_as(SQL).bind(ids).fetch_all(conn).await?)
}

const ADULT: &str = "
select member.id
  from member join account on account.id = member.account_id
 where member.account_id = $1
   and member.id <> $2
   and member.state = 'active'
   and account.kind <> 'business'
   and not is_under_age(born_on, age_override, $3)
 order by member.number
 limit 1
   for update of member";

/// Who answers for a minor when nobody else is named: the adult who was first on the account. The people of a business
/// answer for nobody.
pub(crate) async fn adult_for(conn: &mut Conn, minor: &Member, ages: Ages) -> Result<Option<MemberId>, Error> {
    let adult = sqlx::query_scalar(ADULT).bind(minor.account_id).bind(minor.id).bind(ages.adults_born_by);
    Ok(adult.fetch_optional(conn).await?)
}

/// Somebody answers for a person from now on.
pub(crate) async fn answered_for(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    const SQL: &str = concat!(
        "update member set awaits_adult = false, version = version + 1, updated_at = now() where id = $1 returning ",
        columns!()
    );
    Ok(sqlx::query_as(SQL).bind(id).fetch_one(conn).await?)
}

// An array of lists cannot be sent, so the tags of one member come as its lines.
const INSERT: &str = concat!(
    "
insert into member (id, account_id, first_name, last_name, email, phone, born_on, tags, phone_e164)
select id, account_id, first_name, last_name, email, phone, born_on, string_to_array(tags, E'\\n'),
       phone_e164
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::date[], $8::text[],
              $9::text[])
       with ordinality as t (id, account_id, first_name, last_name, email, phone, born_on, tags, phone_e164, place)
 order by place
returning ",
    columns!()
);

/// Adds people; their numbers follow the order given, as does the answer.
pub(crate) async fn insert(conn: &mut Conn, drafts: &[Draft]) -> Result<Vec<Member>, Error> {
    let country = shop::shop(conn).await?.country;
    let people: Vec<&Person> = drafts.iter().map(|draft| &draft.person).collect();
    let mut members: Vec<Member> = sqlx::query_as(INSERT)
        .bind(drafts.iter().map(|draft| draft.id).collect::<Vec<MemberId>>())
        .bind(drafts.iter().map(|draft| draft.account_id).collect::<Vec<AccountId>>())
        .bind(people.iter().map(|person| person.first_name.as_str()).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.last_name.as_str()).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.email.as_deref()).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.phone.as_deref()).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.born_on).collect::<Vec<_>>())
        .bind(people.iter().map(|person| person.tags.join("\n")).collect::<Vec<_>>())
        .bind(people.iter().map(|person| phone::e164_some(person.phone.as_deref(), &country)).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    members.sort_by_key(|member| member.number);
    Ok(members)
}

const SAVE: &str = concat!(
    "
update member
   set first_name = $2, last_name = $3, email = $4, phone = $5, born_on = $6, state = $7, tags = $8, age_override = $9,
       age_override_reason = $10, age_override_by = $11, age_override_name = $12, age_override_at = $13,
       phone_e164 = $14,
       version = version + 1, updated_at = now()
 where id = $1
returning ",
    columns!()
);

/// Stores the person and the state of a locked member.
pub(crate) async fn save(conn: &mut Conn, member: &Member) -> Result<Member, Error> {
    let Person { first_name, last_name, email, phone, born_on, tags } = &member.person;
    let country = shop::shop(conn).await?.country;
    let known = member.age_override.as_ref();
    let saved = sqlx::query_as(SAVE)
        .bind(member.id)
        .bind(first_name)
        .bind(last_name)
        .bind(email)
        .bind(phone)
        .bind(born_on)
        .bind(<&str>::from(member.state))
        .bind(tags)
        .bind(known.map(|known| <&str>::from(known.counts_as)))
        .bind(known.map(|known| known.reason.as_str()))
        .bind(known.and_then(|known| known.by))
        .bind(known.map(|known| known.by_name.as_str()))
        .bind(known.map(|known| known.at))
        .bind(phone::e164_some(phone.as_deref(), &country))
        .fetch_one(conn)
        .await
        .on_constraint("member_erased_check", || Error::Erased)?;
    Ok(saved)
}

fn age_override(row: &PgRow) -> Result<Option<AgeOverride>, DbError> {
    if row.try_get::<Option<&str>, _>("age_override")?.is_none() {
        return Ok(None);
    }
    Ok(Some(AgeOverride {
        counts_as: word(row, "age_override")?,
        reason: row.try_get("age_override_reason")?,
        by: row.try_get("age_override_by")?,
        by_name: row.try_get("age_override_name")?,
        at: row.try_get("age_override_at")?,
    }))
}

const GO: &str = concat!(
    "update member set account_id = $2, version = version + 1, updated_at = now() where id = $1 returning ",
    columns!()
);

/// Stores the account of a locked member.
pub(crate) async fn go(conn: &mut Conn, id: MemberId, account_id: AccountId) -> Result<Member, Error> {
    Ok(sqlx::query_as(GO).bind(id).bind(account_id).fetch_one(conn).await?)
}

impl FromRow<'_, PgRow> for Member {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            number: row.try_get("number")?,
            person: Person {
                first_name: row.try_get("first_name")?,
                last_name: row.try_get("last_name")?,
                email: row.try_get("email")?,
                phone: row.try_get("phone")?,
                born_on: row.try_get("born_on")?,
                tags: row.try_get("tags")?,
            },
            phone_e164: row.try_get("phone_e164")?,
            age_override: age_override(row)?,
            awaits_adult: row.try_get("awaits_adult")?,
            state: word(row, "state")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
