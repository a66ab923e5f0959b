//! Clients that are slow on purpose, and the orderly end; over real sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::till::{Behaviour, Till, echo, generous};
use gateway::config::Config;

/// Serves a gateway on a port of its own; answers where, how to stop it, and what waits for its end.
async fn served(config: Config, behaviour: Behaviour) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let till = Till::with(config.clone(), behaviour).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = till.gateway.stopping();
    let ending = stop.clone();
    let end = kit::task::spawn(async move { gateway::serve(listener, till.app.clone(), &config, ending).await });
    (address, stop, end)
}

fn impatient() -> Config {
    Config {
        first_byte_seconds: 1,
        header_seconds: 1,
        body_seconds: 1,
        stalled_seconds: 1,
        drain_seconds: 2,
        ..generous()
    }
}

/// Sends, and reads until the server closes.
async fn until_closed(address: SocketAddr, bytes: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut read = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut read)).await;
    // A reset is an end, too.
    let _ = end.expect("the server closes");
    (String::from_utf8_lossy(&read).into_owned(), begun.elapsed())
}

#[tokio::test]
async fn clients_that_say_nothing_or_half_of_it_are_dropped() {
    let (address, ..) = served(impatient(), echo()).await;
    let body = b"POST /v1/everything HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"te";
    let (silent, letter, half, preface, slow, idle) = tokio::join!(
        until_closed(address, b""),
        until_closed(address, b"P"),
        until_closed(address, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "),
        until_closed(address, b"PRI * HTTP/2.0\r\n\r\n"),
        until_closed(address, body),
        until_closed(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"),
    );
    for (name, (_, took)) in [
        ("silent", &silent),
        ("letter", &letter),
        ("half", &half),
        ("preface", &preface),
        ("slow", &slow),
        ("idle", &idle),
    ] {
        assert!(took < &Duration::from_secs(5), "{name}: {took:?}");
    }
    assert!(slow.0.starts_with("HTTP/1.1 408") && slow.0.contains("BODY_TOO_SLOW"), "{}", slow.0);
    assert!(idle.0.starts_with("HTTP/1.1 200"), "{}", idle.0);
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let (address, ..) = served(impatient(), echo()).await;
    let text = "x".repeat(1024 * 1024);
    let body = format!("{{\"text\":\"{text}\"}}");
    let request = format!("POST /v1/everything HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    // Many large answers, and nobody takes them.
    let flood = async {
        for _ in 0..64 {
            if writing.write_all(request.as_bytes()).await.is_err() {
                return true;
            }
        }
        false
    };
    let dropped = tokio::time::timeout(Duration::from_secs(20), flood).await.expect("the server gives up");
    assert!(dropped, "the connection is closed while we write");
    let _ = reading.read(&mut [0; 16]).await;
}

#[tokio::test]
async fn who_sends_too_much_reads_why_and_may_go_on() {
    let (address, ..) = served(generous(), echo()).await;
    let length = 3 * 1024 * 1024;
    let mut request =
        format!("POST /v1/everything HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    request.resize(request.len() + length, b' ');
    request.extend_from_slice(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    for _ in 0..10 {
        let (answers, _) = until_closed(address, &request).await;
        assert!(answers.starts_with("HTTP/1.1 413") && answers.contains("BODY_TOO_LARGE"), "{answers}");
        assert!(answers.contains("HTTP/1.1 200"), "{answers}");
    }
}

#[tokio::test]
async fn one_address_has_only_so_many_connections() {
    let (address, ..) = served(Config { connections_per_ip_max: 2, ..generous() }, echo()).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    for stream in [&mut first, &mut second] {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
    }
    assert_eq!(until_closed(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.0, "");
    drop(first);
    testing::eventually("a place is free again", async || {
        let (text, _) = until_closed(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        text.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

#[tokio::test]
async fn headers_that_are_too_long_are_a_problem() {
    let (address, ..) = served(impatient(), echo()).await;
    let long =
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: {}\r\n\r\n", "x".repeat(20_000));
    let (text, _) = until_closed(address, long.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 431") && text.contains("HEADERS_TOO_LARGE"), "{text}");
    let endless = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    let (text, _) = until_closed(address, endless.as_bytes()).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
}

#[tokio::test]
async fn requests_at_work_come_to_their_end_and_idle_clients_do_not_hold_it_up() {
    let (begun, asked) = tokio::sync::oneshot::channel::<()>();
    let begun = std::sync::Arc::new(std::sync::Mutex::new(Some(begun)));
    let slowly: Behaviour = std::sync::Arc::new(move |asked| {
        if let Some(begun) = begun.lock().unwrap().take() {
            begun.send(()).unwrap();
        }
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "the work takes a while")]
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(tonic::Response::new(asked.message))
        })
    });
    let (address, stop, end) = served(Config { drain_seconds: 5, ..generous() }, slowly).await;
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(kept.read(&mut [0; 1024]).await.unwrap() > 0);
    let work =
        kit::task::spawn(async move { until_closed(address, b"GET /v1/things/7 HTTP/1.1\r\nhost: x\r\n\r\n").await });
    asked.await.unwrap();
    let stopped = Instant::now();
    stop.cancel();
    let (text, _) = work.await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    end.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
    assert!(TcpStream::connect(address).await.is_err(), "nobody new is let in");
}
