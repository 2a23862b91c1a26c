//! Servers that misbehave on request, and time that moves by hand.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_http::{HttpClient, HttpOptions, Pacing, Pause};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// An answer that keeps the connection open.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A listener on loopback and its URL.
pub(crate) async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/things", listener.local_addr().unwrap());
    (listener, Url::parse(&url).unwrap())
}

/// A URL where nobody listens.
pub(crate) async fn closed() -> Url {
    let (listener, url) = listen().await;
    drop(listener);
    url
}

/// Reads the head of one request; None when the far side has closed.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}

/// Writes raw bytes; a client that has gone is not the server's failure.
pub(crate) async fn write(stream: &mut TcpStream, text: &str) {
    drop(stream.write_all(text.as_bytes()).await);
}

/// Moves time by the length of each pause, and remembers the pauses.
#[derive(Debug, Default)]
pub(crate) struct Stepped {
    /// What chance gives.
    pub(crate) chance: u64,
    /// Time that passes on top of each pause.
    pub(crate) late: Duration,
    /// Whether the server has frozen time when a pause begins.
    pub(crate) frozen: bool,
    /// The pauses so far.
    pub(crate) seen: Mutex<Vec<Duration>>,
}

impl Stepped {
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.seen.lock().unwrap().clone()
    }
}

impl Pacing for Stepped {
    fn chance(&self) -> u64 {
        self.chance
    }

    fn pause(&self, duration: Duration) -> Pause<'_> {
        self.seen.lock().unwrap().push(duration);
        Box::pin(async move {
            if !self.frozen {
                tokio::time::pause();
            }
            tokio::time::advance(duration + self.late).await;
            tokio::time::resume();
        })
    }
}

/// A client with default limits, and its pacing.
pub(crate) fn stepped() -> (HttpClient, Arc<Stepped>) {
    with(HttpOptions::default(), Stepped::default())
}

/// A client with these limits and this pacing.
pub(crate) fn with(options: HttpOptions, pacing: Stepped) -> (HttpClient, Arc<Stepped>) {
    let pacing = Arc::new(pacing);
    let given: Arc<dyn Pacing> = pacing.clone();
    (HttpClient::with_pacing(options, given).unwrap(), pacing)
}

/// All that an error shows: message, `Debug`, and both of each source.
pub(crate) fn everything(error: &dyn Error) -> String {
    let mut shown = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        shown.push(format!("{error}\n{error:?}\n{error:#?}\n"));
        next = error.source();
    }
    shown.concat()
}
