use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use db::{Db, Subject, inbox, outbox};
use futures_util::future::join_all;
use proto::Event;
use proto::pos::v1::{DrawerClosed, DrawerOpened};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::database::{Database, context};

const KINDS: [&str; 1] = [DrawerOpened::KIND];

/// Writes events in transactions of random length, some of which roll back.
pub(crate) async fn write(db: &Db, seed: u64, rounds: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..rounds {
        let mut tx = db.begin(context("pos")).await.unwrap();
        // The position is taken long before the commit.
        sqlx::query(
            "insert into outbox (event_id, kind, aggregate_id, aggregate_version, body, headers)
             values ($1, $2, $1, 1, '', '{}')",
        )
        .bind(Uuid::now_v7())
        .bind(DrawerOpened::KIND)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("select pg_sleep($1 / 1000.0)").bind(random.random_range(0..8)).execute(&mut *tx).await.unwrap();
        if random.random_bool(0.95) {
            db.commit(tx).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_watcher_sees_every_event_of_eight_busy_writers_once_and_in_order() {
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    let mut conn = db.background().await.unwrap();
    let start = outbox::end(&mut conn).await.unwrap();

    let (mut cursor, mut seen) = (start, Vec::new());
    let done = AtomicBool::new(false);
    let writing = async {
        join_all((0..8).map(|seed| write(&db, seed, 60))).await;
        done.store(true, Ordering::SeqCst);
    };
    let watching = async {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let end = done.load(Ordering::SeqCst);
            let told: Vec<Uuid> = sqlx::query_scalar("select event_id from outbox order by tx, position")
                .fetch_all(&mut *conn)
                .await
                .unwrap();
            let watched = outbox::watch(&mut conn, cursor, &KINDS, 10).await.unwrap();
            cursor = watched.cursor;
            seen.extend(watched.events);
            if end && seen.len() >= told.len() {
                return told;
            }
            assert!(Instant::now() < deadline, "{} of {} seen", seen.len(), told.len());
        }
    };
    let ((), told) = tokio::join!(writing, watching);

    assert!(told.len() > 400);
    assert_eq!(seen.iter().map(|seen| seen.event_id).collect::<Vec<_>>(), told);
    assert!(seen.is_sorted_by(|left, right| left.cursor < right.cursor));
    drop(conn);
    database.drop().await;
}

#[tokio::test]
async fn a_watcher_sees_only_the_kinds_it_may_see() {
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    let start = outbox::end(&mut db.background().await.unwrap()).await.unwrap();
    let mut tx = db.begin(context("pos")).await.unwrap();
    let subject = Subject { id: Uuid::now_v7(), version: 1 };
    tx.publish(subject, &DrawerOpened::default());
    tx.publish(subject, &DrawerClosed::default());
    db.commit(tx).await.unwrap();

    // Transactions of other databases hold the horizon back for a moment.
    let (mut cursor, mut seen) = (start, Vec::new());
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen.is_empty() {
        assert!(Instant::now() < deadline);
        let watched = outbox::watch(&mut db.background().await.unwrap(), cursor, &KINDS, 10).await.unwrap();
        cursor = watched.cursor;
        seen.extend(watched.events);
    }

    assert_eq!(seen.iter().map(|seen| seen.kind.as_str()).collect::<Vec<_>>(), KINDS);
    database.drop().await;
}

#[tokio::test]
async fn a_listener_counts_what_the_teller_had_told_at_one_instant() {
    let database = Database::open(&["pos", "ledger"]).await;
    let (pos, ledger) = (database.of("pos"), database.of("ledger"));
    write(&pos, 1, 10).await;
    let told = count(&pos).await;
    write(&pos, 2, 10).await;
    let told_later = count(&pos).await;
    assert!(told.events < told_later.events);

    let mut conn = pos.background().await.unwrap();
    let entries = outbox::waiting(&mut conn, 100).await.unwrap().into_iter().map(entry).collect::<Vec<_>>();
    let mut conn = ledger.background().await.unwrap();
    for entry in &entries {
        let heard = inbox::count_heard(&mut conn, "pos", &KINDS, &told.snapshot).await.unwrap();
        assert!(heard <= told.events);
        inbox::take(&mut conn, std::slice::from_ref(entry)).await.unwrap();
    }

    assert_eq!(inbox::count_heard(&mut conn, "pos", &KINDS, &told.snapshot).await.unwrap(), told.events);
    assert_eq!(inbox::count_heard(&mut conn, "pos", &KINDS, &told_later.snapshot).await.unwrap(), told_later.events);
    drop(conn);
    database.drop().await;
}

pub(crate) async fn count(db: &Db) -> outbox::Count {
    let mut tx = db.begin_background(context("pos")).await.unwrap();
    sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await.unwrap();
    outbox::count_visible(&mut tx, &KINDS).await.unwrap()
}

/// A waiting event as the other end hears it.
pub(crate) fn entry(waiting: outbox::Waiting) -> inbox::Entry {
    inbox::Entry {
        event_id: waiting.event_id,
        kind: waiting.kind,
        producer: "pos".to_owned(),
        producer_tx: waiting.tx,
        body: waiting.body,
        headers: waiting.headers,
    }
}
