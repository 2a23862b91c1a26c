//! A shop with the fake behind it, and the calls of an adapter.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp, Unit};
use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use billing_testkit::fakes::paddle::{Card, DEFAULT_KEY, FakePaddle, FakePaddleOptions, PriceSeed};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

/// A fake and somebody who calls it.
pub(crate) struct Shop {
    pub(crate) fake: FakePaddle,
    pub(crate) client: HttpClient,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn usd(id: &str, amount: i64, interval: Option<Interval>) -> PriceSeed {
    PriceSeed::new(id, amount, Currency::USD, interval)
}

pub(crate) fn options() -> FakePaddleOptions {
    let month = Some(Interval::MONTH);
    let trial = PriceSeed {
        trial: Some(Interval::new(Unit::Day, 14).unwrap()),
        ..usd("pri_tried", 1000, month)
    };
    let prices = vec![
        usd("pri_basic", 1000, month),
        usd("pri_pro", 3000, month),
        usd("pri_year", 30_000, Some(Interval::YEAR)),
        usd("pri_once", 500, None),
        trial,
    ];
    FakePaddleOptions::new(at("2026-01-01T00:00:00Z"), prices)
}

/// A change to the dearer price.
pub(crate) fn pro(mode: &str) -> Value {
    json!({
        "items": [{"price_id": "pri_pro", "quantity": 1}], "proration_billing_mode": mode,
    })
}

impl Shop {
    pub(crate) async fn open(options: FakePaddleOptions) -> Self {
        Self {
            fake: FakePaddle::start(options).await.unwrap(),
            client: HttpClient::new(HttpOptions::default()).unwrap(),
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, HeaderMap, Value) {
        let url = self.fake.url().join(path).unwrap();
        let mut request = Request::new(method, url, RetryPolicy::Never)
            .with_header(
                HeaderName::from_static("authorization"),
                &format!("Bearer {DEFAULT_KEY}"),
            )
            .unwrap();
        if !body.is_null() {
            let json = HeaderValue::from_static("application/json");
            request = request.with_body(json, body.to_string());
        }
        let response = self.client.send(request).await.unwrap();
        let body = serde_json::from_slice(&response.body).unwrap();
        (response.status.as_u16(), response.headers, body)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.send(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, _, body) = self.send(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {body}");
        body["data"].clone()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        let (status, _, body) = self.send(Method::PATCH, path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].clone()
    }

    /// Status and code of a refusal.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let (status, _, body) = self.send(method, path, body).await;
        let code = body["error"]["code"].as_str().unwrap_or("none").to_owned();
        assert!(
            body["error"]["detail"].is_string() && body["meta"]["request_id"].is_string(),
            "{body}"
        );
        (status, code)
    }

    pub(crate) async fn check(
        &self,
        method: Method,
        path: &str,
        body: Value,
        status: u16,
        code: &str,
    ) {
        let refused = self.refused(method, path, body).await;
        assert_eq!(refused, (status, code.to_owned()), "{path}");
    }

    /// A customer with an address who buys: transaction and subscription.
    pub(crate) async fn buy(&self, items: Value, card: Card) -> (String, String) {
        let email = format!("c{}@example.com", self.fake.world().customers.len());
        let customer = self.post("customers", json!({"email": email})).await;
        let customer_id = customer["id"].as_str().unwrap();
        let addresses = format!("customers/{customer_id}/addresses");
        let address = self.post(&addresses, json!({"country_code": "US"})).await;
        let body = json!({
            "items": items, "customer_id": customer_id, "address_id": address["id"],
            "custom_data": {"billing_customer": "cus_1", "intent": "eff_1"},
        });
        let made = self.post("transactions", body).await;
        let id = made["id"].as_str().unwrap().to_owned();
        self.fake.pay(&id, card).unwrap();
        let bought = self.get(&format!("transactions/{id}")).await;
        let subscription = bought["data"]["subscription_id"].as_str();
        (id, subscription.unwrap_or_default().to_owned())
    }

    pub(crate) async fn subscribe(&self, price: &str) -> String {
        let items = json!([{"price_id": price, "quantity": 1}]);
        self.buy(items, Card::Pays).await.1
    }

    pub(crate) async fn subscription(&self, id: &str) -> Value {
        self.get(&format!("subscriptions/{id}")).await["data"].clone()
    }

    /// Takes what waits: kinds of the events.
    pub(crate) fn told(&self) -> Vec<String> {
        let kinds = self.fake.deliveries().kinds();
        drop(self.fake.deliveries().take());
        kinds
    }
}
