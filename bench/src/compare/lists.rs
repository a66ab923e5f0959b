//! A page of accounts with its exact total, among very many: through REST, as raw SQL, and from Fastify.

use std::time::{Duration, Instant};

use http::Method;
use http::header::AUTHORIZATION;
use sqlx::{AssertSqlSafe, Executor};

use super::Bench;
use super::best::Best;
use super::table::{Mark, Table};
use crate::failure::{Failure, Result};
use crate::figures::{Figures, Milli};
use crate::http::{Bases, Client, Draft};
use crate::load::{TERMS, list_path};

/// Fastify counts a common term for half a second: fewer looks tell as much.
const FASTIFY_LOOKS: usize = 3;

/// The suite's accounts, from those of the raw database.
const ROWS: &str = "
select id,
       case kind when 'company' then 'business' else 'individual' end,
       name, email, phone, created_at, created_at
  from shop.accounts";
const INTO: &str = "accounts.account (id, kind, name, email, phone, created_at, updated_at)";

/// One way to look.
struct Way {
    name: &'static str,
    figures: Figures,
    /// By term, in the order of the file.
    totals: Vec<i64>,
    by_term: Vec<Vec<Milli>>,
}

pub(super) async fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    load(bench, table).await?;
    let terms = TERMS.lines().map(|line| line.split_once('\t').unwrap_or((line, "1"))).collect::<Vec<_>>();
    let mut best = Best::open(&bench.raw).await?;
    let bearer = bench.clerk.bearer().await?;
    let mut suite = Client::new(&bench.suite.bases);
    let mut other = bench.fastify.as_ref().map(|fastify| (Client::new(&fastify.bases), fastify.bearer.clone()));
    let mut ways =
        ["suite", "raw", "Fastify"].into_iter().map(|name| Way::new(name, terms.len())).collect::<Result<Vec<_>>>()?;
    // The first look counts what nobody has counted yet, on both sides.
    for look in 0..=bench.size.looks {
        for (at, (term, page)) in terms.iter().enumerate() {
            let path = list_path(&format!("{term}\t{page}"));
            let asked = ask(&mut suite, &path, &bearer).await?;
            ways[0].note(look, at, asked);
            let (_, total, took) = best.look(term, page.parse().unwrap_or(1)).await?;
            ways[1].note(look, at, (total, took));
            if let Some((client, bearer)) = other.as_mut().filter(|_| look <= FASTIFY_LOOKS) {
                ways[2].note(look, at, ask(client, &path, bearer).await?);
            }
        }
    }
    let [ours, raw, fastify] = [0, 1, 2].map(|way| ways[way].figures.p50());
    let ratio = Milli::ratio(ours.0, raw.0);
    let rows = bench.size.rows;
    let (told, mark) = (format!("p50 {ours:.2} ms"), Mark::at_most(2000, 1300));
    let what = format!("accounts list at {rows} rows, mixed terms, against the best raw SQL");
    table.ratio(what, told.clone(), format!("p50 {raw:.2} ms"), ratio, Some(mark));
    if other.is_some() {
        let ratio = Milli::ratio(fastify.0, ours.0);
        let what = format!("accounts list at {rows} rows, mixed terms, times faster than Fastify");
        table.ratio(what, told, format!("p50 {fastify:.2} ms"), ratio, Some(Mark::at_least(3000, 10_000)));
    }
    explain(&terms, &ways, table);
    throughput(bench, table).await
}

impl Way {
    fn new(name: &'static str, terms: usize) -> Result<Self> {
        Ok(Self { name, figures: Figures::new()?, totals: vec![-1; terms], by_term: vec![Vec::new(); terms] })
    }

    /// The first look warms up.
    fn note(&mut self, look: usize, at: usize, (total, took): (i64, Duration)) {
        self.totals[at] = total;
        if look > 0 {
            self.figures.good(200, took);
            self.by_term[at].push(Milli(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
        }
    }
}

async fn ask(client: &mut Client, path: &str, bearer: &http::HeaderValue) -> Result<(i64, Duration)> {
    let draft = Draft::new(Method::GET, path).with(AUTHORIZATION, bearer.clone());
    let began = Instant::now();
    let answer = client.send(&draft).await.map_err(|why| Failure::new(format!("{path}: no answer ({why:?})")))?;
    let took = began.elapsed();
    if !answer.is_success() {
        return Err(Failure::new(format!("{path} answers {}", answer.status)));
    }
    let json = answer.json();
    let total = json["pagination"]["total"].as_i64().or_else(|| json["total"].as_i64());
    Ok((total.unwrap_or(-1), took))
}

/// The same accounts for everybody. The suite's indexes are made anew behind the load, which is what an import does;
/// its counts are forgotten, since its triggers did not see the rows come.
async fn load(bench: &Bench, table: &mut Table) -> Result<()> {
    let began = Instant::now();
    let rows = bench.size.rows.to_string();
    bench.raw.file("list/load_accounts.sql", &[("rows", rows)]).await?;
    bench.raw.file("list/best.sql", &[]).await?;
    let mut db = bench.suite.database().await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select i.indexname::text, i.indexdef
           from pg_indexes i
          where i.schemaname = 'accounts' and i.tablename = 'account'
            and not exists (select from pg_constraint c where c.conname = i.indexname)",
    )
    .fetch_all(&mut db)
    .await?;
    for (name, _) in &indexes {
        db.execute(AssertSqlSafe(format!("drop index accounts.{name}"))).await?;
    }
    let database =
        bench.suite.database_url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let copied = bench.raw.copy(ROWS, database, INTO).await;
    db.execute("set search_path = accounts, extensions").await?;
    for (_, definition) in &indexes {
        db.execute(AssertSqlSafe(definition.clone())).await?;
    }
    copied?;
    db.execute("delete from account_count").await?;
    for sql in ["vacuum analyze account", "vacuum analyze account_change"] {
        db.execute(sql).await?;
    }
    table.note(format!("{} accounts loaded three times in {} s", bench.size.rows, began.elapsed().as_secs()));
    Ok(())
}

/// Each term for itself, and whether the totals agree.
fn explain(terms: &[(&str, &str)], ways: &[Way], table: &mut Table) {
    for (at, (term, page)) in terms.iter().enumerate() {
        let told = ways.iter().filter(|way| !way.by_term[at].is_empty()).map(|way| {
            let p50 = Milli::median(way.by_term[at].clone()).unwrap_or_default();
            format!("{} {p50:.2} ms of {}", way.name, way.totals[at])
        });
        table.note(format!("{:?} page {page}: {}", term, told.collect::<Vec<_>>().join(", ")));
    }
}

/// Mixed lists of eight clients, for the record.
async fn throughput(bench: &Bench, table: &mut Table) -> Result<()> {
    let run = async |bases: &Bases, bearer: &http::HeaderValue| {
        crate::load::closed(bases, 8, bench.size.run, bench.seed, |number| crate::load::lists(bearer, number)).await
    };
    let bearer = bench.clerk.bearer().await?;
    let ours = run(&bench.suite.bases, &bearer).await?;
    let Some(fastify) = &bench.fastify else {
        table.note(format!("mixed lists, 8 clients: {ours}"));
        return Ok(());
    };
    let other = run(&fastify.bases, &fastify.bearer).await?;
    let ratio = Milli::ratio(ours.per_second().0, other.per_second().0);
    let what = "mixed lists, 8 clients, against Fastify".to_owned();
    table.ratio(what, format!("{}/s", ours.per_second()), format!("{}/s", other.per_second()), ratio, None);
    Ok(())
}
