//! The suite is broken on purpose, in the ways of the fault matrix; after each fault the witness and the oracle speak.

mod away;
mod cancel;
mod drain;
mod duplicate;
mod forge;
mod fuzz;
mod kill;
mod outage;
mod poison;
mod replay;
mod storm;

use std::time::Duration;

use rand::Rng;

use crate::cli::Faults;
use crate::failure::{Failure, Result, While};
use crate::figures::told;
use crate::ground;
use crate::oracle::{Expected, Oracle, Tally};
use crate::order::Counter;
use crate::sell::Sold;
use crate::session::Session;
use crate::suite::{GATEWAY, SERVICES, Suite};
use crate::witness::Witness;

/// In the order of their worth.
const ALL: [&str; 12] =
    ["F04", "F05", "F01-pos", "F01-ledger", "F21", "F06", "IDENTITY-AWAY", "F09", "F12", "F26", "F28", "STORM"];

/// Everything a fault needs.
pub(crate) struct Field<'a> {
    suite: &'a Suite,
    owner: &'a Session,
    clerk: &'a Session,
    counter: &'a Counter,
    seed: u64,
    full: bool,
}

impl Field<'_> {
    /// The figure of the fault matrix, or a small one.
    fn scale<T>(&self, full: T, small: T) -> T {
        if self.full { full } else { small }
    }
}

/// What came of a fault.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) sold: Sold,
    /// Requests that are no sales.
    pub(crate) others: u64,
    /// From the end of the fault to the first good answer, or to the last effect.
    pub(crate) recovery: Duration,
    /// More to tell, such as `kills=20`.
    pub(crate) notes: Vec<String>,
    /// What should not have happened.
    pub(crate) wrong: Vec<String>,
    pub(crate) expected: Expected,
}

impl Verdict {
    fn note(&mut self, name: &str, value: impl std::fmt::Display) {
        self.notes.push(format!("{name}={value}"));
    }

    fn must(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(wrong());
        }
    }

    /// Everybody got what he asked for, and nobody saw an answer that he should not.
    fn all_served(&mut self) {
        let Sold { sent, acked, refused, open, .. } = self.sold;
        let surprises = self.sold.surprises();
        self.must(acked == sent, || format!("of {sent} sales {refused} were refused and {open} not answered"));
        self.must(surprises.is_empty(), || format!("answers that nobody should get: {}", surprises.join(" ")));
    }
}

/// The command. False when anything was wrong.
pub(crate) async fn run(options: Faults) -> Result<bool> {
    let suite = Suite::find()?;
    let chosen = chosen(&options)?;
    let seed = options.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let (owner, clerk) = (Session::new(&suite.bases, "owner@demo.test"), Session::new(&suite.bases, "clerk@demo.test"));
    let counter = ground::prepare(&owner, 3).await?;
    let full = options.full || options.storm;
    let mut oracle = Oracle::new(&suite).await?;
    if oracle.rest(Duration::from_secs(120)).await?.is_none() {
        println!("the suite is not at rest before the first fault");
    }
    let mut broken = Vec::new();
    for fault in chosen {
        let field = Field { suite: &suite, owner: &owner, clerk: &clerk, counter: &counter, seed, full };
        if !one(&field, fault, &mut oracle).await? {
            broken.push(fault);
        }
    }
    match broken.is_empty() {
        true => println!("all faults were survived, seed {seed}"),
        false => println!("NOT survived: {}, seed {seed}", broken.join(" ")),
    }
    Ok(broken.is_empty())
}

fn chosen(options: &Faults) -> Result<Vec<&'static str>> {
    if options.storm {
        return Ok(vec!["STORM"]);
    }
    let unknown = options.only.iter().find(|name| !ALL.iter().any(|fault| fault.starts_with(name.as_str())));
    if let Some(name) = unknown {
        return Err(Failure::new(format!("there is no fault {name}; there are {}", ALL.join(" "))));
    }
    let wanted =
        |fault: &&str| options.only.is_empty() || options.only.iter().any(|name| fault.starts_with(name.as_str()));
    Ok(ALL.into_iter().filter(wanted).collect())
}

async fn one(field: &Field<'_>, fault: &'static str, oracle: &mut Oracle<'_>) -> Result<bool> {
    let witness = Witness::begin(&field.suite.notes()?.join(format!("{fault}.jsonl")))?;
    let since = oracle.now().await?;
    let done = match fault {
        "F01-pos" => kill::run(field, &witness, "pos").await,
        "F01-ledger" => kill::run(field, &witness, "ledger").await,
        "F04" => cancel::run(field, &witness).await,
        "F05" => duplicate::run(field, &witness).await,
        "F06" => outage::run(field, &witness).await,
        "F09" => replay::run(field, &witness).await,
        "F12" => poison::run(field, &witness).await,
        "F21" => drain::run(field, &witness).await,
        "F26" => fuzz::run(field).await,
        "F28" => forge::run(field).await,
        "IDENTITY-AWAY" => away::run(field, &witness).await,
        _ => storm::run(field, &witness).await,
    };
    let verdict = done.when(fault)?;
    // A fault may have cost a process its life; the runner starts it again.
    let everybody = SERVICES.into_iter().chain([GATEWAY]).collect::<Vec<_>>();
    field.suite.await_ready(&everybody, Duration::from_secs(60)).await?;
    let rest = oracle.rest(Duration::from_secs(60)).await?;
    let tally = oracle.tally(&witness, since).await?;
    tell(fault, field.seed, &verdict, &tally, rest);
    let holds = oracle.check(fault, verdict.expected).await?;
    if verdict.expected.parked > 0 || verdict.expected.exceptions > 0 {
        poison::clean(field.suite).await?;
    }
    Ok(holds && verdict.wrong.is_empty() && tally.lost.is_empty() && tally.doubled.is_empty())
}

fn tell(fault: &str, seed: u64, verdict: &Verdict, tally: &Tally, rest: Option<Duration>) {
    let Verdict { sold, others, recovery, notes, wrong, .. } = verdict;
    let (sent, acked) = (sold.sent + others, tally.acked);
    let (effects, lost, doubled) = (tally.effects, tally.lost.len(), tally.doubled.len());
    let recovery = recovery.as_millis();
    let rest = rest.map_or_else(|| "never".to_owned(), |rest| rest.as_millis().to_string());
    println!(
        "FAULT {fault} seed={seed} sent={sent} acked={acked} effects={effects} lost={lost} dup={doubled} \
         recovery_ms={recovery} rest_ms={rest} {} answers=[{}]",
        notes.join(" "),
        told(&sold.statuses)
    );
    for (title, lines) in [("lost", &tally.lost), ("doubled", &tally.doubled), ("wrong", wrong)] {
        lines.iter().take(10).for_each(|line| println!("       {title}: {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str]) -> Faults {
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        Faults { full: false, only, storm: false, seed: None }
    }

    #[test]
    fn a_fault_is_chosen_by_its_number() {
        assert_eq!(chosen(&options(&[])).unwrap().len(), ALL.len());
        assert_eq!(chosen(&options(&["F01", "F28"])).unwrap(), ["F01-pos", "F01-ledger", "F28"]);
        assert!(chosen(&options(&["F99"])).is_err());
        assert_eq!(chosen(&Faults { storm: true, ..options(&["F01"]) }).unwrap(), ["STORM"]);
    }
}
