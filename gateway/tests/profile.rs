//! The JSON profile, field kind by field kind. The echo answers with what it understood.

use gateway::json::{Writer, read};
use gateway::route::Table;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value as Json, json};

use crate::till::{ECHO, Till};

const DEFAULTS: &str = r#"{"flag":false,"text":"","data":"","int32":0,"int64":0,"uint32":0,"uint64":0,"sint32":0,"sint64":0,"fixed32":0,"fixed64":0,"sfixed32":0,"sfixed64":0,"state":null,"price":null,"madeAt":null,"part":null,"maybeFlag":null,"maybeText":null,"maybeNumber":null,"maybeState":null,"maybePrice":null,"maybeAt":null,"maybePart":null,"texts":[],"numbers":[],"states":[],"parts":[],"prices":[],"flags":[],"thisOne":null,"thatOne":null}"#;

/// Sends a field, and answers with what came back of it.
async fn round(till: &Till, field: &str, value: &Json) -> Json {
    let body = json!({ field: value }).to_string();
    let answer = till.post("/v1/everything", &body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()[field].clone()
}

#[tokio::test]
async fn what_is_absent_is_null_or_empty_and_never_missing() {
    let till = Till::open().await;
    for body in ["", "{}", "  {} \n"] {
        let answer = till.post("/v1/everything", body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, DEFAULTS));
    }
    let nulls =
        r#"{"flag":null,"text":null,"int64":null,"state":null,"price":null,"part":null,"texts":null,"maybeText":null}"#;
    assert_eq!(till.post("/v1/everything", nulls).await.text(), DEFAULTS);
}

#[tokio::test]
async fn every_kind_of_field_comes_back_as_it_was_sent() {
    let till = Till::open().await;
    let part = json!({ "partName": "neck", "unitPrice": "1.00", "parts": [{ "partName": "nut", "unitPrice": null, "parts": [] }] });
    for (field, value) in [
        ("flag", json!(true)),
        ("text", json!("Vi\"o\\lin\n\u{1F3BB}\u{7f}\u{1}")),
        ("data", json!("AAEC/w==")),
        ("int32", json!(i32::MIN)),
        ("int64", json!(i64::MIN)),
        ("int64", json!(9_007_199_254_740_993_i64)),
        ("uint32", json!(u32::MAX)),
        ("uint64", json!(u64::MAX)),
        ("sint32", json!(i32::MIN)),
        ("sint32", json!(-1)),
        ("sint64", json!(i64::MIN)),
        ("fixed32", json!(u32::MAX)),
        ("fixed64", json!(u64::MAX)),
        ("sfixed32", json!(-7)),
        ("sfixed64", json!(i64::MIN)),
        ("state", json!("put_away")),
        ("price", json!("-0.05")),
        ("madeAt", json!("2026-11-21T14:05:00.123Z")),
        ("part", part.clone()),
        ("maybeFlag", json!(false)),
        ("maybeText", json!("x")),
        ("maybeNumber", json!(0)),
        ("maybeState", json!("active")),
        ("maybePrice", json!("0.00")),
        ("maybeAt", json!("1969-12-31T23:59:59Z")),
        ("maybePart", part),
        ("texts", json!(["a", "", "c"])),
        ("numbers", json!([1, 0, -1])),
        ("states", json!(["active", "put_away"])),
        ("prices", json!(["1.00", "2.50"])),
        ("flags", json!([true, false])),
        ("thisOne", json!("one")),
        ("thatOne", json!(0)),
    ] {
        assert_eq!(round(&till, field, &value).await, value, "{field}");
    }
}

