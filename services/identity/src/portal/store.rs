//! All SQL of portal users, and of what accounts told.

use db::{Conn, List, Page, Tx};
use kit::Personal;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{AccountId, Guardian, Member, MemberId};
use crate::Error;
use crate::user::store::{SORTS, USERS, get};
use crate::user::{Person, Shown, State, User, UserId};

/// What is known here of a customer; nothing that opens anything.
pub(crate) const PERSONAL: &[Personal] = &[
    ("user", "select id, email, first_name, last_name, state, created_at from app_user where member_id = $1"),
    (
        "session",
        "select s.id, s.user_agent, s.ip_address, s.created_at, s.last_used_at, s.ended_at
           from session s join app_user u on u.id = s.user_id
          where u.member_id = $1",
    ),
    (
        "member",
        "select id, account_id, first_name, last_name, email, is_minor, is_active from member_copy where id = $1",
    ),
];

/// Which portal users a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<Shown>,
    pub(crate) member: Option<MemberId>,
    pub(crate) account: Option<AccountId>,
}

/// Adds a customer who is to choose a password.
pub(crate) async fn insert(tx: &mut Tx, member: MemberId, person: &Person) -> Result<User, Error> {
    let id = UserId::new();
    sqlx::query(
        "insert into app_user (id, kind, member_id, employee_number, email, first_name, last_name, state)
         values ($1, 'portal', $2, null, $3, $4, $5, 'invited')",
    )
    .bind(id)
    .bind(member)
    .bind(&person.email)
    .bind(&person.first_name)
    .bind(&person.last_name)
    .execute(&mut **tx)
    .await
    .map_err(|error| match error {
        error if db::violates(&error, "app_user_email_key") => Error::EmailTaken(person.email.clone()),
        error if db::violates(&error, "app_user_member_key") => Error::MemberHasPortalUser,
        error => error.into(),
    })?;
    get(tx, id).await
}

/// A member as told; he stays so until the transaction ends.
pub(crate) async fn hold_member(tx: &mut Tx, id: MemberId) -> Result<Member, Error> {
    let row = sqlx::query(
        "select id, account_id, first_name, last_name, email, is_minor, is_active
           from member_copy
          where id = $1
            for share",
    );
    let row = row.bind(id).fetch_optional(&mut **tx).await?.ok_or(Error::MemberNotFound(id))?;
    Ok(member(&row)?)
}

fn member(row: &PgRow) -> Result<Member, sqlx::Error> {
    Ok(Member {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        email: row.try_get("email")?,
        is_minor: row.try_get("is_minor")?,
        is_active: row.try_get("is_active")?,
    })
}

