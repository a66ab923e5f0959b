//! A small HTTP client for health checks and the tour.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::failure::{Failure, Result, While};

pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Sends a request; the body of the answer may go on for ever.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        let uri = request.uri().clone();
        let answer = timeout(Duration::from_secs(30), self.0.request(request)).await;
        answer.map_err(|_| Failure::new(format!("{uri} did not answer in 30 s")))?.when(format!("asking {uri}"))
    }

    /// Whether a GET answers 200 within two seconds.
    pub(crate) async fn healthy(&self, url: &str) -> bool {
        let Ok(request) = Request::get(url).body(Full::default()) else { return false };
        let answer = timeout(Duration::from_secs(2), self.0.request(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
    }
}

/// The whole body of an answer.
pub(crate) async fn body(answer: Response<Incoming>) -> Result<Bytes> {
    let whole = timeout(Duration::from_secs(30), answer.into_body().collect()).await;
    let whole = whole.map_err(|_| Failure::new("the answer did not end in 30 s"))?;
    Ok(whole.when("reading the answer")?.to_bytes())
}
