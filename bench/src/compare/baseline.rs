//! The other stack: Fastify, Drizzle and Zod on the raw database.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use rand::Rng;
use serde_json::json;
use tokio::process::{Child, Command};

use super::raw::{Raw, said};
use crate::adopt::free_address;
use crate::failure::{Failure, Result, While};
use crate::http::{Bases, Draft, is_ready};
use crate::load::Next;
use crate::suite::{Suite, clone_root, pause};

pub(crate) struct Fastify {
    pub(super) bases: Bases,
    pub(super) bearer: HeaderValue,
    server: Child,
}

impl Fastify {
    /// Installs what is missing, starts the server and waits until it answers.
    pub(super) async fn start(raw: &Raw, suite: &Suite) -> Result<Self> {
        let place = clone_root()?.join("bench/baseline/fastify");
        if !place.join("node_modules/.package-lock.json").exists() {
            said(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&place)).await?;
        }
        let token = said(Command::new("node").arg("src/token.js").current_dir(&place)).await?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()))?;
        let address = free_address()?;
        let server = serve(&place, &address, raw, &suite.notes()?.join("fastify.log"))?;
        let fastify = Self { bases: Bases::one(&format!("http://{address}"))?, bearer, server };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_ready(&format!("http://{address}/healthz")).await {
            if Instant::now() > deadline {
                return Err(Failure::new("the server does not answer; see fastify.log"));
            }
            pause(50).await;
        }
        Ok(fastify)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.server.id()
    }

    /// Sales of three lines, chosen as the raw transactions choose them.
    pub(super) fn sales(&self) -> Next<'_> {
        Box::new(|random| {
            let ranges = [1..=3_333, 3_334..=6_666, 6_667..=10_000];
            let picks = ranges.map(|range| (random.random_range(range), random.random_range(1..=3)));
            let line = |(product, quantity): &(i32, i32)| json!({"productId": product_id(*product), "qty": quantity, "unitPriceCents": 500});
            let total = picks.iter().map(|(_, quantity)| quantity * 550).sum::<i32>();
            let body = json!({
                "locationId": product_id(1),
                "currency": "USD",
                "lines": picks.iter().map(line).collect::<Vec<_>>(),
                "payment": {"method": "card", "amountCents": total},
            });
            let draft = Draft::new(Method::POST, "/v1/sales").with(AUTHORIZATION, self.bearer.clone());
            Ok(draft.json(body.to_string()))
        })
    }
}

fn product_id(number: i32) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// It dies with this program.
fn serve(place: &Path, address: &str, raw: &Raw, log: &PathBuf) -> Result<Child> {
    let log = std::fs::File::create(log).when("creating fastify.log")?;
    let port = address.rsplit(':').next().unwrap_or_default();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", "--", "node", "src/server.js"]).current_dir(place);
    command.env("DATABASE_URL", &raw.url).env("PORT", port).env("SEARCH", "columns");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    command.spawn().when("starting node")
}
