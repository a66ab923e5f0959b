use std::sync::atomic::Ordering;

use events::{Hooks, Settings};
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use sqlx::AssertSqlSafe;

use crate::relay::book;
use crate::town::{Town, eventually, first};

#[tokio::test]
async fn two_hundred_events_told_twice_have_two_hundred_effects() {
    let town = Town::open().await;
    town.open_drawers(200).await;
    let (relay_dies, relay_died) = first(2);
    let (consumer_dies, consumer_died) = first(5);
    let hooks = Hooks { relay_before_mark: Some(relay_dies), consumer_before_ack: Some(consumer_dies) };
    let settings = |service| Settings { hooks: hooks.clone(), ..town.settings(service) };
    let books = town.consume_with(settings("ledger"), book);

    // Twice the relay dies with a hundred events confirmed and none marked.
    let relay = town.relay_with(settings("pos"));

    town.has_effects(200).await;
    eventually("all marked", async || town.unpublished().await == 0).await;
    let queue = town.names.queue("ledger");
    eventually("the queue is empty", async || town.messages(&queue).await == 0).await;
    eventually("no retries", async || town.inbox().await.waiting == 0).await;
    let (relay_died, consumer_died) = (relay_died.load(Ordering::SeqCst), consumer_died.load(Ordering::SeqCst));
    assert_eq!((relay_died, consumer_died), (2, 5));
    println!("FAULT F09 events=200 duplicated={} effects=200 lost=0 dup=0", relay_died * 100);
    town.has_effects(200).await;
    assert_eq!(town.inbox().await, db::inbox::Stats::default());
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

#[tokio::test]
async fn events_whose_consumer_died_are_applied_by_the_next_one() {
    let town = Town::open().await;
    let relay = town.relay();
    town.open_drawers(60).await;
    eventually("all published", async || town.unpublished().await == 0).await;
    let (connection, channel) = town.broker().await;
    channel.basic_qos(50, BasicQosOptions::default()).await.unwrap();
    let queue = town.names.queue("ledger");
    let subscribed =
        channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await;
    let taken = subscribed.unwrap().take(50).count().await;
    assert_eq!(taken, 50);
    connection.close(200, "dies".into()).await.unwrap();

    let books = town.consume(book);

    town.has_effects(60).await;
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

#[tokio::test]
async fn effects_survive_a_database_that_drops_its_connections() {
    let town = Town::open().await;
    let settings = Settings { consumers: 3, ..town.settings("ledger") };
    let (relay, books) = (town.relay(), town.consume_with(settings, book));
    let mut admin = town.database.admin().await;
    for _ in 0..6 {
        town.open_drawers(50).await;
        for role in ["pos_rt", "ledger_rt"] {
            // Only between the commands of this test, which would fail.
            let kill = format!(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity
                  where usename = '{role}' and datname = current_database() and query not like '%pg_stat_activity%'"
            );
            sqlx::query(AssertSqlSafe(kill)).execute(&mut admin).await.unwrap();
        }
        eventually("a connection", async || town.pos.begin(crate::database::context("pos")).await.is_ok()).await;
    }

    eventually("all done", async || town_effects(&town).await == 300).await;
    town.has_effects(300).await;
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

/// How many events had an effect; none while the connection is being replaced.
async fn town_effects(town: &Town) -> i64 {
    let Ok(mut conn) = town.ledger.background().await else { return 0 };
    sqlx::query_scalar("select count(distinct event_id) from effect").fetch_one(&mut *conn).await.unwrap_or(0)
}
