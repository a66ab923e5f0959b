//! A service with one sealed column.

use cipher::{Keys, Place};
use kit::config::Secret;
use testing::{House, Stand};
use uuid::Uuid;

const NOTE: &str = "
create table note (id uuid primary key, sealed text not null);
grant select, insert, update, delete on note to accounts_rt";

pub(crate) type Vault = House<Stand>;

pub(crate) async fn house() -> Vault {
    Stand::open(NOTE).await
}

/// The keys as one more process of the service holds them.
pub(crate) async fn keys(house: &Vault) -> Keys {
    Keys::load(&house.app, "notes", &testing::field_key()).await.unwrap()
}

pub(crate) async fn keys_with(house: &Vault, field_key: &str) -> Result<Keys, String> {
    Keys::load(&house.app, "notes", &Secret::new(field_key.to_owned())).await
}

pub(crate) fn place(row: Uuid) -> Place {
    Place::new("note", "sealed", row)
}

/// Keeps a note as a service would.
pub(crate) async fn keep(house: &Vault, keys: &Keys, row: Uuid, text: &str) {
    let context = db::Context::of_service("accounts", "test", house.clock.now());
    let mut tx = house.app.db.begin(context).await.unwrap();
    sqlx::query("insert into note values ($1, $2) on conflict (id) do update set sealed = excluded.sealed")
        .bind(row)
        .bind(keys.seal(&place(row), text.as_bytes()).unwrap())
        .execute(&mut *tx)
        .await
        .unwrap();
    house.app.db.commit(tx).await.unwrap();
}

pub(crate) async fn sealed(house: &Vault, row: Uuid) -> String {
    let mut conn = house.app.db.read().await.unwrap();
    sqlx::query_scalar("select sealed from note where id = $1").bind(row).fetch_one(&mut *conn).await.unwrap()
}

/// Reads a note as a service would.
pub(crate) async fn read(house: &Vault, keys: &Keys, row: Uuid) -> Result<String, kit::Fault> {
    let sealed = sealed(house, row).await;
    keys.open_text(&place(row), &sealed).await
}
