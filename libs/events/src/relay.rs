//! The relay: one replica at a time tells the broker what the outbox holds, and marks what the broker confirmed.

use std::time::Duration;

use db::{Conn, Db, outbox};
use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use crate::error::within;
use crate::settings::Hooks;
use crate::supervise::{rest_or_stop, supervise};
use crate::{Error, Settings, broker, measure, publish};

const BATCH: usize = 100;
const DATABASE: Duration = Duration::from_secs(20);

/// A mark that is lost in a crash makes a duplicate, which every inbox absorbs. The lock of a machine that vanished is
/// free after 25 seconds. Its few statements are planned once: the length of an array changes nothing in their plans.
const SESSION: &str = "
set synchronous_commit = off;
set plan_cache_mode = force_generic_plan;
set tcp_keepalives_idle = 10;
set tcp_keepalives_interval = 5;
set tcp_keepalives_count = 3;
set tcp_user_timeout = 25000";

/// Relays until told to stop. Commands never wait for it: while the broker is away the outbox grows.
pub async fn relay(db: Db, settings: Settings, stop: CancellationToken) {
    let work = supervise("relay", &settings, &stop, || session(&db, &settings, &stop));
    tokio::join!(work, measure::outbox(&db, &stop));
}

/// Leads and relays until something breaks.
async fn session(db: &Db, settings: &Settings, stop: &CancellationToken) -> Result<(), Error> {
    let Some(mut conn) = lead(db, settings, stop).await? else { return Ok(()) };
    let connection = broker::connect(settings, "relay").await?;
    let channel = broker::channel(&connection, settings).await?;
    within("confirms", settings.publish_timeout, channel.confirm_select(ConfirmSelectOptions::default())).await?;
    metrics::gauge!("broker_connected", "connection" => "relay").set(1);
    let told = db.told();
    while !stop.is_cancelled() {
        if round(&mut conn, &channel, settings).await? {
            continue;
        }
        tokio::select! {
            () = told.notified() => {}
            () = rest_or_stop(settings.relay_poll, stop) => {}
        }
        if !connection.status().connected() {
            return Err(Error::Gone);
        }
    }
    broker::close(&connection).await;
    // The lock goes with the connection, to the next replica.
    within("closing", DATABASE, conn.close()).await
}

/// Waits until no other replica relays for this schema. None when the process stops first.
///
/// The lock, the reads and the marks share one connection: who has lost the lock can mark nothing.
async fn lead(db: &Db, settings: &Settings, stop: &CancellationToken) -> Result<Option<Conn>, Error> {
    let mut conn = within("connecting", DATABASE, Conn::connect_with(&db.options())).await?;
    within("the session's settings", DATABASE, sqlx::raw_sql(SESSION).execute(&mut conn)).await?;
    while !stop.is_cancelled() {
        let lock = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('relay:' || current_schema(), 0))");
        if within("the relay's lock", DATABASE, lock.fetch_one(&mut conn)).await? {
            return Ok(Some(conn));
        }
        rest_or_stop(settings.relay_poll * 5, stop).await;
    }
    Ok(None)
}

/// One batch. True when more may wait.
async fn round(conn: &mut Conn, channel: &Channel, settings: &Settings) -> Result<bool, Error> {
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let rows = within("reading the outbox", DATABASE, outbox::waiting(conn, limit)).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let mut confirmed = Vec::with_capacity(rows.len());
    let work = publish::publish(channel, settings, &rows, &mut confirmed);
    let ended = within("publishing", settings.publish_timeout, work).await;
    if Hooks::dies(settings.hooks.relay_before_mark.as_ref()) {
        return Err(Error::Interrupted);
    }
    within("marking the outbox", DATABASE, outbox::mark_published(conn, &confirmed)).await?;
    metrics::counter!("relay_published_total").increment(confirmed.len() as u64);
    match ended? {
        0 => Ok(rows.len() == BATCH),
        count => Err(Error::NotTaken { count, of: rows.len() }),
    }
}
