//! Two services and a broker: pos tells, ledger hears.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use db::inbox::Rests;
use db::{Db, Subject};
use events::{Hear, Hook, Names, Settings, topology};
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use proto::pos::v1::DrawerOpened;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::database::{Database, context, run};

pub(crate) struct Town {
    pub(crate) database: Database,
    pub(crate) pos: Db,
    pub(crate) ledger: Db,
    pub(crate) names: Names,
    amqp_url: String,
}

impl Town {
    pub(crate) async fn open() -> Self {
        let database = Database::open(&["pos", "ledger"]).await;
        let mut admin = database.admin().await;
        for statement in [
            "create table ledger.effect (event_id uuid not null, kind text not null)",
            "create table ledger.copy (id uuid primary key, version bigint not null)",
            "grant select, insert on ledger.effect to ledger_rt",
            "grant select, insert, update on ledger.copy to ledger_rt",
        ] {
            run(&mut admin, statement.to_owned()).await;
        }
        let (pos, ledger) = (database.of("pos"), database.of("ledger"));
        let names = Names { prefix: format!("{}.", Uuid::now_v7().simple()) };
        Self { database, pos, ledger, names, amqp_url: amqp_url() }
    }

    /// As in a shop, with short pauses.
    pub(crate) fn settings(&self, service: &'static str) -> Settings {
        Settings {
            names: self.names.clone(),
            pause: Duration::from_millis(20),
            pause_longest: Duration::from_millis(200),
            relay_poll: Duration::from_millis(20),
            rests: Rests(vec![Duration::from_millis(30); 4]),
            retry_poll: Duration::from_millis(20),
            ..Settings::new(service, self.amqp_url.clone())
        }
    }

    pub(crate) fn relay(&self) -> Running {
        self.relay_with(self.settings("pos"))
    }

    pub(crate) fn relay_with(&self, settings: Settings) -> Running {
        let db = self.pos.clone();
        Running::start(|stop| events::relay(db, settings, stop))
    }

    pub(crate) fn consume(&self, hear: impl Hear + 'static) -> Running {
        self.consume_with(self.settings("ledger"), hear)
    }

    pub(crate) fn consume_with(&self, settings: Settings, hear: impl Hear + 'static) -> Running {
        let db = self.ledger.clone();
        Running::start(|stop| events::consume(db, settings, hear, stop))
    }

    /// Opens a drawer, and tells.
    pub(crate) async fn open_drawer(&self, drawer: &str) -> Uuid {
        let mut tx = self.pos.begin(context("pos")).await.unwrap();
        let subject = Subject { id: Uuid::now_v7(), version: 1 };
        tx.publish(subject, &DrawerOpened { drawer_session_id: drawer.to_owned(), ..Default::default() });
        self.pos.commit(tx).await.unwrap();
        subject.id
    }

    pub(crate) async fn open_drawers(&self, count: usize) {
        for _ in 0..count {
            self.open_drawer("a drawer").await;
        }
    }

    /// How many events had an effect, and how many effects there are.
    pub(crate) async fn effects(&self) -> (i64, i64) {
        sqlx::query_as("select count(distinct event_id), count(*) from effect")
            .fetch_one(&mut *self.ledger.background().await.unwrap())
            .await
            .unwrap()
    }

    pub(crate) async fn has_effects(&self, events: i64) {
        eventually(&format!("{events} effects"), async || self.effects().await.0 >= events).await;
        assert_eq!(self.effects().await, (events, events), "each event has one effect");
    }

    pub(crate) async fn unpublished(&self) -> i64 {
        db::outbox::stats(&mut self.pos.background().await.unwrap()).await.unwrap().waiting
    }

    pub(crate) async fn inbox(&self) -> db::inbox::Stats {
        db::inbox::stats(&mut self.ledger.background().await.unwrap()).await.unwrap()
    }

    pub(crate) async fn broker(&self) -> (Connection, Channel) {
        let connection = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Declares what every process would declare.
    pub(crate) async fn declare(&self) {
        let (_connection, channel) = self.broker().await;
        topology::declare(&channel, &self.names).await.unwrap();
    }

    pub(crate) async fn messages(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.broker().await;
        let options = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap().message_count()
    }

    /// Removes all that the broker knows.
    pub(crate) async fn wipe_broker(&self) {
        let (_connection, channel) = self.broker().await;
        let queues = topology::HEARS.iter().map(|(service, _)| self.names.queue(service));
        for queue in queues.chain([self.names.unheard(), self.names.dead()]) {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        for exchange in [self.names.events(), self.names.unheard(), self.names.dead()] {
            channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        self.wipe_broker().await;
        self.pos.close().await;
        self.ledger.close().await;
        self.database.drop().await;
    }
}

pub(crate) fn amqp_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "the test runner says where RabbitMQ is")]
    std::env::var("TEST_AMQP_URL").expect("TEST_AMQP_URL; `make test` sets it")
}

/// Something that works until it is stopped.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start<F>(work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "the tests stand in for kit")]
        let task = tokio::spawn(work(stop.clone()));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// True the first so many times, and counts them.
pub(crate) fn first(times: usize) -> (Hook, Arc<AtomicUsize>) {
    let died = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&died);
    let hook =
        move || counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < times).then_some(n + 1)).is_ok();
    (Arc::new(hook), died)
}

/// Waits for a condition, at most half a minute.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        pause().await;
    }
}

/// Between two looks.
pub(crate) async fn pause() {
    tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.unwrap_err();
}
