//! All SQL of accounts.

mod list;
mod total;

use db::{Conn, Error as DbError};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};

use super::{Account, AccountId, Details, Draft};
use crate::Error;
use crate::phone;
use crate::search::store::word;

pub(crate) use list::list;
pub(crate) use total::forget_counts;

/// What is read of an account.
macro_rules! columns {
    () => {
        "id, number, kind, name, email, phone, address, notes, tags, billing_mode, primary_member_id, phone_e164, state,
 merged_into, member_count, version, created_at, updated_at"
    };
}
pub(super) use columns;

const GET: &str = concat!("select ", columns!(), " from account where id = $1");

const GET_BY_NUMBER: &str = concat!("select ", columns!(), " from account where number = $1");

// Merged into one that was merged later, and so on.
const GET_STANDING: &str = concat!(
    "
with recursive way (id, step) as (
    select $1::uuid, 0
    union all
    select account.merged_into, step + 1 from way join account using (id) where account.merged_into is not null
)
select ",
    columns!(),
    " from account where id = (select id from way order by step desc limit 1)"
);

/// The account, or the one that stands for it now when it was merged.
pub(crate) async fn get(conn: &mut Conn, id: AccountId) -> Result<Account, Error> {
    let account = sqlx::query_as(GET).bind(id).fetch_optional(&mut *conn).await?.ok_or(Error::AccountNotFound(id))?;
    standing(conn, account).await
}

/// The same by its number.
pub(crate) async fn get_by_number(conn: &mut Conn, number: i64) -> Result<Account, Error> {
    let account = sqlx::query_as(GET_BY_NUMBER).bind(number).fetch_optional(&mut *conn).await?;
    standing(conn, account.ok_or(Error::AccountNumberNotFound(number))?).await
}

/// The id of the account that stands for this one now; an unknown one stands for itself.
pub(crate) async fn standing_id(conn: &mut Conn, id: AccountId) -> Result<AccountId, Error> {
    match get(conn, id).await {
        Ok(account) => Ok(account.id),
        Err(Error::AccountNotFound(id)) => Ok(id),
        Err(error) => Err(error),
    }
}

async fn standing(conn: &mut Conn, account: Account) -> Result<Account, Error> {
    match account.merged_into {
        None => Ok(account),
        Some(_) => Ok(sqlx::query_as(GET_STANDING).bind(account.id).fetch_one(conn).await?),
    }
}

const LOCK: &str = concat!("select ", columns!(), " from account where id = $1 for update");

/// Locks an account before any of its members.
pub(crate) async fn lock(conn: &mut Conn, id: AccountId) -> Result<Account, Error> {
    sqlx::query_as(LOCK).bind(id).fetch_optional(conn).await?.ok_or(Error::AccountNotFound(id))
}

const LOCK_TWO: &str = concat!("select ", columns!(), " from account where id in ($1, $2) order by id for update");

/// Locks two accounts, always in the same order, and answers them as they were asked for.
pub(crate) async fn lock_two(conn: &mut Conn, one: AccountId, two: AccountId) -> Result<(Account, Account), Error> {
    let locked: Vec<Account> = sqlx::query_as(LOCK_TWO).bind(one).bind(two).fetch_all(conn).await?;
    let of = |id: AccountId| locked.iter().find(|account| account.id == id).cloned().ok_or(Error::AccountNotFound(id));
    Ok((of(one)?, of(two)?))
}

/// Whether there is any account.
pub(crate) async fn any(conn: &mut Conn) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("select exists (select from account)").fetch_one(conn).await?)
}

// An array of lists cannot be sent, so the tags of one account come as its lines.
const INSERT: &str = concat!(
    "
insert into account (id, kind, name, email, phone, address, notes, tags, member_count, billing_mode, phone_e164)
select id, kind, name, email, phone, address, notes, string_to_array(tags, E'\\n'),
       member_count, billing_mode, phone_e164
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[],
              $9::int[], $10::text[], $11::text[])
       with ordinality as t (id, kind, name, email, phone, address, notes, tags, member_count, billing_mode, phone_e164,
                             place)
 order by place
returning ",
    columns!()
);

