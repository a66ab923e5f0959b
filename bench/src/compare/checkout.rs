//! Checkout through REST, beside the raw transaction and Fastify, in turn.

use crate::failure::Result;
use crate::figures::{Figures, Milli};
use crate::load;

use super::Bench;
use super::cpu::Used;
use super::table::{Mark, Table};

/// A round trip for each statement: what plain code can reach at best.
const PER_STATEMENT: &str = "checkout/1_per_statement.sql";
const ONE_STATEMENT: &str = "checkout/5_one_cte.sql";

/// What the rounds of one number of clients came to.
#[derive(Default)]
struct Rates {
    suite: Vec<Milli>,
    per_statement: Vec<Milli>,
    one_statement: Vec<Milli>,
    fastify: Vec<Milli>,
    p50: Vec<Milli>,
    p99: Vec<Milli>,
    failed: u64,
    fastify_failed: u64,
    /// Until the last sale was booked, in milliseconds.
    rest: u128,
    /// Where the processor time of the last round went.
    used: Option<String>,
}

pub(super) async fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    for clients in [1, 8, 32] {
        let mut rates = Rates::default();
        for round in 0..bench.size.rounds {
            one_round(bench, clients, round as u64, &mut rates).await?;
        }
        tell(clients, rates, bench, table);
    }
    Ok(())
}

async fn one_round(bench: &Bench, clients: usize, round: u64, rates: &mut Rates) -> Result<()> {
    let time = bench.size.run;
    let seed = bench.seed.wrapping_add(round * 1000 + clients as u64);
    rates.per_statement.push(bench.raw.bench(PER_STATEMENT, clients, time).await?);
    rates.one_statement.push(bench.raw.bench(ONE_STATEMENT, clients, time).await?);
    if let Some(fastify) = &bench.fastify {
        let figures = load::closed(&fastify.bases, clients, time, seed, |_| fastify.sales()).await?;
        rates.fastify.push(figures.per_second());
        rates.fastify_failed += figures.failed();
    }
    let before = Used::now(&bench.suite).await?;
    let figures = suite(bench, clients, seed).await?;
    rates.suite.push(figures.per_second());
    rates.p50.push(figures.p50());
    rates.p99.push(figures.p99());
    rates.failed += figures.failed();
    rates.rest = rates.rest.max(bench.rest().await?.as_millis());
    rates.used = Used::now(&bench.suite).await?.per_sale(&before);
    Ok(())
}

/// The suite alone.
pub(super) async fn suite(bench: &Bench, clients: usize, seed: u64) -> Result<Figures> {
    let bearer = bench.clerk.bearer().await?;
    load::closed(&bench.suite.bases, clients, bench.size.run, seed, |_| load::sales(&bench.counter, &bearer)).await
}

fn tell(clients: usize, rates: Rates, bench: &Bench, table: &mut Table) {
    let median = |rates: Vec<Milli>| Milli::median(rates).unwrap_or_default();
    let ours = median(rates.suite);
    let (p50, p99) = (median(rates.p50), median(rates.p99));
    let told = format!("{ours}/s, p50 {p50} ms, p99 {p99} ms");
    // The marks speak of 8 and 32 clients.
    let mark = |mark: Mark| (clients > 1).then_some(mark);
    for (what, raw, mark) in [
        ("raw, a round trip per statement", median(rates.per_statement), mark(Mark::at_least(500, 1000))),
        ("raw, one statement", median(rates.one_statement), None),
    ] {
        let ratio = Milli::ratio(ours.0, raw.0);
        table.ratio(
            format!("checkout, {clients} clients, against {what}"),
            told.clone(),
            format!("{raw}/s"),
            ratio,
            mark,
        );
    }
    if bench.fastify.is_some() {
        let other = median(rates.fastify);
        let ratio = Milli::ratio(ours.0, other.0);
        let mark = mark(Mark::at_least(2000, 4000));
        table.ratio(format!("checkout, {clients} clients, against Fastify"), told, format!("{other}/s"), ratio, mark);
    }
    if rates.failed + rates.fastify_failed > 0 {
        let (own, other) = (rates.failed, rates.fastify_failed);
        table.note(format!("{clients} clients: {own} requests of the suite and {other} of Fastify failed"));
    }
    table.note(format!("{clients} clients: every effect was there {} ms after the last run's end", rates.rest));
    if let Some(used) = rates.used {
        table.note(format!("{clients} clients: {used}"));
    }
}
