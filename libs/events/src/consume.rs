//! The consumer: deliveries become effects once, whatever the broker repeats.

use std::time::Duration;

use db::Db;
use db::inbox::{self, Entry};
use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::apply::Ear;
use crate::error::within;
use crate::settings::Hooks;
use crate::supervise::{rest_or_stop, supervise};
use crate::{Error, Hear, HearError, Settings, broker, heard, measure, topology};

/// Between looks at a connection that delivers nothing.
const QUIET: Duration = Duration::from_secs(1);

/// Hears what the topology says the service hears, until told to stop.
pub async fn consume<H: Hear>(db: Db, settings: Settings, hear: H, stop: CancellationToken) {
    let ear = Ear { db, settings, hear, recorded: Notify::new() };
    if topology::hears(ear.settings.service).is_empty() {
        return;
    }
    let deliveries = supervise("consumer", &ear.settings, &stop, || session(&ear, &stop));
    tokio::join!(deliveries, ear.retry(&stop), measure::inbox(&ear.db, &stop));
}

/// Consumes until something breaks.
async fn session<H: Hear>(ear: &Ear<H>, stop: &CancellationToken) -> Result<(), Error> {
    let connection = broker::connect(&ear.settings, "consumer").await?;
    metrics::gauge!("broker_connected", "connection" => "consumer").set(1);
    try_join_all((0..ear.settings.consumers).map(|_| listen(ear, &connection, stop))).await?;
    broker::close(&connection).await;
    Ok(())
}

async fn listen<H: Hear>(ear: &Ear<H>, connection: &Connection, stop: &CancellationToken) -> Result<(), Error> {
    let channel = broker::channel(connection, &ear.settings).await?;
    let prefetch = channel.basic_qos(ear.settings.prefetch, BasicQosOptions::default());
    within("the prefetch", ear.settings.connect_timeout, prefetch).await?;
    let queue = ear.settings.names.queue(ear.settings.service);
    let subscribing =
        channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
    let mut deliveries = within("subscribing", ear.settings.connect_timeout, subscribing).await?;
    loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            first = tokio::time::timeout(QUIET, deliveries.next()) => first,
        };
        match first {
            Ok(Some(first)) => {
                let batch = ready(first?, &mut deliveries, ear.settings.prefetch);
                work(ear, &channel, &batch, stop).await?;
            }
            Ok(None) => return Err(Error::Unsubscribed),
            Err(_) if connection.status().connected() && channel.status().connected() => {}
            Err(_) => return Err(Error::Gone),
        }
    }
}

/// The first delivery and those that are here already.
fn ready(first: Delivery, deliveries: &mut Consumer, most: u16) -> Vec<Delivery> {
    let mut batch = vec![first];
    while batch.len() < usize::from(most) {
        // The end of the stream shows again at the next look.
        let Some(Some(Ok(next))) = deliveries.next().now_or_never() else { break };
        batch.push(next);
    }
    batch
}

/// Effects first, then the acknowledgement of all.
async fn work<H: Hear>(
    ear: &Ear<H>,
    channel: &Channel,
    batch: &[Delivery],
    stop: &CancellationToken,
) -> Result<(), Error> {
    let entries = |again: bool| -> Vec<Entry> {
        batch.iter().filter(|delivery| delivery.redelivered == again).map(heard::entry).collect()
    };
    let (mut known, fresh) = (entries(true), entries(false));
    if let Err(error) = ear.apply(&fresh).await {
        tracing::warn!(error = error.message, events = fresh.len(), "the database is away, events wait");
        known.extend(fresh);
    }
    if !known.is_empty() && !leave_to_retries(ear, &known, stop).await {
        return Ok(());
    }
    if Hooks::dies(ear.settings.hooks.consumer_before_ack.as_ref()) {
        return Err(Error::Interrupted);
    }
    let Some(last) = batch.last() else { return Ok(()) };
    let ack = channel.basic_ack(last.delivery_tag, BasicAckOptions { multiple: true });
    within("acknowledging", ear.settings.connect_timeout, ack).await
}

/// Records events until the database lets it. They were delivered before, or failed together with the database: the
/// retries count an attempt before each effect, so that none can kill the consumer for ever. False when the process stops.
async fn leave_to_retries<H: Hear>(ear: &Ear<H>, entries: &[Entry], stop: &CancellationToken) -> bool {
    let mut pause = ear.settings.pause;
    while !stop.is_cancelled() {
        let record = async {
            inbox::record(&mut *ear.db.background().await?, entries).await?;
            Ok::<_, HearError>(())
        };
        match record.await {
            Ok(()) => {
                ear.recorded.notify_one();
                return true;
            }
            Err(error) => tracing::warn!(error = error.message, "the database is away"),
        }
        rest_or_stop(pause, stop).await;
        pause = (pause * 2).min(ear.settings.pause_longest);
    }
    false
}
