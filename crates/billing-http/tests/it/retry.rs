//! What is sent again, how often, and after how long.

use std::time::Duration;

use billing_http::{HttpError, HttpOptions, Request, RetryPolicy, UnknownReason};
use http::Method;
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{OK, Stepped, closed, listen, read_head, stepped, with, write};

const SECOND: Duration = Duration::from_secs(1);

/// Answers `times` requests with `first`, and `then` with 200.
async fn server(first: ResponseTemplate, times: u64, then: u64) -> (MockServer, Url) {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(first)
        .up_to_n_times(times)
        .expect(times)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .expect(then)
        .mount(&server)
        .await;
    let url = Url::parse(&server.uri()).unwrap();
    (server, url)
}

#[tokio::test]
async fn a_safe_request_is_repeated_until_it_succeeds() {
    for status in [429, 500, 502, 503, 504] {
        let (_server, url) = server(ResponseTemplate::new(status), 2, 1).await;
        let half = Stepped {
            chance: 1 << 63,
            ..Stepped::default()
        };
        let (client, pacing) = with(HttpOptions::default(), half);
        let request = Request::new(Method::POST, url, RetryPolicy::Safe);
        let response = client.send(request).await.unwrap();
        assert_eq!((response.status.as_u16(), response.attempts), (200, 3));
        assert_eq!(response.earlier_unknown, status != 429);
        let pauses = [Duration::from_millis(250), Duration::from_millis(500)];
        assert_eq!(pacing.pauses(), pauses);
    }
}

#[tokio::test]
async fn attempts_are_bounded_and_the_last_answer_is_returned() {
    let (_server, url) = server(ResponseTemplate::new(503), 3, 0).await;
    let (client, pacing) = stepped();
    let response = client.send(Request::get(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.attempts), (503, 3));
    assert_eq!(pacing.pauses().len(), 2);
}

#[tokio::test]
async fn an_unsafe_request_is_never_repeated() {
    let (_server, url) = server(ResponseTemplate::new(503), 1, 0).await;
    let (client, pacing) = stepped();
    for url in [url, closed().await] {
        let request = Request::new(Method::POST, url, RetryPolicy::Never);
        match client.send(request).await {
            Ok(response) => assert_eq!(response.attempts, 1),
            Err(error) => assert!(matches!(error, HttpError::NotSent { attempts: 1, .. })),
        }
    }
    assert!(pacing.pauses().is_empty());
}

#[tokio::test]
async fn a_conflict_is_not_repeated() {
    let (_server, url) = server(ResponseTemplate::new(409), 1, 0).await;
    let response = stepped().0.send(Request::get(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.attempts), (409, 1));
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_stays_not_sent() {
    let (client, pacing) = stepped();
    let error = client.send(Request::get(closed().await)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NotSent { attempts: 3, .. }),
        "{error:?}"
    );
    assert_eq!(pacing.pauses().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut lost, _) = listener.accept().await.unwrap();
        read_head(&mut lost).await.unwrap();
        drop(lost);
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
        write(&mut stream, OK).await;
    });
    let response = stepped().0.send(Request::get(url)).await.unwrap();
    assert_eq!((response.attempts, response.earlier_unknown), (2, true));
}

/// The second attempt is refused, but the first was read: whether it took
/// effect is unknown, and must not be reported as not sent.
#[tokio::test]
async fn an_unknown_attempt_makes_the_whole_call_unknown() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        read_head(&mut stream).await.unwrap();
    });
    let error = stepped().0.send(Request::get(url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::Unknown {
                attempts: 3,
                reason: UnknownReason::EarlierAttempt,
                source: Some(_),
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let dated = ResponseTemplate::new(503)
        .insert_header("date", "Sun, 06 Nov 1994 08:49:30 GMT")
        .insert_header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    let seconds = ResponseTemplate::new(429).insert_header("retry-after", "7");
    for first in [seconds, dated] {
        let (_server, url) = server(first, 1, 1).await;
        let (client, pacing) = stepped();
        let response = client.send(Request::get(url)).await.unwrap();
        assert_eq!((response.status.as_u16(), response.attempts), (200, 2));
        assert_eq!(pacing.pauses(), [7 * SECOND]);
    }
}

#[tokio::test]
async fn a_longer_retry_after_than_is_waited_for_goes_to_the_caller() {
    let first = ResponseTemplate::new(429).insert_header("retry-after", "20");
    let (_server, url) = server(first, 1, 0).await;
    let (client, pacing) = stepped();
    let response = client.send(Request::get(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.attempts), (429, 1));
    assert_eq!(response.retry_after(), Some(20 * SECOND));
    assert!(pacing.pauses().is_empty());
}

#[tokio::test]
async fn a_pause_never_passes_the_total_time_out() {
    let options = HttpOptions {
        connect_timeout: SECOND,
        request_timeout: 6 * SECOND,
        total_timeout: 6 * SECOND,
        ..HttpOptions::default()
    };
    let first = ResponseTemplate::new(429).insert_header("retry-after", "7");
    let (_server, url) = server(first, 1, 0).await;
    let (client, pacing) = with(options, Stepped::default());
    let response = client.send(Request::get(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.attempts), (429, 1));
    assert!(pacing.pauses().is_empty());
}

#[tokio::test]
async fn a_pause_that_came_back_too_late_ends_the_call() {
    let (_server, url) = server(ResponseTemplate::new(503), 1, 0).await;
    let late = Stepped {
        late: 3600 * SECOND,
        ..Stepped::default()
    };
    let (client, pacing) = with(HttpOptions::default(), late);
    let response = client.send(Request::get(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.attempts), (503, 1));
    assert_eq!(pacing.pauses().len(), 1);
}
