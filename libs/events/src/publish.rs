//! From outbox rows to confirmed messages.

use db::outbox::Waiting;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};
use serde_json::Value;

use crate::Settings;

/// Publishes all rows and then waits for the confirms; `confirmed` gets the positions, also when the work is cut short.
/// Says how many the broker refused or returned.
///
/// # Errors
/// The broker's.
pub(crate) async fn publish(
    channel: &Channel,
    settings: &Settings,
    rows: &[Waiting],
    confirmed: &mut Vec<i64>,
) -> lapin::Result<usize> {
    let exchange = settings.names.events();
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let mut confirms = Vec::with_capacity(rows.len());
    for row in rows {
        let properties = properties(settings.service, row);
        let confirm =
            channel.basic_publish(exchange.as_str().into(), row.kind.as_str().into(), options, &row.body, properties);
        confirms.push((row.position, confirm.await?));
    }
    let mut refused = 0;
    for (position, confirm) in confirms {
        match confirm.await? {
            Confirmation::Ack(None) => confirmed.push(position),
            // A returned message reached no queue at all.
            Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested => refused += 1,
        }
    }
    Ok(refused)
}

fn properties(service: &str, row: &Waiting) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(row.event_id.to_string().into())
        .with_type(row.kind.as_str().into())
        .with_content_type("application/x-protobuf".into())
        .with_timestamp(u64::try_from(row.created_at.timestamp()).unwrap_or(0))
        .with_headers(headers(service, row))
}

fn headers(service: &str, row: &Waiting) -> FieldTable {
    let mut table = FieldTable::default();
    let mut text = |name: &str, value: &str| {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text("producer", service);
    text("subject-id", &row.aggregate_id.to_string());
    for (name, key) in [
        ("traceparent", "traceparent"),
        ("request-id", "request_id"),
        ("actor-id", "actor_id"),
        ("actor-name", "actor_name"),
    ] {
        if let Some(value) = row.headers.get(key).and_then(Value::as_str) {
            text(name, value);
        }
    }
    let mut number = |name: &str, value: i64| {
        table.insert(name.into(), AMQPValue::LongLongInt(value));
    };
    number("producer-tx", row.tx);
    number("subject-version", row.aggregate_version);
    // The property `timestamp` knows seconds only.
    number("occurred-at-micros", row.created_at.timestamp_micros());
    table
}
