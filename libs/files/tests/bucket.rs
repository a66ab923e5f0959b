//! A bucket of a few lines that believes nobody: it checks each signature by the book (AWS Signature Version 4).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use files::Files;
use http::{Method, StatusCode};
use kit::config::Secret;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{PNG, all, take};

const SECRET: &str = "s3cret/key+";
const LONGEST: usize = 1 << 20;

type Kept = Arc<Mutex<BTreeMap<String, Bytes>>>;

async fn bucket() -> (String, Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let kept = Kept::default();
    let app = Router::new().fallback(serve).with_state(Arc::clone(&kept));
    kit::task::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (at, kept)
}

async fn serve(State(kept): State<Kept>, request: Request) -> Response {
    if !holds(&request) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    match parts.method {
        Method::PUT => {
            let bytes = axum::body::to_bytes(body, LONGEST).await.unwrap();
            assert_eq!(parts.headers["content-length"].to_str().unwrap(), bytes.len().to_string());
            kept.lock().unwrap().insert(path, bytes);
            StatusCode::OK.into_response()
        }
        Method::GET => match kept.lock().unwrap().get(&path) {
            Some(bytes) => Body::from(bytes.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => {
            kept.lock().unwrap().remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// Whether the signature in the query is that of the one who knows the secret.
fn holds(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let signature = pairs.iter().find(|(name, _)| *name == "X-Amz-Signature").map(|(_, value)| *value);
    pairs.retain(|(name, _)| *name != "X-Amz-Signature");
    pairs.sort_unstable();
    let named = |name: &str| pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
    let (date, scope) = (named("X-Amz-Date"), named("X-Amz-Credential").replace("%2F", "/"));
    let Some((_, scope)) = scope.split_once('/') else { return false };
    let canonical_query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let host = request.headers()["host"].to_str().unwrap();
    let canonical = format!(
        "{}\n{}\n{canonical_query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD",
        request.method(),
        request.uri().path()
    );
    let hash = hex::encode(digest(&SHA256, canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for word in scope.split('/') {
        key = hmac(&key, word);
    }
    signature == Some(hex::encode(hmac(&key, &to_sign)).as_str())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn open(at: &str, secret: &str) -> Files {
    Files::open(&Secret::new(format!("http://key:{secret}@{at}/shop?region=eu-central-1"))).unwrap()
}

#[tokio::test]
async fn a_file_is_kept_in_a_bucket_and_read_back_and_removed() {
    let (at, kept) = bucket().await;
    let (files, id) = (open(&at, "s3cret%2Fkey%2B"), Uuid::now_v7());
    let bytes = [PNG, &vec![7; 200_000]].concat();
    let taken = take(&files, &bytes).await;
    assert!(files.read(id).await.unwrap().is_none());

    files.keep(id, &taken).await.unwrap();
    assert_eq!(kept.lock().unwrap().keys().collect::<Vec<_>>(), [&format!("/shop/{id}")]);
    assert_eq!(all(files.read(id).await.unwrap()).await, bytes);

    files.remove(id).await.unwrap();
    assert!(files.read(id).await.unwrap().is_none());
}

#[tokio::test]
async fn who_does_not_know_the_secret_gets_nowhere() {
    let (at, kept) = bucket().await;
    let files = open(&at, "guessed");
    let taken = take(&files, PNG).await;
    let refused = files.keep(Uuid::now_v7(), &taken).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
    assert!(files.read(Uuid::now_v7()).await.is_err() && kept.lock().unwrap().is_empty());
}
