//! Who hears what. Every process declares the whole of it before it publishes, so that nothing depends on who starts first.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

/// Each service, and the kinds of events it hears.
pub const HEARS: &[(&str, &[&str])] = &[
    (
        "identity",
        &[
            "accounts.member.changed",
            "accounts.member.erased",
            "accounts.account.changed",
            "accounts.responsible_adult.changed",
        ],
    ),
    ("accounts", &["identity.shop.changed"]),
    ("inventory", &["pos.sale.completed", "pos.sale.voided", "identity.location.changed", "identity.shop.changed"]),
    (
        "pos",
        &[
            "ledger.tax_rate.changed",
            "identity.shop.changed",
            "identity.location.changed",
            "identity.user.changed",
            "accounts.account.changed",
            "accounts.account.merged",
            "accounts.account.unmerged",
            "accounts.member.changed",
            "accounts.tax_exemption.changed",
        ],
    ),
    (
        "ledger",
        &[
            "pos.sale.completed",
            "pos.sale.voided",
            "pos.drawer.opened",
            "pos.drawer.closed",
            "inventory.stock.received",
            "inventory.stock.adjusted",
            "inventory.stock.issued",
            "inventory.stock.returned",
            "identity.shop.changed",
            "identity.location.changed",
            "accounts.account.changed",
            "accounts.account.merged",
            "accounts.account.unmerged",
        ],
    ),
];

/// The kinds that a service hears.
pub fn hears(service: &str) -> &'static [&'static str] {
    HEARS.iter().find(|(name, _)| *name == service).map_or(&[], |(_, kinds)| kinds)
}

/// The names at the broker. A prefix keeps tests apart.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub prefix: String,
}

impl Names {
    /// Events go here.
    pub fn events(&self) -> String {
        format!("{}lunarfront.events", self.prefix)
    }

    /// Exchange and queue of events that nobody hears yet.
    pub fn unheard(&self) -> String {
        format!("{}lunarfront.unheard", self.prefix)
    }

    /// Exchange and queue of events that were delivered too often.
    pub fn dead(&self) -> String {
        format!("{}lunarfront.dead", self.prefix)
    }

    /// What a service has still to hear.
    pub fn queue(&self, service: &str) -> String {
        format!("{}{service}.events", self.prefix)
    }
}

/// Declares exchanges, queues and bindings.
///
/// # Errors
/// The broker's, as when something of the same name has other arguments.
pub async fn declare(channel: &Channel, names: &Names) -> lapin::Result<()> {
    catch_all(channel, &names.unheard(), "drop-head", 100_000).await?;
    catch_all(channel, &names.dead(), "reject-publish", 1_000_000).await?;
    let events = names.events();
    let unheard = arguments([("alternate-exchange", text(&names.unheard()))]);
    exchange(channel, &events, ExchangeKind::Topic, unheard).await?;
    for (service, kinds) in HEARS.iter().filter(|(_, kinds)| !kinds.is_empty()) {
        let queue = names.queue(service);
        let more = [("x-dead-letter-exchange", text(&names.dead())), ("x-dead-letter-strategy", text("at-least-once"))];
        declare_queue(channel, &queue, "reject-publish", 1_000_000, more).await?;
        for kind in *kinds {
            bind(channel, &queue, &events, kind).await?;
        }
    }
    Ok(())
}

/// An exchange and its one queue of the same name, which takes whatever comes.
async fn catch_all(channel: &Channel, name: &str, overflow: &str, length_max: i64) -> lapin::Result<()> {
    exchange(channel, name, ExchangeKind::Fanout, FieldTable::default()).await?;
    declare_queue(channel, name, overflow, length_max, []).await?;
    bind(channel, name, name, "").await
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind, arguments: FieldTable) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), kind, options, arguments).await
}

/// Every argument is said: brokers of different versions have different defaults.
async fn declare_queue(
    channel: &Channel,
    name: &str,
    overflow: &str,
    length_max: i64,
    more: impl IntoIterator<Item = (&'static str, AMQPValue)>,
) -> lapin::Result<()> {
    let said = [
        ("x-queue-type", text("quorum")),
        ("x-quorum-initial-group-size", AMQPValue::LongLongInt(3)),
        ("x-delivery-limit", AMQPValue::LongLongInt(20)),
        ("x-max-length", AMQPValue::LongLongInt(length_max)),
        ("x-overflow", text(overflow)),
    ];
    let arguments = arguments(said.into_iter().chain(more));
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    channel
        .queue_bind(queue.into(), exchange.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
        .await
}

fn arguments(said: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in said {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_heard_is_told_by_somebody() {
        for (service, kinds) in HEARS {
            for kind in *kinds {
                assert!(proto::EVENTS.iter().any(|(told, _)| told == kind), "{service} hears {kind}");
            }
        }
    }

    #[test]
    fn nobody_hears_himself() {
        for (service, kinds) in HEARS {
            assert!(kinds.iter().all(|kind| !kind.starts_with(&format!("{service}."))), "{service}");
        }
    }
}
