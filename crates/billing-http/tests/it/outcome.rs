//! What the client concludes from each way in which a request can end.

use billing_http::{HttpClient, HttpError, HttpOptions, Request, RetryPolicy, UnknownReason};
use http::{HeaderValue, Method};
use rustls::crypto::CryptoProvider;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use url::Url;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{closed, listen, read_head, stepped, write};

fn post(url: Url) -> Request {
    Request::new(Method::POST, url, RetryPolicy::Never)
        .with_body(HeaderValue::from_static("text/plain"), "four")
}

#[tokio::test]
async fn method_headers_and_body_arrive() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/things"))
        .and(header("content-type", "text/plain"))
        .and(header("x-api-key", "hush"))
        .and(header("user-agent", billing_http::DEFAULT_USER_AGENT))
        .and(body_string("four"))
        .respond_with(
            ResponseTemplate::new(201)
                .insert_header("request-id", "req_1")
                .set_body_string("made"),
        )
        .mount(&server)
        .await;
    let url = Url::parse(&server.uri())
        .unwrap()
        .join("/v1/things")
        .unwrap();
    let name = http::HeaderName::from_static("x-api-key");
    let request = post(url).with_header(name, "hush").unwrap();
    let response = stepped().0.send(request).await.unwrap();
    assert_eq!(response.status, 201);
    assert_eq!(&*response.body, b"made");
    assert_eq!(response.request_id.as_deref(), Some("req_1"));
    assert_eq!((response.attempts, response.earlier_unknown), (1, false));
}

#[tokio::test]
async fn any_status_is_an_answer() {
    for status in [204, 304, 402, 404, 409, 500] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status))
            .expect(1)
            .mount(&server)
            .await;
        let url = Url::parse(&server.uri()).unwrap();
        let response = stepped().0.send(post(url)).await.unwrap();
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = MockServer::start().await;
    Mock::given(path("/elsewhere"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/elsewhere"))
        .expect(1)
        .mount(&server)
        .await;
    let url = Url::parse(&server.uri()).unwrap();
    let response = stepped().0.send(Request::get(url)).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "/elsewhere");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let error = stepped().0.send(post(closed().await)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NotSent { attempts: 1, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_host_without_address_is_not_sent() {
    // A label of 64 letters is one too long for DNS: nobody needs to be asked.
    let url = Url::parse(&format!("http://{}.test/", "a".repeat(64))).unwrap();
    let error = stepped().0.send(post(url)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::NotSent { attempts: 1, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_failed_handshake_is_not_sent_and_leaves_no_global_provider() {
    let (listener, mut url) = listen().await;
    url.set_scheme("https").unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    });
    let error = stepped().0.send(post(url)).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
    // 22 opens a TLS handshake record.
    assert_eq!(server.await.unwrap(), 22);
    assert!(CryptoProvider::get_default().is_none());
}

/// The queue of the listener is full, so the kernel answers no further
/// connection; with nothing else to do, time jumps to the next time-out.
#[tokio::test(start_paused = true)]
async fn a_connect_time_out_is_not_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let _first = TcpStream::connect(address).await.unwrap();
    let _second = TcpStream::connect(address).await.unwrap();
    let options = HttpOptions::default();
    let client = HttpClient::new(options.clone()).unwrap();
    let start = tokio::time::Instant::now();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let error = client.send(post(url)).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
    assert!(start.elapsed() >= options.connect_timeout);
    assert!(start.elapsed() < options.request_timeout);
}

#[tokio::test]
async fn a_connection_closed_after_reading_is_unknown() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap()
    });
    let error = stepped().0.send(post(url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::Unknown {
                attempts: 1,
                reason: UnknownReason::ConnectionLost,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        server
            .await
            .unwrap()
            .starts_with("POST /v1/things HTTP/1.1")
    );
}

#[tokio::test]
async fn a_cut_body_is_unknown() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ncut",
        )
        .await;
    });
    let error = stepped().0.send(post(url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::Unknown {
                reason: UnknownReason::ConnectionLost,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_no_client_should_send_is_invalid() {
    for url in [
        "ftp://api.test/",
        "mailto:ana@api.test",
        "http://user@api.test/",
        "http://:pass@api.test/",
    ] {
        let request = Request::get(Url::parse(url).unwrap());
        let error = stepped().0.send(request).await.unwrap_err();
        assert!(
            matches!(error, HttpError::Invalid { .. }),
            "{url}: {error:?}"
        );
        assert!(!error.to_string().contains("pass"), "{error}");
    }
}

#[test]
fn a_value_that_no_header_can_carry_is_invalid_and_not_shown() {
    let url = Url::parse("https://api.test/v1").unwrap();
    let name = http::HeaderName::from_static("x-api-key");
    let error = Request::get(url).with_header(name, "hush\r\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "form the request GET api.test/v1: the value of header x-api-key cannot be sent"
    );
}
