//! How fast the ledger books what it has missed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::checkout;
use super::table::{Mark, Table};
use super::{Bench, REST};
use crate::adopt::Adopted;
use crate::failure::{Failure, Result};
use crate::figures::Milli;
use crate::oracle::{effects_missing, effects_missing_but};
use crate::suite::pause;

const RAW: &str = "ledger/7_no_balances_cte.sql";
const SERVICE: &str = "ledger";

pub(super) async fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let mut ledger = Adopted::take(&bench.suite, SERVICE, Signal::TERM, &BTreeMap::new()).await?;
    ledger.drain(Duration::from_secs(40)).await?;
    let mut db = bench.suite.database().await?;
    // Enough to see a rate: the sales of three runs, with their goods.
    for round in 0..3 {
        checkout::suite(bench, 16, bench.seed.wrapping_add(70_000 + round)).await?;
    }
    let deadline = Instant::now() + REST;
    while effects_missing_but(&mut db, SERVICE).await? > 0 && Instant::now() < deadline {
        pause(100).await;
    }
    let backlog = effects_missing(&mut db).await?;
    let before: i64 =
        sqlx::query_scalar("select coalesce(max(number), 0) from ledger.journal_entry").fetch_one(&mut db).await?;
    ledger.start()?;
    while effects_missing(&mut db).await? > 0 {
        if Instant::now() > deadline {
            return Err(Failure::new("the ledger did not book its backlog"));
        }
        pause(100).await;
    }
    ledger.give_back(&bench.suite).await?;
    // Between the first and the last booking, so that its start does not count.
    let (entries, micros): (i64, i64) = sqlx::query_as(
        "select count(*), coalesce(extract(epoch from max(recorded_at) - min(recorded_at)) * 1000000, 0)::bigint
           from ledger.journal_entry
          where number > $1",
    )
    .bind(before)
    .fetch_one(&mut db)
    .await?;
    let ours = Milli::rate(entries.unsigned_abs(), Duration::from_micros(micros.unsigned_abs()));
    let told = format!("{ours}/s ({entries} entries of {backlog} events)");
    for (clients, mark) in [(1, Some(Mark::at_least(300, 600))), (8, None)] {
        let raw = bench.raw.bench(RAW, clients, bench.size.run).await?;
        let what = format!("ledger consumer, entries, against raw without balances, {clients} clients");
        table.ratio(what, told.clone(), format!("{raw}/s"), Milli::ratio(ours.0, raw.0), mark);
    }
    bench.rest().await.map(drop)
}
