//! A door between a service and the broker that can be shut, or hold everything back.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::town::{Running, amqp_url};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// Connections break, new ones end at once.
    Shut,
    /// Connections stay and carry nothing.
    Frozen,
}

pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    running: Running,
}

impl Gate {
    pub(crate) async fn open() -> Self {
        let url = amqp_url();
        let broker = url.split(['@', '/']).nth(3).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Open);
        let running = Running::start(|stop| async move {
            let mut connections = Vec::new();
            while let Some(Ok((inside, _))) = stop.run_until_cancelled(listener.accept()).await {
                let (broker, seen) = (broker.clone(), seen.clone());
                connections.push(Running::start(|_| carry(inside, broker, seen)));
            }
        });
        Self { address, state, running }
    }

    /// The broker's address, through the gate.
    pub(crate) fn url(&self) -> String {
        let url = amqp_url();
        let broker = url.split(['@', '/']).nth(3).unwrap();
        url.replace(broker, &self.address.to_string())
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    pub(crate) async fn remove(self) {
        self.set(State::Shut);
        self.running.stop().await;
    }
}

async fn carry(inside: TcpStream, broker: String, mut seen: watch::Receiver<State>) {
    if *seen.borrow() == State::Shut {
        return;
    }
    let Ok(outside) = TcpStream::connect(broker).await else { return };
    let (mut from_inside, mut to_inside) = inside.into_split();
    let (mut from_outside, mut to_outside) = outside.into_split();
    let (mut up, mut down) = (seen.clone(), seen.clone());
    tokio::select! {
        () = pump(&mut from_inside, &mut to_outside, &mut up) => {}
        () = pump(&mut from_outside, &mut to_inside, &mut down) => {}
        _ = seen.wait_for(|state| *state == State::Shut) => {}
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    seen: &mut watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if seen.wait_for(|state| *state == State::Open).await.is_err() || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}
