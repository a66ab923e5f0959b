//! What the gateway says about itself.

use serde_json::json;

use crate::till::Till;

#[tokio::test]
async fn the_pages_are_whole_and_load_nothing_from_elsewhere() {
    let till = Till::open().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/problems", "text/html; charset=utf-8"),
        ("/problems/stock-remains", "text/html; charset=utf-8"),
    ] {
        let page = till.get(path).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some(kind)), "{path}");
        assert!(!page.text().contains("http://") && !page.text().contains("https://"), "{path}");
        assert!(!page.header("content-security-policy").unwrap().contains("unsafe"), "{path}");
    }
    assert!(till.get("/").await.text().contains("/docs"));
    for slug in ["No%20Slug", "no-such-problem"] {
        assert_eq!(till.get(&format!("/problems/{slug}")).await.status, 404, "{slug}");
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_was_reviewed() {
    let till = Till::open().await;
    let document = till.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/v1/things/{id}"]["patch"]["operationId"], "UpdateThing");
    assert_eq!(document["paths"]["/v1/{service}/notes"]["get"]["parameters"][0]["schema"]["enum"], json!(["echo"]));
    let version = till.get("/v1/version").await.json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn it_is_ready_when_the_shop_is_known() {
    let till = Till::open().await;
    assert_eq!(till.get("/healthz").await.status, 200);
    let early = till.get("/readyz").await;
    assert_eq!(early.status, 503);
    assert_eq!(early.json()["upstreams"], json!({ "echo": false }));
    till.gateway.currency.set(2);
    till.gateway.upstreams.get("echo").unwrap().look().await;
    let ready = till.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()["ready"].clone()), (200, json!(true)), "{}", ready.text());
}

#[tokio::test]
async fn numbers_are_counted_by_template_and_never_by_path() {
    kit::telemetry::metrics_handle();
    let till = Till::open().await;
    till.get("/v1/things/secret-id").await;
    till.get("/v1/secret-nothing").await;
    let metrics = till.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains(r#"route="/v1/things/{id}""#), "{}", metrics.text());
    assert!(metrics.text().contains(r#"route="unmatched""#));
    assert!(!metrics.text().contains("secret-"));
}
