//! A fake BTCPay Server, the adapter that talks to it, and short words for both.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use billing_btcpay::{BtcPay, BtcPayDecoder, BtcPayOptions};
use billing_domain::effect::{CreateInvoice, EffectKey, OpenCheckout, Order, PromiseRefund};
use billing_domain::fact::{CheckoutPayment, Fact, Observed};
use billing_domain::ids::{EffectId, IdSeq, InvoiceId};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Interval, Timestamp, days, shifted};
use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use billing_ports::{
    Answer, Clock, PaymentProvider, PerformError, Rate, RateError, RateSource, Reading,
    WebhookDecoder,
};
use billing_testkit::Canary;
use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_STORE, FakeBtcPay, FakeBtcPayOptions,
};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

/// The second secret that the decoder believes.
pub(crate) const OTHER_SECRET: &str = "the-one-before";

/// What a bitcoin costs at first: 25 dollars are 50 000 satoshi.
pub(crate) const FIFTY_THOUSAND: u64 = 5_000_000;

pub(crate) struct Rig {
    pub(crate) fake: FakeBtcPay,
    pub(crate) btcpay: BtcPay,
    pub(crate) decoder: BtcPayDecoder,
    pub(crate) options: BtcPayOptions,
    pub(crate) rates: Arc<Rates>,
    pub(crate) ids: Mutex<IdSeq>,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

/// What a bitcoin costs, and how often that was asked. `None`: nobody knows.
pub(crate) struct Rates(pub(crate) Mutex<(Option<u64>, u32)>);

#[async_trait]
impl RateSource for Rates {
    async fn rate(&self, currency: Currency, now: Timestamp) -> Result<Rate, RateError> {
        let mut held = self.0.lock().unwrap();
        held.1 += 1;
        let failed = || RateError {
            currency,
            failed: vec![("pin".to_owned(), "gone".to_owned())],
        };
        Ok(Rate {
            currency,
            per_bitcoin: held.0.ok_or_else(failed)?,
            source: "pin".to_owned(),
            at: now,
        })
    }
}

pub(crate) fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

pub(crate) fn sat(amount: i64) -> Money {
    Money::new(amount, Currency::SAT)
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let fake = FakeBtcPay::start(FakeBtcPayOptions::new(start))
            .await
            .unwrap();
        let options = BtcPayOptions {
            webhook_secrets: vec![DEFAULT_SECRET.into(), OTHER_SECRET.into()],
            ..BtcPayOptions::new(
                "btcpay/main".parse().unwrap(),
                fake.url().clone(),
                DEFAULT_KEY.into(),
                DEFAULT_STORE.to_owned(),
                "here".to_owned(),
            )
        };
        let rates = Arc::new(Rates(Mutex::new((Some(FIFTY_THOUSAND), 0))));
        let http = HttpClient::new(HttpOptions::default()).unwrap();
        let clock = Arc::new(fake.clock().clone());
        let asked: Arc<dyn RateSource> = Arc::clone(&rates) as Arc<dyn RateSource>;
        Self {
            btcpay: BtcPay::new(&options, http, asked, clock).unwrap(),
            decoder: BtcPayDecoder::new(&options),
            ids: Mutex::new(IdSeq::new(start, 1)),
            fake,
            options,
            rates,
            _canary: Canary::over([DEFAULT_KEY, DEFAULT_SECRET, OTHER_SECRET]),
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.fake.clock().clone())
    }

