//! Shutting down: what is in work ends, what is new is not begun.

use std::sync::Arc;
use std::time::Duration;

use billing_server::http::ConnectionLimits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::rig::Rig;
use crate::wire::{Said, Server, answer, quick};

/// Long enough for anything that is to end at all.
const ENDS: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_half_sent_is_still_served() {
    let mut server = Server::start(quick()).await;
    let mut stream = server.connect().await;
    let body = r#"{"plan":"free"}"#;
    let (first, rest) = body.split_at(5);
    let head = format!(
        "POST /v1/checkouts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // That the server asks for the body shows that the request is in work.
    let mut asked = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked)
        .await
        .unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(first.as_bytes()).await.unwrap();
    server.stop();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(rest.as_bytes()).await.unwrap();
    let said = Said::of(&answer(&mut stream).await);
    assert_eq!(said.status, 201, "{said:?}");
    assert_eq!(said.json["status"], "completed");
    assert_eq!(server.rig.store.snapshot().accounts.len(), 1);
    let ended = tokio::time::timeout(ENDS, server.running.take().unwrap()).await;
    ended.expect("it ends when nothing is in work").unwrap();
}

#[tokio::test]
async fn work_that_has_begun_ends_before_the_server_does() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go_on));
    let app = poem::endpoint::make(move |_request| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, poem::Error>(poem::Response::builder().body("done"))
        }
    });
    let limits = ConnectionLimits {
        drain: ENDS,
        ..quick()
    };
    let mut server = Server::of(Rig::new().await, app, limits).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = server.connect().await;
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        begun.notified().await;
        streams.push(stream);
    }
    server.stop();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.running.as_ref().unwrap().is_finished());
    for _ in 0..4 {
        go_on.notify_one();
        tokio::task::yield_now().await;
    }
    for mut stream in streams {
        go_on.notify_one();
        let said = answer(&mut stream).await;
        assert!(
            said.starts_with("HTTP/1.1 200 OK") && said.ends_with("done"),
            "{said}"
        );
    }
    let ended = tokio::time::timeout(ENDS, server.running.take().unwrap()).await;
    ended.expect("it ends when nothing is in work").unwrap();
}
