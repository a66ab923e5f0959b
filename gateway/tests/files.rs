//! Files go through as streams: whatever their length, the gateway holds a part of them at a time.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use gateway::codec::Raw;
use http::Request;
use http_body_util::BodyExt;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};
use testing::eventually;
use tonic::{Response, Status, Streaming};
use tower::ServiceExt;

use crate::till::{Answer, ECHO, Till, echo, generous};

const SERVICE: &str = "/lunarfront.echo.v1.EchoService";

/// How uploads ended.
type Endings = Arc<Mutex<Vec<String>>>;

fn message(name: &str) -> DynamicMessage {
    let pool = DescriptorPool::decode(ECHO.as_slice()).unwrap();
    DynamicMessage::new(pool.get_message_by_name(&format!("lunarfront.echo.v1.{name}")).unwrap())
}

fn read(name: &str, bytes: Bytes) -> DynamicMessage {
    DynamicMessage::decode(message(name).descriptor(), bytes).unwrap()
}

fn body(kind: &str, data: &[u8]) -> Value {
    let pool = DescriptorPool::decode(ECHO.as_slice()).unwrap();
    let mut body = DynamicMessage::new(pool.get_message_by_name("google.api.HttpBody").unwrap());
    body.set_field_by_name("content_type", Value::String(kind.to_owned()));
    body.set_field_by_name("data", Value::Bytes(data.to_vec().into()));
    Value::Message(body)
}

/// Counts what it is sent.
#[derive(Clone, Default)]
struct Taker(Endings);

impl tonic::server::ClientStreamingService<Bytes> for Taker {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let endings = Arc::clone(&self.0);
        // Spawned, as behind the door of a service: what becomes of the caller does not matter.
        let work = async move {
            let (mut parts, mut size, mut longest) = (request.into_inner(), 0, 0);
            let mut answer = message("SendFileResponse");
            loop {
                let part = match parts.message().await {
                    Ok(Some(part)) => read("SendFileRequest", part),
                    Ok(None) => break,
                    Err(status) => {
                        endings.lock().unwrap().push("broke off".to_owned());
                        return Err(status);
                    }
                };
                for name in ["id", "title"] {
                    if part.has_field_by_name(name) {
                        answer.set_field_by_name(name, part.get_field_by_name(name).unwrap().into_owned());
                    }
                }
                let file = part.get_field_by_name("file").unwrap();
                let file = file.as_message().unwrap();
                let kind = file.get_field_by_name("content_type").unwrap();
                if !kind.as_str().unwrap().is_empty() {
                    answer.set_field_by_name("kind", kind.into_owned());
                }
                let length = i64::try_from(file.get_field_by_name("data").unwrap().as_bytes().unwrap().len()).unwrap();
                (size, longest) = (size + length, length.max(longest));
            }
            answer.set_field_by_name("size_bytes", Value::I64(size));
            answer.set_field_by_name("longest_part", Value::I64(longest));
            endings.lock().unwrap().push("complete".to_owned());
            Ok(Response::new(answer.encode_to_vec().into()))
        };
        kit::task::spawn(work).map(|done| done.unwrap()).boxed()
    }
}

/// Gives three parts, or breaks off after the first.
#[derive(Clone)]
struct Giver;

impl tonic::server::ServerStreamingService<Bytes> for Giver {
    type Response = Bytes;
    type ResponseStream = BoxStream<'static, Result<Bytes, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let asked = read("FetchFileRequest", request.into_inner());
        let id = asked.get_field_by_name("id").unwrap().as_str().unwrap().to_owned();
        async move {
            if id == "missing" {
                return Err(Status::not_found("no such file"));
            }
            let mut first = message("FetchFileResponse");
            first.set_field_by_name("file", body("image/png", b"one,"));
            first.set_field_by_name("filename", Value::String("violin é.png".to_owned()));
            if id != "broken" {
                first.set_field_by_name("size_bytes", Value::I64(13));
            }
            let part = |data: &[u8]| {
                let mut part = message("FetchFileResponse");
                part.set_field_by_name("file", body("", data));
                Ok(Bytes::from(part.encode_to_vec()))
            };
            let second = if id == "broken" { Err(Status::internal("the disk is gone")) } else { part(b"two,") };
            let parts = vec![Ok(first.encode_to_vec().into()), second, part(b"three")];
            Ok(Response::new(stream::iter(parts).boxed()))
        }
        .boxed()
    }
}

