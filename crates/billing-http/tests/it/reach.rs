//! A client that reaches the public internet alone.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use billing_http::{
    HttpClient, HttpError, HttpOptions, LookingUp, Names, Reach, Request, RetryPolicy,
};
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

/// Names that say what they are told to, and count how often they are asked.
#[derive(Debug, Default)]
struct Told {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicU32,
}

impl Told {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|found| {
            let found = found.iter().map(|text| text.parse().unwrap());
            found.collect()
        });
        Arc::new(Self {
            answers: Mutex::new(answers.collect()),
            asked: AtomicU32::new(0),
        })
    }
}

impl Names for Told {
    fn look_up(&self, _name: String) -> LookingUp {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { Ok(next.unwrap_or_default()) })
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_by_what_is_dialed() {
    let server = MockServer::start().await;
    let hook = Mock::given(matchers::path("/hook")).respond_with(ResponseTemplate::new(204));
    hook.expect(1).mount(&server).await;
    let url = format!("http://hooks.example.com:{}/hook", server.address().port());
    let post = async |reach, names: &Arc<Told>| {
        let options = HttpOptions {
            reach,
            max_attempts: 1,
            // Each call dials anew.
            pool_max_idle_per_host: 0,
            ..HttpOptions::default()
        };
        let names: Arc<dyn Names> = Arc::<Told>::clone(names);
        let client = HttpClient::with_names(options, names).unwrap();
        let request = Request::new(Method::POST, url.parse().unwrap(), RetryPolicy::Never);
        client.send(request).await.map(|answer| answer.status)
    };
    let names = Told::new(&[&["127.0.0.1"]]);
    let answered = post(Reach::Anybody, &names).await.unwrap();
    assert_eq!(answered, 204, "the names are those that were brought");
    // Whatever it said when somebody looked: what is dialed now is private.
    let names = Told::new(&[
        &["127.0.0.1"],
        &["::1", "10.0.0.1"],
        &["169.254.169.254"],
        &[],
    ]);
    for _ in 0..4 {
        let refused = post(Reach::Public, &names).await.unwrap_err();
        assert!(matches!(refused, HttpError::NotSent { .. }), "{refused:?}");
    }
    assert_eq!(names.asked.load(Ordering::Relaxed), 4, "at each dial");
}
