//! All SQL of members.

use db::{Conn, Error as DbError, List, Page, Select, Sorts, Where};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};

use super::{Draft, Filter, Member, MemberId, Person, State};
use crate::Error;
use crate::account::AccountId;
use crate::search::Sought;
use crate::search::store::{nearest_first, page_of, patterns, word};

const SORTS: Sorts = &[("name", "sort_name"), ("number", "number"), ("created_at", "created_at")];

/// What is read of a member.
macro_rules! columns {
    () => {
        "id, account_id, number, first_name, last_name, email, phone, born_on, tags, state, version, created_at, updated_at"
    };
}

const MEMBERS: Select = Select { columns: columns!(), from: "member", id: "id" };

/// A page of what contains the text sought, or when nothing does, of what resembles it.
pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Member>, Error> {
    let sought = Sought::of(&list.q);
    let page: Page<Member> = list
        .page::<Member, Error>(conn, MEMBERS, SORTS, |rows| {
            narrow(rows, filter);
            if let Some(sought) = &sought {
                rows.with("search_text like any (", patterns(sought), ")");
            }
        })
        .await?;
    if page.total == 0 && sought.is_some() {
        return near(conn, filter, list).await;
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
    if let Some(minor) = filter.minor {
        let (left, right) = if minor { ("is_minor(born_on, ", ")") } else { ("(is_minor(born_on, ", ")) = false") };
        rows.with(left, filter.today, right);
    }
}

async fn near(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Member>, Error> {
    let order = nearest_first(list, list.order(MEMBERS, SORTS)?);
    let mut found = QueryBuilder::<Postgres>::new("with found as materialized (select nearness, sort_name, ");
    found.push(MEMBERS.columns).push(" from member_near(").push_bind(list.q.clone()).push(") join member using (id)");
    found.push(" where state = ").push_bind(<&str>::from(filter.state));
    if let Some(account_id) = filter.account_id {
        found.push(" and account_id = ").push_bind(account_id);
    }
    if let Some(tag) = &filter.tag {
        found.push(" and tags <> '{}' and tags @> array[").push_bind(tag.clone()).push("]");
    }
    if let Some(minor) = filter.minor {
        found.push(" and is_minor(born_on, ").push_bind(filter.today).push(") = ").push_bind(minor);
    }
    Ok(page_of(conn, found, MEMBERS.columns, &order, list).await?)
}

const GET: &str = concat!("select ", columns!(), " from member where id = $1");

pub(crate) async fn get(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    sqlx::query_as(GET).bind(id).fetch_optional(conn).await?.ok_or(Error::MemberNotFound(id))
}

const LOCK: &str = concat!("select ", columns!(), " from member where id = $1 for update");

/// Locks a member; its account is locked before it where both are.
pub(crate) async fn lock(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    sqlx::query_as(LOCK).bind(id).fetch_optional(conn).await?.ok_or(Error::MemberNotFound(id))
}

// An array of lists cannot be sent, so the tags of one member come as its lines.
const INSERT: &str = concat!(
    "
insert into member (id, account_id, first_name, last_name, email, phone, born_on, tags)
select id, account_id, first_name, last_name, email, phone, born_on, string_to_array(tags, E'\\n')
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::date[], $8::text[])
       with ordinality as t (id, account_id, first_name, last_name, email, phone, born_on, tags, place)
 order by place
returning ",
    columns!()
);

/// Adds people; their numbers follow the order given, as does the answer.
pub(crate) async fn insert(conn: &mut Conn, drafts: &[Draft]) -> Result<Vec<Member>, Error> {
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
        .fetch_all(conn)
        .await?;
    members.sort_by_key(|member| member.number);
    Ok(members)
}

const SAVE: &str = concat!(
    "
update member
   set first_name = $2, last_name = $3, email = $4, phone = $5, born_on = $6, state = $7, tags = $8,
       version = version + 1, updated_at = now()
 where id = $1
returning ",
    columns!()
);

/// Stores the person and the state of a locked member.
pub(crate) async fn save(conn: &mut Conn, member: &Member) -> Result<Member, Error> {
    let Person { first_name, last_name, email, phone, born_on, tags } = &member.person;
    let saved = sqlx::query_as(SAVE)
        .bind(member.id)
        .bind(first_name)
        .bind(last_name)
        .bind(email)
        .bind(phone)
        .bind(born_on)
        .bind(<&str>::from(member.state))
        .bind(tags)
        .fetch_one(conn)
        .await?;
    Ok(saved)
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
            state: word(row, "state")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
