//! The suite beside its raw database and another stack: everything in one run on one machine, as ratios.

mod baseline;
mod best;
mod checkout;
mod consumer;
mod cpu;
mod import;
mod lag;
mod lists;
mod memory;
mod raw;
mod table;

use std::time::{Duration, Instant};

use rand::Rng;

use crate::cli::Compare;
use crate::failure::{Failure, Result, While};
use crate::ground;
use crate::oracle::await_rest;
use crate::order::Counter;
use crate::session::Session;
use crate::suite::{Suite, pause};
use baseline::Fastify;
use raw::Raw;
use table::Table;

/// How long events may take to have their effects after a run, before the next begins.
const REST: Duration = Duration::from_secs(300);

/// What every part needs.
pub(crate) struct Bench {
    suite: Suite,
    clerk: Session,
    counter: Counter,
    raw: Raw,
    /// None where node or npm is missing.
    fastify: Option<Fastify>,
    size: Size,
    seed: u64,
}

/// How long and how large.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Of one run of one target.
    run: Duration,
    rounds: usize,
    rows: u32,
    products: usize,
    /// Accounts that are imported.
    imported: u32,
    /// Looks at each term of the list.
    looks: usize,
}

impl Size {
    fn of(options: &Compare) -> Self {
        let usual = match options.quick {
            true => Self {
                run: Duration::from_secs(3),
                rounds: 1,
                rows: 100_000,
                products: 3_000,
                imported: 20_000,
                looks: 4,
            },
            false => Self {
                run: Duration::from_secs(6),
                rounds: 3,
                rows: 1_000_000,
                products: 10_000,
                imported: 100_000,
                looks: 12,
            },
        };
        let (rows, products) = (options.rows.unwrap_or(usual.rows), options.products.unwrap_or(usual.products));
        Self { rows, products, ..usual }
    }
}

impl Bench {
    /// Waits until all effects are there: what runs next shall not pay for what ran before. How long that took.
    async fn rest(&self) -> Result<Duration> {
        let mut db = self.suite.database().await?;
        let rested = await_rest(&mut db, REST).await?;
        rested.ok_or_else(|| Failure::new(format!("events had not all had their effects after {} s", REST.as_secs())))
    }
}

/// The command.
pub(crate) async fn run(options: Compare) -> Result<bool> {
    let began = Instant::now();
    let suite = Suite::find()?;
    let mut table = Table::default();
    let wanted = |part: &str| !options.skip.iter().any(|skip| skip == part);
    if wanted("memory") {
        // What a service does at its start is over by then.
        pause(5_000).await;
        memory::idle(&suite, &mut table)?;
    }
    let bench = prepare(suite, &options, &mut table).await?;
    if wanted("checkout") {
        step("checkout");
        checkout::measure(&bench, &mut table).await.when("checkout")?;
    }
    if wanted("memory") {
        memory::loaded(&bench, &mut table)?;
    }
    if wanted("consumer") {
        step("ledger consumer");
        consumer::measure(&bench, &mut table).await.when("ledger consumer")?;
    }
    if wanted("lag") {
        step("effect lag");
        lag::measure(&bench, &mut table).await.when("effect lag")?;
    }
    if wanted("lists") {
        step("lists");
        lists::measure(&bench, &mut table).await.when("lists")?;
    }
    if wanted("import") {
        step("import");
        import::measure(&bench, &mut table).await.when("import")?;
    }
    table.note("not measured here: the second `make run` until healthy, which says so itself".to_owned());
    table.note(format!("seed {}, {} s in all", bench.seed, began.elapsed().as_secs()));
    let text = table.to_string();
    println!("\n{text}");
    if let Some(path) = &options.out {
        std::fs::write(path, &text).when(format!("writing {}", path.display()))?;
    }
    Ok(true)
}

async fn prepare(suite: Suite, options: &Compare, table: &mut Table) -> Result<Bench> {
    let size = Size::of(options);
    step("raw database");
    let raw = Raw::create(&suite.admin_url).await?;
    step("Fastify baseline");
    let fastify = match Fastify::start(&raw, &suite).await {
        Ok(fastify) => Some(fastify),
        Err(failure) => {
            table.note(format!("Fastify left out: {failure}"));
            None
        }
    };
    step("products and stock");
    let owner = Session::new(&suite.bases, "owner@demo.test");
    let clerk = Session::new(&suite.bases, "clerk@demo.test");
    let counter = ground::prepare(&owner, size.products).await?;
    if options.quick {
        table.note("quick: short runs, one round; ratios are rough".to_owned());
    }
    if cfg!(debug_assertions) {
        table.note("DEBUG BUILD: the suite's figures mean nothing; `make bench` builds for release".to_owned());
    }
    let products = counter.goods.len();
    table.note(format!("{products} products; the raw transactions and Fastify choose from 10,000"));
    let seed = options.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let bench = Bench { suite, clerk, counter, raw, fastify, size, seed };
    bench.rest().await?;
    Ok(bench)
}

fn step(name: &str) {
    println!("── {name}");
}
