use std::sync::Arc;
use std::sync::atomic::Ordering;

use mail::Carrier;

use crate::office::{Pigeon, SECRET, carrier, count, dump, later, office, turn, write};

fn pigeon() -> (Arc<Pigeon>, Arc<dyn Carrier>) {
    let pigeon = Arc::new(Pigeon::default());
    (Arc::clone(&pigeon), pigeon)
}

#[tokio::test]
async fn a_letter_is_sent_when_its_transaction_commits_and_never_otherwise() {
    let (office, (pigeon, carrier)) = (office().await, pigeon());
    write(&office, false).await;
    turn(&office, &carrier).await;
    assert_eq!(pigeon.carried.lock().await.len(), 0);

    write(&office, true).await;
    turn(&office, &carrier).await;
    turn(&office, &carrier).await;

    let carried = pigeon.carried.lock().await;
    assert_eq!(carried.len(), 1);
    assert!(carried[0].text.contains(SECRET) && carried[0].html.contains("<a href="));
}

#[tokio::test]
async fn nothing_of_a_secret_is_left_once_a_letter_was_sent_or_given_up() {
    let (office, (pigeon, carrier)) = (office().await, pigeon());
    write(&office, true).await;
    turn(&office, &carrier).await;
    assert!(!dump(&office).await.contains("CANARY"));

    pigeon.away.store(true, Ordering::SeqCst);
    write(&office, true).await;
    for attempt in 1..=12 {
        assert_eq!(count(&office, "parked_at is not null").await, 0, "before attempt {attempt}");
        turn(&office, &carrier).await;
        later(&office).await;
    }
    assert_eq!(count(&office, "parked_at is not null and last_error = 'no pigeon'").await, 1);
    assert!(!dump(&office).await.contains("CANARY"));
}

#[tokio::test]
async fn a_letter_rests_after_a_failure_and_then_goes() {
    let (office, (pigeon, carrier)) = (office().await, pigeon());
    pigeon.away.store(true, Ordering::SeqCst);
    write(&office, true).await;
    turn(&office, &carrier).await;
    assert_eq!(count(&office, "attempts = 1 and next_attempt_at > now() - interval '1 minute'").await, 1);

    pigeon.away.store(false, Ordering::SeqCst);
    later(&office).await;
    turn(&office, &carrier).await;
    assert_eq!(pigeon.carried.lock().await.len(), 1);
    assert_eq!(count(&office, "sent_at is not null and last_error is null").await, 1);
}

#[tokio::test]
async fn a_letter_survives_the_death_of_who_carried_it_and_keeps_its_name() {
    let (office, (pigeon, carrier)) = (office().await, pigeon());
    write(&office, true).await;
    turn(&office, &carrier).await;
    // As if the process had died after the carrier's yes and before our note of it.
    let undone =
        "update mail set sent_at = null, body = 'x', html = 'x', next_attempt_at = now() + interval '1 minute'";
    sqlx::query(undone).execute(&mut office.sql().await).await.unwrap();
    turn(&office, &carrier).await;
    assert_eq!(pigeon.carried.lock().await.len(), 1, "it is somebody's until the lease ends");

    later(&office).await;
    turn(&office, &carrier).await;
    let carried = pigeon.carried.lock().await;
    assert_eq!(carried.len(), 2);
    assert_eq!(carried[0].id, carried[1].id);
}

#[tokio::test]
async fn replicas_that_send_at_once_send_each_letter_once() {
    let (office, (pigeon, carrier)) = (office().await, pigeon());
    for _ in 0..12 {
        write(&office, true).await;
    }
    while count(&office, "sent_at is null").await > 0 {
        let turns = (0..3).map(|_| turn(&office, &carrier));
        futures_util::future::join_all(turns).await;
    }
    let mut ids: Vec<_> = pigeon.carried.lock().await.iter().map(|parcel| parcel.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), pigeon.carried.lock().await.len()), (12, 12));
}

#[tokio::test]
async fn without_a_mail_server_each_letter_is_one_file() {
    let office = office().await;
    let directory = std::env::temp_dir().join(format!("mail-{}", uuid::Uuid::now_v7()));
    let carrier = carrier(&format!("file:{}", directory.display()));
    write(&office, true).await;
    turn(&office, &carrier).await;

    let files: Vec<_> = std::fs::read_dir(&directory).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(files.len(), 1);
    let letter = std::fs::read_to_string(&files[0]).unwrap();
    assert!(
        letter.contains("To: Ada <ada@shop.test>") && letter.contains("Subject: Choose a new password"),
        "{letter}"
    );
    std::fs::remove_dir_all(&directory).unwrap();
}
