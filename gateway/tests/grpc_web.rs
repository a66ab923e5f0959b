//! gRPC-web: what a browser's client sends reaches the service as gRPC, and no more than that.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine;
use http::Request;
use tonic::{Code, Status};

use crate::till::{Answer, Behaviour, Till, answering, generous};

/// A frame of gRPC-web: a flag, the length, the bytes.
fn frame(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
    out
}

fn call(path: &str, message: &[u8]) -> http::request::Builder {
    let _ = message;
    Request::post(path).header("content-type", "application/grpc-web+proto").header("x-grpc-web", "1")
}

async fn send(till: &Till, path: &str, message: &[u8], headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(call(path, message), |request, (name, value)| request.header(*name, *value));
    till.send(request.body(Body::from(frame(0, message))).unwrap()).await
}

/// The status of an answer, from its headers or its last frame.
fn status(answer: &Answer) -> i32 {
    if let Some(status) = answer.header("grpc-status") {
        return status.parse().unwrap();
    }
    let mut rest = &answer.body[..];
    while rest.len() >= 5 {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (head, tail) = rest.split_at(5 + length);
        if head[0] & 0x80 != 0 {
            let text = String::from_utf8_lossy(&head[5..]).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("grpc-status:")).unwrap().trim().to_owned();
            return line.parse().unwrap();
        }
        rest = tail;
    }
    panic!("no status in {answer:?}");
}

const GET: &str = "/lunarfront.echo.v1.EchoService/GetThing";
const LIST: &str = "/lunarfront.echo.v1.EchoService/ListThings";

#[tokio::test]
async fn a_call_is_passed_on_untouched() {
    let till = Till::open().await;
    let token = format!("Bearer {}", till.keys.token(&[]));
    let sent = [
        ("authorization", token.as_str()),
        ("x-request-id", "web-1"),
        ("x-service-token", "forged"),
        ("x-client-ip", "6.6.6.6"),
        ("cookie", "a=b"),
        ("idempotency-key", "k1"),
    ];
    let answer = send(&till, LIST, b"\x08\x02", &sent).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/grpc-web+proto"));
    assert!(answer.body.starts_with(&frame(0, b"\x08\x02")), "{answer:?}");
    assert_eq!(status(&answer), 0);
    let asked = till.asked();
    assert_eq!((asked.path.as_str(), &asked.message[..]), (LIST, &b"\x08\x02"[..]));
    assert_eq!(asked.header("authorization"), Some(token.as_str()));
    assert_eq!(asked.header("x-request-id"), Some("web-1"));
    assert_eq!(asked.header("idempotency-key"), Some("k1"));
    assert_ne!(asked.header("x-service-token"), Some("forged"));
    assert_ne!(asked.header("x-client-ip"), Some("6.6.6.6"));
    assert_eq!(asked.header("cookie"), None);
    assert!(asked.header("grpc-timeout").is_some());
}

#[tokio::test]
async fn refusals_are_statuses_and_never_problems() {
    let till = Till::with(generous(), answering(|_| Err(Status::new(Code::NotFound, "no thing 7")))).await;
    let refused = send(&till, GET, b"", &[]).await;
    assert_eq!((refused.status.as_u16(), status(&refused)), (200, 5));
    let stranger = send(&till, LIST, b"", &[]).await;
    assert_eq!((stranger.status.as_u16(), status(&stranger)), (200, 16));
    assert_eq!(stranger.header("content-type"), Some("application/grpc-web+proto"));
    let unknown = send(&till, "/lunarfront.echo.v1.EchoService/Nothing", b"", &[]).await;
    assert_eq!(status(&unknown), 12);
}

#[tokio::test]
async fn what_is_for_services_alone_is_not_there() {
    let till = Till::open().await;
    let token = format!("Bearer {}", till.keys.token(&["echo.admin"]));
    let answer = send(&till, "/lunarfront.echo.v1.EchoService/Whisper", b"", &[("authorization", &token)]).await;
    assert_eq!(status(&answer), 12);
    assert_eq!(till.asked_count(), 0);
}

#[tokio::test]
async fn what_each_service_answers_is_under_its_name() {
    let till = Till::open().await;
    let token = format!("Bearer {}", till.keys.token(&[]));
    let answer = send(&till, "/echo/lunarfront.echo.v1.NoteService/ListNotes", b"", &[("authorization", &token)]).await;
    assert_eq!(status(&answer), 0);
    assert_eq!(till.asked().path, "/lunarfront.echo.v1.NoteService/ListNotes");
}

#[tokio::test]
async fn other_content_is_refused_in_words() {
    let till = Till::open().await;
    for kind in ["application/json", "application/grpc", "application/grpc-web+json", "application/grpcfoo"] {
        let request = Request::post(GET).header("content-type", kind).body(Body::from("{}")).unwrap();
        let answer = till.send(request).await;
        let problem = (answer.status.as_u16(), answer.header("content-type"));
        assert_eq!(problem, (415, Some("application/problem+json")), "{kind}");
    }
}

#[tokio::test]
async fn calls_come_as_text_as_well() {
    let till = Till::open().await;
    let token = format!("Bearer {}", till.keys.token(&[]));
    let text = base64::engine::general_purpose::STANDARD.encode(frame(0, b"\x08\x02"));
    let request =
        Request::post(LIST).header("content-type", "application/grpc-web-text").header("authorization", token);
    let answer = till.send(request.body(Body::from(text)).unwrap()).await;
    assert_eq!(answer.header("content-type"), Some("application/grpc-web-text+proto"));
    assert_eq!(till.asked().message, &b"\x08\x02"[..]);
    // Seven bytes are twelve letters, padding and all.
    let first = base64::engine::general_purpose::STANDARD.decode(&answer.body[..12]).unwrap();
    assert_eq!(first, frame(0, b"\x08\x02"));
}

#[tokio::test]
async fn a_call_that_took_too_long_is_late_and_not_away() {
    let forever: Behaviour = Arc::new(|_| Box::pin(std::future::pending()));
    let till = Till::with(generous(), forever).await;
    let answer = send(&till, GET, b"", &[("grpc-timeout", "20m")]).await;
    assert_eq!(status(&answer), 4, "whether it was done is unknown, so nobody is told to repeat it");
}
