//! What the tests stand at: a gateway in this process, an upstream that echoes, and a caller.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::codec::Raw;
use gateway::config::Config;
use gateway::openapi::Served;
use gateway::route::Table;
use gateway::upstream::{Upstream, Upstreams};
use gateway::{Gateway, app};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kit::auth::{ServiceTokens, Trust, Verifier};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value as Json;
use testing::{AUDIENCE, ISSUER, Keys};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tower::ServiceExt;

/// The descriptors of `echo.proto`.
pub(crate) static ECHO: LazyLock<Vec<u8>> = LazyLock::new(|| compile(Path::new("echo.proto")));

/// Compiles a proto beside the tests.
pub(crate) fn compile(file: &Path) -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler =
        protox::Compiler::new([here.join("tests"), here.join("../proto"), std::env::temp_dir()]).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(file).unwrap();
    compiler.encode_file_descriptor_set()
}

/// What an upstream was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub path: String,
    pub metadata: HeaderMap,
    pub message: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What an upstream does with a question.
pub(crate) type Behaviour =
    Arc<dyn Fn(Asked) -> BoxFuture<'static, Result<tonic::Response<Bytes>, Status>> + Send + Sync>;

/// Answers with the message it was asked with, as a reader of protobuf understood it.
pub(crate) fn echo() -> Behaviour {
    let pool = DescriptorPool::decode(ECHO.as_slice()).unwrap();
    answering(move |asked| {
        let (service, name) = asked.path[1..].split_once('/').unwrap();
        let service = pool.get_service_by_name(service).ok_or_else(|| Status::unimplemented("not here"))?;
        let rpc = service.methods().find(|rpc| rpc.name() == name).unwrap();
        let message = DynamicMessage::decode(rpc.input(), asked.message).unwrap();
        Ok(tonic::Response::new(message.encode_to_vec().into()))
    })
}

/// Answers at once.
pub(crate) fn answering(
    answer: impl Fn(Asked) -> Result<tonic::Response<Bytes>, Status> + Send + Sync + 'static,
) -> Behaviour {
    Arc::new(move |asked| Box::pin(std::future::ready(answer(asked))))
}

/// A gateway with its upstream.
pub(crate) struct Till {
    pub app: Router,
    pub gateway: Arc<Gateway>,
    pub keys: Keys,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Till {
    /// With the echo behind it, and limits that no test meets by accident.
    pub(crate) async fn open() -> Self {
        Self::with(generous(), echo()).await
    }

    pub(crate) async fn with(config: Config, behaviour: Behaviour) -> Self {
        Self::over(config, behaviour, Router::new()).await
    }

    /// `typed` are services made from generated code, for what is no plain answer.
    pub(crate) async fn over(config: Config, behaviour: Behaviour, typed: Router) -> Self {
        let asked = Arc::default();
        let url = upstream(Arc::clone(&asked), behaviour, typed).await;
        let keys = Keys::default();
        let tokens = ServiceTokens::new("gateway", keys.service_key("gateway")).unwrap();
        let table = Table::read(&ECHO).unwrap();
        let urls: BTreeMap<String, String> = table.services.iter().map(|name| (name.clone(), url.clone())).collect();
        let upstreams = Upstreams::open(&table.services, &urls, &tokens).unwrap();
        Self::built(config, table, upstreams, keys, asked)
    }

    /// With upstreams of another kind.
    pub(crate) fn built(
        config: Config,
        table: Table,
        upstreams: Upstreams,
        keys: Keys,
        asked: Arc<Mutex<Vec<Asked>>>,
    ) -> Self {
        let trust = Trust::default();
        trust.tell(&[keys.jwk()], &[]);
        let gateway = Arc::new(Gateway::new(
            config,
            table,
            Served::new(&ECHO),
            upstreams,
            Verifier::new(trust, ISSUER, AUDIENCE),
        ));
        let app = app(&gateway).unwrap();
        Self { app, gateway, keys, asked }
    }

    /// What the upstream was asked last.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }

    /// How often it was asked at all.
    pub(crate) fn asked_count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(json("POST", path, body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &str) -> Answer {
        self.send(json("PATCH", path, body)).await
    }
}

/// A request with a JSON body.
pub(crate) fn json(method: &str, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.header("idempotency-key", "key-1").body(Body::from(body.to_owned())).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The fields that a problem blames, with what it says of each.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let json = self.json();
        let errors = json["errors"].as_array().unwrap_or_else(|| panic!("no problem: {}", self.text()));
        let text = |error: &Json, name: &str| error[name].as_str().unwrap().to_owned();
        errors.iter().map(|error| (text(error, "field"), text(error, "message"))).collect()
    }
}

pub(crate) fn generous() -> Config {
    Config {
        rate_ip_per_second: 100_000,
        rate_ip_burst: 100_000,
        rate_sign_in_per_minute: 100_000,
        rate_user_per_second: 100_000,
        rate_user_burst: 100_000,
        ..Config::default()
    }
}

/// Serves any RPC by a behaviour; answers where.
pub(crate) async fn upstream(asked: Arc<Mutex<Vec<Asked>>>, behaviour: Behaviour, typed: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    serve_upstream(listener, asked, behaviour, typed);
    url
}

pub(crate) fn serve_upstream(
    listener: TcpListener,
    asked: Arc<Mutex<Vec<Asked>>>,
    behaviour: Behaviour,
    typed: Router,
) {
    let any = move |request: Request<Body>| {
        let (asked, behaviour) = (Arc::clone(&asked), Arc::clone(&behaviour));
        async move {
            let path = request.uri().path().to_owned();
            let answer = Answering { path, asked, behaviour };
            let request = request.map(tonic::body::Body::new);
            tonic::server::Grpc::new(Raw).unary(answer, request).await.map(Body::new)
        }
    };
    let app = typed.fallback(any);
    kit::task::spawn(async move { axum::serve(listener, app).await.unwrap() });
}

struct Answering {
    path: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    behaviour: Behaviour,
}

impl tonic::server::UnaryService<Bytes> for Answering {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<tonic::Response<Bytes>, Status>>;
    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let metadata: MetadataMap = request.metadata().clone();
        let asked = Asked { path: self.path.clone(), metadata: metadata.into_headers(), message: request.into_inner() };
        if !asked.path.starts_with("/grpc.health.") {
            self.asked.lock().unwrap().push(asked.clone());
        }
        (self.behaviour)(asked)
    }
}

/// An upstream that nobody serves.
pub(crate) async fn nowhere() -> Upstreams {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let keys = Keys::default();
    let tokens = ServiceTokens::new("gateway", keys.service_key("gateway")).unwrap();
    let channel = kit::client::channel(&url).unwrap();
    Upstreams::new(vec![Upstream::new("echo", channel.clone(), channel, tokens)])
}
