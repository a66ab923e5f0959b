//! A client that shows what it asks and what it hears.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::layout::layout;
use crate::failure::{Failure, Result, While};
use crate::http::{Http, body};
use crate::terminal::{paint, say};

/// The password of everybody in the demo.
const PASSWORD: &str = "lunarfront-demo";

/// Longer answers are cut.
const LINES_MAX: usize = 75;

/// Where the clerk stands.
pub(super) struct Till {
    pub(super) register: String,
    pub(super) location: String,
    pub(super) session: String,
}

/// A signed-in person.
pub(super) struct Client {
    http: Http,
    url: String,
    token: String,
}

/// The stream of `/v1/events`.
pub(super) struct News {
    body: Incoming,
    /// What came and was not yet shown.
    text: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Self {
        Self { http: Http::new(), url: url.trim_end_matches('/').to_owned(), token: String::new() }
    }

    pub(super) async fn sign_in(&mut self, email: &str) -> Result<()> {
        let answer = self.post("/v1/auth/login", &json!({"email": email, "password": PASSWORD})).await?;
        self.token = answer["accessToken"].as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    pub(super) async fn sign_out(&self) -> Result<()> {
        self.post("/v1/auth/logout", &json!({})).await.map(drop)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.show(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, message: &Value) -> Result<Value> {
        self.show(Method::POST, path, Some(message)).await
    }

    /// Asks without showing: for waiting.
    pub(super) async fn quietly(&self, path: &str) -> Result<Value> {
        let answer = self.http.send(self.request(&Method::GET, path, None)?).await?;
        Ok(serde_json::from_slice(&body(answer).await?).unwrap_or_default())
    }

    /// Opens the stream of events.
    pub(super) async fn listen(&self) -> Result<News> {
        say(paint(1, "\n→ GET /v1/events stays open"));
        let answer = self.http.send(self.request(&Method::GET, "/v1/events", None)?).await?;
        if !answer.status().is_success() {
            return Err(Failure::new(format!("/v1/events answers {}", answer.status())));
        }
        Ok(News { body: answer.into_body(), text: String::new() })
    }

    async fn show(&self, method: Method, path: &str, message: Option<&Value>) -> Result<Value> {
        say(paint(1, &format!("→ {method} {path}")));
        if let Some(message) = message {
            say(indented(&masked(message)));
        }
        let began = Instant::now();
        let answer = self.http.send(self.request(&method, path, message)?).await?;
        let status = answer.status();
        let bytes = body(answer).await?;
        let colour = if status.is_success() { 32 } else { 31 };
        say(paint(colour, &format!("← {status} in {} ms", began.elapsed().as_millis())));
        let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        if !value.is_null() {
            say(indented(&masked(&value)));
        }
        match status.is_success() {
            true => Ok(value),
            false => Err(Failure::new(format!("{method} {path} was refused"))),
        }
    }

    fn request(&self, method: &Method, path: &str, message: Option<&Value>) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if method == Method::POST {
            request = request.header("content-type", "application/json");
            request = request.header("idempotency-key", uuid::Uuid::now_v7().to_string());
        }
        let bytes = message.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        request.body(Full::new(bytes.into())).when("making the request")
    }
}

impl News {
    /// Shows the first event that names `subject`; whether it came in time.
    pub(super) async fn until(&mut self, subject: &str, patience: Duration) -> Result<bool> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.contains(subject) {
                    say(event.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"));
                    return Ok(true);
                }
            }
            let Ok(frame) = timeout_at(deadline, self.body.frame()).await else { return Ok(false) };
            let Some(frame) = frame.transpose().when("reading the events")? else { return Ok(false) };
            if let Ok(bytes) = frame.into_data() {
                self.text.push_str(&String::from_utf8_lossy(&bytes).replace('\r', ""));
            }
        }
    }
}

/// Without what must not stay in a terminal's memory.
fn masked(value: &Value) -> Value {
    let mut copy = value.clone();
    if let Value::Object(fields) = &mut copy {
        for name in ["accessToken", "refreshToken"] {
            if let Some(Value::String(secret)) = fields.get_mut(name) {
                secret.truncate(10);
                secret.push('…');
            }
        }
    }
    copy
}

fn indented(value: &Value) -> String {
    let mut lines = layout(value, 4);
    let count = lines.len();
    if count > LINES_MAX {
        lines.truncate(LINES_MAX);
        lines.push(paint(90, &format!("    … {} more lines", count - LINES_MAX)));
    }
    lines.join("\n")
}
