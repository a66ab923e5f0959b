//! F06: the broker is gone; business goes on, and everything is told when it is back.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Field, Verdict};
use crate::adopt;
use crate::failure::{Failure, Result};
use crate::oracle::effects_missing;
use crate::sell::{Seller, Sold};
use crate::suite::{BROKER, pause};
use crate::witness::Witness;

const TILLS: u64 = 10;

/// Each till serves a customer in this time.
const EVERY: Duration = Duration::from_millis(400);

/// How long the backlog may take, the broker's own start included.
const CATCH_UP: Duration = Duration::from_secs(120);

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let down = Duration::from_secs(field.scale(60, 8));
    let selling = async {
        let end = Instant::now() + down;
        let tills = (0..TILLS).map(|number| till(field, witness, number, end));
        try_join_all(tills).await
    };
    let sold = adopt::outage(field.suite, BROKER, selling).await?;
    let mut verdict = Verdict::default();
    sold.into_iter().for_each(|sold| verdict.sold.add(sold));
    let back = Instant::now();
    let mut db = field.suite.database().await?;
    let backlog = effects_missing(&mut db).await?;
    while effects_missing(&mut db).await? > 0 && back.elapsed() < CATCH_UP {
        pause(100).await;
    }
    verdict.recovery = back.elapsed();
    verdict.note("down_ms", down.as_millis());
    verdict.note("backlog", backlog);
    verdict.all_served();
    verdict.must(backlog > 0, || "the broker was not down: nothing had to wait".to_owned());
    let repeated = verdict.sold.statuses.iter().any(|(status, _)| !(200..300).contains(status));
    verdict.must(!repeated, || "a command failed while the broker was down".to_owned());
    let late = verdict.recovery >= CATCH_UP;
    verdict.must(!late, || format!("the backlog was not gone after {} s", CATCH_UP.as_secs()));
    Ok(verdict)
}

async fn till(field: &Field<'_>, witness: &Witness, number: u64, end: Instant) -> Result<Sold> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(number));
    let mut seller = Seller::new(field.clerk, &field.clerk.bases, witness);
    let mut all = Sold::default();
    while Instant::now() < end {
        let next = Instant::now() + EVERY;
        all.add(seller.sell(&field.counter.order(&mut random), Duration::from_secs(30)).await?);
        tokio::time::sleep_until(next.into()).await;
    }
    Ok::<_, Failure>(all)
}
