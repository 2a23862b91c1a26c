//! Connections are shared, and go where the URL says.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use billing_http::{HttpClient, HttpOptions, Request};

use crate::support::{OK, listen, read_head, write};

fn shareable<T: Clone + Send + Sync + 'static>(value: T) -> T {
    value
}

#[tokio::test]
async fn two_requests_share_a_connection() {
    let (listener, url) = listen().await;
    let accepts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepts);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while read_head(&mut stream).await.is_some() {
                    write(&mut stream, OK).await;
                }
            });
        }
    });
    let client = shareable(HttpClient::new(HttpOptions::default()).unwrap());
    let first = client.send(Request::get(url.clone())).await.unwrap();
    let second = client.clone().send(Request::get(url)).await.unwrap();
    assert_eq!((&*first.body, &*second.body), (&b"ok"[..], &b"ok"[..]));
    assert_eq!(accepts.load(Ordering::SeqCst), 1);
}

/// Runs the test above again, in a process whose environment names a proxy
/// that does not exist.
#[test]
fn a_proxy_in_the_environment_is_ignored() {
    let nowhere = "http://127.0.0.1:1";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pool::two_requests_share_a_connection"])
        .env("HTTP_PROXY", nowhere)
        .env("http_proxy", nowhere)
        .env("ALL_PROXY", nowhere)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("1 passed"), "{shown}");
}
