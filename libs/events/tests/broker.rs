use events::topology;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::town::Town;

#[tokio::test]
async fn the_topology_is_declared_by_everybody_and_stays_the_same() {
    let town = Town::open().await;

    for _ in 0..2 {
        town.declare().await;
    }

    let (_connection, channel) = town.broker().await;
    for (service, kinds) in topology::HEARS.iter().filter(|(_, kinds)| !kinds.is_empty()) {
        let options = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let queue = town.names.queue(service);
        let found = channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await;
        assert!(found.is_ok(), "{service} hears {kinds:?} nowhere");
    }
    town.close().await;
}
