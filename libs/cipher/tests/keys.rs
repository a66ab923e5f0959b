use futures_util::future::join_all;
use testing::eventually;
use uuid::Uuid;

use crate::vault::{house, keep, keys, keys_with, read, sealed};

#[tokio::test]
async fn replicas_that_start_at_once_agree_on_one_key() {
    let house = house().await;
    let replicas = join_all((0..8).map(|_| keys(&house))).await;
    let row = Uuid::now_v7();
    keep(&house, &replicas[0], row, "AB 123").await;
    for replica in &replicas {
        assert_eq!(read(&house, replica, row).await.unwrap(), "AB 123");
        assert!(replica.is_current(&sealed(&house, row).await));
        assert_eq!(replica.blind("ab123").unwrap(), replicas[0].blind("ab123").unwrap());
    }
    assert_ne!(replicas[0].blind("ab123").unwrap(), replicas[0].blind("ab124").unwrap());
    let held: i64 =
        sqlx::query_scalar("select count(*) from data_key").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(held, 2, "one to seal, one for the blind index");
}

#[tokio::test]
async fn swapping_two_rows_ciphertexts_decrypts_neither() {
    let (house, [one, other]) = (house().await, [Uuid::now_v7(), Uuid::now_v7()]);
    let keys = keys(&house).await;
    keep(&house, &keys, one, "one's number").await;
    keep(&house, &keys, other, "other's number").await;

    let mut admin = house.sql().await;
    sqlx::query("update note set sealed = (select n.sealed from note n where n.id <> note.id)")
        .execute(&mut admin)
        .await
        .unwrap();

    assert!(read(&house, &keys, one).await.is_err());
    assert!(read(&house, &keys, other).await.is_err());
}

#[tokio::test]
async fn nothing_in_the_database_shows_a_sealed_value_or_a_key() {
    let (house, row) = (house().await, Uuid::now_v7());
    let keys = keys(&house).await;
    keep(&house, &keys, row, "CANARY-4711").await;

    let mut admin = house.sql().await;
    let notes: Vec<String> = sqlx::query_scalar("select note::text from note").fetch_all(&mut admin).await.unwrap();
    let held: Vec<String> =
        sqlx::query_scalar("select data_key::text from data_key").fetch_all(&mut admin).await.unwrap();

    let dump = [notes, held].concat().join("\n");
    assert!(!dump.contains("CANARY") && !dump.contains("4711"), "{dump}");
    assert!(!dump.contains(testing::field_key().reveal().trim_start_matches("test=")));
    assert_eq!(format!("{keys:?}"), "Keys(notes)");
}

#[tokio::test]
async fn with_another_field_key_the_service_does_not_start() {
    let house = house().await;
    keys(&house).await;
    let other = format!("other={}", "B".repeat(42) + "E=");
    assert!(keys_with(&house, &other).await.unwrap_err().contains("FIELD_KEY"));
    assert!(keys_with(&house, "lunarfront-demo").await.unwrap_err().contains("FIELD_KEY"));
}

#[tokio::test]
async fn when_the_data_key_is_destroyed_nothing_is_readable_any_more() {
    let (house, row) = (house().await, Uuid::now_v7());
    let keys = keys(&house).await;
    keep(&house, &keys, row, "secret").await;

    sqlx::query("delete from data_key").execute(&mut house.sql().await).await.unwrap();

    eventually("the key is forgotten", async || read(&house, &keys, row).await.is_err().then_some(())).await;
    let later = crate::vault::keys(&house).await;
    assert!(read(&house, &later, row).await.is_err(), "a new key opens nothing old");
}