/// Opens accounts; their numbers follow the order given, as does the answer.
pub(crate) async fn insert(conn: &mut Conn, drafts: &[Draft]) -> Result<Vec<Account>, Error> {
    let ids: Vec<AccountId> = drafts.iter().map(|draft| draft.id).collect();
    let country = shop::shop(conn).await?.country;
    let details: Vec<&Details> = drafts.iter().map(|draft| &draft.details).collect();
    let mut accounts: Vec<Account> = sqlx::query_as(INSERT)
        .bind(ids)
        .bind(details.iter().map(|d| <&str>::from(d.kind)).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.name.as_str()).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.email.as_deref()).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.phone.as_deref()).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.address.as_ref().map(Json)).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.notes.as_deref()).collect::<Vec<_>>())
        .bind(details.iter().map(|d| d.tags.join("\n")).collect::<Vec<_>>())
        .bind(drafts.iter().map(|draft| draft.member_count).collect::<Vec<_>>())
        .bind(details.iter().map(|d| <&str>::from(d.billing_mode)).collect::<Vec<_>>())
        .bind(details.iter().map(|d| phone::e164_some(d.phone.as_deref(), &country)).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    accounts.sort_by_key(|account| account.number);
    Ok(accounts)
}

const SAVE: &str = concat!(
    "
update account
   set kind = $2, name = $3, email = $4, phone = $5, address = $6, notes = $7, state = $8, tags = $9,
       billing_mode = $10, primary_member_id = $11, phone_e164 = $12,
       merged_into = $13,
       version = version + 1, updated_at = now()
 where id = $1
returning ",
    columns!()
);

/// Stores the details and the state of a locked account.
pub(crate) async fn save(conn: &mut Conn, account: &Account) -> Result<Account, Error> {
    let country = shop::shop(conn).await?.country;
    let Details { kind, name, email, phone, address, notes, tags, billing_mode, primary_member_id } = &account.details;
    let saved = sqlx::query_as(SAVE)
        .bind(account.id)
        .bind(<&str>::from(*kind))
        .bind(name)
        .bind(email)
        .bind(phone)
        .bind(address.as_ref().map(Json))
        .bind(notes)
        .bind(<&str>::from(account.state))
        .bind(tags)
        .bind(<&str>::from(*billing_mode))
        .bind(primary_member_id)
        .bind(phone::e164_some(phone.as_deref(), &country))
        .bind(account.merged_into)
        .fetch_one(conn)
        .await
        .map_err(refused)?;
    Ok(saved)
}

const SAVE_TAGS: &str = concat!(
    "update account set tags = $2, version = version + 1, updated_at = now() where id = $1 returning ",
    columns!()
);

/// Stores the tags of a locked account.
pub(crate) async fn save_tags(conn: &mut Conn, id: AccountId, tags: &[String]) -> Result<Account, Error> {
    Ok(sqlx::query_as(SAVE_TAGS).bind(id).bind(tags).fetch_one(conn).await?)
}

/// Who comes back from the archive may find what another system called him taken.
fn refused(error: DbError) -> Error {
    if db::violates(&error, "external_reference_live_key") { Error::ExternalIdTaken } else { error.into() }
}

const COUNT_MEMBERS: &str = concat!(
    "
update account
   set member_count = (select count(*) from member where account_id = account.id and member.state = 'active'),
       version = version + 1, updated_at = now()
 where id = any($1)
returning ",
    columns!()
);

/// Counts the members of locked accounts anew.
pub(crate) async fn count_members(conn: &mut Conn, ids: &[AccountId]) -> Result<Vec<Account>, Error> {
    Ok(sqlx::query_as(COUNT_MEMBERS).bind(ids).fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            details: Details {
                kind: word(row, "kind")?,
                name: row.try_get("name")?,
                email: row.try_get("email")?,
                phone: row.try_get("phone")?,
                address: row.try_get::<Option<Json<_>>, _>("address")?.map(|Json(address)| address),
                notes: row.try_get("notes")?,
                tags: row.try_get("tags")?,
                billing_mode: word(row, "billing_mode")?,
                primary_member_id: row.try_get("primary_member_id")?,
            },
            phone_e164: row.try_get("phone_e164")?,
            state: word(row, "state")?,
            merged_into: row.try_get("merged_into")?,
            member_count: row.try_get("member_count")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
