//! The contract that every provider keeps, over a stateful fake of Stripe's side.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use billing_domain::effect::{
    ChangeSubscription, ChangeWhen, EffectKey, OpenCheckout, Order, PromiseRefund,
};
use billing_domain::fact::Observed;
use billing_domain::ids::{CheckoutId, CustomerId, IdSeq};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::time::{Interval, Timestamp, shifted_back};
use billing_http::{HttpClient, HttpOptions};
use billing_ports::{Answer, PaymentProvider, PerformError, WebhookDecoder, WebhookRequest};
use billing_stripe::{
    API_VERSION, SIGNATURE_HEADER, Stripe, StripeDecoder, StripeOptions, TIMESTAMP_TOLERANCE,
};
use billing_testkit::Canary;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::{Card, FakeOptions, FakeStripe, Payment};
use billing_testkit::provider_contract::{ChangeRig, ProviderRig, RefundRig};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{account, options, signed};

const CURRENT: &str = "whsec_current";
const OTHER: &str = "whsec_other";

/// Facts of answers are dated so much before the answer.
const ANSWER_AGE: SignedDuration = SignedDuration::from_secs(1);

pub(crate) struct Contracted {
    pub(crate) fake: FakeStripe,
    pub(crate) stripe: Stripe,
    decoder: StripeDecoder,
    order: OpenCheckout,
    pays: String,
    declined: String,
    events: Mutex<u32>,
    paid: Mutex<(u64, i64, Vec<Money>)>,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

impl Contracted {
    /// A Stripe with two subscriptions ten days old: of somebody whose card pays, and
    /// of somebody whose card pays no more.
    pub(crate) async fn start() -> Self {
        let key = FakeOptions::default().key;
        let canary = Canary::over([key.as_str(), CURRENT]);
        let fake = FakeStripe::start(FakeOptions::default()).await.unwrap();
        for (price, product, amount) in [
            ("price_team", "prod_team", 2_000),
            ("price_pro", "prod_pro", 5_000),
        ] {
            let month = Some(Interval::MONTH);
            fake.price(price, product, amount, Currency::USD, month);
        }
        let options = StripeOptions {
            base_url: fake.url().clone(),
            secret_key: key.into(),
            ..options(&[CURRENT, OTHER])
        };
        let http = HttpClient::new(HttpOptions {
            max_attempts: 1,
            ..HttpOptions::default()
        });
        let decoder = StripeDecoder::new(&options).unwrap();
        let clock = Arc::new(fake.clock().clone());
        let stripe = Stripe::new(options, http.unwrap(), clock).unwrap();
        let mut ids = IdSeq::new(Timestamp::UNIX_EPOCH, 3);
        let first = order(&mut ids, fake.now());
        let mut started = Self {
            fake,
            stripe,
            decoder,
            order: first,
            pays: String::new(),
            declined: String::new(),
            events: Mutex::new(0),
            paid: Mutex::new((0, 0, Vec::new())),
            _canary: canary,
        };
        let (pays, customer) = started.buys(&mut ids).await;
        let (declined, poor) = started.buys(&mut ids).await;
        started.pays = pays;
        started.declined = declined;
        started.fake.advance(SignedDuration::from_hours(10 * 24));
        let bad = Some(Card::FailsLater);
        started.fake.set_card(&poor, bad).unwrap();
        started.order = OpenCheckout {
            customer_ref: Some(customer),
            ..order(&mut ids, started.fake.now())
        };
        started
    }

    /// The subscription of somebody whose card pays.
    pub(crate) fn held(&self) -> &str {
        &self.pays
    }

    /// The subscription of somebody whose card pays no more.
    pub(crate) fn declined(&self) -> &str {
        &self.declined
    }

