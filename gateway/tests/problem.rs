//! Problems: one form, whatever went wrong and wherever.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::till::{Till, answering, generous, json, nowhere};
use gateway::config::Config;
use gateway::route::Table;

async fn refusing(status: impl Fn() -> Status + Send + Sync + 'static) -> Till {
    Till::with(generous(), answering(move |_| Err(status()))).await
}

#[tokio::test]
async fn a_refusal_of_a_service_is_a_problem() {
    let till = refusing(|| {
        let details = ErrorDetails::with_error_info("STOCK_REMAINS", "inventory.lunarfront", []);
        Status::with_error_details(Code::FailedPrecondition, "3 of product 7 are still in stock", details)
    })
    .await;
    let mut request = json("POST", "/v1/things/7/polish", "{}");
    request.headers_mut().insert("x-request-id", "r-1".parse().unwrap());
    let answer = till.send(request).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        answer.json(),
        json!({
            "type": "/problems/stock-remains",
            "title": "Not possible now",
            "status": 409,
            "detail": "3 of product 7 are still in stock",
            "code": "STOCK_REMAINS",
            "instance": "/requests/r-1",
            "requestId": "r-1",
            "errors": [],
        })
    );
}

#[tokio::test]
async fn a_card_number_does_not_come_back_wherever_it_stood() {
    let till = Till::open().await;
    let (card, mut told) = ("4111 1111 1111 1111", 0);
    for answer in [
        till.post("/v1/things", &format!(r#"{{"{card}": "x"}}"#)).await,
        till.post("/v1/things", &format!("\"{card}\"")).await,
        till.post("/v1/things", "4111111111111111").await,
        till.get("/v1/things?4111+1111+1111+1111=x").await,
        till.get("/v1/4111%201111%201111%201111").await,
        till.get("/problems/4111-1111-1111-1111").await,
        till.send(json("X4111111111111111", "/v1/things", "{}")).await,
    ] {
        assert!(answer.status.is_client_error(), "{}", answer.text());
        let text = answer.text().replace([' ', '-'], "");
        assert!(!text.contains("4111111111111111"), "{text}");
        told += usize::from(text.contains("****1111"));
    }
    assert!(told >= 3, "what else stood there is told: {told}");
}

#[tokio::test]
async fn every_code_has_its_status() {
    for (code, status, name) in [
        (Code::InvalidArgument, 400, "INVALID"),
        (Code::OutOfRange, 413, "BODY_TOO_LARGE"),
        (Code::Unauthenticated, 401, "UNAUTHENTICATED"),
        (Code::PermissionDenied, 403, "PERMISSION_DENIED"),
        (Code::NotFound, 404, "NOT_FOUND"),
        (Code::AlreadyExists, 409, "ALREADY_EXISTS"),
        (Code::FailedPrecondition, 409, "CONFLICT"),
        (Code::Aborted, 409, "STALE"),
        (Code::ResourceExhausted, 429, "TOO_MANY_REQUESTS"),
        (Code::Unavailable, 503, "UNAVAILABLE"),
        (Code::Unimplemented, 503, "UNAVAILABLE"),
        (Code::Cancelled, 503, "UNAVAILABLE"),
        (Code::DeadlineExceeded, 504, "TIMED_OUT"),
        (Code::Internal, 500, "INTERNAL"),
        (Code::Unknown, 500, "INTERNAL"),
        (Code::DataLoss, 500, "INTERNAL"),
    ] {
        let till = refusing(move || Status::new(code, "secret: table product")).await;
        let answer = till.post("/v1/things/7/polish", "{}").await;
        let problem = answer.json();
        assert_eq!((answer.status.as_u16(), &problem["code"]), (status, &json!(name)), "{code:?}");
        assert_eq!(problem["status"], status);
        assert_eq!(answer.text().contains("secret"), status < 500, "{code:?}: what broke inside stays inside");
        assert_eq!(answer.header("retry-after").is_some(), [429, 503].contains(&status), "{code:?}");
        assert_eq!(answer.header("www-authenticate"), (status == 401).then_some("Bearer"), "{code:?}");
    }
}

#[tokio::test]
async fn a_stale_version_is_412_when_it_was_named() {
    let till = refusing(|| Status::aborted("it was changed meanwhile")).await;
    let mut request = json("PATCH", "/v1/things/7", "{}");
    assert_eq!(till.patch("/v1/things/7", "{}").await.status, 409);
    request.headers_mut().insert("if-match", "\"3\"".parse().unwrap());
    assert_eq!(till.send(request).await.status, 412);
    let mut odd = json("PATCH", "/v1/things/7", "{}");
    odd.headers_mut().insert("if-match", "\"3\", \"4\"".parse().unwrap());
    let answer = till.send(odd).await;
    assert_eq!((answer.status.as_u16(), answer.errors()[0].0.as_str()), (400, "If-Match"));
}

#[tokio::test]
async fn the_fields_that_a_service_blames_are_named_as_the_caller_knows_them() {
    let blame = |fields: &'static [&'static str]| {
        move || {
            let mut details = ErrorDetails::with_error_info("INVALID", "echo.lunarfront", []);
            for field in fields {
                details.add_bad_request_violation(*field, "is not right");
            }
            Status::with_error_details(Code::InvalidArgument, "not right", details)
        }
    };
    let fields = |answer: &crate::till::Answer| answer.errors().into_iter().map(|(field, _)| field).collect::<Vec<_>>();

    let till =
        refusing(blame(&["thing.unit_price", "thing.parts[2].part_name", "thing.id", "unit_price", "thing"])).await;
    let answer = till.post("/v1/things", "{}").await;
    assert_eq!(fields(&answer), ["unitPrice", "parts[2].partName", "id", "unitPrice", "thing"]);
    assert_eq!(answer.json()["detail"], "5 fields are not right", "the sentence names no field as the service does");

    let till = refusing(blame(&["parts[0].unit_price", "made_at", "int_32", "never_heard_of", ""])).await;
    let answer = till.post("/v1/everything", "{}").await;
    assert_eq!(fields(&answer), ["parts[0].unitPrice", "madeAt", "int32", "neverHeardOf", ""]);
}

#[tokio::test]
async fn a_service_says_when_to_come_again() {
    let till = refusing(|| {
        let mut details = ErrorDetails::new();
        details.set_retry_info(Some(Duration::from_millis(2_500)));
        Status::with_error_details(Code::ResourceExhausted, "too much", details)
    })
    .await;
    assert_eq!(till.post("/v1/things/7/polish", "{}").await.header("retry-after"), Some("3"));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let till = Till::open().await;
    let nothing = till.get("/v1/nothing?q=a").await;
    assert_eq!((nothing.status.as_u16(), nothing.json()["code"].clone()), (404, json!("ROUTE_NOT_FOUND")));
    let put = till.send(json("PUT", "/v1/things/7", "{}")).await;
    assert_eq!((put.status.as_u16(), put.json()["code"].clone()), (405, json!("METHOD_NOT_ALLOWED")));
    let mut allowed: Vec<&str> = put.header("allow").unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
    let long = Request::get("/v1/things/7").header("x-long", "x".repeat(17_000)).body(Body::empty()).unwrap();
    let answer = till.send(long).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (431, json!("HEADERS_TOO_LARGE")));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let till = Till::open().await;
    let declared = Request::post("/v1/everything").header("content-length", "3000000").body(Body::empty()).unwrap();
    assert_eq!(till.send(declared).await.status, 413);
    let streamed = futures_util::stream::repeat_with(|| {
        Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b' '; 65_536]))
    });
    let endless = Request::post("/v1/everything").body(Body::from_stream(streamed)).unwrap();
    let answer = till.send(endless).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, json!("BODY_TOO_LARGE")));
    let fits = format!("{{\"text\":\"{}\"}}", "x".repeat(2 * 1024 * 1024 - 11));
    assert_eq!(till.post("/v1/everything", &fits).await.status, 200);
}

