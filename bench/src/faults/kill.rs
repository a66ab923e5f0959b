//! F01: a service is killed in the middle of checkouts, again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use super::{Field, Verdict};
use crate::adopt::Adopted;
use crate::failure::Result;
use crate::sell::{Seller, Sold};
use crate::suite::pause;
use crate::witness::Witness;

const CLIENTS: usize = 20;

/// A checkout under this load takes about this long, so that the kill meets it anywhere.
const KILL_WITHIN_MS: u64 = 400;

const PATIENCE: Duration = Duration::from_secs(60);

/// Until the first success after a kill, the start included. A debug build on two busy cores needs longer.
const RECOVERY_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 3 });

pub(super) async fn run(field: &Field<'_>, witness: &Witness, name: &str) -> Result<Verdict> {
    let mut random = StdRng::seed_from_u64(field.seed);
    let mut adopted = Adopted::take(field.suite, name, Signal::KILL, &BTreeMap::new()).await?;
    let clerk = field.clerk;
    let mut sellers = (0..CLIENTS).map(|_| Seller::new(clerk, &clerk.bases, witness)).collect::<Vec<_>>();
    let mut verdict = Verdict::default();
    let rounds = field.scale(200, 20);
    for _ in 0..rounds {
        let orders = (0..CLIENTS).map(|_| field.counter.order(&mut random)).collect::<Vec<_>>();
        let wait = random.random_range(0..KILL_WITHIN_MS);
        let selling = sellers.iter_mut().zip(&orders).map(|(seller, order)| seller.sell(order, PATIENCE));
        let striking = async {
            pause(wait).await;
            let struck = adopted.strike()?;
            // When the books die nobody waits for them, so its own word counts.
            adopted.ready().await?;
            Ok((struck, struck.elapsed()))
        };
        let (sold, (struck, ready)) = tokio::try_join!(try_join_all(selling), striking)?;
        let mut round = Sold::default();
        sold.into_iter().for_each(|sold| round.add(sold));
        let back = if name == "ledger" { ready } else { back(&round, struck, ready) };
        verdict.recovery = verdict.recovery.max(back);
        verdict.sold.add(round);
    }
    adopted.give_back(field.suite).await?;
    verdict.note("kills", rounds);
    verdict.all_served();
    let recovery = verdict.recovery;
    verdict.must(recovery <= RECOVERY_MAX, || {
        format!("the first success came {} ms after the kill", recovery.as_millis())
    });
    Ok(verdict)
}

/// The first sale after the kill; when all were done before it, the moment at which the service was ready again.
fn back(sold: &Sold, struck: Instant, ready: Duration) -> Duration {
    sold.first_after(struck).unwrap_or(ready)
}
