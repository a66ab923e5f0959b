//! IDENTITY-AWAY: identity is down, and then frozen. Who is signed in goes on selling; who is not is told to come again.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::Method;
use http::header::RETRY_AFTER;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::{Field, Verdict};
use crate::adopt;
use crate::failure::{Failure, Result};
use crate::http::{Client, Draft};
use crate::sell::{Seller, Sold};
use crate::session::{PASSWORD, Session};
use crate::suite::pause;
use crate::witness::Witness;

const IDENTITY: &str = "identity";
/// Sells, and is signed in.
const CLERK: &str = "clerk@demo.test";
/// Wants to come in meanwhile.
const VISITOR: &str = "viewer@demo.test";
const TILLS: usize = 6;

/// Each till serves a customer in this time.
const EVERY: Duration = Duration::from_millis(300);

/// The gateway gives a call five seconds; the rest is for a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(8);
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// An attempt to come in while nobody can.
struct Attempt {
    path: &'static str,
    status: u16,
    code: String,
    says_when: bool,
    took: Duration,
}

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let away = Duration::from_secs(field.scale(30, 5));
    let clerks = (0..TILLS).map(|_| Session::new(&field.clerk.bases, CLERK)).collect::<Vec<_>>();
    // Whoever is signed in has a token that outlives both.
    for clerk in &clerks {
        clerk.bearer().await?;
    }
    let refresh_token = sign_in(field).await?;
    let mut verdict = Verdict::default();

    let down = adopt::outage(field.suite, IDENTITY, round(field, witness, &clerks, away, &refresh_token)).await?;
    await_sign_in(field, &mut verdict).await?;
    let frozen = adopt::freeze(field.suite, IDENTITY, round(field, witness, &clerks, away, &refresh_token)).await?;
    await_sign_in(field, &mut verdict).await?;

    for (what, refusals, (sold, attempts)) in [("down", &[503][..], down), ("frozen", &[503, 504][..], frozen)] {
        verdict.note(&format!("{what}_ms"), away.as_millis());
        verdict.note(&format!("{what}_sales"), sold.acked);
        verdict.note(&format!("{what}_refusals"), attempts.len());
        let slowest = attempts.iter().map(|attempt| attempt.took.as_millis()).max().unwrap_or_default();
        verdict.note(&format!("{what}_slowest_refusal_ms"), slowest);
        verdict.must(sold.acked > 0, || format!("nothing was sold while identity was {what}"));
        verdict.must(attempts.len() >= 2, || format!("nobody tried to come in while identity was {what}"));
        verdict.others += attempts.len() as u64;
        attempts.iter().filter_map(|attempt| attempt.flaw(refusals)).for_each(|flaw| {
            verdict.wrong.push(format!("identity was {what}: {flaw}"));
        });
        verdict.sold.add(sold);
    }
    verdict.all_served();
    let others = verdict.sold.statuses.keys().filter(|status| **status != 201).collect::<Vec<_>>();
    let others = format!("{others:?}");
    verdict.must(others == "[]", || format!("a sale was answered {others} while identity was away"));
    let recovery = verdict.recovery;
    verdict.must(recovery <= RECOVERY_MAX, || format!("signing in took {} ms to come back", recovery.as_millis()));
    Ok(verdict)
}

/// Sales at every till for a while, and attempts to come in, one after the other.
async fn round(
    field: &Field<'_>,
    witness: &Witness,
    clerks: &[Session],
    lasting: Duration,
    refresh_token: &str,
) -> Result<(Sold, Vec<Attempt>)> {
    let end = Instant::now() + lasting;
    let tills = clerks.iter().zip(0..).map(|(clerk, number)| till(field, witness, clerk, number, end));
    let (sold, attempts) = tokio::try_join!(try_join_all(tills), attempts(field, refresh_token, end))?;
    let mut all = Sold::default();
    sold.into_iter().for_each(|sold| all.add(sold));
    Ok((all, attempts))
}

