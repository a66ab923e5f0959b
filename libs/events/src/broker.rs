//! A connection to the broker: named, with a heartbeat, never waited for without end.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};

use crate::error::within;
use crate::{Error, Settings, topology};

/// In seconds; a frozen broker is noticed after two of them.
const HEARTBEAT: u16 = 10;

/// In bytes. The client keeps room for 64 frames per connection, and at the broker's 128 KiB that would be most of what
/// a service holds; a longer event goes in several frames.
const FRAME_MAX: u32 = 16 * 1024;

/// Connects and declares the topology. `role` is `relay` or `consumer`: the broker blocks publishers alone.
///
/// # Errors
/// When the broker is out of reach, silent or refuses.
pub(crate) async fn connect(settings: &Settings, role: &str) -> Result<Connection, Error> {
    let mut uri: AMQPUri = settings.amqp_url.parse().map_err(Error::Address)?;
    uri.query.heartbeat = Some(HEARTBEAT);
    uri.query.frame_max = Some(FRAME_MAX);
    let name = format!("{} {role}", settings.service);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let limit = settings.connect_timeout;
    let connection = within("connecting to the broker", limit, Connection::connect_uri(uri, properties)).await?;
    let channel = channel(&connection, settings).await?;
    // A broker that has just started takes a while for each new queue.
    within("declaring the topology", limit * 6, topology::declare(&channel, &settings.names)).await?;
    within("closing a channel", limit, channel.close(200, "declared".into())).await?;
    Ok(connection)
}

/// # Errors
/// When the broker is silent or refuses.
pub(crate) async fn channel(connection: &Connection, settings: &Settings) -> Result<Channel, Error> {
    within("opening a channel", settings.connect_timeout, connection.create_channel()).await
}

/// Says good-bye; a broker that does not answer is left alone.
pub(crate) async fn close(connection: &Connection) {
    if let Err(error) = within("closing", Duration::from_secs(2), connection.close(200, "stopping".into())).await {
        tracing::debug!(%error, "the broker did not say good-bye");
    }
}