    /// Somebody new buys; the subscription and the customer.
    async fn buys(&self, ids: &mut IdSeq) -> (String, String) {
        let opened = self.open(order(ids, self.fake.now())).await;
        let session = opened[0].link.refs[0].id.clone();
        let paid = self.fake.pay(&session, Card::Good).unwrap();
        assert_eq!(paid, Payment::Complete);
        let object = ProviderRef {
            account: account(),
            kind: RefKind::Checkout,
            id: session,
        };
        let bought = self.stripe.read(&object).await.unwrap();
        let id = |kind: RefKind| {
            let mut refs = bought[0].link.refs.iter();
            refs.find(|it| it.kind == kind).unwrap().id.clone()
        };
        (id(RefKind::Subscription), id(RefKind::Customer))
    }

    async fn open(&self, order: OpenCheckout) -> Vec<Observed> {
        let effect = "eff_00000000000000000000000000000009".parse().unwrap();
        let key = EffectKey::checkout(order.checkout);
        let order = Order::OpenCheckout(order);
        match self.stripe.perform(effect, &key, &order).await {
            Ok(Answer::Done(facts)) => facts,
            other => panic!("the page is made, not {other:?}"),
        }
    }

    fn change(&self, reference: &str) -> ChangeSubscription {
        ChangeSubscription {
            provider: account(),
            reference: reference.to_owned(),
            change: None,
            description: "Acme, Pro".to_owned(),
            price_ref: "price_pro".to_owned(),
            amount: Money::new(5_000, Currency::USD),
            quantity: 1,
            interval: Some(Interval::MONTH),
            when: ChangeWhen::Prorated {
                at: self.fake.now(),
                quoted: None,
            },
            ends_discount: false,
        }
    }

    fn event(&self, kind: &str, object: &serde_json::Value) -> String {
        let mut number = self.events.lock().unwrap();
        *number += 1;
        json!({
            "id": format!("evt_{number}"), "object": "event", "type": kind, "livemode": false,
            "api_version": API_VERSION, "created": self.now().as_second(),
            "data": { "object": object },
        })
        .to_string()
    }

    fn updated(&self) -> String {
        let subscription = self.fake.object(&self.pays).unwrap();
        self.event("customer.subscription.updated", &subscription)
    }
}

fn order(ids: &mut IdSeq, now: Timestamp) -> OpenCheckout {
    let (checkout, customer): (CheckoutId, CustomerId) = (ids.draw(), ids.draw());
    OpenCheckout {
        provider: account(),
        checkout,
        customer,
        external_ref: Some(format!("user-{customer}")),
        customer_ref: None,
        email: None,
        description: "Acme, Team".to_owned(),
        amount: Money::new(2_000, Currency::USD),
        quantity: 1,
        price_ref: Some("price_team".to_owned()),
        discount: None,
        recurring: Some(Interval::MONTH),
        trial_end: None,
        success_url: "https://app.example.com/done".to_owned(),
        cancel_url: "https://app.example.com/plans".to_owned(),
        expires_at: now.checked_add(SignedDuration::from_hours(2)).unwrap(),
    }
}

#[async_trait]
impl ProviderRig for Contracted {
    fn provider(&self) -> &dyn PaymentProvider {
        &self.stripe
    }

    fn decoder(&self) -> &dyn WebhookDecoder {
        &self.decoder
    }

    fn now(&self) -> Timestamp {
        shifted_back(self.fake.now(), ANSWER_AGE)
    }

    fn accepted_order(&self) -> Order {
        Order::OpenCheckout(self.order.clone())
    }

    fn refused_order(&self) -> Order {
        Order::OpenCheckout(OpenCheckout {
            price_ref: Some("price_nobody".to_owned()),
            ..self.order.clone()
        })
    }

    async fn objects_made(&self) -> usize {
        let books = self.fake.books();
        usize::try_from(books.count("checkout.session")).unwrap()
    }

    async fn lose_next_answer(&self) {
        let fault = Fault::next(FaultKind::LostAnswer).after();
        self.fake.fault(fault.on("POST", "/v1/"));
    }

    fn unknown_object(&self) -> ProviderRef {
        ProviderRef {
            account: account(),
            kind: RefKind::Subscription,
            id: "sub_nobody".to_owned(),
        }
    }

