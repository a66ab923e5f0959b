//! F21: every process is stopped and started in turn under load, beside a twin, while idle sockets are open.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use http::Method;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::process::Signal;
use tokio::net::TcpStream;

use super::{Field, Verdict};
use crate::adopt::{Adopted, free_address};
use crate::failure::{Failure, Result};
use crate::http::{Bases, Client};
use crate::sell::{Seller, Sold};
use crate::suite::{GATEWAY, SERVICES, pause};
use crate::witness::Witness;

const TILLS: u64 = 8;
const IDLE_SOCKETS: usize = 50;

/// A drain waits for idle sockets to its deadline, so a short run opens them at one service and at the door.
const SHORT: [&str; 2] = ["pos", GATEWAY];
const DRAIN_MAX: Duration = Duration::from_secs(25);

/// A process and its twin.
struct Pair {
    name: &'static str,
    both: [Adopted; 2],
}

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let mut pairs = double(field).await?;
    let gateways = pairs.iter().filter(|pair| pair.name == GATEWAY).flat_map(|pair| &pair.both);
    let urls = gateways.map(|gateway| format!("http://{}", gateway.setting("LISTEN"))).collect::<Vec<_>>();
    let bases = Bases::of(urls.iter().map(String::as_str))?;
    let (done, lists) = (Cell::new(false), Cell::new(0));
    let load = try_join_all((0..TILLS).map(|number| till(field, witness, &bases, number, &done, &lists)));
    let mut verdict = Verdict::default();
    let draining = async {
        // A full run stops both of each pair, and goes on until it has its requests.
        for which in 0..field.scale(2, 1) {
            for pair in &mut pairs {
                let idle = if field.full || SHORT.contains(&pair.name) { IDLE_SOCKETS } else { 0 };
                drain(pair, which, idle, &mut verdict).await?;
            }
        }
        done.set(true);
        Ok(())
    };
    let (sold, ()) = tokio::try_join!(load, draining)?;
    sold.into_iter().for_each(|sold| verdict.sold.add(sold));
    for pair in pairs {
        let [own, twin] = pair.both;
        own.give_back(field.suite).await?;
        twin.give_back(field.suite).await?;
    }
    verdict.others = lists.get();
    verdict.all_served();
    let repeated = verdict.sold.statuses.iter().filter(|(status, _)| !(200..300).contains(*status));
    let failed = repeated.map(|(_, count)| count).sum::<u64>();
    verdict.note("failed", failed);
    verdict.must(failed == 0, || format!("{failed} requests failed while processes were stopped"));
    Ok(verdict)
}

/// Starts a twin of every process, and all of them anew so that they know both addresses of each service.
async fn double(field: &Field<'_>) -> Result<Vec<Pair>> {
    let mut urls = BTreeMap::new();
    let mut places = BTreeMap::new();
    for name in SERVICES {
        let own = field.suite.process(name)?.environment.remove("LISTEN").unwrap_or_default();
        let twin = free_address()?;
        urls.insert(format!("{}_URL", name.to_uppercase()), format!("http://{own},http://{twin}"));
        places.insert(name, twin);
    }
    let mut pairs = Vec::new();
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        let mut settings = urls.clone();
        if let Some(place) = places.get(name) {
            settings.insert("LISTEN".to_owned(), place.clone());
        }
        let twin = Adopted::twin(field.suite, name, &settings).await?;
        let own = Adopted::take(field.suite, name, Signal::TERM, &urls).await?;
        pairs.push(Pair { name, both: [own, twin] });
    }
    Ok(pairs)
}

/// Stops one of a pair under load and with idle sockets, and starts it again.
async fn drain(pair: &mut Pair, which: usize, idle: usize, verdict: &mut Verdict) -> Result<()> {
    let name = pair.name;
    let one = &mut pair.both[which];
    let place = one.setting("LISTEN").to_owned();
    let idle = try_join_all((0..idle).map(|_| TcpStream::connect(place.clone()))).await?;
    pause(500).await;
    let ended = one.drain(Duration::from_secs(40)).await?;
    drop(idle);
    verdict.note(name, format!("{}ms", ended.took.as_millis()));
    verdict.recovery = verdict.recovery.max(ended.took);
    verdict.must(ended.code == Some(0), || format!("{name} ended with {:?}", ended.code));
    verdict.must(ended.took <= DRAIN_MAX, || format!("{name} took {} ms to stop", ended.took.as_millis()));
    one.start()?;
    one.ready().await?;
    pause(500).await;
    Ok(())
}

/// Sells and looks things up until all is done.
async fn till(
    field: &Field<'_>,
    witness: &Witness,
    bases: &Bases,
    number: u64,
    done: &Cell<bool>,
    lists: &Cell<u64>,
) -> Result<Sold> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(number));
    let mut seller = Seller::new(field.clerk, bases, witness);
    let mut client = Client::new(bases);
    let mut all = Sold::default();
    let wanted = field.scale(10_000 / TILLS, 0);
    while !done.get() || all.sent + lists.get() / TILLS < wanted {
        all.add(seller.sell(&field.counter.order(&mut random), Duration::from_secs(30)).await?);
        for path in ["/v1/accounts?limit=25&q=an", "/v1/auth/me", "/v1/products?limit=10"] {
            let answer = client.send(&field.clerk.draft(Method::GET, path).await?).await;
            let status = answer.map_or(0, |answer| answer.status);
            *all.statuses.entry(status).or_default() += 1;
            lists.set(lists.get() + 1);
        }
    }
    Ok::<_, Failure>(all)
}