/// Keeps what was told of a member, unless something newer was.
pub(crate) async fn keep_member(tx: &mut Tx, member: &Member, version: i64) -> Result<bool, Error> {
    let kept = sqlx::query(
        "insert into member_copy (id, version, account_id, first_name, last_name, email, is_minor, is_active)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (id) do update
            set version = excluded.version, account_id = excluded.account_id, first_name = excluded.first_name,
                last_name = excluded.last_name, email = excluded.email, is_minor = excluded.is_minor,
                is_active = excluded.is_active
          where member_copy.version < excluded.version",
    )
    .bind(member.id)
    .bind(version)
    .bind(member.account_id)
    .bind(&member.first_name)
    .bind(&member.last_name)
    .bind(&member.email)
    .bind(member.is_minor)
    .bind(member.is_active)
    .execute(&mut **tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Keeps what was told of an account, unless something newer was.
pub(crate) async fn keep_account(tx: &mut Tx, id: AccountId, is_active: bool, version: i64) -> Result<bool, Error> {
    let kept = sqlx::query(
        "insert into account_copy (id, version, is_active)
         values ($1, $2, $3)
             on conflict (id) do update
            set version = excluded.version, is_active = excluded.is_active
          where account_copy.version < excluded.version",
    );
    Ok(kept.bind(id).bind(version).bind(is_active).execute(&mut **tx).await?.rows_affected() == 1)
}

/// Keeps what was told of who answers for whom, unless something newer was.
pub(crate) async fn keep_guardian(tx: &mut Tx, guardian: &Guardian, version: i64) -> Result<bool, Error> {
    let kept = sqlx::query(
        "insert into guardian_copy (id, version, member_id, adult_id, in_portal)
         values ($1, $2, $3, $4, $5)
             on conflict (id) do update
            set version = excluded.version, in_portal = excluded.in_portal
          where guardian_copy.version < excluded.version",
    )
    .bind(guardian.id)
    .bind(version)
    .bind(guardian.member_id)
    .bind(guardian.adult_id)
    .bind(guardian.in_portal)
    .execute(&mut **tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Locks the portal users of a member and of those who answer for him, in the order of ids.
pub(crate) async fn lock_around(tx: &mut Tx, member: MemberId) -> Result<Vec<User>, Error> {
    let ids = sqlx::query_scalar(
        "select u.id
           from app_user u
          where u.kind = 'portal'
            and u.state <> 'archived'
            and (u.member_id = $1 or u.member_id in (select adult_id from guardian_copy where member_id = $1))
          order by u.id
            for update",
    );
    let ids: Vec<UserId> = ids.bind(member).fetch_all(&mut **tx).await?;
    each(tx, ids).await
}

/// Locks all portal users that a member ever had, in the order of ids.
pub(crate) async fn lock_all_of(tx: &mut Tx, member: MemberId) -> Result<Vec<User>, Error> {
    let ids =
        sqlx::query_scalar("select id from app_user where kind = 'portal' and member_id = $1 order by id for update");
    let ids: Vec<UserId> = ids.bind(member).fetch_all(&mut **tx).await?;
    each(tx, ids).await
}

/// Forgets what was told of a portal user so far; what he is now is about to be told.
pub(crate) async fn forget_told(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    sqlx::query("delete from outbox where aggregate_id = $1").bind(id).execute(&mut **tx).await?;
    Ok(())
}

/// Locks the portal users of an account's members, in the order of ids.
pub(crate) async fn lock_on(tx: &mut Tx, account: AccountId) -> Result<Vec<User>, Error> {
    let ids = sqlx::query_scalar(
        "select u.id
           from app_user u
          where u.kind = 'portal'
            and u.state <> 'archived'
            and u.member_id in (select id from member_copy where account_id = $1)
          order by u.id
            for update",
    );
    let ids: Vec<UserId> = ids.bind(account).fetch_all(&mut **tx).await?;
    each(tx, ids).await
}

async fn each(tx: &mut Tx, ids: Vec<UserId>) -> Result<Vec<User>, Error> {
    let mut users = Vec::with_capacity(ids.len());
    for id in ids {
        users.push(get(tx, id).await?);
    }
    Ok(users)
}

/// Whether business is done with an account, as far as it was told.
pub(crate) async fn is_open(conn: &mut Conn, id: AccountId) -> Result<bool, Error> {
    let open = sqlx::query_scalar("select not exists (select from account_copy where id = $1 and not is_active)");
    Ok(open.bind(id).fetch_one(conn).await?)
}

/// The same, and it stays so until the transaction ends: whoever tells otherwise waits, also when nothing was told yet.
pub(crate) async fn hold_account(tx: &mut Tx, id: AccountId) -> Result<bool, Error> {
    sqlx::query("insert into account_copy (id, version, is_active) values ($1, 0, true) on conflict (id) do nothing")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    let open = sqlx::query_scalar("select is_active from account_copy where id = $1 for share");
    Ok(open.bind(id).fetch_one(&mut **tx).await?)
}

/// The account with whose archiving a portal user lost the right to sign in.
pub(crate) async fn left_with(tx: &mut Tx, id: UserId) -> Result<Option<AccountId>, Error> {
    let account = sqlx::query_scalar("select left_with from app_user where id = $1");
    Ok(account.bind(id).fetch_one(&mut **tx).await?)
}

/// Notes with which account he lost it, or that it was for another reason.
pub(crate) async fn leave_with(tx: &mut Tx, id: UserId, account: Option<AccountId>) -> Result<(), Error> {
    sqlx::query("update app_user set left_with = $2 where id = $1 and left_with is distinct from $2")
        .bind(id)
        .bind(account)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<User>, Error> {
    list.page(conn, USERS, SORTS, |rows| {
        rows.holds("u.kind = 'portal'");
        rows.eq_some("u.state", filter.state.map(|shown| <&'static str>::from(State::from(shown))));
        rows.eq_some("u.member_id", filter.member);
        if let Some(account) = filter.account {
            rows.with("u.member_id in (select id from member_copy where account_id = ", account, ")");
        }
        rows.search(&["(u.first_name || ' ' || u.last_name)", "u.email"], &list.q);
    })
    .await
}
