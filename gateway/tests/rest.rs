//! Paths, queries, bodies and headers: what of a request reaches a service, and what of its answer comes back.

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use serde_json::json;
use tonic::metadata::MetadataValue;

use crate::till::{Till, answering, generous, json};

#[tokio::test]
async fn a_query_becomes_the_request() {
    let till = Till::open().await;
    let token = till.keys.token(&["echo.view"]);
    let get = async |query: &str| {
        let request = Request::get(format!("/v1/things{query}")).header("authorization", format!("Bearer {token}"));
        till.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = get("?page=2&limit=10&q=vio+lin%20%C3%A9&sort=name&order=desc&state=put_away&priceFrom=1.5&tags=a&tags=b&is_new=true&countFrom=0").await;
    assert_eq!(
        answer.json(),
        json!({ "page": 2, "limit": 10, "q": "vio lin é", "sort": "name", "order": "desc", "state": "put_away",
                "priceFrom": "1.50", "tags": ["a", "b"], "isNew": true, "countFrom": 0 })
    );
    let blank = get("?q=&state=&priceFrom=&isNew=&countFrom=%20&&order=").await.json();
    assert_eq!(
        (&blank["state"], &blank["priceFrom"], &blank["isNew"], &blank["countFrom"]),
        (&json!(null), &json!(null), &json!(null), &json!(null))
    );
    for (query, field, says) in [
        ("?limt=3", "limt", "no such parameter"),
        ("?limit=abc", "limit", "must be a whole number"),
        ("?limit=", "limit", "must be a whole number"),
        ("?limit=%2B5", "limit", "must be a whole number"),
        ("?limit=1&limit=2", "limit", "is given twice"),
        ("?isNew=1", "isNew", "must be true or false"),
        ("?state=gone", "state", "must be one of active, put_away"),
        ("?priceFrom=1.005", "priceFrom", "must have at most 2 decimals"),
        ("?q=%ff", "q", "is not in UTF-8"),
    ] {
        let answer = get(query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.errors()),
            (400, vec![(field.to_owned(), says.to_owned())]),
            "{query}"
        );
    }
    assert_eq!(get("?a=1&b=2").await.errors().len(), 2, "all that is wrong is said at once");
}

