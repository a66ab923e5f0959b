//! All SQL of users.

use chrono::{DateTime, Utc};
use db::{Conn, List, OnConstraint, Page, Select, Sorts, Tx};
use kit::Permissions;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Colleague, Person, Shown, State, User, UserId};
use crate::Error;
use crate::portal::{AccountId, MemberId, Membership};
use crate::role::{ADMIN, Role, RoleId};

pub(crate) const USERS: Select = Select {
    columns: "u.id, u.employee_number, u.email, u.first_name, u.last_name, u.state, u.password_hash is not null as
              has_password, u.version, u.created_at, u.updated_at,
              (select t.waits_until
                 from throttle t
                where t.name_hash = sha256(convert_to(lower(u.email collate \"C\"), 'UTF8'))) as locked_until,
              u.member_id,
              (select m.account_id from member_copy m where m.id = u.member_id) as account_id,
              array(select distinct m.id
                      from guardian_copy g
                      join member_copy m on m.id = g.member_id
                     where g.adult_id = u.member_id
                       and g.in_portal
                       and m.is_minor
                       and m.is_active
                     order by m.id) as wards,
              array(select r.slug
                      from user_role ur
                      join role r on r.id = ur.role_id
                     where ur.user_id = u.id
                     order by r.slug) as roles,
              array(select distinct rp.permission
                      from user_role ur
                      join role_permission rp on rp.role_id = ur.role_id
                     where ur.user_id = u.id) as permissions",
    from: "app_user u",
    id: "u.id",
};
pub(crate) const SORTS: Sorts = &[
    ("last_name", "u.last_name"),
    ("first_name", "u.first_name"),
    ("email", "u.email"),
    ("employee_number", "u.employee_number"),
    ("state", "u.state"),
    ("created_at", "u.created_at"),
    ("updated_at", "u.updated_at"),
];
const LOCKED: &str = "exists (select from throttle t
                               where t.name_hash = sha256(convert_to(lower(u.email collate \"C\"), 'UTF8'))
                                 and t.waits_until > ";
const NOT_LOCKED: &str = "not exists (select from throttle t
                                       where t.name_hash = sha256(convert_to(lower(u.email collate \"C\"), 'UTF8'))
                                         and t.waits_until > ";
const EMAIL_KEY: &str = "app_user_email_key";
/// What the database says when no administrator would be left, should the rules have been passed by.
const LAST_ADMIN: &str = "app_user_last_admin";

/// What a sign-in is compared with.
pub(crate) struct Credentials {
    pub(crate) user_id: UserId,
    /// None while somebody invited has not chosen a password.
    pub(crate) password_hash: Option<String>,
    /// Counted up with every change of what one signs in with.
    pub(crate) credential_version: i64,
    pub(crate) state: State,
}

/// Which users a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<Shown>,
    /// A role's slug.
    pub(crate) role: Option<String>,
}

/// Adds a user: active with a password, invited without one.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: UserId,
    person: &Person,
    roles: &[Role],
    password_hash: Option<&str>,
) -> Result<User, Error> {
    let state = if password_hash.is_some() { State::Active } else { State::Invited };
    sqlx::query(
        "insert into app_user (id, email, first_name, last_name, password_hash, state)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(&person.email)
    .bind(&person.first_name)
    .bind(&person.last_name)
    .bind(password_hash)
    .bind(<&str>::from(state))
    .execute(&mut **tx)
    .await
    .on_constraint(EMAIL_KEY, || Error::EmailTaken(person.email.clone()))?;
    add_roles(tx, id, roles).await?;
    get(tx, id).await
}

async fn add_roles(tx: &mut Tx, id: UserId, roles: &[Role]) -> Result<(), Error> {
    sqlx::query(
        "insert into user_role (user_id, role_id)
         select $1, unnest($2::uuid[])
             on conflict do nothing",
    )
    .bind(id)
    .bind(roles.iter().map(|role| role.id).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives these roles and takes away all others; the new ones first, so that somebody can always do everything.
pub(crate) async fn set_roles(tx: &mut Tx, id: UserId, roles: &[Role]) -> Result<(), Error> {
    add_roles(tx, id, roles).await?;
    sqlx::query("delete from user_role where user_id = $1 and role_id <> all($2::uuid[])")
        .bind(id)
        .bind(roles.iter().map(|role| role.id).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await
        .on_constraint(LAST_ADMIN, || Error::LastAdmin)?;
    Ok(())
}

pub(crate) async fn get(conn: &mut Conn, id: UserId) -> Result<User, Error> {
    find(conn, id).await?.ok_or(Error::UserNotFound(id))
}

pub(crate) async fn find(conn: &mut Conn, id: UserId) -> Result<Option<User>, Error> {
    let mut select = QueryBuilder::new("select ");
    select.push(USERS.columns).push(" from app_user u where u.id = ").push_bind(id);
    Ok(select.build_query_as().fetch_optional(conn).await?)
}

/// Locks a user that is to be changed.
pub(crate) async fn lock(tx: &mut Tx, id: UserId) -> Result<User, Error> {
    sqlx::query("select from app_user where id = $1 for update").bind(id).execute(&mut **tx).await?;
    get(tx, id).await
}

/// Holds a user as he is while a token is given, so that whoever changes him meets the token or keeps it from being
/// given.
pub(crate) async fn hold(tx: &mut Tx, id: UserId) -> Result<User, Error> {
    sqlx::query("select from app_user where id = $1 for share").bind(id).execute(&mut **tx).await?;
    get(tx, id).await
}

/// Locks every active administrator, in the order of ids; who waited sees who is left.
pub(crate) async fn lock_active_admins(tx: &mut Tx) -> Result<Vec<UserId>, Error> {
    let admins = sqlx::query_scalar(
        "select u.id
           from app_user u
          where u.state = 'active'
            and exists (select from user_role ur
                          join role r on r.id = ur.role_id
                         where ur.user_id = u.id and r.slug = $1)
          order by u.id
            for update",
    );
    let waited: Vec<UserId> = admins.bind(ADMIN).fetch_all(&mut **tx).await?;
    // The rows are as they are now, but the roles were read before the wait.
    let left = sqlx::query_scalar(
        "select ur.user_id
           from user_role ur
           join role r on r.id = ur.role_id
          where ur.user_id = any($1) and r.slug = $2
          order by ur.user_id",
    );
    Ok(left.bind(waited).bind(ADMIN).fetch_all(&mut **tx).await?)
}

/// Locks everybody who has a role, in the order of ids.
pub(crate) async fn lock_holders(tx: &mut Tx, role: RoleId) -> Result<Vec<UserId>, Error> {
    let holders = sqlx::query_scalar(
        "select u.id
           from app_user u
          where u.id in (select user_id from user_role where role_id = $1)
          order by u.id
            for update",
    );
    Ok(holders.bind(role).fetch_all(&mut **tx).await?)
}

/// Saves what a user is and counts the version up; his roles are set for themselves.
pub(crate) async fn save(tx: &mut Tx, user: &User) -> Result<User, Error> {
    let Person { email, first_name, last_name } = &user.person;
    sqlx::query(
        "update app_user
            set email = $2, first_name = $3, last_name = $4, state = $5, version = version + 1, updated_at = now()
          where id = $1",
    )
    .bind(user.id)
    .bind(email)
    .bind(first_name)
    .bind(last_name)
    .bind(<&str>::from(user.state))
    .execute(&mut **tx)
    .await
    .map_err(|error| match error {
        error if db::violates(&error, EMAIL_KEY) => Error::EmailTaken(email.clone()),
        error if db::violates(&error, LAST_ADMIN) => Error::LastAdmin,
        error => error.into(),
    })?;
    get(tx, user.id).await
}

/// Counts the versions of users up whose roles allow something else now.
pub(crate) async fn touch(tx: &mut Tx, ids: &[UserId]) -> Result<Vec<User>, Error> {
    sqlx::query("update app_user set version = version + 1, updated_at = now() where id = any($1)")
        .bind(ids)
        .execute(&mut **tx)
        .await?;
    let mut select = QueryBuilder::new("select ");
    select
        .push(USERS.columns)
        .push(" from app_user u where u.id = any(")
        .push_bind(ids.to_vec())
        .push(") order by u.id");
    Ok(select.build_query_as().fetch_all(&mut **tx).await?)
}

/// Replaces a hash by a stronger one of the same password; nothing of the user changes.
pub(crate) async fn rehash(tx: &mut Tx, id: UserId, password_hash: &str) -> Result<(), Error> {
    sqlx::query("update app_user set password_hash = $2 where id = $1")
        .bind(id)
        .bind(password_hash)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What somebody signs in with, unless he is gone.
pub(crate) async fn credentials(conn: &mut Conn, email: &str) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query(
        "select id, password_hash, credential_version, state
           from app_user
          where lower(email collate \"C\") = lower($1 collate \"C\")
            and state <> 'archived'",
    );
    let Some(row) = row.bind(email).fetch_optional(conn).await? else { return Ok(None) };
    Ok(Some(Credentials {
        user_id: row.try_get("id")?,
        password_hash: row.try_get("password_hash")?,
        credential_version: row.try_get("credential_version")?,
        state: state(&row)?,
    }))
}

/// Whether there is any user.
pub(crate) async fn any(conn: &mut Conn) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("select exists (select from app_user)").fetch_one(conn).await?)
}

/// Waits until no other replica makes the first user.
pub(crate) async fn lock_beginning(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('identity.first_user', 7))").execute(&mut **tx).await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter,
    now: DateTime<Utc>,
    list: &List,
) -> Result<Page<User>, Error> {
    list.page(conn, USERS, SORTS, |rows| {
        rows.holds("u.kind = 'staff'");
        rows.eq_some("u.state", filter.state.map(|shown| <&'static str>::from(State::from(shown))));
        match filter.state {
            Some(Shown::Active) => rows.with(NOT_LOCKED, now, ")"),
            Some(Shown::Locked) => rows.with(LOCKED, now, ")"),
            Some(Shown::Invited | Shown::Disabled | Shown::Archived) | None => {}
        }
        if let Some(slug) = &filter.role {
            rows.with(
                "u.id in (select ur.user_id from user_role ur join role r on r.id = ur.role_id where r.slug = ",
                slug.clone(),
                ")",
            );
        }
        let texts = ["(u.first_name || ' ' || u.last_name)", "u.email", "u.employee_number::text"];
        rows.search(&texts, &list.q);
    })
    .await
}

/// Everybody active, by name.
pub(crate) async fn colleagues(conn: &mut Conn) -> Result<Vec<Colleague>, Error> {
    let rows = sqlx::query(
        "select id, first_name, last_name, employee_number
           from app_user
          where state = 'active'
            and kind = 'staff'
          order by last_name, first_name, id",
    );
    let colleague = |row: PgRow| {
        Ok(Colleague {
            id: row.try_get("id")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            employee_number: row.try_get("employee_number")?,
        })
    };
    rows.fetch_all(conn).await?.into_iter().map(colleague).collect()
}

fn state(row: &PgRow) -> Result<State, sqlx::Error> {
    let decode = |error: strum::ParseError| sqlx::Error::Decode(error.into());
    row.try_get::<&str, _>("state")?.parse().map_err(decode)
}

fn membership(row: &PgRow) -> Result<Option<Membership>, sqlx::Error> {
    let Some(member_id) = row.try_get::<Option<MemberId>, _>("member_id")? else { return Ok(None) };
    let account_id: AccountId = row.try_get("account_id")?;
    let wards: Vec<MemberId> = row.try_get("wards")?;
    let acts_for = std::iter::once(member_id).chain(wards).collect();
    Ok(Some(Membership { member_id, account_id, acts_for }))
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let words: Vec<String> = row.try_get("permissions")?;
        Ok(Self {
            id: row.try_get("id")?,
            employee_number: row.try_get("employee_number")?,
            membership: membership(row)?,
            person: Person {
                email: row.try_get("email")?,
                first_name: row.try_get("first_name")?,
                last_name: row.try_get("last_name")?,
            },
            roles: row.try_get("roles")?,
            permissions: Permissions::of(words.iter().map(String::as_str)),
            state: state(row)?,
            locked_until: row.try_get("locked_until")?,
            has_password: row.try_get("has_password")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
