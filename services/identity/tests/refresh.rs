//! Refresh tokens: rotation, grace, and what happens when one is used by two.

use std::collections::HashSet;

use proto::identity::v1 as pb;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use tonic::Code;

use crate::staff::{after_seconds, hire, me, open, reason, refresh, sign_in};

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["manager"]).await;
    let mut token = sign_in(&house, "ada@shop.test").await.refresh_token;
    let mut seen = HashSet::from([token.clone()]);
    for _ in 0..5 {
        after_seconds(&house, 600);
        let answer = refresh(&house, &token).await.unwrap();
        assert_eq!((answer.expires_in, answer.user.as_ref()), (600, Some(&user)));
        assert!(me(&house, &answer.access_token).await.is_ok());
        assert_eq!(answer.refresh_token.len(), 43, "256 bits in base64url");
        assert!(seen.insert(answer.refresh_token.clone()));
        token = answer.refresh_token;
    }
}

#[tokio::test]
async fn fifty_uses_at_once_have_one_successor_and_the_session_lives() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let token = sign_in(&house, "ada@shop.test").await.refresh_token;
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut client = AuthServiceClient::new(house.nobody());
        let request = pb::RefreshRequest { refresh_token: token.clone() };
        uses.spawn(async move { client.refresh(request).await });
    }
    let answers: Vec<pb::RefreshResponse> =
        uses.join_all().await.into_iter().map(|answer| answer.unwrap().into_inner()).collect();
    let successors: HashSet<&str> = answers.iter().map(|answer| answer.refresh_token.as_str()).collect();
    assert_eq!((answers.len(), successors.len()), (50, 1));
    let tokens: i64 =
        sqlx::query_scalar("select count(*) from refresh_token").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(tokens, 2);
    assert!(house.events::<pb::SessionEnded>().await.is_empty());
    assert!(refresh(&house, successors.iter().next().unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_replay_within_the_grace_is_forgiven_and_later_ends_the_session() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    for round in 0..100 {
        let first = sign_in(&house, "ada@shop.test").await;
        let second = refresh(&house, &first.refresh_token).await.unwrap();
        after_seconds(&house, 10);
        let again = refresh(&house, &first.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);

        after_seconds(&house, 1);
        let stolen = refresh(&house, &first.refresh_token).await.unwrap_err();
        assert_eq!((stolen.code(), reason(&stolen).as_str()), (Code::Unauthenticated, "REFRESH_TOKEN_REFUSED"));
        let honest = refresh(&house, &second.refresh_token).await.unwrap_err();
        assert_eq!(reason(&honest), "REFRESH_TOKEN_REFUSED", "the thief and the robbed are both out");
        for token in [&first.access_token, &second.access_token, &again.access_token] {
            assert_eq!(me(&house, token).await.unwrap_err().code(), Code::Unauthenticated, "at once");
        }
        assert_eq!(house.events::<pb::SessionEnded>().await.len(), round + 1);
    }
    let whys: i64 = sqlx::query_scalar("select count(*) from audit where after ->> 'why' like '%used twice%'")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(whys, 100);
}

#[tokio::test]
async fn an_unused_session_ends_after_fourteen_days_and_any_after_thirty() {
    const DAY: i64 = 86_400;
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let idle = sign_in(&house, "ada@shop.test").await;
    let mut busy = sign_in(&house, "ada@shop.test").await.refresh_token;
    for _ in 0..2 {
        after_seconds(&house, 13 * DAY);
        busy = refresh(&house, &busy).await.unwrap().refresh_token;
    }
    assert_eq!(reason(&refresh(&house, &idle.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    after_seconds(&house, 4 * DAY - 1);
    busy = refresh(&house, &busy).await.unwrap().refresh_token;
    after_seconds(&house, 1);
    assert!(refresh(&house, &busy).await.is_err());
}

#[tokio::test]
async fn what_was_never_given_is_refused() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let token = sign_in(&house, "ada@shop.test").await;
    for bad in ["x", &"A".repeat(43), &token.refresh_token[..42], &format!("{} ", token.refresh_token)] {
        assert_eq!(refresh(&house, bad).await.unwrap_err().code(), Code::Unauthenticated, "{bad}");
    }
    assert!(refresh(&house, &token.access_token).await.is_err());
    assert!(refresh(&house, &token.refresh_token).await.is_ok());
}
