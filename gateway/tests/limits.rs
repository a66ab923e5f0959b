//! How often somebody may ask.

use axum::body::Body;
use http::Request;
use serde_json::json;
use testing::claims;
use uuid::Uuid;

use crate::till::{Till, echo, json};
use gateway::config::Config;

#[tokio::test]
async fn a_user_who_asks_too_often_is_told_when_to_come_again() {
    let till = Till::with(Config::default(), echo()).await;
    let clerk = format!("Bearer {}", till.keys.sign(&claims(Uuid::now_v7(), &[])));
    let ask = async |token: &str| {
        let request = Request::get("/v1/things").header("authorization", token).body(Body::empty()).unwrap();
        till.send(request).await
    };
    let mut limited = None;
    for count in 0..60 {
        let answer = ask(&clerk).await;
        if answer.status == 429 {
            limited = Some((count, answer));
            break;
        }
    }
    let (count, answer) = limited.expect("40 are allowed at once");
    assert!(count >= 40, "{count}");
    assert_eq!(answer.json()["code"], "TOO_MANY_REQUESTS");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let other = format!("Bearer {}", till.keys.sign(&claims(Uuid::now_v7(), &[])));
    assert_eq!(ask(&other).await.status, 200, "others are not limited by it");
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_limited_whoever_asks() {
    let till = Till::with(Config { rate_ip_burst: 3, rate_ip_per_second: 1, ..Config::default() }, echo()).await;
    for _ in 0..3 {
        assert_eq!(till.get("/v1/things/7").await.status, 200);
    }
    assert_eq!(till.get("/v1/things/7").await.status, 429);
    assert_eq!(till.get("/healthz").await.status, 200, "those who ask whether we live are not counted");
}

#[tokio::test]
async fn attempts_to_sign_in_are_limited_more_tightly() {
    let till = Till::with(Config::default(), echo()).await;
    let mut statuses = Vec::new();
    for _ in 0..22 {
        statuses.push(till.send(json("POST", "/v1/secret", r#"{"secret":"guess"}"#)).await.status.as_u16());
    }
    assert_eq!(statuses[..20], [200; 20]);
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    assert_eq!(till.post("/v1/everything", "{}").await.status, 200, "other routes go on");
    assert_eq!(till.get("/v1/things/7").await.json()["id"], json!("7"));
}
