//! A receiver of events on loopback that answers as it is told: with a status, never, with a
//! torn connection, or with more than anybody wants to read.
//!
//! Knows no event and no signature: what it got is for the test to judge.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// Largest request that is read: above any event, below what fills a test's memory.
const REQUEST_MAX: usize = 1024 * 1024;

/// What is sent where too much is to be sent.
const HUGE: usize = 10 * 1024 * 1024;

/// How it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With this status and these headers.
    With(u16, Vec<(&'static str, String)>),
    /// With this status and this body.
    Says(u16, &'static str),
    /// With this status, after so long.
    After(Duration, u16),
    /// Never: the connection stays open.
    Hang,
    /// Not at all: the connection is torn down.
    Reset,
    /// With this status, and ten megabytes.
    Huge(u16),
    /// With this status and these headers, and a body that does not end.
    Endless(u16, Vec<(&'static str, String)>),
}

impl Reply {
    /// With this status and nothing else.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::With(status, Vec::new())
    }
}

/// What it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The method, as in `POST`.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Got {
    /// A header. Empty: there was none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A receiver on loopback. Its clones are the same; it ends with the last one.
#[derive(Debug, Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
    _listening: Arc<Listening>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug)]
struct State {
    next: VecDeque<Reply>,
    then: Reply,
    got: Vec<Got>,
}

#[derive(Debug)]
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Receiver {
    /// Begins to listen. It answers 200 until it is told otherwise.
    ///
    /// # Errors
    ///
    /// When there is no port to be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            state: Mutex::new(State {
                next: VecDeque::new(),
                then: Reply::status(200),
                got: Vec::new(),
            }),
            arrived: Notify::new(),
        });
        let serving = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                drop(tokio::spawn(async move {
                    // A sender that has gone away is no trouble of the test's.
                    drop(inner.serve(stream).await);
                }));
            }
        });
        Ok(Self {
            inner,
            _listening: Arc::new(Listening(task.abort_handle())),
            address,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers so next, in this order, before it answers as always.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.lock().next.extend(replies);
    }

    /// Answers so from now on.
    pub fn always(&self, reply: Reply) {
        self.inner.lock().then = reply;
    }

    /// What it got so far, in the order in which it came.
    #[must_use]
    pub fn got(&self) -> Vec<Got> {
        self.inner.lock().got.clone()
    }

    /// What it got, once that is so much.
    pub async fn wait_for(&self, count: usize) -> Vec<Got> {
        loop {
            let arrived = self.inner.arrived.notified();
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            arrived.await;
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some(got) = read(&mut stream).await? else {
            return Ok(());
        };
        let reply = {
            let mut state = self.lock();
            state.got.push(got);
            state.next.pop_front().unwrap_or_else(|| state.then.clone())
        };
        self.arrived.notify_waiters();
        match reply {
            Reply::With(status, headers) => answer(&mut stream, status, &headers, "").await,
            Reply::Says(status, body) => answer(&mut stream, status, &[], body).await,
            Reply::After(wait, status) => {
                tokio::time::sleep(wait).await;
                answer(&mut stream, status, &[], "").await
            }
            Reply::Hang => until_hung_up(&mut stream).await,
            Reply::Reset => stream.set_zero_linger(),
            Reply::Huge(status) => {
                let head = format!(
                    "HTTP/1.1 {status} Fine\r\ncontent-type: text/plain\r\n\
                     transfer-encoding: chunked\r\n\r\n{HUGE:x}\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b'a'; HUGE]).await?;
                stream.write_all(b"\r\n0\r\n\r\n").await
            }
            Reply::Endless(status, headers) => {
                let more = lines(&headers);
                let head = format!(
                    "HTTP/1.1 {status} Told\r\ntransfer-encoding: chunked\r\n{more}\r\n\
                     5\r\nstill\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                until_hung_up(&mut stream).await
            }
        }
    }
}

/// Until the sender hangs up.
async fn until_hung_up(stream: &mut TcpStream) -> io::Result<()> {
    let mut byte = [0];
    stream.read(&mut byte).await.map(drop)
}

/// Headers, a line each.
fn lines(headers: &[(&'static str, String)]) -> String {
    let lines = headers.iter();
    let lines: Vec<String> = lines
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    lines.concat()
}

async fn answer(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
) -> io::Result<()> {
    let more = lines(headers);
    // No body with these two, and so no length.
    let length = if matches!(status, 204 | 304) {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let head = format!("HTTP/1.1 {status} Told\r\n{length}connection: close\r\n{more}\r\n{body}");
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

/// One request. `None`: the connection ended before there was a whole one.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Got>> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(got) = whole(&bytes) {
            return Ok(Some(got));
        }
        let count = stream.read(&mut part).await?;
        if count == 0 || bytes.len() > REQUEST_MAX {
            return Ok(None);
        }
        bytes.extend(part.iter().take(count));
    }
}

/// The request in `bytes`, once it is whole.
fn whole(bytes: &[u8]) -> Option<Got> {
    const END: &[u8] = b"\r\n\r\n";
    let head = bytes.windows(END.len()).position(|part| part == END)?;
    let text = String::from_utf8_lossy(bytes.get(..head)?).into_owned();
    let mut lines = text.split("\r\n");
    let mut asked = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (asked.next()?, asked.next()?);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map(|text| text.parse());
    let length: usize = length.and_then(Result::ok).unwrap_or(0);
    let body = bytes.get(head.checked_add(END.len())?..)?;
    let body = body.get(..length)?.to_vec();
    Some(Got {
        method,
        path,
        headers,
        body,
    })
}
