//! Load: many clients that each wait for their answer, or a fixed rate that waits for nobody.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use http::Method;
use http::header::AUTHORIZATION;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cli::{Load, Mix};
use crate::failure::{Failure, Result};
use crate::figures::{Figures, told};
use crate::ground;
use crate::http::{Bases, Client, Draft};
use crate::order::Counter;
use crate::sell::{Seller, Sold};
use crate::session::Session;
use crate::witness::Witness;

/// What is sought in the lists: page by page, rare and common terms, tab-separated.
pub(crate) const TERMS: &str = include_str!("../baseline/pgbench/list/terms-mixed.tsv");

/// The next request of a client.
pub(crate) type Next<'a> = Box<dyn FnMut(&mut StdRng) -> Result<Draft> + 'a>;

/// `clients` connections that each send the next request when they have the answer to the last. What comes in the
/// first fifth is not counted.
pub(crate) async fn closed<'a>(
    bases: &Bases,
    clients: usize,
    time: Duration,
    seed: u64,
    next: impl Fn(usize) -> Next<'a>,
) -> Result<Figures> {
    let warm = Instant::now() + time / 5;
    let end = warm + time;
    let client = |number: usize| {
        let mut next = next(number);
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
        let mut client = Client::new(bases);
        async move {
            let mut figures = Figures::new()?;
            loop {
                let draft = next(&mut random)?;
                let began = Instant::now();
                let answer = client.send(&draft).await;
                let now = Instant::now();
                if now > end {
                    figures.took = end - warm;
                    return Ok::<_, Failure>(figures);
                }
                if began < warm {
                    continue;
                }
                match answer {
                    Ok(answer) if answer.is_success() => figures.good(answer.status, now - began),
                    Ok(answer) => figures.bad(answer.status),
                    Err(_) => figures.bad(0),
                }
            }
        }
    };
    let mut all = Figures::new()?;
    for figures in try_join_all((0..clients).map(client)).await? {
        all.add(&figures)?;
    }
    Ok(all)
}

/// Sales of a clerk.
pub(crate) fn sales<'a>(counter: &'a Counter, bearer: &'a http::HeaderValue) -> Next<'a> {
    Box::new(move |random| counter.order(random).draft(bearer))
}

/// Lists of accounts; each client begins at another term.
pub(crate) fn lists<'a>(bearer: &'a http::HeaderValue, number: usize) -> Next<'a> {
    let paths = TERMS.lines().map(list_path).collect::<Vec<_>>();
    let mut at = number * 5;
    Box::new(move |_| {
        at += 1;
        let path = &paths[at % paths.len()];
        Ok(Draft::new(Method::GET, path.clone()).with(AUTHORIZATION, bearer.clone()))
    })
}

