//! A host that does not answer is left alone, and what is known of a lost answer is
//! kept.

use std::time::Duration;

use billing_http::{HttpError, HttpOptions, Request, RetryPolicy};
use http::Method;
use url::Url;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Stepped, closed, listen, read_head, stepped, with, write};

const PAUSE: Duration = Duration::from_secs(20);

fn post(url: &Url) -> Request {
    Request::new(Method::POST, url.clone(), RetryPolicy::Never)
}

fn options() -> HttpOptions {
    HttpOptions {
        circuit_failures: 2,
        circuit_pause: PAUSE,
        ..HttpOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_down_is_left_alone_and_then_tried() {
    let (client, _) = with(options(), Stepped::default());
    let url = closed().await;
    for _ in 0..2 {
        let error = client.send(post(&url)).await.unwrap_err();
        assert!(matches!(error, HttpError::NotSent { attempts: 1, .. }));
    }
    let error = client.send(post(&url)).await.unwrap_err();
    let HttpError::NotSent {
        attempts, source, ..
    } = error
    else {
        panic!("nothing was sent: {error:?}");
    };
    assert_eq!(attempts, 0);
    assert!(source.is_circuit_open());
    assert!(source.to_string().contains("circuit is open"), "{source}");
    // Another port is another host.
    let other = closed().await;
    let error = client.send(post(&other)).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { attempts: 1, .. }));

    tokio::time::advance(PAUSE).await;
    let error = client.send(post(&url)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NotSent { attempts: 1, .. }),
        "tried"
    );
    let error = client.send(post(&url)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NotSent { attempts: 0, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_says_no_comes_from_somebody() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500))
        .expect(4)
        .mount(&server)
        .await;
    let (client, _) = with(options(), Stepped::default());
    let url = Url::parse(&server.uri()).unwrap();
    for _ in 0..4 {
        assert_eq!(client.send(post(&url)).await.unwrap().status, 500);
    }
}

#[tokio::test]
async fn a_gateway_without_a_server_is_nobody() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503))
        .expect(2)
        .mount(&server)
        .await;
    let (client, _) = with(options(), Stepped::default());
    let url = Url::parse(&server.uri()).unwrap();
    for _ in 0..2 {
        assert_eq!(client.send(post(&url)).await.unwrap().status, 503);
    }
    assert!(client.send(post(&url)).await.is_err());
}

#[tokio::test]
async fn what_came_of_a_cut_answer_is_kept() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
        let cut = "HTTP/1.1 200 OK\r\nrequest-id: req_1\r\ncontent-length: 10\r\n\r\ncut";
        write(&mut stream, cut).await;
    });
    let error = stepped().0.send(post(&url)).await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.ends_with("lost, status 200, request req_1"),
        "{shown}"
    );
    let HttpError::Unknown {
        status, request_id, ..
    } = error
    else {
        panic!("nobody knows: {error:?}");
    };
    assert_eq!(status.map(|status| status.as_u16()), Some(200));
    assert_eq!(request_id.as_deref(), Some("req_1"));
}