#[tokio::test]
async fn money_moving_requests_need_a_key() {
    let till = Till::open().await;
    let bare = Request::post("/v1/things").header("content-type", "application/json").body(Body::from("{}")).unwrap();
    let answer = till.send(bare).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("IDEMPOTENCY_KEY_REQUIRED")));
    assert_eq!(answer.errors()[0].0, "Idempotency-Key");
    let mut odd = json("POST", "/v1/everything", "{}");
    odd.headers_mut().insert("idempotency-key", "two words".parse().unwrap());
    assert_eq!(till.send(odd).await.json()["code"], "IDEMPOTENCY_KEY_INVALID");
    assert_eq!(till.asked_count(), 0);
}

#[tokio::test]
async fn an_answer_that_is_no_message_is_our_mistake() {
    let till =
        Till::with(generous(), answering(|_| Ok(tonic::Response::new(bytes::Bytes::from_static(b"\x0a\xff"))))).await;
    let answer = till.get("/v1/things/7").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (500, json!("INTERNAL")));
}

#[tokio::test]
async fn a_service_that_is_away_is_503_and_one_that_is_slow_is_504() {
    let till = Till::open().await;
    let config = Config { call_seconds: 1, ..generous() };
    let slow: crate::till::Behaviour = std::sync::Arc::new(|_| Box::pin(std::future::pending()));
    let slow = Till::with(config.clone(), slow).await;
    let answer = slow.post("/v1/things/7/polish", "{}").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (504, json!("TIMED_OUT")));
    assert!(answer.json()["detail"].as_str().unwrap().contains("the outcome is unknown"));
    drop(till);

    let table = Table::read(&crate::till::ECHO).unwrap();
    let away = Till::built(config, table, nowhere().await, testing::Keys::default(), std::sync::Arc::default());
    let unkeyed = Request::post("/v1/everything").body(Body::from("{}")).unwrap();
    let answer = away.send(unkeyed).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].clone()),
        (503, json!("UNAVAILABLE")),
        "{}",
        answer.text()
    );
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.text().contains("127.0.0.1"), "no address is told");
}
