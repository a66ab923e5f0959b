//! All SQL of personal data. The tables are named here once; a test sees to it that none is left out.

use db::{Conn, OnConstraint};
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;

use crate::Error;
use crate::account::AccountId;
use crate::member::MemberId;
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

/// What is only there to be sought by.
const DERIVED: [&str; 4] = ["search_text", "search_more", "sort_name", "blind"];

/// All rows about a member, by table.
pub(crate) async fn known(conn: &mut Conn, id: MemberId) -> Result<Map<String, Value>, Error> {
    let mut known = Map::new();
    for (table, about) in KNOWN {
        let rows = AssertSqlSafe(format!(
            "select coalesce(jsonb_agg(to_jsonb(t) - $2::text[]), '[]') from {table} t where {about}"
        ));
        let rows: Value = sqlx::query_scalar(rows).bind(id).bind(DERIVED.as_slice()).fetch_one(&mut *conn).await?;
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

/// What goes for good when an account is forgotten with its only member.
const FORGET_ACCOUNT: &[&str] = &[
    "delete from outbox
      where aggregate_id in (select id from phone_number where account_id = $1
                              union all select id from contact where account_id = $1
                              union all select id from address where account_id = $1)",
    "delete from note where account_id = $1",
    "delete from contact where account_id = $1",
    "delete from address where account_id = $1",
    "delete from phone_number where account_id = $1",
    "delete from outbox where aggregate_id = $1 and kind = 'accounts.account.changed'",
    "select forget_answers($1::text)",
];

pub(crate) async fn forget_account(conn: &mut Conn, id: AccountId) -> Result<(), Error> {
    for statement in FORGET_ACCOUNT {
        sqlx::query(*statement).bind(id).execute(&mut *conn).await?;
    }
    Ok(())
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
