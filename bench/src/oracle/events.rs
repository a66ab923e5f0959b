//! O4 and O8: every event that was told is heard once by everybody who should, and nothing is parked unasked.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use events::{HEARS, Names};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::timeout;

use super::{Check, Expected};
use crate::failure::{Failure, Result, While};
use crate::suite::{SERVICES, Suite, pause};

/// What the bodies of injected messages hold, and no other.
const POISON: &str = "\\xffff62656e636820706f69736f6e20";

/// Waits until every event has had its effects. How long that took; nothing when it did not come to rest.
pub(crate) async fn await_rest(db: &mut PgConnection, patience: Duration) -> Result<Option<Duration>> {
    let began = Instant::now();
    while !at_rest(db).await? {
        if began.elapsed() > patience {
            return Ok(None);
        }
        pause(100).await;
    }
    Ok(Some(began.elapsed()))
}

/// Whether nothing waits anywhere: neither to be told, nor on its way, nor to be retried.
async fn at_rest(db: &mut PgConnection) -> Result<bool> {
    for service in SERVICES {
        if count(db, &unpublished(service)).await? > 0 || count(db, &untried(service)).await? > 0 {
            return Ok(false);
        }
    }
    Ok(effects_missing(db).await? == 0)
}

/// What keeps the suite from rest.
pub(super) async fn unrest(db: &mut PgConnection) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for service in SERVICES {
        let (unpublished, untried) = (count(db, &unpublished(service)).await?, count(db, &untried(service)).await?);
        if unpublished + untried > 0 {
            wrong.push(format!("{service}: {unpublished} events not told, {untried} heard and not done"));
        }
    }
    for (subscriber, producer) in pairs() {
        let missing = count(db, &unheard(subscriber, producer)).await?;
        if missing > 0 {
            wrong.push(format!("{subscriber} has not done {missing} events of {producer}"));
        }
    }
    Ok(wrong)
}

/// How many effects of events that were told are still to come.
pub(crate) async fn effects_missing(db: &mut PgConnection) -> Result<i64> {
    effects_missing_but(db, "").await
}

/// The same without those of one service.
pub(crate) async fn effects_missing_but(db: &mut PgConnection, service: &str) -> Result<i64> {
    let others = pairs().filter(|(subscriber, _)| *subscriber != service);
    let parts = others.map(|(subscriber, producer)| format!("({})", unheard(subscriber, producer)));
    count(db, &format!("select {}", parts.collect::<Vec<_>>().join(" + "))).await
}

/// O4, the other way: nobody has heard what nobody told. Only what was heard since then counts: who forgets a member
/// deletes what was told of him before.
pub(super) async fn told_and_heard(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Check> {
    let mut wrong = Vec::new();
    for (subscriber, producer) in pairs() {
        // Made of names in this program only.
        let invented = AssertSqlSafe(format!(
            "select count(*) from {subscriber}.inbox i
              where i.producer = '{producer}' and i.done_at is not null and position('{POISON}' in i.body) = 0
                and i.first_seen_at >= $1
                and not exists (select from {producer}.outbox o where o.event_id = i.event_id)"
        ));
        let invented: i64 = sqlx::query_scalar(invented).bind(since).fetch_one(&mut *db).await?;
        if invented > 0 {
            wrong.push(format!("{subscriber} has heard {invented} events that {producer} never told"));
        }
    }
    Ok(Check::new("O4", "nobody has heard what nobody told", wrong))
}

/// O8: what is parked, noted as an exception or dead-lettered is what was injected.
pub(super) async fn parked(db: &mut PgConnection, suite: &Suite, expected: Expected) -> Result<Check> {
    let all = SERVICES.map(|service| format!("(select count(*) from {service}.inbox where parked_at is not null)"));
    let parked = count(db, &format!("select {}", all.join(" + "))).await?;
    let exceptions = count(db, "select count(*) from ledger.posting_exception where resolved_at is null").await?;
    let dead = depth(suite, &Names::default().dead()).await?;
    let mut wrong = Vec::new();
    for (what, found, wanted) in [
        ("parked events", parked, expected.parked),
        ("posting exceptions", exceptions, expected.exceptions),
        ("dead letters", i64::from(dead), 0),
    ] {
        if found != wanted {
            wrong.push(format!("{found} {what}, {wanted} were injected"));
        }
    }
    Ok(Check::new("O8", "parked is what was injected", wrong))
}

/// How many messages wait in a queue of the broker.
async fn depth(suite: &Suite, queue: &str) -> Result<u32> {
    let asking = async {
        let connection = Connection::connect(&suite.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        let depth = found.message_count();
        connection.close(200, "done".into()).await?;
        Ok::<_, lapin::Error>(depth)
    };
    let asked = timeout(Duration::from_secs(20), asking).await;
    asked.map_err(|_| Failure::new("the broker does not answer"))?.when(format!("asking for the queue {queue}"))
}

/// Who hears whom.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    HEARS.iter().flat_map(|(subscriber, kinds)| {
        let producers = SERVICES.iter().filter(|producer| kinds.iter().any(|kind| owner(kind) == **producer));
        producers.map(|producer| (*subscriber, *producer))
    })
}

fn owner(kind: &str) -> &str {
    kind.split('.').next().unwrap_or_default()
}

fn unpublished(service: &str) -> String {
    format!("select count(*) from {service}.outbox where published_at is null")
}

fn untried(service: &str) -> String {
    format!("select count(*) from {service}.inbox where done_at is null and parked_at is null")
}

fn unheard(subscriber: &str, producer: &str) -> String {
    let kinds = HEARS.iter().find(|(name, _)| *name == subscriber).map_or(&[] as &[&str], |(_, kinds)| kinds);
    let kinds = kinds.iter().filter(|kind| owner(kind) == producer).map(|kind| format!("'{kind}'"));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    format!(
        "select count(*) from {producer}.outbox o
          where o.kind in ({kinds})
            and not exists (select from {subscriber}.inbox i where i.event_id = o.event_id and i.done_at is not null)"
    )
}

async fn count(db: &mut PgConnection, sql: &str) -> Result<i64> {
    // Made of names in this program only.
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_hears_of_sales_and_stock_and_nobody_hears_himself() {
        let pairs = pairs().collect::<Vec<_>>();
        for wanted in [("ledger", "pos"), ("ledger", "inventory"), ("inventory", "pos"), ("pos", "ledger")] {
            assert!(pairs.contains(&wanted), "{wanted:?}");
        }
        assert!(pairs.iter().all(|(subscriber, producer)| subscriber != producer));
        assert!(unheard("inventory", "pos").contains("in ('pos.sale.completed', 'pos.sale.voided')"));
    }
}
