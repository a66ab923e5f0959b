//! F12: messages that can never be applied; they are parked or noted, and hold up nobody.

use std::time::{Duration, Instant};

use chrono::Utc;
use events::Names;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{Field, Verdict};
use crate::failure::{Failure, Result};
use crate::oracle::{Expected, effects_missing};
use crate::sell::Seller;
use crate::suite::{SERVICES, Suite, pause};
use crate::witness::Witness;

/// Of every poison, so that it is known among the inbox rows.
const MARK: &[u8] = b"\xff\xffbench poison ";

/// The effects of other events may be this late at most.
const DELAY_MAX: Duration = Duration::from_secs(5);

/// How long the fifth attempt may take to come: 1, 5, 30 and 120 s lie between them.
const PARKED_WITHIN: Duration = Duration::from_secs(240);

/// A message that can never be applied.
struct Poison {
    queue: &'static str,
    kind: &'static str,
    /// Who tells it; nobody, when the message has no envelope at all.
    producer: Option<&'static str>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Five attempts, then a person.
    Parked,
    /// The books keep a list of what no rule could post.
    Exception,
}

const POISONS: [Poison; 5] = [
    Poison { queue: "inventory", kind: "pos.sale.completed", producer: Some("pos"), end: End::Parked },
    Poison { queue: "inventory", kind: "bench.no.envelope", producer: None, end: End::Parked },
    Poison { queue: "pos", kind: "ledger.tax_rate.changed", producer: Some("ledger"), end: End::Parked },
    Poison { queue: "ledger", kind: "pos.sale.completed", producer: Some("pos"), end: End::Exception },
    Poison { queue: "ledger", kind: "bench.unknown.kind", producer: Some("bench"), end: End::Exception },
];

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let mut random = StdRng::seed_from_u64(field.seed);
    let mut verdict = Verdict::default();
    let mut db = field.suite.database().await?;
    inject(field.suite, &mut random).await?;
    let mut seller = Seller::new(field.clerk, &field.clerk.bases, witness);
    for _ in 0..field.scale(200, 20) {
        verdict.sold.add(seller.sell(&field.counter.order(&mut random), Duration::from_secs(30)).await?);
    }
    let sold = Instant::now();
    while effects_missing(&mut db).await? > 0 && sold.elapsed() < DELAY_MAX {
        pause(20).await;
    }
    verdict.recovery = sold.elapsed();
    let late = sold.elapsed() >= DELAY_MAX;
    verdict.must(!late, || "other events were held up for more than 5 s".to_owned());
    await_end(field, &mut db).await?;
    let parked = count(&mut db, "parked_at is not null").await?;
    let fifth = count(&mut db, "parked_at is not null and attempts = 5").await?;
    let noted: i64 = sqlx::query_scalar("select count(*) from ledger.posting_exception where resolved_at is null")
        .fetch_one(&mut db)
        .await?;
    verdict.expected = expected();
    verdict.note("parked", parked);
    verdict.note("exceptions", noted);
    verdict
        .must(fifth == parked, || format!("{} were parked after another number of attempts than five", parked - fifth));
    verdict.others = POISONS.len() as u64;
    verdict.all_served();
    Ok(verdict)
}

/// What is left behind until it is cleaned.
fn expected() -> Expected {
    let number = |end| i64::try_from(POISONS.iter().filter(|poison| poison.end == end).count()).unwrap_or(0);
    Expected { parked: number(End::Parked), exceptions: number(End::Exception) }
}

/// Takes away what was injected, as a person does who has looked at it.
pub(super) async fn clean(suite: &Suite) -> Result<()> {
    let mut db = suite.database().await?;
    sqlx::query("delete from ledger.posting_exception where position($1 in body) > 0")
        .bind(MARK)
        .execute(&mut db)
        .await?;
    for service in SERVICES {
        let sql = format!("delete from {service}.inbox where position($1 in body) > 0");
        sqlx::query(AssertSqlSafe(sql)).bind(MARK).execute(&mut db).await?;
    }
    Ok(())
}

/// Puts the poisons straight into the queues.
async fn inject(suite: &Suite, random: &mut StdRng) -> Result<()> {
    let connection = Connection::connect(&suite.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    for poison in &POISONS {
        let mut body = MARK.to_vec();
        body.extend(random.random::<[u8; 16]>());
        let queue = Names::default().queue(poison.queue);
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let published = channel.basic_publish("".into(), queue.as_str().into(), options, &body, poison.properties());
        if published.await?.await?.is_nack() {
            return Err(Failure::new(format!("the broker refused a message for {queue}")));
        }
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

impl Poison {
    fn properties(&self) -> BasicProperties {
        let properties = BasicProperties::default().with_delivery_mode(2).with_type(self.kind.into());
        let Some(producer) = self.producer else { return properties };
        let mut headers = FieldTable::default();
        for (name, value) in [("producer", producer.to_owned()), ("subject-id", Uuid::now_v7().to_string())] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        for (name, value) in
            [("producer-tx", 1), ("subject-version", 1), ("occurred-at-micros", Utc::now().timestamp_micros())]
        {
            headers.insert(name.into(), AMQPValue::LongLongInt(value));
        }
        properties.with_message_id(Uuid::now_v7().to_string().into()).with_headers(headers)
    }
}

/// Waits until all are parked or noted. In a short run the rests between the attempts are cut.
async fn await_end(field: &Field<'_>, db: &mut PgConnection) -> Result<()> {
    let deadline = Instant::now() + field.scale(PARKED_WITHIN, Duration::from_secs(60));
    while count(db, "done_at is null and parked_at is null").await? > 0 || count(db, "true").await? < 5 {
        if Instant::now() > deadline {
            return Err(Failure::new("the poisons were neither parked nor noted in time"));
        }
        if !field.full {
            for service in SERVICES {
                let sql = format!(
                    "update {service}.inbox set next_attempt_at = now()
                      where position($1 in body) > 0 and next_attempt_at > now() and done_at is null
                        and parked_at is null"
                );
                sqlx::query(AssertSqlSafe(sql)).bind(MARK).execute(&mut *db).await?;
            }
        }
        pause(200).await;
    }
    Ok(())
}

/// Poisons in inboxes of which a condition holds.
async fn count(db: &mut PgConnection, condition: &str) -> Result<i64> {
    let parts = SERVICES.map(|service| {
        format!("(select count(*) from {service}.inbox where position($1 in body) > 0 and {condition})")
    });
    let sql = format!("select {}", parts.join(" + "));
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(MARK).fetch_one(db).await?)
}
