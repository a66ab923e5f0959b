//! Who is let in, and what every answer carries for browsers.

use axum::body::Body;
use chrono::Utc;
use http::Request;
use kit::auth::Revoked;
use serde_json::json;
use testing::{Keys, claims};
use uuid::Uuid;

use crate::till::{Till, echo, generous, json};
use gateway::config::Config;

async fn list(till: &Till, authorization: Option<&str>) -> (u16, serde_json::Value) {
    let mut request = Request::get("/v1/things");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = till.send(request.body(Body::empty()).unwrap()).await;
    (answer.status.as_u16(), answer.json()["code"].clone())
}

#[tokio::test]
async fn nobody_without_a_token_that_holds_reaches_a_service() {
    let till = Till::open().await;
    let good = till.keys.token(&["echo.view"]);
    let mut old = claims(Uuid::now_v7(), &[]);
    (old.iat, old.nbf, old.exp) = (old.iat - 900, old.nbf - 900, old.exp - 900);
    let old = till.keys.sign(&old);
    let foreign = Keys::default().token(&["echo.view"]);
    let cases = [
        (None, "UNAUTHENTICATED"),
        (Some("Basic YTpi".to_owned()), "UNAUTHENTICATED"),
        (Some("Bearer nonsense".to_owned()), "TOKEN_REFUSED"),
        (Some(format!("Bearer {old}")), "TOKEN_REFUSED"),
        (Some(format!("Bearer {foreign}")), "TOKEN_REFUSED"),
        (Some(format!("Bearer {good}x")), "TOKEN_REFUSED"),
    ];
    for (authorization, code) in cases {
        assert_eq!(list(&till, authorization.as_deref()).await, (401, json!(code)), "{authorization:?}");
    }
    assert_eq!(till.asked_count(), 0);
    assert_eq!(list(&till, Some(&format!("bearer {good}"))).await.0, 200, "what a user may do, the service decides");
}

#[tokio::test]
async fn a_session_that_ended_is_refused_at_once() {
    let till = Till::open().await;
    let claims = claims(Uuid::now_v7(), &[]);
    let token = format!("Bearer {}", till.keys.sign(&claims));
    assert_eq!(list(&till, Some(&token)).await.0, 200);
    let ended = Revoked { session_id: Some(claims.sid), user_id: claims.sub, at: Utc::now() };
    till.gateway.verifier.trust().tell(&[till.keys.jwk()], &[ended]);
    assert_eq!(list(&till, Some(&token)).await, (401, json!("TOKEN_REFUSED")));
}

#[tokio::test]
async fn a_stale_token_keeps_nobody_from_public_routes() {
    let till = Till::open().await;
    let request = Request::get("/v1/things/7").header("authorization", "Bearer stale").body(Body::empty()).unwrap();
    assert_eq!(till.send(request).await.status, 200);
}

#[tokio::test]
async fn browsers_of_our_own_origins_may_call_and_see_what_they_need() {
    let config = Config { cors_origins: "https://till.example, https://office.example".to_owned(), ..generous() };
    let till = Till::with(config, echo()).await;
    let preflight = Request::options("/v1/things")
        .header("origin", "https://office.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key,if-match,x-grpc-web");
    let answer = till.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://office.example"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "for the refresh cookie");

    let mut wrong = json("POST", "/v1/everything", "{");
    wrong.headers_mut().insert("origin", "https://till.example".parse().unwrap());
    let answer = till.send(wrong).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://till.example"), "problems are readable too");
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in [
        "etag",
        "location",
        "x-request-id",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "idempotency-replayed",
        "retry-after",
    ] {
        assert!(exposed.contains(name), "{name}");
    }

    let mut long = Request::get("/v1/things/7").header("origin", "https://till.example").body(Body::empty()).unwrap();
    long.headers_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
    let kind = "application/grpc-web+proto";
    let call = Request::post("/lunarfront.echo.v1.EchoService/ListThings").header("content-type", kind);
    let call = call.header("origin", "https://till.example").body(Body::empty()).unwrap();
    for (request, status) in [(long, 431), (call, 200)] {
        let answer = till.send(request).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://till.example"), "{status}");
        assert!(answer.header("access-control-expose-headers").is_some(), "{status}: else the status is not read");
    }

    let foreign = Request::get("/v1/things/7").header("origin", "https://evil.example").body(Body::empty()).unwrap();
    assert_eq!(till.send(foreign).await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let config = Config { hsts_seconds: 31_536_000, ..generous() };
    let till = Till::with(config, echo()).await;
    for path in ["/v1/things/7", "/v1/nothing", "/openapi.json", "/"] {
        let answer = till.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"), "{path}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    assert_eq!(till.get("/v1/things/7").await.header("cache-control"), Some("no-store"));
    assert_eq!(Till::open().await.get("/").await.header("strict-transport-security"), None);
}
