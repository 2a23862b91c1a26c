//! Deliveries on their way: retries, what blocks what, and what a restart loses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use billing_domain::time::Timestamp;
use billing_testkit::fakes::btcpay::{OWN_WEBHOOK, SIGNATURE_HEADER, signature};
use billing_testkit::fakes::rig::{
    Answer, Books, FakeClock, Fault, FaultKind, Incoming, Outbox, Provider, Rig,
};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::shop::{Shop, options};

/// Somebody who is told, and answers as a test says: well, unless it says otherwise.
#[derive(Debug, Default)]
struct Receiver(Mutex<VecDeque<u16>>);

impl Provider for Receiver {
    fn authorized(&self, _request: &Incoming) -> bool {
        true
    }

    fn unauthorized(&self, request: &Incoming) -> Answer {
        self.answer(request)
    }

    fn answer(&self, _request: &Incoming) -> Answer {
        let status = self.0.lock().unwrap().pop_front().unwrap_or(200);
        Answer::json(StatusCode::from_u16(status).unwrap(), &json!({}))
    }

    fn refusal(&self, request: &Incoming, _kind: &FaultKind) -> Answer {
        self.answer(request)
    }

    fn next_due(&self) -> Option<Timestamp> {
        None
    }

    fn run_due(&self) {}

    fn act(&self, _name: &str, _body: &Value) -> Result<Value, String> {
        Ok(Value::Null)
    }

    fn books(&self) -> Books {
        Books::default()
    }
}

/// A shop that delivers to a receiver.
struct Sent {
    shop: Shop,
    receiver: Arc<Receiver>,
    rig: Rig,
}

impl Sent {
    async fn open() -> Self {
        let receiver = Arc::new(Receiver::default());
        let clock = FakeClock::still(Timestamp::UNIX_EPOCH);
        let outbox = Outbox::new(|_, _, _| Vec::new(), clock.clone(), Vec::new());
        let bound = Rig::bind(0).await.unwrap();
        let provider = Arc::clone(&receiver);
        let rig = Rig::serve(bound, provider, clock, outbox).unwrap();
        let mut options = options();
        options.webhook = Some(rig.url().join("hooks").unwrap());
        Self {
            shop: Shop::open(options).await,
            receiver,
            rig,
        }
    }

    /// The next deliveries are answered so.
    fn answer(&self, statuses: &[u16]) {
        self.receiver.0.lock().unwrap().extend(statuses);
    }

    /// What arrived since the last time: types, with a star where it was sent again.
    async fn arrived(&self) -> Vec<String> {
        self.shop.fake.deliver().await;
        let log = self.rig.requests();
        let bodies = log.all().into_iter().map(|one| {
            let body: Value = serde_json::from_slice(&one.body).unwrap();
            let star = if body["isRedelivery"] == true {
                "*"
            } else {
                ""
            };
            format!("{}{star}", body["type"].as_str().unwrap())
        });
        let bodies = bodies.collect();
        log.clear();
        bodies
    }

    async fn after(&self, by: SignedDuration) -> Vec<String> {
        self.shop.fake.advance(by);
        self.arrived().await
    }
}

const NONE: [&str; 0] = [];

#[tokio::test]
async fn one_that_fails_holds_up_all_later_ones() {
    let sent = Sent::open().await;
    sent.answer(&[503, 503]);
    let id = sent.shop.ask("25.00", "order-1").await;
    assert_eq!(sent.arrived().await, ["InvoiceCreated"]);
    sent.shop.fake.pay_by_lightning(&id, 50_000).unwrap();
    assert_eq!(sent.arrived().await, NONE);
    assert_eq!(sent.after(SignedDuration::from_secs(9)).await, NONE);
    // Ten seconds after the first, and a minute after the second.
    let second = SignedDuration::from_secs(1);
    assert_eq!(sent.after(second).await, ["InvoiceCreated*"]);
    assert_eq!(sent.after(SignedDuration::from_secs(59)).await, NONE);
    let all = [
        "InvoiceCreated*",
        "InvoiceReceivedPayment",
        "InvoicePaymentSettled",
        "InvoiceProcessing",
        "InvoiceSettled",
    ];
    assert_eq!(sent.after(second).await, all);
}

