//! A bucket of any store that speaks S3.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kit::{Fault, Parts};
use rusty_s3::actions::{DeleteObject, GetObject, PutObject, S3Action};
use rusty_s3::{Credentials, UrlStyle};
use tonic::Status;
use uuid::Uuid;

use crate::disk;
use crate::store::Store;
use crate::take::Taken;

/// How long a signed request is good for.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// How long the store may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

pub(crate) struct Bucket {
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Bucket {
    /// Reads `https://<key>:<secret>@<host>/<bucket>?region=<region>`.
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        // The address holds the secret, so it is never shown.
        let wrong = || "FILES_URL must be https://<key>:<secret>@<host>/<bucket>?region=<region>".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (credentials, rest) = rest.rsplit_once('@').ok_or_else(wrong)?;
        let (key, secret) = credentials.split_once(':').ok_or_else(wrong)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, bucket) = rest.split_once('/').filter(|(_, bucket)| !bucket.is_empty()).ok_or_else(wrong)?;
        let region = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "region");
        let region = region.map_or_else(|| "us-east-1".to_owned(), |(_, region)| region.into_owned());
        let endpoint = format!("{scheme}://{host}").parse().map_err(|_| wrong())?;
        let bucket = rusty_s3::Bucket::new(endpoint, UrlStyle::Path, bucket.to_owned(), region).map_err(|_| wrong())?;
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(Self {
            bucket,
            credentials: Credentials::new(percent(key), percent(secret)),
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Fault> {
        match tokio::time::timeout(PATIENCE, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| Fault::new(format!("the bucket cannot be reached: {error}"))),
            Err(_) => Err(Fault::new("the bucket did not answer in time")),
        }
    }
}

#[async_trait]
impl Store for Bucket {
    async fn keep(&self, id: Uuid, taken: &Taken) -> Result<(), Fault> {
        let url = PutObject::new(&self.bucket, Some(&self.credentials), &id.to_string()).sign(SIGNED_FOR);
        let request = Request::builder()
            .method(Method::PUT)
            .uri(url.as_str())
            .header(CONTENT_LENGTH, taken.size)
            .header(CONTENT_TYPE, taken.kind.content_type())
            .body(StreamBody::new(frames(taken.open().await?)).boxed_unsync())
            .map_err(Fault::new)?;
        done(self.send(request).await?.status())
    }

    async fn read(&self, id: Uuid) -> Result<Option<Parts>, Fault> {
        let url = GetObject::new(&self.bucket, Some(&self.credentials), &id.to_string()).sign(SIGNED_FOR);
        let answer = self.send(bare(Method::GET, url.as_str())?).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        done(answer.status())?;
        let frames = BodyStream::new(answer.into_body()).map(|frame| match frame {
            Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
            Err(_) => Err(Status::internal("the bucket broke off")),
        });
        Ok(Some(Parts::new(frames)))
    }

    async fn remove(&self, id: Uuid) -> Result<(), Fault> {
        let url = DeleteObject::new(&self.bucket, Some(&self.credentials), &id.to_string()).sign(SIGNED_FOR);
        match self.send(bare(Method::DELETE, url.as_str())?).await?.status() {
            StatusCode::NOT_FOUND => Ok(()),
            status => done(status),
        }
    }
}

fn bare(method: Method, url: &str) -> Result<Request<Body>, Fault> {
    let nothing = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::builder().method(method).uri(url).body(nothing).map_err(Fault::new)
}

fn frames(file: tokio::fs::File) -> impl Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send {
    futures_util::stream::try_unfold(file, async |mut file| {
        Ok(disk::read(&mut file).await?.map(|part| (Frame::data(part), file)))
    })
}

fn done(status: StatusCode) -> Result<(), Fault> {
    if status.is_success() { Ok(()) } else { Err(Fault::new(format!("the bucket answered {status}"))) }
}

/// A key as it stands in an address.
fn percent(text: &str) -> String {
    form_urlencoded::parse(format!("k={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
