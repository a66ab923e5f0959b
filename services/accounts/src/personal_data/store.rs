//! All SQL of personal data. The tables are named here once; a test sees to it that none is left out.

use db::{Conn, OnConstraint};
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;

use crate::Error;
use crate::account::AccountId;
use crate::member::{self, Member, MemberId};
use crate::responsible_adult::ResponsibleAdultId;

/// Where something is known of a member, and which rows are about him.
const KNOWN: &[(&str, &str)] = &[
    ("member", "id = $1"),
    ("account", "id = (select account_id from member where id = $1)"),
    ("phone_number", "member_id = $1 or account_id = (select account_id from member where id = $1)"),
    ("contact", "account_id = (select account_id from member where id = $1)"),
    ("address", "account_id = (select account_id from member where id = $1)"),
    ("external_reference", "account_id = (select account_id from member where id = $1)"),
    ("processor_link", "account_id = (select account_id from member where id = $1)"),
    ("payment_method", "account_id = (select account_id from member where id = $1)"),
    ("tax_exemption", "account_id = (select account_id from member where id = $1)"),
    ("responsible_adult", "member_id = $1 or adult_id = $1"),
    ("payer_share", "member_id = $1"),
    ("consent", "member_id = $1"),
    ("consent_step", "grantor_id = $1 or consent_id in (select id from consent where member_id = $1)"),
    ("came_of_age", "member_id = $1"),
    ("note", "member_id = $1"),
    ("identity_document", "member_id = $1"),
    ("file", "member_id = $1"),
    ("audit", "subject_id = $1::text"),
];

/// What is only there to be sought by, and what charges a card: it goes in and never comes out.
const UNTOLD: [&str; 5] = ["search_text", "search_more", "sort_name", "blind", "provider_token"];

/// All rows about a member, by table.
pub(crate) async fn known(conn: &mut Conn, id: MemberId) -> Result<Map<String, Value>, Error> {
    let mut known = Map::new();
    for (table, about) in KNOWN {
        let rows = AssertSqlSafe(format!(
            "select coalesce(jsonb_agg(to_jsonb(t) - $2::text[]), '[]') from {table} t where {about}"
        ));
        let rows: Value = sqlx::query_scalar(rows).bind(id).bind(UNTOLD.as_slice()).fetch_one(&mut *conn).await?;
        known.insert((*table).to_owned(), rows);
    }
    Ok(known)
}

/// What goes for good when a member is forgotten.
const FORGET: &[&str] = &[
    "delete from outbox where aggregate_id in (select id from phone_number where member_id = $1)",
    "delete from outbox where aggregate_id = $1 and kind = 'accounts.payer_shares.changed'",
    "delete from payer_share where member_id = $1",
    "delete from note where member_id = $1",
    "delete from phone_number where member_id = $1",
    "delete from identity_document where member_id = $1",
    // Their bytes are released by a trigger, and go after the commit.
    "delete from file where member_id = $1",
    "update responsible_adult set relation = null where (member_id = $1 or adult_id = $1) and relation is not null",
    "update consent_step set note = null, client_ip = null
      where (note is not null or client_ip is not null)
        and (grantor_id = $1 or consent_id in (select id from consent where member_id = $1))",
    "delete from outbox
      where kind in ('accounts.responsible_adult.changed', 'accounts.consent.changed')
        and aggregate_id in (select id from responsible_adult where member_id = $1 or adult_id = $1
                              union all select id from consent where member_id = $1
                              union all select consent_id from consent_step where grantor_id = $1)",
    // Copies that were told; the newest is told again, with the number for a name.
    "delete from outbox where aggregate_id = $1 and kind = 'accounts.member.changed'",
    "select forget_answers($1::text)",
];

