use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector that keeps what it is told.
async fn collect(State(heard): State<Heard>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    heard.lock().unwrap().push((path, body.to_vec()));
    // An empty message, and that all is well.
    ([("content-type", "application/grpc"), ("grpc-status", "0")], vec![0_u8; 5]).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_told_to_the_collector() {
    let (listener, heard) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Heard::default());
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(collect).with_state(Arc::clone(&heard));
    kit::task::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let telemetry = kit::telemetry::start("stand", "off", Some(&endpoint)).unwrap();
    metrics::counter!("violins_total", "kind" => "old").increment(4711);
    // What is left is told at the end.
    tokio::task::spawn_blocking(move || drop(telemetry)).await.unwrap();

    let heard = heard.lock().unwrap();
    let told = heard.iter().find(|(path, _)| path.ends_with("MetricsService/Export"));
    let (_, body) = told.unwrap_or_else(|| panic!("{heard:?}"));
    assert!(body.windows(13).any(|bytes| bytes == b"violins_total"));
    assert!(kit::telemetry::metrics_handle().render().contains("violins_total"));
}