    fn webhook(&self, at: Timestamp) -> WebhookRequest {
        signed(&self.updated(), at, CURRENT)
    }

    fn webhook_under_other_secret(&self, at: Timestamp) -> WebhookRequest {
        signed(&self.updated(), at, OTHER)
    }

    fn webhook_of_unknown_kind(&self, at: Timestamp) -> WebhookRequest {
        signed(&self.event("invoice.sublimated", &json!({})), at, CURRENT)
    }

    fn unreadable_webhook(&self, at: Timestamp) -> WebhookRequest {
        signed("[\"not an event\"]", at, CURRENT)
    }

    fn signature_header(&self) -> &str {
        SIGNATURE_HEADER
    }

    fn tolerance(&self) -> Option<SignedDuration> {
        Some(TIMESTAMP_TOLERANCE)
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
        let held = self.fake.object(&self.pays).unwrap();
        PromiseRefund {
            provider: account(),
            invoice: "inv_00000000000000000000000000000004".parse().unwrap(),
            reference: held["latest_invoice"].as_str().unwrap().to_owned(),
            amount: Money::new(500, Currency::USD),
            paid: Money::new(2_000, Currency::USD),
            before: Some(Money::zero(Currency::USD)),
            reason: None,
        }
    }

    async fn sent(&self) -> usize {
        let books = self.fake.books();
        let sent: u64 = books.customers.values().map(|held| held.refunds).sum();
        usize::try_from(sent).unwrap()
    }

    async fn lose_next_refund(&self) {
        let fault = Fault::next(FaultKind::LostAnswer).after();
        self.fake.fault(fault.on("POST", "/v1/refunds"));
    }

    /// They are carried out when they are taken on.
    async fn carries_out(&self) {}
}

#[async_trait]
impl ChangeRig for Contracted {
    fn charged_change(&self) -> ChangeSubscription {
        self.change(&self.pays)
    }

    fn refused_change(&self) -> ChangeSubscription {
        self.change(&self.declined)
    }

    /// The books have sums: what has been added since they were last looked at is one
    /// payment more, and every further charge shows as one of nothing.
    async fn paid(&self) -> Vec<Money> {
        let books = self.fake.books();
        let charges = books.customers.values().map(|it| it.charges).sum();
        let sum = books
            .customers
            .values()
            .flat_map(|it| it.charged.values())
            .sum();
        let mut paid = self.paid.lock().unwrap();
        let (known, told) = (paid.0, paid.1);
        for extra in known..charges {
            let amount = if extra == known { sum - told } else { 0 };
            paid.2.push(Money::new(amount, Currency::USD));
        }
        (paid.0, paid.1) = (charges, sum);
        paid.2.clone()
    }

    async fn pass_period(&self) {
        self.fake.advance(SignedDuration::from_hours(31 * 24));
    }
}

#[tokio::test]
async fn who_is_turned_away_is_charged_once_and_later() {
    let rig = Contracted::start().await;
    rig.paid().await;
    let before = rig.paid().await.len();
    let limited = FaultKind::RateLimited {
        retry_after: Some(60),
    };
    rig.fake.fault(Fault::next(limited).on("POST", "/v1/"));
    let order = Order::ChangeSubscription(rig.charged_change());
    let effect = "eff_00000000000000000000000000000008".parse().unwrap();
    let key = EffectKey::undo("chg_00000000000000000000000000000008".parse().unwrap());
    let turned = rig.stripe.perform(effect, &key, &order).await;
    assert!(
        matches!(turned, Err(PerformError::NotSent(_))),
        "{turned:?}"
    );
    assert_eq!(rig.paid().await.len(), before);
    let done = rig.stripe.perform(effect, &key, &order).await;
    assert!(matches!(done, Ok(Answer::Done(_))), "{done:?}");
    assert_eq!(rig.paid().await.len(), before + 1);
}

billing_testkit::provider_contract!(Contracted::start());