pub(crate) async fn forget(conn: &mut Conn, id: MemberId) -> Result<(), Error> {
    for statement in FORGET {
        sqlx::query(*statement).bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

/// What goes for good when an account is forgotten with the last of its people.
const FORGET_ACCOUNT: &[&str] = &[
    "delete from outbox
      where aggregate_id in (select id from phone_number where account_id = $1
                              union all select id from contact where account_id = $1
                              union all select id from address where account_id = $1
                              union all select id from payment_method where account_id = $1
                              union all select id from external_reference where account_id = $1
                              union all select id from processor_link where account_id = $1
                              union all select id from tax_exemption where account_id = $1)",
    "delete from note where account_id = $1",
    "delete from contact where account_id = $1",
    "delete from address where account_id = $1",
    "delete from phone_number where account_id = $1",
    // Why it was merged is told in free words.
    "update account_merge set reason = 'forgotten' where $1 in (source_id, target_id)",
    "delete from outbox where aggregate_id = $1 and kind = 'accounts.account.changed'",
    "select forget_answers($1::text)",
];

pub(crate) async fn forget_account(conn: &mut Conn, id: AccountId) -> Result<(), Error> {
    for statement in FORGET_ACCOUNT {
        sqlx::query(*statement).bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Locks a member of whom something may be written down.
pub(crate) async fn lock_known(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    let member = member::store::lock(conn, id).await?;
    if is_erased(conn, id).await? { Err(Error::Erased) } else { Ok(member) }
}

pub(crate) async fn is_erased(conn: &mut Conn, id: MemberId) -> Result<bool, Error> {
    let erased = sqlx::query_scalar("select erased_at is not null from member where id = $1");
    erased.bind(id).fetch_optional(conn).await?.ok_or(Error::MemberNotFound(id))
}

/// Whom he answers for, and who answers for him.
pub(crate) async fn answers(conn: &mut Conn, id: MemberId) -> Result<Vec<ResponsibleAdultId>, Error> {
    let answers = sqlx::query_scalar(
        "select id from responsible_adult where (member_id = $1 or adult_id = $1) and state = 'active' order by id",
    );
    Ok(answers.bind(id).fetch_all(conn).await?)
}

/// A forgotten member stays so.
pub(crate) async fn seal_erased(conn: &mut Conn, id: MemberId) -> Result<(), Error> {
    sqlx::query("update member set erased_at = now() where id = $1")
        .bind(id)
        .execute(conn)
        .await
        .on_constraint("member_erased_forever_check", || Error::MemberChanged)?;
    Ok(())
}

/// Members of an account beside one.
pub(crate) async fn others(conn: &mut Conn, account: AccountId, member: MemberId) -> Result<i64, Error> {
    let others =
        sqlx::query_scalar("select count(*) from member where account_id = $1 and id <> $2 and erased_at is null");
    Ok(others.bind(account).bind(member).fetch_one(conn).await?)
}

/// Whether an account has people, and all of them are forgotten.
pub(crate) async fn is_left(conn: &mut Conn, account: AccountId) -> Result<bool, Error> {
    let left =
        sqlx::query_scalar("select coalesce(bool_and(erased_at is not null), false) from member where account_id = $1");
    Ok(left.bind(account).fetch_one(conn).await?)
}

const MERGED_AND_LEFT: &str = "
with recursive merged (id) as (
    select id from account where merged_into = $1
    union
    select account.id from merged join account on account.merged_into = merged.id
), people (id, erased) as (
    select merged.id, member.erased_at is not null
      from merged
      join account_merge on account_merge.source_id = merged.id and undone_at is null
      join account_merge_row on account_merge_row.merge_id = account_merge.id and account_merge_row.kind = 'member'
      join member on member.id = account_merge_row.row_id
)
select account.id
  from merged
  join account using (id)
 where account.kind <> 'business'
   and (account.name <> 'Account ' || account.number
        or num_nonnulls(account.email, account.phone, account.address, account.notes) > 0)
   and coalesce((select bool_and(erased) from people where people.id = account.id), $2)
 order by account.id";

/// What was merged into an account, near or far, and whose people are all forgotten; and what came without any, when the
/// account itself is forgotten.
pub(crate) async fn merged_and_left(conn: &mut Conn, account: AccountId, whole: bool) -> Result<Vec<AccountId>, Error> {
    Ok(sqlx::query_scalar(MERGED_AND_LEFT).bind(account).bind(whole).fetch_all(conn).await?)
}