#[tokio::test]
async fn it_is_given_up_after_an_hour_and_the_next_one_goes() {
    let sent = Sent::open().await;
    sent.answer(&[500; 9]);
    sent.shop.ask("25.00", "order-1").await;
    assert_eq!(sent.arrived().await, ["InvoiceCreated"]);
    for pause in [10, 60, 600, 600, 600, 600, 600, 600] {
        let pause = SignedDuration::from_secs(pause);
        let arrived = sent.after(pause).await;
        assert!(arrived.contains(&"InvoiceCreated*".to_owned()), "{pause}");
    }
    assert_eq!(sent.after(SignedDuration::from_hours(2)).await, NONE);
    let listed = sent
        .shop
        .get(&format!("webhooks/{OWN_WEBHOOK}/deliveries"))
        .await;
    let failed = listed.as_array().unwrap().iter();
    let failed = failed.filter(|one| one["status"] == "HttpError");
    assert_eq!(failed.count(), 9);
}

#[tokio::test]
async fn a_plain_no_is_not_asked_again() {
    let sent = Sent::open().await;
    sent.answer(&[401, 302, 408, 429]);
    sent.shop.ask("25.00", "order-1").await;
    sent.shop.ask("25.00", "order-2").await;
    sent.shop.ask("25.00", "order-3").await;
    // 401 and a redirect are given up; 408 is not.
    assert_eq!(sent.arrived().await, ["InvoiceCreated"; 3]);
    let ten = SignedDuration::from_secs(10);
    assert_eq!(sent.after(ten).await, ["InvoiceCreated*"]);
    assert_eq!(
        sent.after(SignedDuration::from_mins(1)).await,
        ["InvoiceCreated*"]
    );
    assert_eq!(sent.after(SignedDuration::from_mins(10)).await, NONE);
}

#[tokio::test]
async fn no_answer_is_tried_again_and_a_restart_forgets_it() {
    let sent = Sent::open().await;
    sent.rig
        .faults()
        .order(Fault::next(FaultKind::LostAnswer).times(2));
    sent.shop.ask("25.00", "order-1").await;
    assert_eq!(sent.arrived().await, ["InvoiceCreated"]);
    let ten = SignedDuration::from_secs(10);
    assert_eq!(sent.after(ten).await, ["InvoiceCreated*"]);
    sent.shop.ask("25.00", "order-2").await;
    sent.shop.fake.deliver().await;
    assert_eq!(sent.shop.fake.restart(), 2);
    assert_eq!(sent.after(SignedDuration::from_mins(5)).await, NONE);
    // What failed can be sent again by hand; what was never sent is nowhere.
    let path = format!("webhooks/{OWN_WEBHOOK}/deliveries");
    let listed = sent.shop.get(&path).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["status"], "Failed");
    let failed = listed[0]["id"].as_str().unwrap();
    let redeliver = format!("{path}/{failed}/redeliver");
    sent.shop.post(&redeliver, Value::Null).await;
    assert_eq!(sent.arrived().await, ["InvoiceCreated*"]);
}

#[tokio::test]
async fn a_webhook_that_was_made_has_its_own_secret_and_events() {
    let sent = Sent::open().await;
    let shop = Shop::open(options()).await;
    let body = json!({
        "url": sent.rig.url().join("billing").unwrap().as_str(), "secret": "made for it",
        "authorizedEvents": {"everything": false, "specificEvents": ["InvoiceSettled"]},
    });
    let made = shop.post("webhooks", body).await;
    assert_eq!(made["secret"], "made for it");
    let path = format!("webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(shop.get(&path).await.get("secret"), None);
    assert_eq!(shop.get("webhooks").await.as_array().unwrap().len(), 2);
    let id = shop.ask("25.00", "order-1").await;
    shop.fake.pay_by_lightning(&id, 50_000).unwrap();
    shop.fake.deliver().await;
    let arrived = sent.rig.requests().all();
    assert_eq!(arrived.len(), 1);
    let expected = signature("made for it", &arrived[0].body);
    assert_eq!(arrived[0].header(SIGNATURE_HEADER), Some(expected.as_str()));
    let listed = shop.get(&format!("{path}/deliveries")).await;
    assert_eq!(listed[0]["status"], "HttpSuccess");
    let without = json!({"authorizedEvents": {"everything": true}});
    let refused = shop.refused(http::Method::POST, "webhooks", without).await;
    assert_eq!(refused, (422, "url".to_owned()));
}
