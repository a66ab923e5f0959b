//! A mail server of a few lines: it takes letters, or says that it will not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    pub(crate) letters: Arc<Mutex<Vec<String>>>,
    /// What it answers to each recipient, such as `250 ok`.
    pub(crate) to_recipients: Arc<Mutex<&'static str>>,
}

impl Server {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            at: listener.local_addr().unwrap(),
            letters: Arc::default(),
            to_recipients: Arc::new(Mutex::new("250 ok")),
        };
        let (letters, answer) = (Arc::clone(&server.letters), Arc::clone(&server.to_recipients));
        kit::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kit::task::spawn(speak(stream, Arc::clone(&letters), Arc::clone(&answer)));
            }
        });
        server
    }
}

async fn speak(stream: TcpStream, letters: Arc<Mutex<Vec<String>>>, answer: Arc<Mutex<&'static str>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => "250 mail.test".to_owned(),
            "RCPT" => (*answer.lock().unwrap()).to_owned(),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut letter = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    letter.push_str(&line);
                    letter.push('\n');
                }
                letters.lock().unwrap().push(letter);
                "250 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 ok".to_owned(),
        };
        if write.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() || verb == "QUIT" {
            return;
        }
    }
}
