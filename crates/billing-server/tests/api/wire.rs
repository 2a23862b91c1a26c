//! The server loop on a real socket, and a client that sends bytes as they are.

use std::time::Duration;

use billing_server::http::{ConnectionLimits, serve};
use billing_server::{ApiOptions, RateOptions, api_routes};
use poem::Endpoint;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rig::Rig;

/// Long enough for a busy machine, short enough for a test.
pub(crate) const SOON: Duration = Duration::from_millis(300);

pub(crate) struct Server {
    pub(crate) rig: Rig,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) running: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// What came back over the wire.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    /// The header, in lower case.
    pub(crate) header: String,
    /// The body. `Null` where it is no JSON.
    pub(crate) json: Value,
}

impl Server {
    pub(crate) async fn start(limits: ConnectionLimits) -> Self {
        let rig = Rig::with(options()).await;
        let app = api_routes(rig.state.clone());
        Self::of(rig, app, limits).await
    }

    /// Serves `app` beside a rig that may belong to it.
    pub(crate) async fn of(
        rig: Rig,
        app: impl Endpoint<Output = poem::Response> + 'static,
        limits: ConnectionLimits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            let stopped = async {
                stopped.await.unwrap();
            };
            serve(listener, app, limits, stopped).await.unwrap();
        });
        Self {
            rig,
            address,
            running: Some(running),
            stop: Some(stop),
        }
    }

    /// Asks it to end.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and reads until the server closes or has nothing more to say.
    pub(crate) async fn says(&self, bytes: &[u8]) -> String {
        let (mut reading, mut writing) = self.connect().await.into_split();
        let bytes = bytes.to_vec();
        let sending = tokio::spawn(async move {
            // The server may have answered and closed before everything was sent.
            drop(writing.write_all(&bytes).await);
            // Not closed: a server that waits for more says so by itself.
            std::future::pending::<()>().await;
        });
        let said = answer(&mut reading).await;
        sending.abort();
        said
    }

    /// Sends a request with these header lines, of which none frames the body.
    pub(crate) async fn asks(&self, line: &str, headers: &str, body: &[u8]) -> Said {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        let said = self.says(&[head.as_bytes(), body].concat()).await;
        Said::of(&said)
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn of(said: &str) -> Self {
        let (header, body) = said
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {said:?}"));
        let status = header.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            header: header.to_lowercase(),
            json: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }
}

/// Everything that comes until the end, or until nothing more does.
pub(crate) async fn answer(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut said = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            said.extend_from_slice(&buffer[..read]);
        }
    };
    drop(tokio::time::timeout(SOON * 6, reading).await);
    String::from_utf8_lossy(&said).into_owned()
}

/// Limits that a test reaches.
pub(crate) fn quick() -> ConnectionLimits {
    ConnectionLimits {
        header_timeout: SOON,
        ..ConnectionLimits::default()
    }
}

fn options() -> ApiOptions {
    ApiOptions {
        public_url: "https://billing.example.com".to_owned(),
        body_timeout: SOON,
        rates: RateOptions {
            public_posts_per_minute: 0,
            failures_per_minute: 0,
            links_per_hour: 0,
        },
        ..ApiOptions::default()
    }
}
