//! All SQL of API keys.

use chrono::{DateTime, Utc};
use db::{Conn, List, Page, Select, Sorts, Tx};
use kit::Permissions;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::{ApiKey, ApiKeyId, Draft, State};
use crate::Error;
use crate::user::UserId;

const KEYS: Select = Select {
    columns: "k.id, k.name, k.prefix, k.created_by, u.first_name || ' ' || u.last_name as created_by_name,
              u.state = 'active' as is_maker_active, k.created_at,
              k.expires_at, k.last_used_at, k.revoked_at, k.version,
              array(select permission from api_key_permission where api_key_id = k.id) as permissions",
    from: "api_key k join app_user u on u.id = k.created_by",
    id: "k.id",
};
const SORTS: Sorts = &[
    ("name", "k.name"),
    ("created_at", "k.created_at"),
    ("expires_at", "k.expires_at"),
    ("last_used_at", "k.last_used_at"),
];

pub(crate) async fn insert(
    tx: &mut Tx,
    creator: UserId,
    draft: &Draft,
    prefix: &str,
    hash: &[u8],
) -> Result<ApiKey, Error> {
    let id = ApiKeyId::new();
    sqlx::query(
        "insert into api_key (id, name, prefix, hash, created_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(&draft.name)
    .bind(prefix)
    .bind(hash)
    .bind(creator)
    .bind(draft.created_at)
    .bind(draft.expires_at)
    .execute(&mut **tx)
    .await?;
    sqlx::query("insert into api_key_permission (api_key_id, permission) select $1, unnest($2::text[])")
        .bind(id)
        .bind(draft.permissions.words())
        .execute(&mut **tx)
        .await?;
    get(tx, id).await
}

pub(crate) async fn get(conn: &mut Conn, id: ApiKeyId) -> Result<ApiKey, Error> {
    sqlx::query_as(KEYS.one()).bind(id).fetch_optional(conn).await?.ok_or(Error::ApiKeyNotFound(id))
}

pub(crate) async fn lock(tx: &mut Tx, id: ApiKeyId) -> Result<ApiKey, Error> {
    sqlx::query("select from api_key where id = $1 for update").bind(id).execute(&mut **tx).await?;
    get(tx, id).await
}

/// The key with this hash, locked, so that whoever revokes it meets the token or keeps it from being given.
pub(crate) async fn lock_shown(tx: &mut Tx, hash: &[u8]) -> Result<Option<ApiKey>, Error> {
    let known = sqlx::query_scalar("select id from api_key where hash = $1 for update");
    let known: Option<ApiKeyId> = known.bind(hash).fetch_optional(&mut **tx).await?;
    match known {
        Some(id) => get(tx, id).await.map(Some),
        None => Ok(None),
    }
}

/// Saves that the key was revoked and counts the version up.
pub(crate) async fn save(tx: &mut Tx, key: &ApiKey) -> Result<ApiKey, Error> {
    sqlx::query("update api_key set revoked_at = $2, version = version + 1 where id = $1")
        .bind(key.id)
        .bind(key.revoked_at)
        .execute(&mut **tx)
        .await?;
    get(tx, key.id).await
}

/// Notes that the key was used; nothing of it changes.
pub(crate) async fn used(tx: &mut Tx, id: ApiKeyId, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query("update api_key set last_used_at = $2 where id = $1").bind(id).bind(now).execute(&mut **tx).await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut Conn,
    state: Option<State>,
    now: DateTime<Utc>,
    list: &List,
) -> Result<Page<ApiKey>, Error> {
    list.page(conn, KEYS, SORTS, |rows| {
        match state {
            None => {}
            Some(State::Revoked) => rows.holds("k.revoked_at is not null"),
            Some(State::Expired) => rows.with("k.revoked_at is null and k.expires_at <= ", now, ""),
            Some(State::MakerOut) => {
                rows.holds("u.state <> 'active'");
                rows.with("k.revoked_at is null and k.expires_at > ", now, "");
            }
            Some(State::Active) => {
                rows.holds("u.state = 'active'");
                rows.with("k.revoked_at is null and k.expires_at > ", now, "");
            }
        }
        rows.search(&["k.name", "k.prefix", "(u.first_name || ' ' || u.last_name)"], &list.q);
    })
    .await
}

impl FromRow<'_, PgRow> for ApiKey {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let words: Vec<String> = row.try_get("permissions")?;
        Ok(Self {
            id: row.try_get("id")?,
            draft: Draft {
                name: row.try_get("name")?,
                permissions: Permissions::of(words.iter().map(String::as_str)),
                created_at: row.try_get("created_at")?,
                expires_at: row.try_get("expires_at")?,
            },
            prefix: row.try_get("prefix")?,
            created_by: row.try_get("created_by")?,
            created_by_name: row.try_get("created_by_name")?,
            is_maker_active: row.try_get("is_maker_active")?,
            last_used_at: row.try_get("last_used_at")?,
            revoked_at: row.try_get("revoked_at")?,
            version: row.try_get("version")?,
        })
    }
}
