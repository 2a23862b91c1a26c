//! Nothing that is shown holds a query, a secret header or a body.

use billing_http::{Request, RetryPolicy};
use http::{HeaderName, HeaderValue, Method};
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{closed, everything, listen, read_head, stepped};

/// A request with the word `hush` in every place where a secret may be.
fn secretive(mut url: Url) -> Request {
    url.set_query(Some("token=hush"));
    url.set_fragment(Some("hush"));
    let mut request = Request::new(Method::POST, url, RetryPolicy::Never)
        .with_body(HeaderValue::from_static("text/plain"), "hush");
    for name in [
        "authorization",
        "cookie",
        "x-webhook-signature",
        "idempotency-key",
        "x-client-secret",
    ] {
        request = request
            .with_header(HeaderName::from_static(name), "hush")
            .unwrap();
    }
    request
}

#[test]
fn a_request_shows_names_and_sizes() {
    let request = secretive(Url::parse("https://api.test/v1/things").unwrap());
    assert_eq!(
        format!("{request:?}"),
        "Request { target: \"POST api.test/v1/things\", \
         headers: {\"content-type\": \"text/plain\", \"authorization\": [redacted], \
         \"cookie\": [redacted], \"x-webhook-signature\": [redacted], \
         \"idempotency-key\": [redacted], \"x-client-secret\": [redacted]}, \
         body_bytes: 4, retry: Never, verdict: None, answer: Whole, .. }"
    );
    let bare = format!("{:?}", request.headers);
    assert!(!bare.contains("hush"), "{bare}");
}

#[tokio::test]
async fn a_path_that_is_hidden_is_shown_by_nothing() {
    let mut url = closed().await;
    url.set_path("/hush/hooks");
    let port = url.port().unwrap();
    let request = secretive(url).hiding_path();
    let target = format!("POST 127.0.0.1:{port}");
    let shown = format!("{request:?}");
    assert!(
        shown.starts_with(&format!("Request {{ target: {target:?}, ")),
        "{shown}"
    );
    assert!(!shown.contains("hush"), "{shown}");
    let wrong = request
        .clone()
        .with_header(HeaderName::from_static("x-a"), "\n");
    for error in [
        wrong.unwrap_err(),
        stepped().0.send(request).await.unwrap_err(),
    ] {
        let shown = everything(&error);
        assert!(
            shown.contains(&target) && !shown.contains("hush"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_response_shows_names_and_sizes() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("set-cookie", "hush")
                .insert_header("x-session-token", "hush")
                .set_body_string("hush"),
        )
        .mount(&server)
        .await;
    let request = secretive(Url::parse(&server.uri()).unwrap());
    let response = stepped().0.send(request).await.unwrap();
    assert_eq!(&*response.body, b"hush");
    let shown = format!("{response:?} {response:#?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("\"set-cookie\": [redacted]"), "{shown}");
    assert!(shown.contains("body_bytes: 4"), "{shown}");
}

#[tokio::test]
async fn an_error_shows_host_and_path() {
    let refused = closed().await;
    let (listener, lost) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
    });
    for (url, start) in [(refused, "connect for"), (lost, "learn the outcome of")] {
        let place = format!("POST {}:{}/v1/things", "127.0.0.1", url.port().unwrap());
        let error = stepped().0.send(secretive(url)).await.unwrap_err();
        let shown = everything(&error);
        assert!(shown.starts_with(&format!("{start} {place}")), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(!shown.contains("token"), "{shown}");
    }
}
