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

/// Largest answer that is read; a longer one is not of these routes.
const MAX_ANSWER: usize = 16 * 1024;

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
    let count = requests.len();
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut streams = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let began = now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(async move {
                let mut held = Vec::with_capacity(MAX_ANSWER);
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    exchange(&stream, request, &mut held).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took: Duration = began.elapsed();
    per_second(count, took)
}

/// Rates of ours and of the floor in turn, `count` requests a round.
pub(crate) async fn side_by_side(
    [ours, floor]: [SocketAddr; 2],
    size: Size,
    count: usize,
    for_ours: impl Fn(usize) -> Vec<Bytes>,
    for_floor: impl Fn(usize) -> Vec<Bytes>,
) -> Vec<Pair> {
    let began = now();
    // The first round finds nothing prepared on either side.
    rate(ours, for_ours(count / 4)).await;
    rate(floor, for_floor(count / 4)).await;
    let mut rounds = Vec::new();
    for round in 0..size.pick(9, 3) {
        if began.elapsed() > PATIENCE {
            break;
        }
        let (first, second) = (for_ours(count), for_floor(count));
        rounds.push(if round % 2 == 0 {
            let ours = rate(ours, first).await;
            Pair {
                ours,
                floor: rate(floor, second).await,
            }
        } else {
            let floor = rate(floor, second).await;
            Pair {
                ours: rate(ours, first).await,
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
