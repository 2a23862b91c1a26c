//! The server loop over a real socket: what a hostile client may send.

use billing_server::http::ConnectionLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::{SOON, Server, answer, quick};

const HOST: &str = "host: 127.0.0.1\r\nconnection: close\r\n";

#[tokio::test]
async fn a_request_is_answered() {
    let server = Server::start(quick()).await;
    let said = server
        .says(format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n").as_bytes())
        .await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
}

#[tokio::test]
async fn hostile_headers_are_refused() {
    let server = Server::start(quick()).await;
    let flood = "x-a: b\r\n".repeat(20_000);
    let long = format!("x-a: {}\r\n", "b".repeat(100_000));
    let table = [
        ("content-length: 2\r\ncontent-length: 3\r\n", "400"),
        ("content-length: -1\r\n", "400"),
        ("content-length: 2\r\ntransfer-encoding: chunked\r\n", ""),
        ("transfer-encoding: nonsense\r\n", "400"),
        (flood.as_str(), "431"),
        (long.as_str(), "431"),
    ];
    for (headers, status) in table {
        let request = format!("POST /v1/checkouts HTTP/1.1\r\n{HOST}{headers}\r\n{{}}");
        let said = server.says(request.as_bytes()).await;
        let shown: String = headers.chars().take(60).collect();
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status}")),
            "{shown}: {said}"
        );
        assert!(!said.starts_with("HTTP/1.1 2"), "{shown}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{shown}: {said}");
        if status == "431" {
            assert!(
                said.contains(r#""code":"header_too_large""#),
                "{shown}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let server = Server::start(quick()).await;
    for part in [
        "",
        "GET /healthz HT",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(part.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(SOON * 10, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open after {part:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let server = Server::start(quick()).await;
    let mut stream = server.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(SOON * 10, stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "still open");
    assert!(said.starts_with(b"HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start(quick()).await;
    let head = "POST /v1/checkouts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for framing in [
        "content-length: 10\r\n\r\n{",
        "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
    ] {
        let said = server.says(format!("{head}{framing}").as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        assert!(said.contains("body_too_slow"), "{said}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_framed() {
    let server = Server::start(quick()).await;
    let head = "POST /v1/checkouts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let announced = format!("{head}content-length: 12582912\r\n\r\n");
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..192 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', 65_536));
        chunked.extend_from_slice(b"\r\n");
    }
    for request in [announced.into_bytes(), chunked] {
        let mut stream = server.connect().await;
        let (mut reading, mut writing) = stream.split();
        // The answer comes while we are still sending.
        let send = async {
            drop(writing.write_all(&request).await);
            std::future::pending::<()>().await;
        };
        let mut buffer = [0; 1024];
        let read = tokio::select! {
            () = send => unreachable!("sending never ends"),
            read = reading.read(&mut buffer) => read.unwrap(),
        };
        let said = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    }
}

#[tokio::test]
async fn connections_beyond_the_cap_wait() {
    let server = Server::start(ConnectionLimits {
        connections: 1,
        header_timeout: SOON * 3,
        ..ConnectionLimits::default()
    })
    .await;
    let held = server.connect().await;
    let request = format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n");
    let mut waiting = server.connect().await;
    waiting.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let early = tokio::time::timeout(SOON, waiting.read(&mut buffer)).await;
    assert!(early.is_err(), "answered beside the one connection");
    drop(held);
    let said = answer(&mut waiting).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
}

#[tokio::test]
async fn shutting_down_waits_for_requests_in_work_and_not_for_ever() {
    let limits = ConnectionLimits {
        drain: SOON,
        header_timeout: SOON * 100,
        ..ConnectionLimits::default()
    };
    let mut server = Server::start(limits).await;
    let mut idle = server.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    idle.write_all(request).await.unwrap();
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    // Half a request, which never ends.
    let mut stuck = server.connect().await;
    stuck
        .write_all(b"POST /v1/checkouts HTTP/1.1\r\n")
        .await
        .unwrap();
    server.stop();
    let ended = tokio::time::timeout(SOON * 20, server.running.take().unwrap()).await;
    ended.expect("the drain is bounded").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
