//! Sessions as an administrator sees them.

use kit::Service;
use proto::identity::v1 as pb;
use proto::identity::v1::session_service_client::SessionServiceClient;
use testing::list_behaves;
use tonic::Code;

use crate::staff::{after_seconds, hire, me, open, reason, refresh, sign_in};

#[tokio::test]
async fn an_ended_session_is_refused_at_once() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    let signed_in = sign_in(&house, "ada@shop.test").await;
    let mut admin = SessionServiceClient::new(house.user(&["identity.admin"]));
    let of_ada = pb::ListSessionsRequest { user_id: Some(user.id.clone()), ..Default::default() };
    let session = admin.list_sessions(of_ada.clone()).await.unwrap().into_inner().data.remove(0);
    assert_eq!((session.user_id.as_str(), session.is_current, session.ended_at), (user.id.as_str(), false, None));

    for _ in 0..2 {
        admin.end_session(pb::EndSessionRequest { id: session.id.clone() }).await.unwrap();
    }
    assert_eq!(me(&house, &signed_in.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(reason(&refresh(&house, &signed_in.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    assert!(admin.list_sessions(of_ada).await.unwrap().into_inner().data.is_empty());
    let told = house.events::<pb::SessionEnded>().await;
    assert_eq!(told.len(), 1, "it ended once");
    assert_eq!((told[0].session_id.as_str(), told[0].user_id.as_str()), (session.id.as_str(), user.id.as_str()));

    let missing = pb::EndSessionRequest { id: types::uuid::Uuid::now_v7().to_string() };
    assert_eq!(reason(&admin.end_session(missing).await.unwrap_err()), "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn the_list_of_sessions_behaves_and_knows_who_asks() {
    let house = open().await;
    for n in 0..4 {
        hire(&house, &format!("user{n}@shop.test"), &["admin"]).await;
        sign_in(&house, &format!("user{n}@shop.test")).await;
        after_seconds(&house, 60);
    }
    let asking = sign_in(&house, "user0@shop.test").await;
    list_behaves(house.user(&["identity.admin"]), "identity.v1.SessionService/ListSessions", &[]).await;
    let mut admin = SessionServiceClient::new(house.token(&asking.access_token));
    for sort in ["", "createdAt", "last_used_at", "expiresAt"] {
        let request = pb::ListSessionsRequest { sort: sort.to_owned(), q: "USER0@".to_owned(), ..Default::default() };
        let data = admin.list_sessions(request).await.unwrap().into_inner().data;
        assert_eq!((data.len(), data.iter().filter(|session| session.is_current).count()), (2, 1), "{sort}");
    }
    after_seconds(&house, 15 * 86_400);
    let answer = admin.list_sessions(pb::ListSessionsRequest::default()).await.unwrap().into_inner();
    assert!(answer.data.is_empty(), "those that ran out are not listed");
}

#[tokio::test]
async fn sessions_long_over_are_forgotten_and_live_ones_are_not() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["admin"]).await;
    let token = sign_in(&house, "ada@shop.test").await.refresh_token;
    refresh(&house, &token).await.unwrap();
    let left = async || -> (i64, i64) {
        sqlx::query_as("select (select count(*) from session), (select count(*) from refresh_token)")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap()
    };
    for (days, expected) in [(0, (1, 2)), (100, (1, 2)), (5, (0, 0))] {
        after_seconds(&house, days * 86_400);
        for job in house.service.jobs() {
            job.run_once(&house.app.db, "identity").await.unwrap();
        }
        assert_eq!(left().await, expected, "after {days} days more");
    }
}

#[tokio::test]
async fn a_user_without_the_right_sees_no_sessions() {
    let house = open().await;
    let mut manager = SessionServiceClient::new(house.user(&["identity.view"]));
    let refused = manager.list_sessions(pb::ListSessionsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn everybody_sees_and_ends_his_own_sessions_and_no_others() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    hire(&house, "bob@shop.test", &["viewer"]).await;
    let phone = sign_in(&house, "ada@shop.test").await;
    let till = sign_in(&house, "ada@shop.test").await;
    let desk = sign_in(&house, "ada@shop.test").await;
    let bob = sign_in(&house, "bob@shop.test").await;
    list_behaves(house.token(&till.access_token), "identity.v1.SessionService/ListOwnSessions", &[]).await;

    let mut ada = SessionServiceClient::new(house.token(&till.access_token));
    let sessions = ada.list_own_sessions(pb::ListOwnSessionsRequest::default()).await.unwrap().into_inner().data;
    assert_eq!((sessions.len(), sessions.iter().filter(|session| session.is_current).count()), (3, 1));
    let id_of = async |token: &str| {
        let mut client = SessionServiceClient::new(house.token(token));
        let sessions = client.list_own_sessions(pb::ListOwnSessionsRequest::default()).await.unwrap().into_inner().data;
        sessions.into_iter().find(|session| session.is_current).unwrap().id
    };
    let (phones, bobs) = (id_of(&phone.access_token).await, id_of(&bob.access_token).await);
    let refused = ada.end_own_session(pb::EndOwnSessionRequest { id: bobs }).await.unwrap_err();
    assert_eq!(reason(&refused), "SESSION_NOT_FOUND");
    ada.end_own_session(pb::EndOwnSessionRequest { id: phones }).await.unwrap();
    assert_eq!(me(&house, &phone.access_token).await.unwrap_err().code(), Code::Unauthenticated);

    let ended = ada.end_other_sessions(pb::EndOtherSessionsRequest {}).await.unwrap().into_inner().ended_sessions;
    assert_eq!(ended, 1);
    assert_eq!(me(&house, &desk.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    for kept in [&till, &bob] {
        assert!(me(&house, &kept.access_token).await.is_ok());
    }
}