async fn till() -> (Till, Endings) {
    let taker = Taker::default();
    let endings = Arc::clone(&taker.0);
    let take = move |request: Request<Body>| {
        let taker = taker.clone();
        async move {
            // As the door does: tonic takes a stream that is cancelled for one that has ended.
            let broken = |_| Status::aborted("the caller broke off");
            let request = request.map(|body| tonic::body::Body::new(body.map_err(broken)));
            tonic::server::Grpc::new(Raw).client_streaming(taker, request).await.map(Body::new)
        }
    };
    let give = |request: Request<Body>| async move {
        let request = request.map(tonic::body::Body::new);
        tonic::server::Grpc::new(Raw).server_streaming(Giver, request).await.map(Body::new)
    };
    let typed = Router::new()
        .route(&format!("{SERVICE}/SendFile"), post(take))
        .route(&format!("{SERVICE}/FetchFile"), post(give));
    (Till::over(generous(), echo(), typed).await, endings)
}

fn upload(body: Body) -> Request<Body> {
    Request::post("/v1/things/7/file?title=Violin").header("content-type", "image/png").body(body).unwrap()
}

/// A body of unknown length.
fn flowing(parts: usize, length: usize) -> Body {
    let part = Bytes::from(vec![b'x'; length]);
    Body::from_stream(stream::iter((0..parts).map(move |_| Ok::<_, std::io::Error>(part.clone()))))
}

#[tokio::test]
async fn an_upload_is_passed_on_part_by_part() {
    let (till, endings) = till().await;
    let answer = till.send(upload(flowing(3, 1 << 20))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        (&answer["id"], &answer["title"], &answer["kind"]),
        (&"7".into(), &"Violin".into(), &"image/png".into())
    );
    assert_eq!((&answer["sizeBytes"], &answer["longestPart"]), (&(3 << 20).into(), &(64 << 10).into()));
    assert_eq!(*endings.lock().unwrap(), ["complete"]);
}

#[tokio::test]
async fn an_empty_upload_is_an_upload() {
    let (till, _) = till().await;
    let answer = till.send(upload(Body::empty())).await;
    assert_eq!((answer.status.as_u16(), answer.json()["sizeBytes"].clone()), (200, 0.into()));
}

#[tokio::test]
async fn an_upload_that_says_it_is_too_long_is_refused_before_anybody_is_asked() {
    let (till, endings) = till().await;
    let mut request = upload(Body::from(vec![b'x'; (4 << 20) + 1]));
    request.headers_mut().insert("content-length", ((4 << 20) + 1).into());
    let answer = till.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, "BODY_TOO_LARGE".into()));
    assert_eq!(endings.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_upload_that_turns_out_too_long_is_cut_and_the_service_knows() {
    let (till, endings) = till().await;
    let answer = till.send(upload(flowing(5, 1 << 20))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, "BODY_TOO_LARGE".into()));
    eventually("the service knows", async || (*endings.lock().unwrap() == ["broke off"]).then_some(())).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_complete() {
    let (till, endings) = till().await;
    let parts = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))];
    let answer = till.send(upload(Body::from_stream(stream::iter(parts)))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, "BODY_BROKEN".into()));
    eventually("the service knows", async || (*endings.lock().unwrap() == ["broke off"]).then_some(())).await;
}

#[tokio::test]
async fn a_compressed_upload_is_not_taken() {
    let (till, _) = till().await;
    let mut request = upload(Body::from("x"));
    request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(till.send(request).await.status, 415);
}

#[tokio::test]
async fn a_download_says_what_it_is_and_flows() {
    let (till, _) = till().await;
    let answer = till.get("/v1/things/7/file").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "one,two,three"));
    assert_eq!(answer.header("content-type"), Some("image/png"));
    assert_eq!(answer.header("content-length"), Some("13"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename*=UTF-8''violin%20%C3%A9.png"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_download_that_is_refused_is_a_problem_and_one_that_breaks_off_is_broken() {
    let (till, _) = till().await;
    let missing: Answer = till.get("/v1/things/missing/file").await;
    assert_eq!(missing.status, 404);
    let request = Request::get("/v1/things/broken/file").body(Body::empty()).unwrap();
    let broken = till.app.clone().oneshot(request).await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(broken.into_body().collect().await.is_err(), "nobody takes a half for the whole");
}
