//! Time-outs and the byte limit hold.

use std::time::Duration;

use billing_http::{HttpClient, HttpError, HttpOptions, Request, RetryPolicy, UnknownReason};
use http::Method;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use crate::support::{Stepped, listen, read_head, with, write};

/// More than the machine needs for the work around a time-out.
const SLACK: Duration = Duration::from_secs(2);

/// An answer that does not come to its end.
const ENDLESS: &str = "HTTP/1.1 200 OK\r\nretry-after: 7\r\ncontent-length: 10\r\n\r\nslow";

/// Answers each request with `start`, then freezes time and never goes on, so
/// that time jumps to the next time-out.
async fn hanging(start: &'static str) -> Url {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await.unwrap();
            write(&mut stream, start).await;
            tokio::time::pause();
            held.push(stream);
        }
    });
    url
}

/// Answers every request with `answer` and counts the requests.
async fn answering(answer: String) -> (Url, mpsc::UnboundedReceiver<()>) {
    let (listener, url) = listen().await;
    let (count, counted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await.unwrap();
            count.send(()).unwrap();
            write(&mut stream, &answer).await;
        }
    });
    (url, counted)
}

fn status(error: &HttpError) -> Option<u16> {
    if let HttpError::Unknown { status, .. } = error {
        status.map(|status| status.as_u16())
    } else {
        None
    }
}

fn timed_out(error: &HttpError, expected_attempts: u32) -> bool {
    matches!(
        error,
        HttpError::Unknown { attempts, reason: UnknownReason::TimedOut, .. }
            if *attempts == expected_attempts
    )
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_time_out_of_one_attempt() {
    for (start, came) in [("", None), (ENDLESS, Some(200))] {
        let url = hanging(start).await;
        let options = HttpOptions::default();
        let client = HttpClient::new(options.clone()).unwrap();
        let begin = Instant::now();
        let request = Request::new(Method::POST, url, RetryPolicy::Never);
        let error = client.send(request).await.unwrap_err();
        tokio::time::resume();
        assert!(timed_out(&error, 1), "{error:?}");
        assert_eq!(status(&error), came);
        assert!(begin.elapsed() >= options.request_timeout);
        assert!(begin.elapsed() < options.request_timeout + SLACK);
    }
}

#[tokio::test]
async fn where_the_status_is_needed_alone_no_body_stands_in_its_way() {
    let options = HttpOptions {
        max_response_bytes: 8,
        ..HttpOptions::default()
    };
    let whole = "HTTP/1.1 200 OK\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbody";
    let announced = whole.replace("length: 4", "length: 9000");
    let streamed = "HTTP/1.1 200 OK\r\nretry-after: 7\r\ntransfer-encoding: chunked\r\n\r\n\
        9\r\ntoo large\r\n0\r\n\r\n";
    let endless = hanging(ENDLESS).await;
    let (mut urls, mut asked) = (vec![endless], Vec::new());
    // What is announced and torn down is cut, too.
    for answer in [whole, &announced, streamed, ENDLESS] {
        let (url, counted) = answering(answer.to_owned()).await;
        urls.push(url);
        asked.push(counted);
    }
    for (place, url) in urls.into_iter().enumerate() {
        let client = HttpClient::new(options.clone()).unwrap();
        let request = Request::new(Method::POST, url, RetryPolicy::Never).for_its_status();
        let response = client.send(request).await.unwrap();
        if place == 0 {
            tokio::time::resume();
        }
        assert_eq!(response.status, 200);
        assert_eq!(response.retry_after(), Some(Duration::from_secs(7)));
        assert!(response.body.is_empty(), "{response:?}");
    }
}

#[tokio::test]
async fn the_total_time_out_cuts_the_last_attempt() {
    let url = hanging("").await;
    let options = HttpOptions {
        request_timeout: Duration::from_secs(30),
        total_timeout: Duration::from_secs(70),
        max_attempts: 10,
        ..HttpOptions::default()
    };
    let frozen = Stepped {
        frozen: true,
        ..Stepped::default()
    };
    let (client, pacing) = with(options.clone(), frozen);
    let begin = Instant::now();
    let error = client.send(Request::get(url)).await.unwrap_err();
    assert!(timed_out(&error, 3), "{error:?}");
    assert!(begin.elapsed() >= options.total_timeout);
    assert!(begin.elapsed() < options.total_timeout + SLACK);
    assert_eq!(pacing.pauses().len(), 2);
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_not() {
    let options = HttpOptions {
        max_response_bytes: 4,
        ..HttpOptions::default()
    };
    let announced = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let chunked = |first: &str, second: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        )
    };
    for (answer, fits) in [
        (announced("four"), true),
        (announced("fives"), false),
        (chunked("fo", "ur"), true),
        (chunked("fiv", "es"), false),
        // Announced, and refused before any of the body is there.
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned(),
            false,
        ),
    ] {
        let (url, mut counted) = answering(answer).await;
        let (client, _) = with(options.clone(), Stepped::default());
        let result = client.send(Request::get(url)).await;
        match result {
            Ok(response) => {
                assert!(fits);
                assert_eq!(&*response.body, b"four");
            }
            Err(error) => {
                assert!(!fits, "{error:?}");
                assert!(matches!(
                    error,
                    HttpError::Unknown {
                        attempts: 1,
                        reason: UnknownReason::AnswerTooLarge { limit: 4 },
                        ..
                    }
                ));
            }
        }
        // The request was safe, and still went out once.
        assert!(counted.try_recv().is_ok());
        assert!(counted.try_recv().is_err());
    }
}
