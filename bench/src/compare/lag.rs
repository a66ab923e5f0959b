//! How long after its sale the goods have left the shelf and the books know, at a steady rate.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Bench;
use super::table::{Mark, Table};
use crate::failure::Result;
use crate::figures::Figures;
use crate::http::Client;
use crate::load;
use crate::suite::pause;

/// Sales per second.
const RATE: u64 = 100;
const WORKERS: u64 = 32;

/// Effects that are not there by then are counted as never.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where effects show.
const EFFECTS: [(&str, &str); 3] = [
    ("stock", "select distinct source_id from inventory.stock_move where kind = 'sale' and source_id = any($1)"),
    (
        "books",
        "select source_id from ledger.journal_entry
          where event_kind = 'pos.sale.completed' and source_id = any($1)",
    ),
    (
        "cost of goods in the books",
        "select source_id from ledger.journal_entry
          where event_kind = 'inventory.stock.issued' and source_id = any($1)",
    ),
];

/// Sales whose effect is still to come, by the instant of their answer.
type Pending = RefCell<[BTreeMap<Uuid, Instant>; EFFECTS.len()]>;

pub(super) async fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let time = bench.size.run * 4;
    let bearer = bench.clerk.bearer().await?;
    let pending = Pending::default();
    let answers = RefCell::new(Figures::new()?);
    let selling = load::paced(RATE, WORKERS, time, |number| {
        let mut client = Client::new(&bench.suite.bases);
        let mut random = StdRng::seed_from_u64(bench.seed.wrapping_add(80_000 + number));
        let (bearer, pending, answers) = (&bearer, &pending, &answers);
        async move |due: Instant| {
            let order = bench.counter.order(&mut random);
            match client.send(&order.draft(bearer)?).await {
                Ok(answer) if answer.is_success() => {
                    let now = Instant::now();
                    answers.borrow_mut().good(answer.status, now - due);
                    for sales in pending.borrow_mut().iter_mut() {
                        sales.insert(order.sale, now);
                    }
                }
                answer => answers.borrow_mut().bad(answer.map_or(0, |answer| answer.status)),
            }
            Ok(())
        }
    });
    let done = std::cell::Cell::new(false);
    let selling = async {
        let sold = selling.await;
        done.set(true);
        sold
    };
    let mut db = bench.suite.database().await?;
    let watching = watch(&mut db, &pending, &done);
    let ((), lags) = tokio::try_join!(selling, watching)?;
    let mut answers = answers.into_inner();
    answers.took = time;
    table.note(format!("at {RATE} sales/s: {answers}"));
    for ((name, _), lag) in EFFECTS.iter().zip(lags) {
        let mark = (*name != "cost of goods in the books").then_some(Mark::at_most(500_000, 150_000));
        let told = format!("p50 {} ms, p99 {} ms, {} sales, {} never", lag.p50(), lag.p99(), lag.count(), lag.failed());
        table.figure(format!("commit to effect, {name}, {RATE} sales/s"), told, Some((lag.p99(), "ms p99")), mark);
    }
    bench.rest().await.map(drop)
}

/// Looks for effects every few milliseconds until all are there.
async fn watch(db: &mut PgConnection, pending: &Pending, done: &std::cell::Cell<bool>) -> Result<Vec<Figures>> {
    let mut lags = EFFECTS.iter().map(|_| Figures::new()).collect::<Result<Vec<_>>>()?;
    let mut ended = None;
    loop {
        for (number, (_, sql)) in EFFECTS.iter().enumerate() {
            let waiting = pending.borrow()[number].keys().copied().collect::<Vec<_>>();
            if waiting.is_empty() {
                continue;
            }
            let found: Vec<Uuid> = sqlx::query_scalar(*sql).bind(waiting).fetch_all(&mut *db).await?;
            let now = Instant::now();
            for sale in found {
                if let Some(answered) = pending.borrow_mut()[number].remove(&sale) {
                    lags[number].good(200, now - answered);
                }
            }
        }
        if done.get() {
            let since = *ended.get_or_insert_with(Instant::now);
            let mut left = pending.borrow_mut();
            if left.iter().all(BTreeMap::is_empty) || since.elapsed() > PATIENCE {
                for (number, sales) in left.iter_mut().enumerate() {
                    sales.iter().for_each(|_| lags[number].bad(0));
                    sales.clear();
                }
                return Ok(lags);
            }
        }
        // Who looks at much looks more seldom: this must not be what slows the effects down.
        let waiting = pending.borrow().iter().map(BTreeMap::len).sum::<usize>();
        pause(3 + waiting as u64 / 100).await;
    }
}
