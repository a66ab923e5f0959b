//! Secrets that a browser keeps in a cookie.

use axum::body::Body;
use gateway::config::Config;
use http::Request;
use serde_json::json;

use crate::till::{Answer, Till, echo, generous};

const KEPT: &str = "__Secure-secret=s3cret; Path=/v1/secret; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict";

async fn keep(till: &Till, body: &str, headers: &[(&str, &str)]) -> Answer {
    post(till, "/v1/secret/keep", body, headers).await
}

async fn post(till: &Till, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/json").header("host", "shop.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    till.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn who_asks_for_it_has_the_secret_in_a_cookie_and_all_others_in_the_body() {
    let till = Till::open().await;
    let body = r#"{"secret":"s3cret","name":"Ada"}"#;
    let plain = keep(&till, body, &[]).await;
    assert_eq!(plain.json(), json!({ "secret": "s3cret", "name": "Ada" }));
    assert_eq!(plain.header("set-cookie"), None);

    let kept = keep(&till, body, &[("x-refresh", "cookie")]).await;
    assert_eq!(kept.json(), json!({ "secret": "", "name": "Ada" }), "no script reads it");
    assert_eq!(kept.header("set-cookie"), Some(KEPT));
}

#[tokio::test]
async fn the_cookie_speaks_only_with_the_header() {
    let till = Till::open().await;
    let cookie = ("cookie", "a=b; __Secure-secret=s3cret; c=d");
    let kept = keep(&till, "{}", &[cookie, ("x-refresh", "cookie")]).await;
    assert_eq!(kept.header("set-cookie"), Some(KEPT));
    let without = keep(&till, "{}", &[cookie]).await;
    assert_eq!((without.json()["secret"].as_str(), without.header("set-cookie")), (Some(""), None));
    let asked = till.asked_count();
    let none = keep(&till, "{}", &[("x-refresh", "cookie")]).await;
    assert_eq!((none.status.as_u16(), till.asked_count()), (401, asked));
    assert_eq!(till.asked().header("cookie"), None, "no service sees cookies");
}

#[tokio::test]
async fn pages_of_others_cannot_use_the_cookie() {
    let config = Config { cors_origins: "https://app.shop.test".to_owned(), ..generous() };
    let till = Till::with(config, echo()).await;
    let cookie = ("cookie", "__Secure-secret=s3cret");
    for (origin, status) in [
        ("https://shop.test", 200),
        ("https://app.shop.test", 200),
        ("https://evil.test", 403),
        ("https://shop.test.evil.test", 403),
        ("null", 403),
        ("", 403),
    ] {
        let answer = keep(&till, "{}", &[cookie, ("x-refresh", "cookie"), ("origin", origin)]).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
    }
    let form = Request::post("/v1/secret/keep")
        .header("content-type", "text/plain")
        .header("cookie", cookie.1)
        .header("x-refresh", "cookie");
    let form = till.send(form.body(Body::from("{}")).unwrap()).await;
    assert_eq!(form.status.as_u16(), 415);
}

#[tokio::test]
async fn what_is_given_up_is_taken_from_the_browser() {
    let till = Till::open().await;
    let cookie = ("cookie", "__Secure-secret=s3cret");
    let gone = post(&till, "/v1/secret/forget", "{}", &[cookie, ("x-refresh", "cookie")]).await;
    assert_eq!(gone.status.as_u16(), 204);
    let cleared = "__Secure-secret=; Path=/v1/secret; Max-Age=0; HttpOnly; Secure; SameSite=Strict";
    assert_eq!(gone.header("set-cookie"), Some(cleared));
}
