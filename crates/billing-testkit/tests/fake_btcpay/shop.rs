//! A shop with the fake behind it, and the calls of an adapter.

use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_STORE, Decimal, FakeBtcPay, FakeBtcPayOptions,
};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

/// A fake and somebody who calls it.
pub(crate) struct Shop {
    pub(crate) fake: FakeBtcPay,
    pub(crate) client: HttpClient,
}

pub(crate) fn options() -> FakeBtcPayOptions {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    FakeBtcPayOptions::new(start)
}

impl Shop {
    pub(crate) async fn open(options: FakeBtcPayOptions) -> Self {
        let client = HttpOptions {
            circuit_failures: 0,
            ..HttpOptions::default()
        };
        Self {
            fake: FakeBtcPay::start(options).await.unwrap(),
            client: HttpClient::new(client).unwrap(),
        }
    }

    /// A call to any path below `api/v1/`, with the key.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = self.fake.url().join(&format!("api/v1/{path}")).unwrap();
        let mut request = Request::new(method, url, RetryPolicy::Never)
            .with_header(
                HeaderName::from_static("authorization"),
                &format!("token {DEFAULT_KEY}"),
            )
            .unwrap();
        if !body.is_null() {
            let json = HeaderValue::from_static("application/json");
            request = request.with_body(json, body.to_string());
        }
        let response = self.client.send(request).await.unwrap();
        let body = if response.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&response.body).unwrap()
        };
        (response.status.as_u16(), body)
    }

    /// A call to the store that must be answered well.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let path = format!("stores/{DEFAULT_STORE}/{path}");
        let (status, body) = self.send(method, &path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, body).await
    }

    /// Status, and code or the first path, of a refusal.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let path = format!("stores/{DEFAULT_STORE}/{path}");
        let (status, body) = self.send(method, &path, body).await;
        let code = body["code"].as_str().or_else(|| body[0]["path"].as_str());
        (status, code.unwrap_or("none").to_owned())
    }

    /// An invoice over dollars, at 50 000 to the bitcoin: its id.
    pub(crate) async fn ask(&self, amount: &str, order: &str) -> String {
        let body = json!({
            "amount": amount, "currency": "USD", "metadata": {"orderId": order},
        });
        let made = self.post("invoices", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Both statuses of an invoice.
    pub(crate) async fn status(&self, id: &str) -> (String, String) {
        let read = self.get(&format!("invoices/{id}")).await;
        let word = |field: &str| read[field].as_str().unwrap().to_owned();
        (word("status"), word("additionalStatus"))
    }

    pub(crate) async fn is(&self, id: &str, status: &str, additional: &str) {
        let expected = (status.to_owned(), additional.to_owned());
        assert_eq!(self.status(id).await, expected);
    }

    /// A bitcoin costs so many dollars from now on.
    pub(crate) fn price(&self, dollars: Decimal) {
        self.fake.rules(|rules| {
            rules.rates.insert("USD".to_owned(), dollars);
        });
    }

    /// Takes what waits: kinds of the events.
    pub(crate) fn told(&self) -> Vec<String> {
        let kinds = self.fake.deliveries().kinds();
        drop(self.fake.deliveries().take());
        kinds
    }
}
