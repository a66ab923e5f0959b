//! A service that writes letters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kit::config::Secret;
use mail::{Carrier, Letter, Parcel, Refused};
use testing::{House, Stand};
use tokio::sync::Mutex;

pub(crate) const SECRET: &str = "https://shop.test/reset?token=CANARY-4711";

pub(crate) type Office = House<Stand>;

pub(crate) async fn office() -> Office {
    Stand::open("").await
}

pub(crate) fn letter() -> Letter {
    Letter::new("password-reset", "Ada <ada@shop.test>", "Choose a new password")
        .paragraph("Somebody asked for a new password.")
        .link("Choose it", SECRET)
}

/// Queues a letter in a transaction that may or may not commit.
pub(crate) async fn write(office: &Office, commits: bool) {
    let context = db::Context::of_service("accounts", "test", office.clock.now());
    let mut tx = office.app.db.begin(context).await.unwrap();
    mail::enqueue(&mut tx, &letter()).await.unwrap();
    if commits {
        office.app.db.commit(tx).await.unwrap();
    }
}

/// One turn of the job.
pub(crate) async fn turn(office: &Office, carrier: &Arc<dyn Carrier>) {
    mail::job(&office.app, Arc::clone(carrier)).run_once(&office.app.db, "accounts").await.unwrap();
}

pub(crate) fn carrier(url: &str) -> Arc<dyn Carrier> {
    mail::carrier(&Secret::new(url.to_owned()), "LunarFront Music <shop@lunarfront.test>").unwrap()
}

/// Time passes: what waits is due.
pub(crate) async fn later(office: &Office) {
    let due = "update mail set next_attempt_at = now() where sent_at is null and parked_at is null";
    sqlx::query(due).execute(&mut office.sql().await).await.unwrap();
}

/// All that the database holds of letters.
pub(crate) async fn dump(office: &Office) -> String {
    let rows: Vec<String> =
        sqlx::query_scalar("select mail::text from mail").fetch_all(&mut office.sql().await).await.unwrap();
    rows.join("\n")
}

pub(crate) async fn count(office: &Office, which: &'static str) -> i64 {
    let sql = format!("select count(*) from mail where {which}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut office.sql().await).await.unwrap()
}

/// A carrier that keeps what it takes, and takes it or not.
#[derive(Default)]
pub(crate) struct Pigeon {
    pub(crate) carried: Mutex<Vec<Parcel>>,
    pub(crate) away: AtomicBool,
}

#[async_trait]
impl Carrier for Pigeon {
    async fn carry(&self, parcel: &Parcel) -> Result<(), Refused> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Refused::ForNow("no pigeon".to_owned()));
        }
        self.carried.lock().await.push(parcel.clone());
        Ok(())
    }
}
