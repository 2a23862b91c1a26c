//! The contract that every provider keeps, held by Paddle.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use billing_domain::effect::{ChangeSubscription, OpenCheckout, Order, PromiseRefund};
use billing_domain::money::Money;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::{Timestamp, days};
use billing_paddle::{DEFAULT_TOLERANCE, SIGNATURE_HEADER};
use billing_ports::{PaymentProvider, WebhookDecoder, WebhookRequest};
use billing_testkit::fakes::paddle::{Card, DEFAULT_SECRET, signature};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::provider_contract::{ChangeRig, ProviderRig, RefundRig};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rig::{LARGE, OTHER_SECRET, Rig, SMALL, usd};

struct Contracted {
    rig: Rig,
    order: OpenCheckout,
    pays: String,
    declined: String,
    events: AtomicUsize,
}

impl Contracted {
    async fn start() -> Self {
        let rig = Rig::start().await;
        // One instant, one microsecond: what is told carries the clock's.
        rig.fake.rules(|rules| rules.collide = true);
        let pays = rig.buys(SMALL, Card::Pays).await;
        let declined = rig.buys(SMALL, Card::PaysOnce).await;
        rig.fake.advance(days(10));
        Self {
            order: rig.checkout(SMALL),
            rig,
            pays,
            declined,
            events: AtomicUsize::new(0),
        }
    }

    fn signed(event: &Value, at: Timestamp, secret: &str) -> WebhookRequest {
        let body = Bytes::from(event.to_string());
        let value = signature(&[secret.to_owned()], &body, at);
        WebhookRequest {
            headers: vec![(SIGNATURE_HEADER.to_owned(), value)],
            body,
        }
    }

    fn event(&self, kind: &str, data: &Value) -> Value {
        let number = self.events.fetch_add(1, Ordering::Relaxed);
        json!({
            "event_id": format!("evt_{number}"),
            "event_type": kind,
            "occurred_at": self.now(),
            "data": data,
        })
    }

    /// The payment of the first checkout, as Paddle told it.
    fn completed(&self) -> Value {
        let world = self.rig.fake.world();
        let mut told = world.events.iter();
        let told = told.find(|event| event.kind == "transaction.completed");
        self.event("transaction.completed", &told.unwrap().data)
    }
}

#[async_trait]
impl ProviderRig for Contracted {
    fn provider(&self) -> &dyn PaymentProvider {
        &self.rig.paddle
    }

    fn decoder(&self) -> &dyn WebhookDecoder {
        &self.rig.decoder
    }

    fn now(&self) -> Timestamp {
        self.rig.now()
    }

    fn accepted_order(&self) -> Order {
        Order::OpenCheckout(self.order.clone())
    }

    fn refused_order(&self) -> Order {
        Order::OpenCheckout(OpenCheckout {
            price_ref: Some("pri_unheard_of".to_owned()),
            ..self.order.clone()
        })
    }

    async fn objects_made(&self) -> usize {
        self.rig.fake.world().transactions.len()
    }

    async fn lose_next_answer(&self) {
        let lost = || Fault::next(FaultKind::LostAnswer).after();
        self.rig.fake.fault(lost().on("POST", "/transactions"));
        self.rig.fake.fault(lost().on("PATCH", "/subscriptions"));
    }

    fn unknown_object(&self) -> ProviderRef {
        ProviderRef {
            account: self.rig.account(),
            kind: RefKind::Subscription,
            id: "sub_unheard_of".to_owned(),
        }
    }

    fn webhook(&self, at: Timestamp) -> WebhookRequest {
        Self::signed(&self.completed(), at, DEFAULT_SECRET)
    }

    fn webhook_under_other_secret(&self, at: Timestamp) -> WebhookRequest {
        Self::signed(&self.completed(), at, OTHER_SECRET)
    }

    fn webhook_of_unknown_kind(&self, at: Timestamp) -> WebhookRequest {
        let event = self.event("cake.baked", &json!({ "id": "cake_1" }));
        Self::signed(&event, at, DEFAULT_SECRET)
    }

    fn unreadable_webhook(&self, at: Timestamp) -> WebhookRequest {
        let event = self.event("transaction.completed", &json!(["odd"]));
        Self::signed(&event, at, DEFAULT_SECRET)
    }

    fn signature_header(&self) -> &str {
        SIGNATURE_HEADER
    }

    fn tolerance(&self) -> Option<SignedDuration> {
        Some(DEFAULT_TOLERANCE)
    }

    fn changes(&self) -> Option<&dyn ChangeRig> {
        Some(self)
    }

    fn refunds(&self) -> Option<&dyn RefundRig> {
        Some(self)
    }
}

#[async_trait]
impl RefundRig for Contracted {
    fn refundable(&self) -> PromiseRefund {
        let world = self.rig.fake.world();
        let mut paid = world.transactions.values();
        let paid = paid.find(|paid| paid.subscription_id.as_ref() == Some(&self.pays));
        PromiseRefund {
            provider: self.rig.account(),
            invoice: "inv_00000000000000000000000000000004".parse().unwrap(),
            reference: paid.unwrap().id.clone(),
            amount: usd(300),
            paid: usd(1_000),
            before: Some(usd(0)),
            reason: None,
        }
    }

    async fn sent(&self) -> usize {
        self.rig.fake.world().adjustments.len()
    }

    async fn lose_next_refund(&self) {
        let lost = Fault::next(FaultKind::LostAnswer).after();
        self.rig.fake.fault(lost.on("POST", "/adjustments"));
    }

    async fn carries_out(&self) {
        for id in self.rig.fake.world().adjustments.keys() {
            self.rig.fake.decide_refund(id, true).unwrap();
        }
    }
}

#[async_trait]
impl ChangeRig for Contracted {
    fn charged_change(&self) -> ChangeSubscription {
        let when = self.rig.prorated(None);
        self.rig.change(&self.pays, LARGE, when)
    }

    fn refused_change(&self) -> ChangeSubscription {
        let when = self.rig.prorated(None);
        self.rig.change(&self.declined, LARGE, when)
    }

    async fn paid(&self) -> Vec<Money> {
        self.rig.paid()
    }

    async fn pass_period(&self) {
        self.rig.fake.advance(days(31));
    }
}

billing_testkit::provider_contract!(Contracted::start());
