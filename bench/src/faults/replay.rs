//! F09: events are told again and again, and the processes that tell and hear them die between their steps.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use sqlx::AssertSqlSafe;

use super::{Field, Verdict};
use crate::adopt::{self, Adopted};
use crate::failure::{Failure, Result};
use crate::sell::{Seller, Sold};
use crate::suite::pause;
use crate::witness::Witness;

/// Those who tell what moves money and goods; all of them hear, too, or are heard by those who do.
const TELLERS: [&str; 2] = ["pos", "inventory"];
const VICTIMS: [&str; 3] = ["pos", "inventory", "ledger"];

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let wanted = field.scale(1_000, 150);
    let mut random = StdRng::seed_from_u64(field.seed);
    let mut victims = Vec::new();
    for name in VICTIMS {
        victims.push(Adopted::take(field.suite, name, Signal::KILL, &BTreeMap::new()).await?);
    }
    let done = Cell::new(false);
    let selling = try_join_all((0..8).map(|number| till(field, witness, number, &done)));
    let repeating = async {
        let told = repeat(field, &mut victims, wanted, &mut random).await;
        done.set(true);
        told
    };
    let (sold, (repeated, kills)) = tokio::try_join!(selling, repeating)?;
    let mut verdict = Verdict::default();
    sold.into_iter().for_each(|sold| verdict.sold.add(sold));
    let began = Instant::now();
    for victim in victims {
        victim.ready().await?;
        victim.give_back(field.suite).await?;
    }
    verdict.recovery = began.elapsed();
    verdict.note("told_again", repeated);
    verdict.note("kills", kills);
    verdict.all_served();
    verdict.must(repeated >= wanted, || format!("only {repeated} of {wanted} events were told again"));
    Ok(verdict)
}

/// Lets everything of the last seconds be told again until that were `wanted` events; how many, and how many kills.
async fn repeat(field: &Field<'_>, victims: &mut [Adopted], wanted: i64, random: &mut StdRng) -> Result<(i64, u32)> {
    let mut db = field.suite.database().await?;
    let since: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut db).await?;
    let deadline = Instant::now() + Duration::from_secs(120);
    let (mut repeated, mut kills) = (0, 0);
    while repeated < wanted && Instant::now() < deadline {
        pause(random.random_range(200..800)).await;
        for name in TELLERS {
            let sql = format!("select count(*) from {name}.outbox where published_at >= $1");
            let events: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(since).fetch_one(&mut db).await?;
            let words = ["replay", "--from", &since.to_rfc3339()];
            let (good, words) = adopt::command(&field.suite.process(name)?, &words).await?;
            if !good {
                return Err(Failure::new(format!("{name} replay: {words}")));
            }
            repeated += events;
        }
        let victim = random.random_range(0..victims.len());
        pause(random.random_range(0..150)).await;
        victims[victim].strike()?;
        kills += 1;
        victims[victim].ready().await?;
    }
    Ok((repeated, kills))
}

async fn till(field: &Field<'_>, witness: &Witness, number: u64, done: &Cell<bool>) -> Result<Sold> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(100 + number));
    let mut seller = Seller::new(field.clerk, &field.clerk.bases, witness);
    let mut all = Sold::default();
    while !done.get() {
        all.add(seller.sell(&field.counter.order(&mut random), Duration::from_secs(60)).await?);
        pause(20).await;
    }
    Ok::<_, Failure>(all)
}
