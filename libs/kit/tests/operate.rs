use kit::operate;
use testing::House;

use crate::stand::{Stand, house};

async fn say(house: &House<Stand>, words: &[&str]) -> Result<String, String> {
    operate(&house.app, house.service.as_ref(), words).await
}

#[tokio::test]
async fn every_job_is_listed_and_runs_once_by_hand() {
    let house = house().await;
    let listed = say(&house, &["jobs"]).await.unwrap();
    for name in ["seal", "tidy", "turn", "long-turn"] {
        assert!(listed.lines().any(|line| line.starts_with(&format!("{name} "))), "{listed}");
    }
    assert_eq!(say(&house, &["run-job", "turn"]).await.unwrap(), "done: 1");
    assert_eq!(say(&house, &["run-job", "long-turn"]).await.unwrap(), "done: 2");
    assert_eq!(say(&house, &["run-job", "seal"]).await.unwrap(), "done");
    assert!(say(&house, &["run-job", "fly"]).await.unwrap_err().contains("no job fly"));
}

#[tokio::test]
async fn a_job_that_another_process_does_is_left_to_it() {
    let house = house().await;
    let mut other = house.app.db.alone().await.unwrap();
    assert!(db::lock_job(&mut other, "accounts.turn").await.unwrap());
    assert_eq!(say(&house, &["run-job", "turn"]).await.unwrap(), "another process is at it");
    db::unlock_job(&mut other, "accounts.turn").await.unwrap();
    assert_eq!(say(&house, &["run-job", "turn"]).await.unwrap(), "done: 1");
}

#[tokio::test]
async fn a_job_ends_when_its_time_is_over_and_gives_its_lock_back() {
    let house = house().await;
    for _ in 0..2 {
        assert!(say(&house, &["run-job", "hasty"]).await.unwrap_err().contains("longer than"));
    }
}

#[tokio::test]
async fn a_service_adds_words_of_its_own() {
    let house = house().await;
    assert_eq!(say(&house, &["greet"]).await.unwrap(), "good day");
    let unknown = say(&house, &["dance"]).await.unwrap_err();
    assert!(unknown.contains("run-job") && unknown.contains("greet"), "{unknown}");
}
