//! A client of one keep-alive connection, as a till or a browser has; nothing is repeated behind its user's back but
//! what every HTTP client repeats: a request on a connection that the other side had just put away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::failure::{Failure, Result};

/// How long an answer may take; the gateway gives up much earlier.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where the suite is: one gateway, or several that stand for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases(Arc<[String]>);

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody listens: nothing was sent.
    Unreachable,
    /// The connection broke: nobody knows what was done.
    Broken,
    Late,
}

pub(crate) struct Client {
    bases: Bases,
    at: usize,
    open: Option<Open>,
}

struct Open {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    /// Closes the socket at once, whatever is under way.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Bases {
    pub(crate) fn one(url: &str) -> Result<Self> {
        Self::of([url])
    }

    /// From addresses such as `http://127.0.0.1:8000`.
    pub(crate) fn of<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let bases = urls.into_iter().map(authority).collect::<Result<Vec<_>>>()?;
        Ok(Self(bases.into()))
    }

    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl Draft {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        let kind = HeaderValue::from_static("application/json");
        Self { body: body.into(), ..self.with(http::header::CONTENT_TYPE, kind) }
    }

    pub(crate) fn request(&self, authority: &str) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(&self.method).uri(&self.path).body(Full::new(self.body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOST, HeaderValue::from_str(authority)?);
        Ok(request)
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What a refusal is called, such as `STOCK_SHORT`.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) fn new(bases: &Bases) -> Self {
        Self { bases: bases.clone(), at: 0, open: None }
    }

    /// Sends a request and waits for the whole answer. When the caller stops waiting, the connection is cut.
    pub(crate) async fn send(&mut self, draft: &Draft) -> Result<Answer, NoAnswer> {
        loop {
            // While the exchange runs the connection belongs to it, so that dropping it closes the socket.
            let kept = self.open.take().filter(|open| open.sender.is_ready() && !open.sender.is_closed());
            let fresh = kept.is_none();
            let mut open = match kept {
                Some(open) => open,
                None => self.connect().await?,
            };
            let request = draft.request(self.authority()).map_err(|_| NoAnswer::Broken)?;
            match timeout(PATIENCE, exchange(&mut open, request)).await {
                Ok(Ok(answer)) => {
                    let ends = answer.headers.get(CONNECTION).is_some_and(|value| value == "close");
                    self.open = Some(open).filter(|_| !ends);
                    return Ok(answer);
                }
                Ok(Err(_)) if fresh => return Err(NoAnswer::Broken),
                Ok(Err(_)) => {}
                Err(_) => return Err(NoAnswer::Late),
            }
        }
    }

    fn authority(&self) -> &str {
        self.bases.0.get(self.at).map_or("", String::as_str)
    }

    /// Tries each base once.
    async fn connect(&mut self) -> Result<Open, NoAnswer> {
        for _ in 0..self.bases.0.len() {
            if let Ok(open) = connect(self.authority()).await {
                return Ok(open);
            }
            self.at = (self.at + 1) % self.bases.0.len();
        }
        Err(NoAnswer::Unreachable)
    }
}

/// Whether a GET answers 200 within two seconds.
pub(crate) async fn is_ready(url: &str) -> bool {
    let Some((base, path)) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else { return false };
    let Ok(bases) = Bases::one(&format!("http://{base}")) else { return false };
    let mut client = Client::new(&bases);
    let draft = Draft::new(Method::GET, format!("/{path}"));
    let asking = client.send(&draft);
    matches!(timeout(Duration::from_secs(2), asking).await, Ok(Ok(answer)) if answer.status == 200)
}

async fn connect(authority: &str) -> Result<Open> {
    let stream = timeout(Duration::from_secs(5), TcpStream::connect(authority)).await??;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(async move {
        // How it ended is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(Open { sender, driver })
}

async fn exchange(open: &mut Open, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
    let (parts, body) = open.sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    // The connection takes the next request a moment after the body's end.
    let _ = open.sender.ready().await;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

fn authority(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let rest = rest.filter(|rest| !rest.is_empty() && !rest.contains('/'));
    rest.map(str::to_owned).ok_or_else(|| Failure::new(format!("{url} is not like http://127.0.0.1:8000")))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers each connection's requests with the given texts, and then closes it.
    pub(crate) async fn stub(answers: Vec<&'static str>) -> (Bases, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bases = Bases::one(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            let mut left = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut bytes = [0; 8192];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    let Some(answer) = left.next().filter(|answer| !answer.is_empty()) else { break };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        (bases, connections)
    }

    pub(crate) const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
    pub(crate) const AWAY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}";

    #[tokio::test]
    async fn two_requests_share_a_connection() {
        let (bases, connections) = stub(vec![CREATED, AWAY]).await;
        let mut client = Client::new(&bases);
        let draft = Draft::new(Method::POST, "/x").json("{}");
        assert_eq!(client.send(&draft).await.unwrap().status, 201);
        assert_eq!(client.send(&draft).await.unwrap().status, 503);
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_under_a_first_request_is_no_answer() {
        let (bases, connections) = stub(vec![""]).await;
        let answer = Client::new(&bases).send(&Draft::new(Method::GET, "/x")).await;
        assert_eq!(answer.map(|answer| answer.status), Err(NoAnswer::Broken));
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn where_nobody_listens_the_next_base_is_asked() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (there, _) = stub(vec![CREATED]).await;
        let urls = [format!("http://{gone}"), format!("http://{}", there.first())];
        let bases = Bases::of(urls.iter().map(String::as_str)).unwrap();
        assert_eq!(Client::new(&bases).send(&Draft::new(Method::GET, "/x")).await.unwrap().status, 201);
        let nobody = Bases::one(&format!("http://{gone}")).unwrap();
        let answer = Client::new(&nobody).send(&Draft::new(Method::GET, "/x")).await;
        assert_eq!(answer.map(|answer| answer.status), Err(NoAnswer::Unreachable));
    }
}