async fn till(field: &Field<'_>, witness: &Witness, clerk: &Session, number: u64, end: Instant) -> Result<Sold> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(number));
    let mut seller = Seller::new(clerk, &clerk.bases, witness);
    let mut all = Sold::default();
    while Instant::now() < end {
        let next = Instant::now() + EVERY;
        all.add(seller.sell(&field.counter.order(&mut random), Duration::from_secs(20)).await?);
        tokio::time::sleep_until(next.into()).await;
    }
    Ok::<_, Failure>(all)
}

/// Each way in at least once, and again until the end.
async fn attempts(field: &Field<'_>, refresh_token: &str, end: Instant) -> Result<Vec<Attempt>> {
    let ways = [
        ("/v1/auth/login", json!({"email": VISITOR, "password": PASSWORD})),
        ("/v1/auth/refresh", json!({"refreshToken": refresh_token})),
    ];
    let mut client = Client::new(&field.clerk.bases);
    let mut made = Vec::new();
    while Instant::now() < end || made.len() < ways.len() {
        let (path, body) = &ways[made.len() % ways.len()];
        let began = Instant::now();
        let answer = client.send(&Draft::new(Method::POST, *path).json(body.to_string())).await;
        let took = began.elapsed();
        made.push(match answer {
            Ok(answer) => Attempt {
                path,
                status: answer.status,
                code: answer.code(),
                says_when: answer.headers.contains_key(RETRY_AFTER),
                took,
            },
            Err(why) => Attempt { path, status: 0, code: format!("{why:?}"), says_when: false, took },
        });
        pause(200).await;
    }
    Ok(made)
}

impl Attempt {
    /// What a client cannot work with: another answer than that nobody is there, or one that comes too late.
    fn flaw(&self, refusals: &[u16]) -> Option<String> {
        let Self { path, status, code, says_when, took } = self;
        let clear = match status {
            503 => code == "UNAVAILABLE" && *says_when,
            504 => code == "TIMED_OUT",
            _ => false,
        };
        let told = clear && refusals.contains(status) && *took <= ANSWER_MAX;
        (!told).then(|| format!("{path} was answered {status} {code} after {} ms", took.as_millis()))
    }
}

/// A refresh token of somebody who signed in.
async fn sign_in(field: &Field<'_>) -> Result<String> {
    let body = json!({"email": VISITOR, "password": PASSWORD}).to_string();
    let answer = Client::new(&field.clerk.bases).send(&Draft::new(Method::POST, "/v1/auth/login").json(body)).await;
    let token = answer.ok().and_then(|answer| answer.json()["refreshToken"].as_str().map(str::to_owned));
    token.ok_or_else(|| Failure::new("nobody can sign in"))
}

/// Until somebody can come in again.
async fn await_sign_in(field: &Field<'_>, verdict: &mut Verdict) -> Result<()> {
    let began = Instant::now();
    while sign_in(field).await.is_err() {
        if began.elapsed() > RECOVERY_MAX * 2 {
            return Err(Failure::new("nobody can sign in after identity is back"));
        }
        pause(50).await;
    }
    verdict.recovery = verdict.recovery.max(began.elapsed());
    field.suite.await_ready(&[IDENTITY], RECOVERY_MAX).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_clear_when_it_says_who_is_away_and_comes_in_time() {
        let attempt = |status, code: &str, says_when, seconds| Attempt {
            path: "/v1/auth/refresh",
            status,
            code: code.to_owned(),
            says_when,
            took: Duration::from_secs(seconds),
        };
        assert_eq!(attempt(503, "UNAVAILABLE", true, 1).flaw(&[503]), None);
        assert_eq!(attempt(504, "TIMED_OUT", false, 5).flaw(&[503, 504]), None);
        for wrong in [
            attempt(503, "UNAVAILABLE", true, 9),
            attempt(503, "UNAVAILABLE", false, 1),
            attempt(504, "TIMED_OUT", false, 5),
            attempt(500, "INTERNAL", false, 1),
            attempt(0, "Late", false, 1),
            attempt(200, "", false, 1),
        ] {
            assert!(wrong.flaw(&[503]).is_some());
        }
    }
}
