//! Load: requests that are ready to send, over connections that stay open. A
//! client that does next to nothing, as it runs on the server's own cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::Size;
use crate::table::{Pair, now, per_second};

/// Connections at a time, each with one request on its way.
pub(crate) const CONNECTIONS: usize = 32;

/// Connections where the time of each answer counts: few enough that it is not
/// spent waiting for one of two cores.
pub(crate) const FEW_CONNECTIONS: usize = 8;

/// Largest answer that is read; a longer one is not of these routes.
const MAX_ANSWER: usize = 256 * 1024;

/// Rounds begin no later than this: a slow machine measures fewer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request as it goes over the wire.
pub(crate) fn request(head: &str, headers: &[(&str, &str)], body: &[u8]) -> Bytes {
    let mut bytes = format!("{head} HTTP/1.1\r\nhost: bench\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes.into()
}

/// Sends all of `requests`; gives how many were answered a second. Every answer
/// is a 200 or a 201, or this is the end.
pub(crate) async fn rate(address: SocketAddr, requests: Vec<Bytes>) -> u64 {
    let (count, began) = (requests.len(), now());
    took(address, requests, CONNECTIONS).await;
    per_second(count, began.elapsed())
}

/// Sends all of `requests` over [`FEW_CONNECTIONS`]; gives the microseconds within
/// which 99 in a hundred were answered.
async fn slowest(address: SocketAddr, requests: Vec<Bytes>) -> u64 {
    let mut times = took(address, requests, FEW_CONNECTIONS).await;
    times.sort_unstable();
    let beyond = times.len() / 100;
    let slow = times.get(times.len() - 1 - beyond).unwrap();
    u64::try_from(slow.as_micros()).unwrap()
}

/// Sends all of `requests`; gives how long each took.
pub(crate) async fn took(
    address: SocketAddr,
    requests: Vec<Bytes>,
    connections: usize,
) -> Vec<Duration> {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut held, mut took) = (Vec::with_capacity(MAX_ANSWER), Vec::new());
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = now();
                    exchange(&stream, request, &mut held).await;
                    took.push(began.elapsed());
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

/// Rates of ours and of the floor in turn, `count` requests a round.
pub(crate) async fn side_by_side(
    [ours, floor]: [SocketAddr; 2],
    size: Size,
    count: usize,
    for_ours: impl Fn(usize) -> Vec<Bytes>,
    for_floor: impl Fn(usize) -> Vec<Bytes>,
) -> Vec<Pair> {
    let both = [ours, floor];
    in_turn(both, size, count, for_ours, for_floor, Measure::Rate).await
}

/// The same of how long 99 in a hundred take at most, in microseconds, over
/// [`FEW_CONNECTIONS`].
pub(crate) async fn slowest_side_by_side(
    both: [SocketAddr; 2],
    size: Size,
    count: usize,
    requests: impl Fn(usize) -> Vec<Bytes> + Copy,
) -> Vec<Pair> {
    in_turn(both, size, count, requests, requests, Measure::Slowest).await
}

/// What is measured of each side in turn.
#[derive(Clone, Copy)]
enum Measure {
    Rate,
    Slowest,
}

impl Measure {
    async fn of(self, address: SocketAddr, requests: Vec<Bytes>) -> u64 {
        match self {
            Self::Rate => rate(address, requests).await,
            Self::Slowest => slowest(address, requests).await,
        }
    }
}

async fn in_turn(
    [ours, floor]: [SocketAddr; 2],
    size: Size,
    count: usize,
    for_ours: impl Fn(usize) -> Vec<Bytes>,
    for_floor: impl Fn(usize) -> Vec<Bytes>,
    what: Measure,
) -> Vec<Pair> {
    let began = now();
    // The first round finds nothing prepared on either side.
    what.of(ours, for_ours(count / 4)).await;
    what.of(floor, for_floor(count / 4)).await;
    let mut rounds = Vec::new();
    for round in 0..size.pick(9, 3) {
        if began.elapsed() > PATIENCE {
            break;
        }
        let (first, second) = (for_ours(count), for_floor(count));
        rounds.push(if round % 2 == 0 {
            let ours = what.of(ours, first).await;
            Pair {
                ours,
                floor: what.of(floor, second).await,
            }
        } else {
            let floor = what.of(floor, second).await;
            Pair {
                ours: what.of(ours, first).await,
                floor,
            }
        });
    }
    rounds
}

async fn exchange(stream: &TcpStream, request: &[u8], held: &mut Vec<u8>) {
    let mut rest = request;
    while !rest.is_empty() {
        stream.writable().await.unwrap();
        match stream.try_write(rest) {
            Ok(sent) => rest = rest.get(sent..).unwrap(),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    }
    held.clear();
    while !is_whole(held) {
        stream.readable().await.unwrap();
        match stream.try_read_buf(held) {
            Ok(0) => panic!("the server hung up: {}", String::from_utf8_lossy(held)),
            Ok(_) => assert!(held.len() <= MAX_ANSWER, "an answer without end"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    }
    assert!(
        held.starts_with(b"HTTP/1.1 200 ") || held.starts_with(b"HTTP/1.1 201 "),
        "{}",
        String::from_utf8_lossy(held)
    );
}

/// Whether an answer has arrived to its end.
fn is_whole(held: &[u8]) -> bool {
    let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (fields, rest) = held.split_at(end);
    let fields = String::from_utf8_lossy(fields);
    let length = fields.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    rest.len() >= 4 + length.unwrap_or(0_usize)
}
