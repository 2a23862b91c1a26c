//! A fake with two prices, and hands to call it with.

use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_http::{HttpClient, HttpError, HttpOptions, Request, Response, RetryPolicy};
use billing_testkit::fakes::stripe::{Card, FakeOptions, FakeStripe};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Method};
use jiff::SignedDuration;
use serde_json::Value;

pub(crate) const KEY: &str = "sk_test_fake";

pub(crate) struct Bench {
    pub(crate) fake: FakeStripe,
    client: HttpClient,
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(FakeOptions::default()).await
    }

    pub(crate) async fn with(options: FakeOptions) -> Self {
        let fake = FakeStripe::start(options).await.unwrap();
        let month = Some(Interval::MONTH);
        fake.price("price_basic", "prod_basic", 1_000, Currency::USD, month);
        fake.price("price_pro", "prod_pro", 2_500, Currency::USD, month);
        fake.price("price_free", "prod_free", 0, Currency::USD, month);
        let year = Some(Interval::YEAR);
        fake.price("price_year", "prod_pro", 25_000, Currency::USD, year);
        fake.price("price_once", "prod_once", 4_900, Currency::USD, None);
        let client = HttpClient::new(HttpOptions::default()).unwrap();
        Self { fake, client }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Result<Response, HttpError> {
        let url = self.fake.url().join(path).unwrap();
        let mut request = Request::new(method.clone(), url, RetryPolicy::Never);
        let key = HeaderValue::from_str(&format!("Bearer {KEY}")).unwrap();
        request.headers.insert(AUTHORIZATION, key);
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers.insert(name, value.parse().unwrap());
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        if method == Method::POST {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request = request.with_body(form, body);
        }
        self.client.send(request).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> (u16, Value) {
        let response = self.send(method, path, &[], fields).await.unwrap();
        let body = serde_json::from_slice(&response.body).unwrap();
        (response.status.as_u16(), body)
    }

    /// Posts and expects success.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let (status, body) = self.call(Method::POST, path, fields).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Posts and expects a refusal: its status and error.
    pub(crate) async fn refused(&self, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let (status, body) = self.call(Method::POST, path, fields).await;
        assert!(status >= 400, "{path}: {body}");
        (status, body["error"].clone())
    }

    /// Reads and expects success.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, &[]).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// An open session for one unit of a recurring price.
    pub(crate) async fn session(&self, price: &str, more: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("mode", "subscription"),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://shop.test/done"),
            ("customer_email", "ana@example.test"),
        ];
        fields.extend_from_slice(more);
        let session = self.post("v1/checkout/sessions", &fields).await;
        text(&session["id"])
    }

    /// A subscription that was bought with a card: its id.
    pub(crate) async fn bought(&self, price: &str, card: Card) -> String {
        let session = self.session(price, &[]).await;
        self.fake.pay(&session, card).unwrap();
        let session = self.get(&format!("v1/checkout/sessions/{session}")).await;
        text(&session["subscription"])
    }

    pub(crate) async fn subscription(&self, id: &str) -> Value {
        self.get(&format!("v1/subscriptions/{id}")).await
    }

    /// The id of a subscription's first item.
    pub(crate) async fn item(&self, id: &str) -> String {
        text(&self.subscription(id).await["items"]["data"][0]["id"])
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
