use std::time::Duration;

use db::inbox::{self, Next, Rests, Which};
use db::outbox;
use proto::Event;
use proto::pos::v1::DrawerOpened;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::database::{Database, run};
use crate::watch::{count, entry, write};

const KINDS: [&str; 1] = [DrawerOpened::KIND];

#[tokio::test]
async fn old_events_go_and_are_still_counted_at_both_ends() {
    let database = Database::open(&["pos", "ledger"]).await;
    let (pos, ledger) = (database.of("pos"), database.of("ledger"));
    write(&pos, 3, 20).await;
    let told = count(&pos).await;
    let mut speaks = pos.background().await.unwrap();
    let mut hears = ledger.background().await.unwrap();
    let waiting = outbox::waiting(&mut speaks, 100).await.unwrap();
    outbox::mark_published(&mut speaks, &waiting.iter().map(|row| row.position).collect::<Vec<_>>()).await.unwrap();
    inbox::take(&mut hears, &waiting.into_iter().map(entry).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(outbox::prune(&mut speaks).await.unwrap(), 0);
    assert_eq!(inbox::prune(&mut hears).await.unwrap(), 0);

    let mut admin = database.admin().await;
    run(&mut admin, "update pos.outbox set published_at = now() - interval '15 days' where position % 2 = 0".into())
        .await;
    run(&mut admin, "update ledger.inbox set done_at = now() - interval '31 days'".into()).await;

    assert!(outbox::prune(&mut speaks).await.unwrap() > 0);
    assert_eq!(inbox::prune(&mut hears).await.unwrap(), told.events.unsigned_abs());
    assert_eq!(count(&pos).await.events, told.events);
    let later = count(&pos).await.snapshot;
    assert_eq!(inbox::count_heard(&mut hears, "pos", &KINDS, &later).await.unwrap(), told.events);
    drop((speaks, hears));
    database.drop().await;
}

#[tokio::test]
async fn an_event_told_again_stays_in_the_inbox_for_another_thirty_days() {
    let database = Database::open(&["pos", "ledger"]).await;
    let (pos, ledger) = (database.of("pos"), database.of("ledger"));
    write(&pos, 5, 3).await;
    let waiting = outbox::waiting(&mut pos.background().await.unwrap(), 1).await.unwrap();
    let entries: Vec<_> = waiting.into_iter().map(entry).collect();
    let mut conn = ledger.background().await.unwrap();
    inbox::take(&mut conn, &entries).await.unwrap();
    run(&mut database.admin().await, "update ledger.inbox set done_at = now() - interval '31 days'".into()).await;

    assert_eq!(inbox::take(&mut conn, &entries).await.unwrap(), Vec::<Uuid>::new());

    assert_eq!(inbox::prune(&mut conn).await.unwrap(), 0);
    drop(conn);
    database.drop().await;
}

#[tokio::test]
async fn the_newest_version_of_a_copy_wins_in_any_order() {
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    let mut conn = db.background().await.unwrap();
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..20 {
        let id = Uuid::now_v7();
        let mut versions: Vec<i64> = (1..=10).collect();
        versions.shuffle(&mut random);
        let (mut kept, mut newest) = (0, 0);
        for version in versions {
            let newer = inbox::newer_copy(&mut conn, "identity.shop.changed", id, version).await.unwrap();
            assert_eq!(newer, version > newest);
            newest = newest.max(version);
            kept = if newer { version } else { kept };
        }
        assert_eq!(kept, 10);
        assert!(!inbox::newer_copy(&mut conn, "identity.shop.changed", id, random.random_range(1..=10)).await.unwrap());
    }
    drop(conn);
    database.drop().await;
}

#[tokio::test]
async fn an_event_that_kills_its_consumer_is_counted_and_parked_and_can_be_unparked() {
    let database = Database::open(&["pos", "ledger"]).await;
    write(&database.of("pos"), 7, 2).await;
    let waiting = outbox::waiting(&mut database.of("pos").background().await.unwrap(), 1).await.unwrap();
    let entries: Vec<_> = waiting.into_iter().map(entry).collect();
    let ledger = database.of("ledger");
    let mut conn = ledger.background().await.unwrap();
    let rests = Rests(vec![Duration::ZERO; 4]);
    assert_eq!(inbox::record(&mut conn, &entries).await.unwrap(), [entries[0].event_id]);
    assert_eq!(inbox::record(&mut conn, &entries).await.unwrap(), Vec::<Uuid>::new());

    // Nobody ever says how the attempts ended.
    for attempt in 1..=5 {
        let Next::Try(due) = inbox::next_due(&mut conn, &rests).await.unwrap() else { panic!("not due") };
        assert_eq!((due.entry.event_id, due.attempts), (entries[0].event_id, attempt));
    }

    assert!(matches!(inbox::next_due(&mut conn, &rests).await.unwrap(), Next::Parked { .. }));
    assert!(matches!(inbox::next_due(&mut conn, &rests).await.unwrap(), Next::Nothing));
    assert_eq!(inbox::stats(&mut conn).await.unwrap(), inbox::Stats { parked: 1, waiting: 0 });
    assert_eq!(inbox::unpark(&mut conn, Which::One(Uuid::now_v7())).await.unwrap(), 0);
    assert_eq!(inbox::unpark(&mut conn, Which::All).await.unwrap(), 1);
    assert!(matches!(inbox::next_due(&mut conn, &rests).await.unwrap(), Next::Try(_)));
    assert!(inbox::finish(&mut conn, entries[0].event_id).await.unwrap());
    assert!(!inbox::finish(&mut conn, entries[0].event_id).await.unwrap());
    drop(conn);
    database.drop().await;
}
