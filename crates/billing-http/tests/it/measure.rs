//! Each attempt is counted and timed by host and outcome.

use billing_http::{Request, RetryPolicy};
use http::Method;
use metrics_exporter_prometheus::PrometheusBuilder;
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{closed, listen, read_head, stepped};

#[tokio::test]
async fn attempts_are_counted_and_timed() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (client, _) = stepped();

    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let url = Url::parse(&server.uri()).unwrap();
    client.send(Request::get(url)).await.unwrap();

    let (listener, lost) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
    });
    for url in [lost, closed().await] {
        let request = Request::new(Method::POST, url, RetryPolicy::Never);
        client.send(request).await.unwrap_err();
    }

    let shown = handle.render();
    for (outcome, count) in [("5xx", 2), ("2xx", 1), ("unknown", 1), ("not_sent", 1)] {
        let labels = format!("{{host=\"127.0.0.1\",outcome=\"{outcome}\"}}");
        for name in [
            billing_http::REQUESTS_TOTAL.to_owned(),
            format!("{}_count", billing_http::REQUEST_SECONDS),
        ] {
            let line = format!("{name}{labels} {count}\n");
            assert!(shown.contains(&line), "{line} in {shown}");
        }
    }
}
