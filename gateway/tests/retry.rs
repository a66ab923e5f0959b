//! What is tried again, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http::Request;
use tonic::{Code, Status};

use crate::till::{Behaviour, Till, answering, generous, json, serve_upstream};
use gateway::route::Table;
use gateway::upstream::{Upstream, Upstreams};
use kit::auth::ServiceTokens;
use testing::Keys;
use tokio::net::TcpListener;

/// Refuses the first calls, then echoes.
fn failing(times: usize, code: Code) -> Behaviour {
    let calls = Arc::new(AtomicUsize::new(0));
    answering(move |asked| {
        if calls.fetch_add(1, Ordering::SeqCst) < times {
            Err(Status::new(code, "away"))
        } else {
            Ok(tonic::Response::new(asked.message))
        }
    })
}

#[tokio::test]
async fn a_question_is_asked_again_while_the_service_is_away() {
    let till = Till::with(generous(), failing(2, Code::Unavailable)).await;
    assert_eq!(till.get("/v1/things/7").await.status, 200);
    assert_eq!(till.asked_count(), 3);
    let till = Till::with(generous(), failing(9, Code::Unavailable)).await;
    assert_eq!(till.get("/v1/things/7").await.status, 503);
    assert_eq!(till.asked_count(), 3, "three tries, not more");
}

#[tokio::test]
async fn a_command_is_repeated_only_with_its_key() {
    let till = Till::with(generous(), failing(1, Code::Unavailable)).await;
    let unkeyed = Request::post("/v1/everything").body(Body::from("{}")).unwrap();
    assert_eq!(till.send(unkeyed).await.status, 503);
    assert_eq!(till.asked_count(), 1);
    let till = Till::with(generous(), failing(1, Code::Unavailable)).await;
    assert_eq!(till.send(json("POST", "/v1/everything", "{}")).await.status, 200);
    assert_eq!(till.asked_count(), 2);
    let till = Till::with(generous(), failing(1, Code::Unavailable)).await;
    assert_eq!(till.send(json("POST", "/v1/secret", "{}")).await.status, 503, "a secret answer is not kept for replay");
    let till = Till::with(generous(), failing(1, Code::Unavailable)).await;
    assert_eq!(till.patch("/v1/things/7", "{}").await.status, 503);
}

#[tokio::test]
async fn only_absence_is_a_reason_to_ask_again() {
    for code in [Code::Internal, Code::Aborted, Code::ResourceExhausted, Code::DeadlineExceeded, Code::NotFound] {
        let till = Till::with(generous(), failing(1, code)).await;
        assert!(till.get("/v1/things/7").await.status.as_u16() >= 400, "{code:?}");
        assert_eq!(till.asked_count(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn a_service_that_comes_back_is_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let keys = Keys::default();
    let tokens = ServiceTokens::new("gateway", keys.service_key("gateway")).unwrap();
    let channel = kit::client::channel(&format!("http://{address}")).unwrap();
    let upstreams = Upstreams::new(vec![Upstream::new("echo", channel.clone(), channel, tokens)]);
    let asked = Arc::default();
    let table = Table::read(&crate::till::ECHO).unwrap();
    let till = Till::built(generous(), table, upstreams, keys, Arc::clone(&asked));
    assert_eq!(till.get("/v1/things/7").await.status, 503);
    let listener = TcpListener::bind(address).await.unwrap();
    serve_upstream(listener, asked, crate::till::echo(), axum::Router::new());
    testing::eventually("the service is found again", async || {
        (till.get("/v1/things/7").await.status == 200).then_some(())
    })
    .await;
}
