//! A client that reaches the public internet alone.

use billing_http::{HttpClient, HttpError, HttpOptions, Reach, Request, RetryPolicy};
use http::Method;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// What became of a call to `host` on the port of a server on loopback.
async fn called(server: &MockServer, reach: Reach, host: &str) -> Result<u16, HttpError> {
    let options = HttpOptions {
        reach,
        max_attempts: 1,
        ..HttpOptions::default()
    };
    let url = format!("http://{host}:{}/hook", server.address().port());
    let request = Request::new(Method::POST, url.parse().unwrap(), RetryPolicy::Never);
    let answer = HttpClient::new(options).unwrap().send(request).await;
    answer.map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn loopback_is_not_dialed_by_number_or_by_name() {
    let server = MockServer::start().await;
    let hook = Mock::given(matchers::path("/hook")).respond_with(ResponseTemplate::new(204));
    hook.expect(1).mount(&server).await;
    // It is there for whoever may reach it.
    let reached = called(&server, Reach::Anybody, "localhost").await;
    assert_eq!(reached.unwrap(), 204);
    for literal in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
        let refused = called(&server, Reach::Public, literal).await.unwrap_err();
        assert!(matches!(refused, HttpError::Invalid { .. }), "{refused:?}");
    }
    let refused = called(&server, Reach::Public, "localhost")
        .await
        .unwrap_err();
    assert!(matches!(refused, HttpError::NotSent { .. }), "{refused:?}");
}
