//! The oracle: what must hold after every fault, asked of the database and the processes themselves.

mod books;
mod events;
mod keys;
mod logs;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::failure::Result;
use crate::suite::{SERVICES, Suite};
use crate::witness::Witness;

pub(crate) use events::{await_rest, effects_missing, effects_missing_but};
use logs::Logs;

/// How long the suite may take to come to rest.
const REST: Duration = Duration::from_secs(60);

/// One thing that must hold.
pub(crate) struct Check {
    /// Such as `O1`.
    name: &'static str,
    sentence: &'static str,
    /// What is wrong; nothing when it holds.
    wrong: Vec<String>,
}

/// What the witness and the database say of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) keys: u64,
    pub(crate) acked: u64,
    /// Sales that were done, whether somebody was told or not.
    pub(crate) effects: u64,
    /// Acknowledged, and not there or not as it was said.
    pub(crate) lost: Vec<String>,
    /// Done more than once, or done without anybody asking.
    pub(crate) doubled: Vec<String>,
}

/// What a fault was expected to leave behind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    pub(crate) parked: i64,
    pub(crate) exceptions: i64,
}

pub(crate) struct Oracle<'a> {
    suite: &'a Suite,
    db: PgConnection,
    logs: Logs,
    since: DateTime<Utc>,
}

impl Check {
    fn new(name: &'static str, sentence: &'static str, wrong: Vec<String>) -> Self {
        Self { name, sentence, wrong }
    }
}

impl<'a> Oracle<'a> {
    pub(crate) async fn new(suite: &'a Suite) -> Result<Self> {
        let mut db = suite.database().await?;
        let since = now(&mut db).await?;
        Ok(Self { suite, db, logs: Logs::begin(suite)?, since })
    }

    /// The clock of the database.
    pub(crate) async fn now(&mut self) -> Result<DateTime<Utc>> {
        now(&mut self.db).await
    }

    /// Waits until every event has had its effects. How long that took; nothing when it did not come to rest.
    pub(crate) async fn rest(&mut self, patience: Duration) -> Result<Option<Duration>> {
        await_rest(&mut self.db, patience).await
    }

    /// Compares the witness with the database. `since`: sales after it that the witness does not know are doubled.
    pub(crate) async fn tally(&mut self, witness: &Witness, since: DateTime<Utc>) -> Result<Tally> {
        keys::tally(&mut self.db, &witness.recall()?, since).await
    }

    /// Checks everything, prints one line, and says whether all holds.
    pub(crate) async fn check(&mut self, fault: &str, expected: Expected) -> Result<bool> {
        let rest = self.rest(REST).await?;
        let unrest = if rest.is_none() { events::unrest(&mut self.db).await? } else { Vec::new() };
        let mut checks = vec![Check::new("O4", "every event told has had its effect, once", unrest)];
        checks.extend(books::check(&mut self.db).await?);
        checks.push(events::told_and_heard(&mut self.db, self.since).await?);
        checks.push(self.sessions().await?);
        checks.push(self.chains().await?);
        checks.push(events::parked(&mut self.db, self.suite, expected).await?);
        checks.push(self.logs.check(self.suite)?);
        let (good, bad) = checks.iter().partition::<Vec<_>, _>(|check| check.wrong.is_empty());
        let names = good.iter().map(|check| check.name).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        println!("ORACLE {fault} {} of {} hold: {}", good.len(), checks.len(), names.join(" "));
        for check in &bad {
            println!("ORACLE {fault} {} BROKEN: {}", check.name, check.sentence);
            check.wrong.iter().take(10).for_each(|wrong| println!("       {wrong}"));
        }
        Ok(bad.is_empty())
    }

    /// O6: the database holds nothing half done.
    async fn sessions(&mut self) -> Result<Check> {
        let mut wrong: Vec<String> = sqlx::query_scalar(
            "select format('%s idles in a transaction since %s', usename, state_change)
               from pg_stat_activity
              where state like 'idle in transaction%'
                and clock_timestamp() - state_change > interval '15 seconds'",
        )
        .fetch_all(&mut self.db)
        .await?;
        let left: Vec<String> = sqlx::query_scalar(
            "select format('prepared transaction %s', gid) from pg_prepared_xacts
             union all
             select format('invalid index %s', indexrelid::regclass) from pg_index where not indisvalid",
        )
        .fetch_all(&mut self.db)
        .await?;
        wrong.extend(left);
        Ok(Check::new("O6", "no transaction idles, nothing is prepared, no index is invalid", wrong))
    }

    /// O7: each service recomputes its hash chains.
    async fn chains(&self) -> Result<Check> {
        let mut wrong = Vec::new();
        for name in SERVICES {
            let (holds, words) = crate::adopt::command(&self.suite.process(name)?, &["verify-audit"]).await?;
            if !holds {
                wrong.push(format!("{name} verify-audit: {words}"));
            }
        }
        Ok(Check::new("O7", "the hash chains hold", wrong))
    }
}

async fn now(db: &mut PgConnection) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(db).await?)
}