#[tokio::test]
async fn the_path_wins_over_the_body() {
    let till = Till::open().await;
    let answer = till.post("/v1/things/7/polish", r#"{"id":"9","strength":1,"cloths":["a","b"]}"#).await;
    assert_eq!(answer.json(), json!({ "id": "7", "strength": 1, "cloths": ["a", "b"] }));
}

#[tokio::test]
async fn nothing_comes_from_the_query_where_the_body_is_the_whole_message() {
    let till = Till::open().await;
    let answer = till.post("/v1/things/7/polish?strength=5", "{}").await;
    assert_eq!((answer.status.as_u16(), answer.errors()[0].0.as_str()), (400, "strength"));
    assert_eq!(till.asked_count(), 0, "what is secret lies in no address");
}

#[tokio::test]
async fn a_path_variable_is_decoded_and_may_lie_deep() {
    let till = Till::open().await;
    assert_eq!(till.get("/v1/things/a%2Fb%20c").await.json()["id"], "a/b c");
    let answer = till.get("/v1/things/%ff").await;
    assert_eq!((answer.status.as_u16(), answer.errors()), (400, vec![("id".to_owned(), "is not in UTF-8".to_owned())]));
}

#[tokio::test]
async fn a_patch_names_what_it_changes_by_naming_it() {
    let till = Till::open().await;
    let answer = till.patch("/v1/things/7", r#"{"name":"Viola","sku":null,"unit_price":"5"}"#).await.json();
    assert_eq!(answer["mask"]["paths"], json!(["name", "sku", "unit_price"]));
    assert_eq!(
        (&answer["thing"]["id"], &answer["thing"]["name"], &answer["thing"]["sku"]),
        (&json!("7"), &json!("Viola"), &json!(null))
    );
    let nothing = till.patch("/v1/things/7", "{}").await.json();
    assert_eq!(nothing["mask"], json!({ "paths": [] }), "an empty mask is a mask all the same");
    assert_eq!(till.patch("/v1/things/7", r#"{"colour":1}"#).await.errors()[0].0, "colour");
    assert_eq!(till.patch("/v1/things/7?updateMask=name", "{}").await.errors()[0].1, "no such parameter");
    let given = till.patch("/v1/things/7", r#"{"updateMask":{"paths":["name"]}}"#).await;
    assert_eq!(given.status, 400, "{}", given.text());
}

#[tokio::test]
async fn what_is_created_says_where_it_is() {
    let till = Till::with(
        generous(),
        answering(|_| Ok(tonic::Response::new(Bytes::from_static(b"\x0a\x0a\x0a\x03a/b\x32\x033-x")))),
    )
    .await;
    let answer = till.post("/v1/things", r#"{"name":"Cello"}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), Some("/v1/things/a%2Fb"));
    assert_eq!(answer.header("etag"), Some("\"3-x\""));
    assert_eq!(answer.json()["etag"], "3-x");
    assert_eq!(answer.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn an_answer_from_memory_is_marked() {
    let replay = answering(|asked| {
        let mut answer = tonic::Response::new(asked.message);
        answer.metadata_mut().insert("idempotency-replayed", MetadataValue::from_static("true"));
        Ok(answer)
    });
    let till = Till::with(generous(), replay).await;
    assert_eq!(till.post("/v1/things", "{}").await.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn an_empty_answer_has_no_body_and_a_bare_list_is_a_list() {
    let till = Till::open().await;
    let token = till.keys.token(&[]);
    let request = Request::delete("/v1/things/7").header("authorization", format!("Bearer {token}"));
    let answer = till.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text(), answer.header("content-type")), (204, "", None));
    assert_eq!(till.get("/v1/things/all?tags=a&tags=b").await.json(), json!(["a", "b"]));
    assert_eq!(till.get("/v1/things/all").await.json(), json!([]));
}

#[tokio::test]
async fn a_page_is_answered_as_it_is() {
    let page = b"\x0a\x26\x0a\x18text/html; charset=utf-8\x12\x0a<p>7</p>\x0a\x0a";
    let till = Till::with(generous(), answering(move |_| Ok(tonic::Response::new(Bytes::from_static(page))))).await;
    let answer = till.get("/v1/things/7/page.html").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "<p>7</p>\n\n"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").unwrap().contains("style-src 'unsafe-inline'"));
}

#[tokio::test]
async fn the_service_that_the_path_names_is_asked() {
    let till = Till::open().await;
    let token = till.keys.token(&[]);
    let get = async |path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        till.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(get("/v1/echo/notes?q=a").await.json(), json!({ "service": "echo", "q": "a" }));
    assert_eq!(get("/v1/echo/notes?service=other").await.json()["service"], "echo");
    let unknown = get("/v1/nobody/notes").await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["code"].clone()), (404, json!("ROUTE_NOT_FOUND")));
}

#[tokio::test]
async fn only_what_a_service_needs_is_passed_on() {
    let till = Till::open().await;
    let token = till.keys.token(&[]);
    let request = Request::post("/v1/things")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", "till-7/42")
        .header("if-match", "\"3\"")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("x-request-id", "till-7.1")
        .header("user-agent", "Till/1.0")
        .header("x-service-token", "forged")
        .header("x-client-ip", "6.6.6.6")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-user-agent", "forged")
        .header("cookie", "a=b");
    let answer = till.send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-request-id")), (201, Some("till-7.1")));
    let asked = till.asked();
    assert_eq!(asked.path, "/lunarfront.echo.v1.EchoService/CreateThing");
    assert_eq!(asked.header("authorization").unwrap(), format!("Bearer {token}"));
    assert_eq!(asked.header("idempotency-key"), Some("till-7/42"));
    assert_eq!(asked.header("if-match"), Some("3"));
    assert_eq!(asked.header("x-request-id"), Some("till-7.1"));
    assert_eq!(asked.header("x-user-agent"), Some("Till/1.0"));
    assert_eq!(asked.header("x-client-ip"), Some("0.0.0.0"), "a request without a socket has no address");
    assert!(asked.header("traceparent").unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!(asked.header("x-service-token").unwrap().split('.').count(), 3);
    let timeout = asked.header("grpc-timeout").unwrap();
    assert!(timeout.starts_with("50") || timeout.starts_with("5"), "{timeout}");
    assert!(asked.header("user-agent").unwrap().starts_with("tonic/"), "gRPC's own");
    let mut names: Vec<&str> = asked.metadata.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "content-type",
            "grpc-timeout",
            "idempotency-key",
            "if-match",
            "te",
            "traceparent",
            "user-agent",
            "x-client-ip",
            "x-request-id",
            "x-service-token",
            "x-user-agent"
        ],
    );
}

#[tokio::test]
async fn a_request_without_ids_is_given_them() {
    let till = Till::open().await;
    let answer = till.get("/v1/things/7").await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(till.asked().header("x-request-id"), Some(id.as_str()));
    assert_eq!(till.asked().header("traceparent").unwrap().len(), 55);
    assert_eq!(till.asked().header("idempotency-key"), None);
}

#[tokio::test]
async fn bodies_are_json_and_nothing_else() {
    let till = Till::open().await;
    let send = async |kind: &str| {
        let request = Request::post("/v1/everything").header("content-type", kind).body(Body::from("{}")).unwrap();
        till.send(request).await.status.as_u16()
    };
    for good in
        ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
    {
        assert_eq!(send(good).await, 200, "{good}");
    }
    for bad in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "",
    ] {
        assert_eq!(send(bad).await, 415, "{bad}");
    }
    let compressed = Request::post("/v1/everything").header("content-encoding", "gzip").body(Body::from("x")).unwrap();
    assert_eq!(till.send(compressed).await.status, 415);
}

#[tokio::test]
async fn a_long_answer_is_compressed_for_those_who_can_read_it() {
    let till = Till::open().await;
    let body = serde_json::json!({ "text": "violin ".repeat(500) }).to_string();
    let mut request = json("POST", "/v1/everything", &body);
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let answer = till.send(request).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 1_000);
    let mut short = json("POST", "/v1/everything", "{}");
    short.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    assert_eq!(till.send(short).await.header("content-encoding"), None);
    assert_eq!(till.post("/v1/everything", &body).await.header("content-encoding"), None);
}

#[tokio::test]
async fn nobody_is_refused_for_what_he_takes() {
    let till = Till::open().await;
    let body = serde_json::json!({ "text": "violin ".repeat(500) }).to_string();
    for (takes, coding) in [
        ("identity;q=0", None),
        ("br, *;q=0", None),
        ("gzip;q=0.000", None),
        ("deflate, GZIP;q=0.5", Some("gzip")),
        ("br;q=1.0, *;q=0.1", Some("gzip")),
    ] {
        let mut request = json("POST", "/v1/everything", &body);
        request.headers_mut().insert("accept-encoding", takes.parse().unwrap());
        let answer = till.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, coding), "{takes}");
    }
}

#[tokio::test]
async fn a_route_answers_in_json_whatever_the_content_type_says() {
    let till = Till::open().await;
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let request = Request::get("/v1/things").header("content-type", kind);
        let answer = till.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (401, Some("UNAUTHENTICATED")), "{kind}");
    }
}