#[tokio::test]
async fn names_are_taken_in_both_forms() {
    let till = Till::open().await;
    let answer = till
        .post("/v1/everything", r#"{"made_at":"2026-01-01T00:00:00Z","part":{"part_name":"a","unitPrice":"1"}}"#)
        .await;
    assert_eq!(answer.json()["madeAt"], "2026-01-01T00:00:00Z");
    assert_eq!(answer.json()["part"]["partName"], "a");
}

#[tokio::test]
async fn a_blank_counts_as_null_where_null_is_possible() {
    let till = Till::open().await;
    for blank in ["", "  "] {
        for field in
            ["maybeText", "maybeNumber", "maybeFlag", "maybeState", "maybePrice", "maybeAt", "maybePart", "state"]
        {
            assert_eq!(round(&till, field, &json!(blank)).await, Json::Null, "{field}");
        }
        assert_eq!(round(&till, "text", &json!(blank)).await, json!(blank));
    }
}

#[tokio::test]
async fn times_are_answered_in_utc() {
    let till = Till::open().await;
    assert_eq!(round(&till, "madeAt", &json!("2026-11-21T15:05:00+01:00")).await, json!("2026-11-21T14:05:00Z"));
}

#[tokio::test]
async fn money_has_the_digits_of_the_currency() {
    let till = Till::open().await;
    assert_eq!(round(&till, "price", &json!("12.5")).await, json!("12.50"));
    till.gateway.currency.set(0);
    assert_eq!(round(&till, "price", &json!("1250")).await, json!("1250"));
    let answer = till.post("/v1/everything", r#"{"price":"12.5"}"#).await;
    assert_eq!(answer.errors(), [("price".to_owned(), "must have no decimals".to_owned())]);
    till.gateway.currency.set(3);
    assert_eq!(round(&till, "price", &json!("1.2")).await, json!("1.200"));
}

#[tokio::test]
async fn values_of_another_kind_are_refused_with_what_they_must_be() {
    let till = Till::open().await;
    for (field, value, says) in [
        ("flag", json!("yes"), "must be true or false"),
        ("flag", json!(1), "must be true or false"),
        ("text", json!(5), "must be text"),
        ("text", json!(["a"]), "must be text"),
        ("text", json!({ "a": 1 }), "must be text"),
        ("data", json!("%"), "must be base64"),
        ("int32", json!("5"), "must be a whole number"),
        ("int32", json!(1.5), "must be a whole number"),
        ("int32", json!(2_147_483_648_i64), "must be between -2147483648 and 2147483647"),
        ("uint64", json!(-1), "must be between 0 and 18446744073709551615"),
        ("state", json!("ACTIVE"), "must be one of active, put_away"),
        ("state", json!("STATE_ACTIVE"), "must be one of active, put_away"),
        ("state", json!(1), "must be one of active, put_away"),
        ("price", json!(12.5), "must be an amount such as \"97.43\""),
        ("price", json!("12,50"), "must be an amount such as \"97.43\""),
        ("price", json!("12.505"), "must have at most 2 decimals"),
        ("price", json!({ "minorUnits": 5 }), "must be an amount such as \"97.43\""),
        ("madeAt", json!("2026-11-21"), "must be a time such as \"2026-11-21T14:05:00Z\""),
        ("madeAt", json!("2026-11-21T14:05:00"), "must be a time such as \"2026-11-21T14:05:00Z\""),
        ("madeAt", json!("2026-13-21T14:05:00Z"), "must be a time such as \"2026-11-21T14:05:00Z\""),
        ("part", json!("neck"), "must be an object"),
        ("part", json!([]), "must be an object"),
        ("texts", json!("a"), "must be a list"),
        ("texts", json!({}), "must be a list"),
        ("parts", json!({}), "must be a list"),
    ] {
        let answer = till.post("/v1/everything", &json!({ field: value }).to_string()).await;
        assert_eq!(answer.status, 400, "{field}: {value}");
        assert_eq!(answer.errors(), [(field.to_owned(), says.to_owned())], "{field}: {value}");
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once_with_its_path() {
    let till = Till::open().await;
    let body = r#"{"int32":"x","nmae":1,"parts":[{},{"unitPrice":"1.005","parts":[{"partName":7,"color":{"deep":[1]}}]}],
                   "texts":["a",null],"text":"a","text":"b","made_at":"2026-01-01T00:00:00Z","madeAt":null}"#;
    let answer = till.post("/v1/everything", body).await;
    let said: Vec<String> = answer.errors().into_iter().map(|(field, message)| format!("{field}: {message}")).collect();
    assert_eq!(
        said,
        [
            "int32: must be a whole number",
            "nmae: no such field",
            "parts[1].unitPrice: must have at most 2 decimals",
            "parts[1].parts[0].partName: must be text",
            "parts[1].parts[0].color: no such field",
            "texts[1]: must not be null",
            "text: is given twice",
            "madeAt: is given twice",
        ]
    );
    assert_eq!(answer.json()["detail"], "8 fields are not right");
    assert_eq!(till.asked_count(), 0, "nobody is asked what cannot be right");
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let till = Till::open().await;
    for bad in [
        "[]",
        "null",
        "5",
        "\"x\"",
        "{",
        "{\"text\":}",
        "{\"text\":\"a\"} x",
        "{\"text\":\"\\ud800\"}",
        "{text:1}",
        "\u{feff}{}",
    ] {
        let answer = till.post("/v1/everything", bad).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("MALFORMED_JSON")), "{bad}");
    }
    let invalid_utf8 =
        http::Request::post("/v1/everything").body(axum::body::Body::from(&b"{\"text\":\"\xff\"}"[..])).unwrap();
    assert_eq!(till.send(invalid_utf8).await.status, 400);
}

#[tokio::test]
async fn what_lies_too_deep_is_refused() {
    let till = Till::open().await;
    let nested = |depth: usize| format!("{}{}", r#"{"parts":["#.repeat(depth), "]}".repeat(depth));
    assert_eq!(till.post("/v1/everything", &nested(10)).await.status, 200);
    let answer = till.post("/v1/everything", &nested(40)).await;
    assert_eq!(answer.errors()[0].1, "lies too deep");
    assert_eq!(till.post("/v1/everything", &nested(100_000)).await.status, 400);
    let arrays = format!("{{\"nothing\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(till.post("/v1/everything", &arrays).await.status, 400);
}

#[tokio::test]
async fn errors_have_a_bounded_length() {
    let till = Till::open().await;
    let fields: Vec<String> = (0..1_000).map(|n| format!("\"{}{n}\":1", "x".repeat(300))).collect();
    let answer = till.post("/v1/everything", &format!("{{{}}}", fields.join(","))).await;
    assert_eq!(answer.errors().len(), 50);
    assert!(answer.body.len() < 10_000, "{}", answer.body.len());
}

#[test]
fn ten_thousand_mutilated_messages_break_nothing() {
    let table = Table::read(&ECHO).unwrap();
    let shape = table.routes.iter().find(|route| route.rpc.name() == "SayEverything").unwrap().input;
    let sound = json!({
        "flag": true, "text": "Violine \u{1F3BB}", "data": "AAEC", "int64": -5, "fixed32": 7, "state": "active", "price": "97.43",
        "madeAt": "2026-11-21T14:05:00Z", "maybePart": { "partName": "neck", "parts": [{ "unitPrice": "1" }] },
        "numbers": [1, 2], "parts": [{}, { "partName": "x" }],
    })
    .to_string();
    let mut wire = Vec::new();
    read(&table.shapes, shape, 2, sound.as_bytes(), &mut wire).unwrap();
    let seed = 20_261_121;
    let mut random = StdRng::seed_from_u64(seed);
    let mut mutilate = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        for _ in 0..random.random_range(1..6) {
            if bytes.is_empty() {
                break;
            }
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[at] = random.random(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, random.random()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    };
    for _ in 0..10_000 {
        let mut out = Vec::new();
        let body = mutilate(sound.as_bytes());
        if read(&table.shapes, shape, 2, &body, &mut out).is_ok() {
            let mut writer = Writer::new(&table.shapes, 2, 0);
            writer.message(shape, &out).unwrap_or_else(|_| panic!("seed {seed}: {body:?}"));
        }
        let mut writer = Writer::new(&table.shapes, 2, 0);
        let message = mutilate(&wire);
        if writer.message(shape, &message).is_ok() {
            let text = writer.finish();
            serde_json::from_slice::<Json>(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}: {message:?}"));
        }
    }
}
