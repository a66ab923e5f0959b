//! A signed-in person.

use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::failure::{Failure, Result};
use crate::http::{Answer, Bases, Client, Draft};
use crate::suite::pause;

/// The password of everybody in the demo.
pub(crate) const PASSWORD: &str = "lunarfront-demo";

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a single step may be repeated while something is away.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Session {
    email: &'static str,
    pub(crate) bases: Bases,
    token: Mutex<Option<Token>>,
}

struct Token {
    bearer: HeaderValue,
    /// Before it runs out in a request that is under way.
    renew_at: Instant,
}

impl Session {
    pub(crate) fn new(bases: &Bases, email: &'static str) -> Self {
        Self { email, bases: bases.clone(), token: Mutex::new(None) }
    }

    /// The value of the header `authorization`; signs in when there is none or the old one is about to run out.
    pub(crate) async fn bearer(&self) -> Result<HeaderValue> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.bearer.clone());
        }
        let body = json!({"email": self.email, "password": PASSWORD}).to_string();
        let draft = Draft::new(Method::POST, "/v1/auth/login").json(body);
        let answer = insist(&self.bases, &draft).await?.json();
        let text = answer["accessToken"].as_str().unwrap_or_default();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {text}"))?;
        bearer.set_sensitive(true);
        let life = Duration::from_secs(answer["expiresIn"].as_u64().unwrap_or(60));
        let renew_at = Instant::now() + life.saturating_sub(Duration::from_secs(90)).max(life / 2);
        *token = Some(Token { bearer: bearer.clone(), renew_at });
        Ok(bearer)
    }

    /// A request of this person.
    pub(crate) async fn draft(&self, method: Method, path: impl Into<String>) -> Result<Draft> {
        Ok(Draft::new(method, path).with(AUTHORIZATION, self.bearer().await?))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(insist(&self.bases, &self.draft(Method::GET, path).await?).await?.json())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let key = HeaderValue::from_str(&Uuid::now_v7().to_string())?;
        let draft = self.draft(Method::POST, path).await?.with(IDEMPOTENCY_KEY, key).json(body.to_string());
        Ok(insist(&self.bases, &draft).await?.json())
    }

    /// Every row of a list.
    pub(crate) async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        for page in 1.. {
            let mut answer = self.get(&format!("{path}{joint}limit=100&page={page}")).await?;
            let Value::Array(more) = answer["data"].take() else { break };
            rows.extend(more);
            if answer["pagination"]["totalPages"].as_i64().unwrap_or(0) <= page {
                break;
            }
        }
        Ok(rows)
    }
}

/// Repeats a request while a part of the suite is away; fails when it is refused.
async fn insist(bases: &Bases, draft: &Draft) -> Result<Answer> {
    let deadline = Instant::now() + PATIENCE;
    let mut client = Client::new(bases);
    loop {
        let answer = client.send(draft).await;
        match answer {
            Ok(answer) if answer.is_success() => return Ok(answer),
            Ok(answer) if is_final(answer.status) || Instant::now() > deadline => {
                let (method, path, status) = (&draft.method, &draft.path, answer.status);
                let body = String::from_utf8_lossy(&answer.body).chars().take(400).collect::<String>();
                return Err(Failure::new(format!("{method} {path} answers {status}: {body}")));
            }
            Err(why) if Instant::now() > deadline => {
                return Err(Failure::new(format!("{} {}: no answer ({why:?})", draft.method, draft.path)));
            }
            Ok(_) | Err(_) => pause(100).await,
        }
    }
}

/// Whether asking again would bring the same answer.
pub(crate) fn is_final(status: u16) -> bool {
    !matches!(status, 429 | 500..)
}