/// The path of a page, from a line such as `sarah⇥40`.
pub(crate) fn list_path(line: &str) -> String {
    let (term, page) = line.split_once('\t').unwrap_or((line, "1"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let escape = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let term = term.bytes().map(escape).collect::<String>();
    let search = if term.is_empty() { String::new() } else { format!("&q={term}") };
    format!("/v1/accounts?limit=25&page={page}&sort=name{search}")
}

/// Calls `work` at a fixed rate from `workers` hands. Each call gets the instant at which it was due, so that what
/// waits behind a slow answer is counted as slow.
pub(crate) async fn paced<W>(rate: u64, workers: u64, time: Duration, work: impl Fn(u64) -> W) -> Result<()>
where
    W: AsyncFnMut(Instant) -> Result<()>,
{
    let began = Instant::now();
    let hand = |number: u64| {
        let mut work = work(number);
        async move {
            for turn in 0.. {
                let due = Duration::from_micros((number + turn * workers) * 1_000_000 / rate.max(1));
                if due > time {
                    return Ok(());
                }
                tokio::time::sleep_until((began + due).into()).await;
                work(began + due).await?;
            }
            Ok::<_, Failure>(())
        }
    };
    join_all((0..workers).map(hand)).await.into_iter().collect()
}

/// The command.
pub(crate) async fn run(options: Load) -> Result<bool> {
    let bases = Bases::one(&options.url)?;
    let seed = options.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let clerk = Session::new(&bases, "clerk@demo.test");
    let counter = ground::prepare(&Session::new(&bases, "owner@demo.test"), 3).await?;
    let time = Duration::from_secs(options.seconds.max(1));
    println!("{} clients for {} s, seed {seed}", options.clients, options.seconds);
    if let Some(path) = &options.witness {
        let witness = Witness::begin(path)?;
        let sold = witnessed(&clerk, &counter, &witness, &options, seed).await?;
        let rate = crate::figures::Milli::rate(sold.acked, time);
        println!("{} sent, {} acknowledged ({rate}/s), {}", sold.sent, sold.acked, told(&sold.statuses));
        return Ok(sold.acked == sold.sent);
    }
    let bearer = clerk.bearer().await?;
    let figures = match options.rate {
        Some(rate) => at_rate(&bases, &counter, &bearer, rate, &options, seed).await?,
        None => {
            let next = |number: usize| match options.mix {
                Mix::Sales => sales(&counter, &bearer),
                Mix::Lists => lists(&bearer, number),
                Mix::Mixed if number % 10 == 9 => lists(&bearer, number),
                Mix::Mixed => sales(&counter, &bearer),
            };
            closed(&bases, options.clients, time, seed, next).await?
        }
    };
    println!("{figures}");
    Ok(figures.failed() == 0)
}

async fn at_rate(
    bases: &Bases,
    counter: &Counter,
    bearer: &http::HeaderValue,
    rate: u64,
    options: &Load,
    seed: u64,
) -> Result<Figures> {
    let all = std::cell::RefCell::new(Figures::new()?);
    let time = Duration::from_secs(options.seconds);
    paced(rate, options.clients as u64, time, |number| {
        let mut client = Client::new(bases);
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(number));
        let all = &all;
        async move |due: Instant| {
            let answer = client.send(&counter.order(&mut random).draft(bearer)?).await;
            match answer {
                Ok(answer) if answer.is_success() => all.borrow_mut().good(answer.status, due.elapsed()),
                Ok(answer) => all.borrow_mut().bad(answer.status),
                Err(_) => all.borrow_mut().bad(0),
            }
            Ok(())
        }
    })
    .await?;
    let mut figures = all.into_inner();
    figures.took = time;
    Ok(figures)
}

async fn witnessed(clerk: &Session, counter: &Counter, witness: &Witness, options: &Load, seed: u64) -> Result<Sold> {
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let seller = |number: usize| {
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
        let mut seller = Seller::new(clerk, &clerk.bases, witness);
        async move {
            let mut all = Sold::default();
            while Instant::now() < end {
                all.add(seller.sell(&counter.order(&mut random), Duration::from_secs(60)).await?);
            }
            Ok::<_, Failure>(all)
        }
    };
    let mut all = Sold::default();
    for sold in try_join_all((0..options.clients).map(seller)).await? {
        all.add(sold);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::http::tests::{AWAY, CREATED, stub};

    #[test]
    fn a_term_is_escaped_for_its_path() {
        assert_eq!(list_path("\t400"), "/v1/accounts?limit=25&page=400&sort=name");
        assert_eq!(list_path("patrick den\t1"), "/v1/accounts?limit=25&page=1&sort=name&q=patrick%20den");
        assert_eq!(list_path("+1200\t1"), "/v1/accounts?limit=25&page=1&sort=name&q=%2B1200");
        assert_eq!(TERMS.lines().count(), 16);
    }

    #[tokio::test]
    async fn refusals_are_counted_beside_good_answers() {
        let mut answers = vec![AWAY; 3];
        answers.extend([CREATED; 10_000]);
        let (bases, _) = stub(answers).await;
        let next = |_| -> Next<'_> { Box::new(|_| Ok(Draft::new(Method::GET, "/x"))) };
        let figures = closed(&bases, 1, Duration::from_millis(50), 1, next).await.unwrap();
        assert!(figures.count() > 0, "{figures}");
        assert_eq!(figures.took, Duration::from_millis(50));
    }

    #[tokio::test]
    async fn a_fixed_rate_does_not_wait_for_slow_answers() {
        let due = RefCell::new(Vec::new());
        paced(100, 4, Duration::from_millis(90), |_| {
            async |at: Instant| {
                due.borrow_mut().push(at);
                tokio::time::sleep(Duration::from_millis(25)).await;
                Ok(())
            }
        })
        .await
        .unwrap();
        let mut due = due.into_inner();
        due.sort();
        assert_eq!(due.len(), 10);
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(10)));
    }
}
