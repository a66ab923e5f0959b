//! Signing keys: a new one, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use identity::Identity;
use kit::auth::{ServiceTokens, Trust, Verifier};
use kit::client::Peer;
use kit::task::Tasks;
use proto::identity::v1 as pb;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::trust_service_client::TrustServiceClient;
use testing::{AUDIENCE, House, ISSUER, eventually};

use crate::staff::{hire, me, open, refresh, sign_in};

const CALLS: usize = 5_000;

async fn published(house: &House<Identity>) -> Vec<String> {
    let mut anybody = TrustServiceClient::new(house.nobody());
    let keys = anybody.get_jwks(pb::GetJwksRequest {}).await.unwrap().into_inner().keys;
    keys.into_iter().map(|key| key.kid).collect()
}

/// Another service's idea of tokens, as it follows identity.
fn neighbour(house: &House<Identity>, tasks: &Tasks) -> Verifier {
    let trust = Trust::default();
    let tokens = ServiceTokens::new("pos", house.keys.service_key("pos")).unwrap();
    let (peer, stop, followed) = (Peer::over("identity", house.channel(), tokens), tasks.stopping(), trust.clone());
    tasks.spawn(async move { kit::trust::follow_until(&followed, &peer, stop).await });
    Verifier::new(trust, ISSUER, AUDIENCE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_under_load_and_no_call_fails() {
    let house = Arc::new(open().await);
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let tasks = Tasks::default();
    let pos = neighbour(&house, &tasks);
    eventually("pos knows the keys", || async { pos.trust().is_told().then_some(()) }).await;
    let before = published(&house).await[0].clone();
    let (calls, failed, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), AtomicBool::new(false));
    let over = Arc::new(over);
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut tokens = sign_in(&house, "ada@shop.test").await;
        let (house, pos) = (Arc::clone(&house), pos.clone());
        let (calls, failed, over) = (Arc::clone(&calls), Arc::clone(&failed), Arc::clone(&over));
        load.spawn(async move {
            // At least so many, one here and one there each time, and for as long as the change takes.
            let mut round = 0;
            while calls.fetch_add(2, Ordering::Relaxed) < CALLS || !over.load(Ordering::Relaxed) {
                round += 1;
                let mut client = AuthServiceClient::new(house.token(&tokens.access_token));
                let here = client.get_me(pb::GetMeRequest {}).await.is_ok();
                let there = pos.user(&tokens.access_token, chrono::Utc::now()).is_ok();
                if !here || !there {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                if round % 10 != 0 {
                    continue;
                }
                match refresh(&house, &tokens.refresh_token).await {
                    Ok(next) => {
                        (tokens.access_token, tokens.refresh_token) = (next.access_token, next.refresh_token);
                    }
                    Err(_) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            }
        });
    }
    for _ in 0..2 {
        kit::operate(&house.app, house.service.as_ref(), &["rotate-signing-key-now"]).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    load.join_all().await;
    assert!(calls.load(Ordering::Relaxed) >= CALLS);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    let after = published(&house).await;
    assert_ne!(after[0], before, "another key signs");
    assert!(after.contains(&before), "the tokens of the old one still hold");
    tasks.stop().await;
}

#[tokio::test]
async fn a_key_is_published_an_hour_before_it_signs_and_goes_when_its_last_token_has() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let old = sign_in(&house, "ada@shop.test").await.access_token;
    let first = published(&house).await[0].clone();
    let told = kit::operate(&house.app, house.service.as_ref(), &["rotate-signing-key"]).await.unwrap();
    assert!(told.contains("60 minutes"), "{told}");
    let work = async |change: &'static str| {
        sqlx::query(change).execute(&mut house.sql().await).await.unwrap();
        kit::operate(&house.app, house.service.as_ref(), &["run-job", "rotate-signing-key"]).await.unwrap();
    };
    work("update signing_key set signs_from = signs_from - interval '59 minutes' where state = 'next'").await;
    assert_eq!((published(&house).await[0].clone(), published(&house).await.len()), (first.clone(), 3));
    work("update signing_key set signs_from = signs_from - interval '1 minute' where state = 'next'").await;
    let keys = published(&house).await;
    assert!(keys[0] != first && keys.contains(&first));
    assert!(me(&house, &old).await.is_ok());
    let kept: Vec<(String, bool)> =
        sqlx::query_as("select state, sealed is not null from signing_key order by created_at")
            .fetch_all(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(kept, [("retiring".to_owned(), false), ("current".to_owned(), true)], "the private half is destroyed");

    work("update signing_key set retired_at = retired_at - interval '12 minutes' where state = 'retiring'").await;
    assert!(!published(&house).await.contains(&first));
    eventually("the old key is refused", || async { me(&house, &old).await.err() }).await;
    let records: i64 = sqlx::query_scalar("select count(*) from audit where subject_kind = 'signing_key'")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(records, 4, "made, published, signing, gone");
}

#[tokio::test]
async fn a_key_that_has_signed_for_ninety_days_is_followed_by_another() {
    let house = open().await;
    let count = async |state: &'static str| -> i64 {
        sqlx::query_scalar("select count(*) from signing_key where state = $1")
            .bind(state)
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap()
    };
    let job = ["run-job", "rotate-signing-key"];
    kit::operate(&house.app, house.service.as_ref(), &job).await.unwrap();
    assert_eq!(count("next").await, 0);
    sqlx::query("update signing_key set signs_from = signs_from - interval '91 days'")
        .execute(&mut house.sql().await)
        .await
        .unwrap();
    for _ in 0..2 {
        kit::operate(&house.app, house.service.as_ref(), &job).await.unwrap();
        assert_eq!((count("next").await, count("current").await), (1, 1));
    }
}

#[tokio::test]
async fn the_private_half_cannot_be_read_in_the_database() {
    let house = open().await;
    let sealed: String =
        sqlx::query_scalar("select sealed from signing_key").fetch_one(&mut house.sql().await).await.unwrap();
    assert!(sealed.starts_with("v1|"), "{sealed}");
    let another = sqlx::query(
        "insert into signing_key (id, kid, public_key, sealed, state, signs_from)
         select gen_random_uuid(), 'another', public_key, sealed, 'current', now() from signing_key",
    );
    let refused = another.execute(&mut house.sql().await).await.unwrap_err();
    assert!(refused.to_string().contains("signing_key_one_current"), "{refused}");
}
