use std::time::{Duration, Instant};

use events::{HearError, Heard};
use futures_util::future::join_all;
use lapin::options::BasicGetOptions;
use lapin::types::FieldTable;
use proto::Event;
use proto::pos::v1::DrawerOpened;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::database::context;
use crate::gate::{Gate, State};
use crate::town::{Town, eventually, pause};

/// Books each event once, or twice if it is heard twice.
pub(crate) async fn book(tx: &mut db::Tx, heard: &Heard) -> Result<(), HearError> {
    heard.decode::<DrawerOpened>()?;
    sqlx::query("insert into effect (event_id, kind) values ($1, $2)")
        .bind(heard.event_id)
        .bind(&heard.kind)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Transactions of random length, some of which roll back; each takes its position long before its commit.
async fn write(town: &Town, seed: u64, rounds: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..rounds {
        let mut tx = town.pos.begin(context("pos")).await.unwrap();
        sqlx::query(
            "insert into outbox (event_id, kind, aggregate_id, aggregate_version, body, headers)
             values ($1, $2, $1, 1, '', '{}')",
        )
        .bind(Uuid::now_v7())
        .bind(DrawerOpened::KIND)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("select pg_sleep($1 / 1000.0)").bind(random.random_range(0..12)).execute(&mut *tx).await.unwrap();
        if random.random_bool(0.95) {
            town.pos.commit(tx).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_event_that_commits_late_is_late_and_never_lost() {
    let town = Town::open().await;
    let (relay, books) = (town.relay(), town.consume(book));

    join_all((0..8).map(|seed| write(&town, seed, 60))).await;

    let told: i64 = sqlx::query_scalar("select count(*) from outbox")
        .fetch_one(&mut *town.pos.background().await.unwrap())
        .await
        .unwrap();
    assert!(told > 400);
    town.has_effects(told).await;
    assert_eq!(town.unpublished().await, 0);
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

#[tokio::test]
async fn the_shop_goes_on_while_the_broker_is_away_and_all_arrives_once() {
    let town = Town::open().await;
    let gate = Gate::open().await;
    let through = |service| events::Settings { amqp_url: gate.url(), ..town.settings(service) };
    let (relay, books) = (town.relay_with(through("pos")), town.consume_with(through("ledger"), book));
    town.open_drawers(100).await;
    town.has_effects(100).await;

    for round in 1..=3 {
        gate.set(State::Shut);
        let began = Instant::now();
        town.open_drawers(100).await;
        assert!(began.elapsed() < Duration::from_secs(10), "commands wait for the broker");
        gate.set(State::Open);
        // Some are cut off in the middle.
        eventually("the relay is back", async || town.unpublished().await < 100).await;
        town.has_effects(100 + 100 * round).await;
    }

    eventually("all marked", async || town.unpublished().await == 0).await;
    relay.stop().await;
    books.stop().await;
    gate.remove().await;
    town.close().await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_all_arrives_once() {
    let town = Town::open().await;
    let gate = Gate::open().await;
    let through = |service| events::Settings {
        amqp_url: gate.url(),
        publish_timeout: Duration::from_millis(300),
        connect_timeout: Duration::from_secs(2),
        ..town.settings(service)
    };
    let (relay, books) = (town.relay_with(through("pos")), town.consume_with(through("ledger"), book));
    town.open_drawers(20).await;
    town.has_effects(20).await;

    gate.set(State::Frozen);
    town.open_drawers(100).await;
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        assert_eq!(town.unpublished().await, 100, "nothing is marked that is not confirmed");
        pause().await;
    }
    gate.set(State::Open);

    town.has_effects(120).await;
    eventually("all marked", async || town.unpublished().await == 0).await;
    relay.stop().await;
    books.stop().await;
    gate.remove().await;
    town.close().await;
}

#[tokio::test]
async fn one_of_two_replicas_relays_and_the_other_takes_over() {
    let town = Town::open().await;
    let (first, second) = (town.relay(), town.relay());
    town.open_drawers(100).await;
    eventually("all published", async || town.unpublished().await == 0).await;
    let queue = town.names.queue("ledger");
    eventually("a hundred messages", async || town.messages(&queue).await == 100).await;

    first.stop().await;
    town.open_drawers(10).await;

    eventually("all published", async || town.unpublished().await == 0).await;
    eventually("ten more", async || town.messages(&queue).await == 110).await;
    second.stop().await;
    town.close().await;
}

#[tokio::test]
async fn what_nobody_hears_yet_is_kept() {
    let town = Town::open().await;
    let relay = town.relay();
    let event_id = tell_the_unheard(&town).await;

    eventually("published", async || town.unpublished().await == 0).await;

    assert_eq!(unheard(&town).await, event_id.to_string());
    relay.stop().await;
    town.close().await;
}

#[tokio::test]
async fn a_message_that_reached_no_queue_is_published_again() {
    let town = Town::open().await;
    town.declare().await;
    let relay = town.relay();
    town.open_drawers(1).await;
    eventually("published", async || town.unpublished().await == 0).await;
    let (_connection, channel) = town.broker().await;
    let name = town.names.unheard();
    let (queue, exchange) = (name.as_str().into(), name.as_str().into());
    channel.queue_unbind(queue, exchange, "".into(), FieldTable::default()).await.unwrap();

    let event_id = tell_the_unheard(&town).await;

    // The relay declares everything anew, and then it arrives.
    eventually("published", async || town.unpublished().await == 0).await;
    assert_eq!(unheard(&town).await, event_id.to_string());
    relay.stop().await;
    town.close().await;
}

async fn tell_the_unheard(town: &Town) -> Uuid {
    let event_id = Uuid::now_v7();
    sqlx::query(
        "insert into outbox (event_id, kind, aggregate_id, aggregate_version, body, headers)
         values ($1, 'pos.register.changed', $1, 1, '', '{}')",
    )
    .bind(event_id)
    .execute(&mut *town.pos.background().await.unwrap())
    .await
    .unwrap();
    event_id
}

/// The message id of the one message that nobody hears.
async fn unheard(town: &Town) -> String {
    let (_connection, channel) = town.broker().await;
    let name = town.names.unheard();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let got = channel.basic_get(name.as_str().into(), BasicGetOptions { no_ack: true }).await.unwrap();
        if let Some(message) = got {
            return message.properties.message_id().as_ref().unwrap().to_string();
        }
        assert!(Instant::now() < deadline, "nothing kept");
        pause().await;
    }
}
