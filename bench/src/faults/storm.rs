//! Many sales at once while processes of every kind are killed at random.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use super::{Field, Verdict};
use crate::adopt::{self, Adopted};
use crate::failure::{Failure, Result};
use crate::sell::Seller;
use crate::suite::{BROKER, GATEWAY, SERVICES, pause};
use crate::witness::Witness;

const PATIENCE: Duration = Duration::from_secs(300);

/// Milliseconds between two kills, at most.
const CALM_MAX: u64 = 600;

/// Everybody dies twice at least, even when all have sold by then.
const KILLS_MIN: usize = 12;

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let mut random = StdRng::seed_from_u64(field.seed);
    let mut victims = Vec::new();
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        victims.push(Adopted::take(field.suite, name, Signal::KILL, &BTreeMap::new()).await?);
    }
    let orders = (0..field.scale(1_000, 100)).map(|_| field.counter.order(&mut random)).collect::<Vec<_>>();
    // Signed in before the storm: who cannot sign in does not sell.
    field.clerk.bearer().await?;
    let done = Cell::new(false);
    let selling = async {
        let sales = orders.iter().map(|order| async {
            let mut seller = Seller::new(field.clerk, &field.clerk.bases, witness);
            seller.sell(order, PATIENCE).await
        });
        let sold = try_join_all(sales).await;
        done.set(true);
        sold
    };
    let mut kills = BTreeMap::<String, u32>::new();
    let killing = async {
        let mut last = Instant::now();
        let mut order = (0..victims.len()).collect::<Vec<_>>();
        for kill in 0.. {
            if done.get() && kill >= KILLS_MIN {
                break;
            }
            if kill % order.len() == 0 {
                order.shuffle(&mut random);
            }
            pause(random.random_range(20..CALM_MAX)).await;
            let victim = &mut victims[order[kill % order.len()]];
            last = victim.strike()?;
            *kills.entry(victim.name.clone()).or_default() += 1;
        }
        Ok::<_, Failure>(last)
    };
    let broker = async {
        pause(1_500).await;
        adopt::outage(field.suite, BROKER, async {
            pause(1_000).await;
            Ok(())
        })
        .await
    };
    let (sold, last, ()) = tokio::try_join!(selling, killing, broker)?;
    let mut verdict = Verdict::default();
    sold.into_iter().for_each(|sold| verdict.sold.add(sold));
    for victim in victims {
        victim.ready().await?;
        verdict.recovery = verdict.recovery.max(last.elapsed());
        victim.give_back(field.suite).await?;
    }
    let told = kills.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(",");
    verdict.note("kills", format!("{told},{BROKER}:1"));
    verdict.all_served();
    Ok(verdict)
}