    /// Does something in the store that the adapter does not.
    async fn by_hand(&self, method: Method, path: &str, body: &Value) -> Value {
        let path = format!("api/v1/stores/{DEFAULT_STORE}/{path}");
        let url = self.fake.url().join(&path).unwrap();
        let request = Request::new(method, url, RetryPolicy::Never)
            .with_header(AUTHORIZATION, &format!("token {DEFAULT_KEY}"))
            .unwrap()
            .with_body(
                HeaderValue::from_static("application/json"),
                body.to_string(),
            );
        let http = HttpClient::new(HttpOptions::default()).unwrap();
        let answer = http.send(request).await.unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Makes an invoice as somebody else does: its id.
    pub(crate) async fn makes(&self, body: &Value) -> String {
        let made = self.by_hand(Method::POST, "invoices", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Hides an invoice, as BTCPay puts it away.
    pub(crate) async fn archive(&self, id: &str) {
        let path = format!("invoices/{id}");
        self.by_hand(Method::DELETE, &path, &Value::Null).await;
    }

    /// Promises the money of an invoice back: the pull payment's id.
    pub(crate) async fn refund(&self, id: &str) -> String {
        self.refund_by(id, "RateThen").await
    }

    /// Promises back of an invoice what BTCPay works out so.
    pub(crate) async fn refund_by(&self, id: &str, variant: &str) -> String {
        let body = json!({ "refundVariant": variant, "payoutMethods": ["BTC-CHAIN"] });
        let made = self
            .by_hand(Method::POST, &format!("invoices/{id}/refund"), &body)
            .await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// An order to promise so much back of a page for 50 000 satoshi, and its key.
    pub(crate) fn promise(&self, page: &str, satoshi: i64) -> (EffectKey, Order) {
        let invoice = self.ids.lock().unwrap().draw();
        let order = PromiseRefund {
            provider: self.account(),
            invoice,
            reference: page.to_owned(),
            amount: sat(satoshi),
            paid: sat(50_000),
            before: None,
            reason: None,
        };
        let key = EffectKey::refund(invoice, 1);
        (key, Order::PromiseRefund(order))
    }

    /// Has the store tell an address of what happens.
    pub(crate) async fn hook(&self, url: &str, events: &[&str], enabled: bool) {
        let body = json!({
            "url": url, "enabled": enabled, "automaticRedelivery": true,
            "authorizedEvents": { "everything": false, "specificEvents": events },
        });
        self.by_hand(Method::POST, "webhooks", &body).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fake.clock().now()
    }

    pub(crate) fn account(&self) -> ProviderAccount {
        self.btcpay.account().clone()
    }

    pub(crate) fn checkout(&self, amount: Money) -> OpenCheckout {
        let mut ids = self.ids.lock().unwrap();
        OpenCheckout {
            provider: self.account(),
            checkout: ids.draw(),
            customer: ids.draw(),
            external_ref: Some("did:ana".to_owned()),
            customer_ref: None,
            email: Some("ana@example.com".to_owned()),
            description: "Acme, Pro".to_owned(),
            amount,
            quantity: 1,
            price_ref: None,
            discount: None,
            recurring: Some(Interval::MONTH),
            trial_end: None,
            success_url: "https://app.example.com/yes".to_owned(),
            cancel_url: "https://app.example.com/no".to_owned(),
            expires_at: shifted(self.now(), days(1)),
        }
    }

    /// A renewal, and the key of its first try.
    pub(crate) fn renewal(&self, amount: Money) -> (EffectKey, CreateInvoice) {
        let mut ids = self.ids.lock().unwrap();
        let order = CreateInvoice {
            provider: self.account(),
            invoice: ids.draw(),
            customer: ids.draw(),
            customer_ref: None,
            subscription: ids.draw(),
            subscription_ref: None,
            cycle: Some(1),
            description: "Pro".to_owned(),
            amount,
        };
        (EffectKey::renewal(order.subscription, 1, 1), order)
    }

    pub(crate) async fn perform_as(
        &self,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let effect: EffectId = self.ids.lock().unwrap().draw();
        self.btcpay.perform(effect, key, order).await
    }

    pub(crate) async fn done(&self, key: &EffectKey, order: &Order) -> Vec<Observed> {
        match self.perform_as(key, order).await {
            Ok(Answer::Done(facts)) => facts,
            other => panic!("it is done, not {other:?}"),
        }
    }

    pub(crate) async fn refused(&self, key: &EffectKey, order: &Order) -> String {
        match self.perform_as(key, order).await {
            Ok(Answer::Refused(refusal)) => refusal.code,
            other => panic!("it is refused, not {other:?}"),
        }
    }

    /// Opens a checkout: BTCPay's id of its invoice.
    pub(crate) async fn opens(&self, order: &OpenCheckout) -> String {
        let key = EffectKey::checkout(order.checkout);
        let facts = self.done(&key, &Order::OpenCheckout(order.clone())).await;
        reference(&facts)
    }

    /// Invoices a renewal of 25 dollars: ours, and BTCPay's id.
    pub(crate) async fn invoices(&self) -> (InvoiceId, String) {
        let (key, order) = self.renewal(usd(2_500));
        let facts = self.done(&key, &Order::CreateInvoice(order.clone())).await;
        (order.invoice, reference(&facts))
    }

    pub(crate) async fn voids(
        &self,
        invoice: InvoiceId,
        reference: Option<&str>,
    ) -> Result<Answer, PerformError> {
        let order = Order::VoidInvoice {
            provider: self.account(),
            invoice,
            reference: reference.map(str::to_owned),
        };
        self.perform_as(&EffectKey::void(invoice, 1), &order).await
    }

    pub(crate) async fn look(
        &self,
        kind: RefKind,
        id: &str,
    ) -> Result<Vec<Observed>, PerformError> {
        let object = ProviderRef {
            account: self.account(),
            kind,
            id: id.to_owned(),
        };
        self.btcpay.read(&object).await
    }

    /// What is read of an invoice, in short.
    pub(crate) async fn told(&self, id: &str) -> Vec<String> {
        let facts = self.look(RefKind::Invoice, id).await.unwrap();
        facts.iter().map(word).collect()
    }

    /// The kinds of the webhooks that wait, and the objects that they hint at.
    pub(crate) fn hinted(&self) -> Vec<(String, Vec<ProviderRef>)> {
        let taken = self.fake.deliveries().take();
        let heard = taken.iter().map(|webhook| {
            let delivery = self.decoder.decode(&webhook.request(), self.now()).unwrap();
            let Reading::Facts(facts) = delivery.reading else {
                panic!("{delivery:?}");
            };
            let objects = facts.into_iter().map(|observed| {
                let Fact::Hinted { object } = observed.fact else {
                    panic!("{observed:?}");
                };
                object
            });
            (delivery.kind, objects.collect())
        });
        heard.collect()
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is told fails the test"
)]
pub(crate) fn reference(facts: &[Observed]) -> String {
    match &facts[0].fact {
        Fact::CheckoutOpened { reference, .. } | Fact::InvoiceOpened { reference, .. } => {
            reference.clone()
        }
        other => panic!("{other:?}"),
    }
}

/// A fact in short; what came by transaction is named by no id.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is told fails the test"
)]
pub(crate) fn word(observed: &Observed) -> String {
    match &observed.fact {
        Fact::CheckoutOpened { .. } | Fact::InvoiceOpened { .. } => "opened".to_owned(),
        Fact::CheckoutCompleted {
            payment: CheckoutPayment::Paid { amount, .. },
            ..
        }
        | Fact::InvoicePaid { amount, .. } => format!("paid {}", amount.amount),
        Fact::CheckoutCompleted {
            payment: CheckoutPayment::NotRequired,
            ..
        } => "begun".to_owned(),
        Fact::CheckoutCompleted { .. } | Fact::PaymentPending { .. } => "pending".to_owned(),
        Fact::CheckoutEnded { .. } | Fact::InvoiceClosed { .. } => "closed".to_owned(),
        Fact::PaymentReversed { .. } => "reversed".to_owned(),
        Fact::PaymentUpheld { .. } => "upheld".to_owned(),
        Fact::PaymentDenied { amount, .. } => format!("denied {}", amount.amount),
        Fact::PaymentUnconfirmed { amount, .. } => format!("unconfirmed {}", amount.amount),
        Fact::RefundSeen(seen) => format!("refund {} {:?}", seen.amount.amount, seen.state),
        Fact::Done { .. } => "done".to_owned(),
        other => panic!("{other:?}"),
    }
}
