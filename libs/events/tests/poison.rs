use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use db::inbox::Which;
use db::{Audit, Tx};
use events::{Hear, HearError, Heard};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use proto::Event;
use proto::pos::v1::DrawerOpened;
use serde_json::json;
use uuid::Uuid;

use crate::relay::book;
use crate::town::{Town, eventually};

/// Books, but some drawers are trouble.
struct Books {
    repaired: Arc<AtomicBool>,
}

impl Hear for Books {
    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), HearError> {
        if heard.kind != DrawerOpened::KIND {
            return Err(heard.unknown());
        }
        let drawer = heard.decode::<DrawerOpened>()?;
        book(tx, heard).await?;
        tx.audit(Audit::created("drawer", heard.event_id, json!({})));
        match drawer.drawer_session_id.as_str() {
            "panics" if !self.repaired.load(Ordering::SeqCst) => panic!("a drawer fell"),
            "fails" if !self.repaired.load(Ordering::SeqCst) => Err(HearError::new("the drawer is stuck")),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn four_poisons_are_parked_and_the_others_flow() {
    let town = Town::open().await;
    town.declare().await;
    let repaired = Arc::new(AtomicBool::new(false));
    let (relay, books) = (town.relay(), town.consume(Books { repaired: Arc::clone(&repaired) }));
    town.open_drawers(30).await;
    town.open_drawer("panics").await;
    town.open_drawer("fails").await;
    send(&town, DrawerOpened::KIND, &[0xff; 7], Some(Uuid::now_v7())).await;
    send(&town, "pos.ghost.seen", &[], Some(Uuid::now_v7())).await;
    let began = Instant::now();
    town.open_drawers(30).await;

    town.has_effects(60).await;
    assert!(began.elapsed() < Duration::from_secs(5), "the others were held up");
    eventually("four parked", async || town.inbox().await == db::inbox::Stats { parked: 4, waiting: 0 }).await;
    town.open_drawers(10).await;
    town.has_effects(70).await;
    println!("FAULT F12 sent=74 parked=4 effects=70 lost=0 dup=0");
    let known: Vec<(i32, String)> =
        sqlx::query_as("select attempts, last_error from inbox where parked_at is not null order by last_error")
            .fetch_all(&mut *town.ledger.background().await.unwrap())
            .await
            .unwrap();
    assert!(known.iter().all(|(attempts, _)| *attempts == 5), "{known:?}");
    let errors: Vec<&str> = known.iter().map(|(_, error)| error.as_str()).collect();
    assert!(errors[0].contains("failed to decode Protobuf message"), "{errors:?}");
    assert_eq!(
        errors[1..],
        ["nobody here knows pos.ghost.seen", "the drawer is stuck", "the handler panicked: a drawer fell"]
    );
    let audited: i64 = sqlx::query_scalar("select count(*) from audit")
        .fetch_one(&mut *town.ledger.background().await.unwrap())
        .await
        .unwrap();
    assert_eq!(audited, 70, "what failed left a trace");

    repaired.store(true, Ordering::SeqCst);
    assert_eq!(events::unpark(&town.ledger, Which::All).await.unwrap(), 4);

    town.has_effects(72).await;
    eventually("two parked", async || town.inbox().await == db::inbox::Stats { parked: 2, waiting: 0 }).await;
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

#[tokio::test]
async fn one_parked_event_is_unparked_by_its_id() {
    let town = Town::open().await;
    let repaired = Arc::new(AtomicBool::new(false));
    let (relay, books) = (town.relay(), town.consume(Books { repaired: Arc::clone(&repaired) }));
    town.open_drawer("fails").await;
    town.open_drawer("fails").await;
    eventually("two parked", async || town.inbox().await.parked == 2).await;
    let id: Uuid = sqlx::query_scalar("select event_id from inbox limit 1")
        .fetch_one(&mut *town.ledger.background().await.unwrap())
        .await
        .unwrap();

    repaired.store(true, Ordering::SeqCst);
    assert_eq!(events::unpark(&town.ledger, id.to_string().parse().unwrap()).await.unwrap(), 1);

    town.has_effects(1).await;
    assert_eq!(town.inbox().await.parked, 1);
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

#[tokio::test]
async fn a_message_of_a_stranger_is_parked() {
    let town = Town::open().await;
    town.declare().await;
    let books = town.consume(book);

    for _ in 0..2 {
        send(&town, DrawerOpened::KIND, b"", None).await;
    }

    eventually("one parked", async || town.inbox().await == db::inbox::Stats { parked: 1, waiting: 0 }).await;
    assert_eq!(town.effects().await, (0, 0));
    books.stop().await;
    town.close().await;
}

/// Puts a message into the ledger's queue that the relay would never send.
async fn send(town: &Town, kind: &str, body: &[u8], event_id: Option<Uuid>) {
    let (_connection, channel) = town.broker().await;
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("producer", AMQPValue::LongString("pos".into())),
        ("subject-id", AMQPValue::LongString(Uuid::now_v7().to_string().into())),
        ("producer-tx", AMQPValue::LongLongInt(1)),
        ("subject-version", AMQPValue::LongLongInt(1)),
        ("occurred-at-micros", AMQPValue::LongLongInt(1)),
    ] {
        headers.insert(name.into(), value);
    }
    let mut properties = BasicProperties::default().with_delivery_mode(2).with_type(kind.into()).with_headers(headers);
    if let Some(id) = event_id {
        properties = properties.with_message_id(id.to_string().into());
    }
    let queue = town.names.queue("ledger");
    let sent = channel.basic_publish("".into(), queue.into(), BasicPublishOptions::default(), body, properties).await;
    sent.unwrap().await.unwrap();
    // A closed channel has sent all.
    channel.close(200, "sent".into()).await.unwrap();
}
