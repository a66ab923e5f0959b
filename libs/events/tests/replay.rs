use chrono::{TimeDelta, Utc};

use crate::relay::book;
use crate::town::{Town, eventually};

#[tokio::test]
async fn a_broker_that_lost_everything_is_rebuilt_from_the_outbox() {
    let town = Town::open().await;
    let before = Utc::now() - TimeDelta::minutes(1);
    let (relay, books) = (town.relay(), town.consume(book));
    town.open_drawers(100).await;
    town.has_effects(100).await;
    books.stop().await;
    town.open_drawers(50).await;
    eventually("all published", async || town.unpublished().await == 0).await;
    relay.stop().await;

    town.wipe_broker().await;
    let (relay, books) = (town.relay(), town.consume(book));
    assert_eq!(events::replay(&town.pos, Utc::now() + TimeDelta::minutes(1)).await.unwrap(), 0);
    assert_eq!(events::replay(&town.pos, before).await.unwrap(), 150);

    town.has_effects(150).await;
    eventually("all published", async || town.unpublished().await == 0).await;
    let queue = town.names.queue("ledger");
    eventually("all heard", async || town.messages(&queue).await == 0).await;
    town.has_effects(150).await;
    relay.stop().await;
    books.stop().await;
    town.close().await;
}
