//! All SQL of users.

use db::{Conn, List, OnConstraint, Page, Select, Sorts, Tx};
use kit::Permissions;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};

use super::{Person, State, User, UserId};
use crate::Error;
use crate::role::{ADMIN, Role};

const USERS: Select = Select {
    columns: "u.id, u.email, u.first_name, u.last_name, u.state, u.version, u.created_at, u.updated_at,
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
const SORTS: Sorts = &[
    ("last_name", "u.last_name"),
    ("first_name", "u.first_name"),
    ("email", "u.email"),
    ("state", "u.state"),
    ("created_at", "u.created_at"),
    ("updated_at", "u.updated_at"),
];

/// What a sign-in is compared with.
pub(crate) struct Credentials {
    pub(crate) user_id: UserId,
    pub(crate) password_hash: String,
    pub(crate) state: State,
}

/// Which users a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<State>,
    /// A role's slug.
    pub(crate) role: Option<String>,
}

pub(crate) async fn insert(
    tx: &mut Tx,
    id: UserId,
    person: &Person,
    roles: &[Role],
    password_hash: &str,
) -> Result<User, Error> {
    sqlx::query(
        "insert into app_user (id, email, first_name, last_name, password_hash)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(&person.email)
    .bind(&person.first_name)
    .bind(&person.last_name)
    .bind(password_hash)
    .execute(&mut **tx)
    .await
    .on_constraint("app_user_email_key", || Error::EmailTaken(person.email.clone()))?;
    sqlx::query("insert into user_role (user_id, role_id) select $1, unnest($2::uuid[])")
        .bind(id)
        .bind(roles.iter().map(|role| role.id).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    get(tx, id).await
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

/// Holds a user as he is while a session begins, so that disabling him meets the session or keeps it from beginning.
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
    Ok(admins.bind(ADMIN).fetch_all(&mut **tx).await?)
}

/// Saves the state and counts the version up.
pub(crate) async fn save_state(tx: &mut Tx, user: &User) -> Result<User, Error> {
    sqlx::query("update app_user set state = $2, version = version + 1, updated_at = now() where id = $1")
        .bind(user.id)
        .bind(<&str>::from(user.state))
        .execute(&mut **tx)
        .await?;
    get(tx, user.id).await
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

pub(crate) async fn credentials(conn: &mut Conn, email: &str) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query(
        "select id, password_hash, state
           from app_user
          where lower(email collate \"C\") = lower($1 collate \"C\")",
    );
    let Some(row) = row.bind(email).fetch_optional(conn).await? else { return Ok(None) };
    Ok(Some(Credentials {
        user_id: row.try_get("id")?,
        password_hash: row.try_get("password_hash")?,
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

pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<User>, Error> {
    list.page(conn, USERS, SORTS, |rows| {
        rows.eq_some("u.state", filter.state.map(<&'static str>::from));
        if let Some(slug) = &filter.role {
            rows.with(
                "u.id in (select ur.user_id from user_role ur join role r on r.id = ur.role_id where r.slug = ",
                slug.clone(),
                ")",
            );
        }
        rows.search(&["(u.first_name || ' ' || u.last_name)", "u.email"], &list.q);
    })
    .await
}

fn state(row: &PgRow) -> Result<State, sqlx::Error> {
    let decode = |error: strum::ParseError| sqlx::Error::Decode(error.into());
    row.try_get::<&str, _>("state")?.parse().map_err(decode)
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let words: Vec<String> = row.try_get("permissions")?;
        Ok(Self {
            id: row.try_get("id")?,
            person: Person {
                email: row.try_get("email")?,
                first_name: row.try_get("first_name")?,
                last_name: row.try_get("last_name")?,
            },
            roles: row.try_get("roles")?,
            permissions: Permissions::of(words.iter().map(String::as_str)),
            state: state(row)?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
