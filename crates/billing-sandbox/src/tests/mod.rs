//! Stories of the sandbox, and the rig that they are played on.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a story fails on whatever it did not expect"
)]

mod back;
mod calendar;
mod change;
mod change_later;
mod change_refused;
mod contract;
mod delivery;
mod engine_schedule;
mod faults;
mod older;
mod pages;
mod persistence;
mod settlement;

use std::sync::{Arc, Mutex};

use billing_domain::effect::{
    ChangeSubscription, ChangeWhen, CreateInvoice, EffectKey, OpenCheckout, Order, Preview,
};
use billing_domain::fact::{Fact, Observed};
use billing_domain::ids::{CheckoutId, CustomerId, EffectId, IdSeq, InvoiceId, SubscriptionId};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Interval, Timestamp};
use billing_ports::{
    Answer, Clock, PaymentProvider, PerformError, Previewed, Reading, WebhookDecoder,
    WebhookRequest,
};

use crate::{FnSink, Mode, Sandbox, SandboxOptions, SinkError, TestCard};

pub(crate) struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    let text = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    text.parse().unwrap()
}

pub(crate) fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

pub(crate) fn account() -> ProviderAccount {
    "sandbox/main".parse().unwrap()
}

pub(crate) fn options(mode: Mode, start: &str) -> SandboxOptions {
    SandboxOptions {
        account: account(),
        mode,
        settles: None,
        public_url: "http://127.0.0.1:8080/sandbox/".parse().unwrap(),
        webhook_secrets: vec!["whsec_first".into(), "whsec_second".into()],
        clock: Arc::new(Fixed(at(start))),
    }
}

/// A change of a subscription to a team of five for 50 dollars a month, unless
/// changed by the caller.
pub(crate) fn to_business(reference: &str, when: ChangeWhen) -> ChangeSubscription {
    ChangeSubscription {
        provider: account(),
        reference: reference.to_owned(),
        change: None,
        description: "Acme Storage, Business".to_owned(),
        price_ref: "business-monthly".to_owned(),
        amount: usd(5000),
        quantity: 5,
        interval: Some(Interval::MONTH),
        when,
        ends_discount: false,
    }
}

/// An event that was received: its kind and its facts.
type Told = (String, Vec<Observed>);

/// A sandbox, ids to give it, and everything that it told.
pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    ids: IdSeq,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Rig {
    pub(crate) fn new(mode: Mode, start: &str) -> Self {
        Self::of(Sandbox::in_memory(options(mode, start)).unwrap())
    }

    pub(crate) fn of(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            ids: IdSeq::new(Timestamp::UNIX_EPOCH, 1),
            told: Arc::default(),
        }
    }

    pub(crate) fn customer(&mut self) -> CustomerId {
        self.ids.draw()
    }

    /// An order for a page: 20 dollars a month, unless changed by the caller.
    pub(crate) fn checkout(&mut self, customer: CustomerId) -> OpenCheckout {
        OpenCheckout {
            provider: account(),
            checkout: self.ids.draw::<CheckoutId>(),
            customer,
            customer_ref: None,
            email: Some("ana@example.com".to_owned()),
            description: "Acme Storage, Team".to_owned(),
            amount: usd(2000),
            quantity: 2,
            price_ref: None,
            recurring: Some(Interval::MONTH),
            trial_end: None,
            success_url: "https://shop.example/done?x=1".to_owned(),
            cancel_url: "https://shop.example/pricing".to_owned(),
            expires_at: self.sandbox.clock().now() + jiff::SignedDuration::from_hours(24),
            discount: None,
            external_ref: None,
        }
    }

    pub(crate) fn invoice(&mut self, customer: CustomerId) -> CreateInvoice {
        CreateInvoice {
            provider: account(),
            invoice: self.ids.draw::<InvoiceId>(),
            customer,
            customer_ref: None,
            subscription: self.ids.draw::<SubscriptionId>(),
            subscription_ref: None,
            cycle: Some(2),
            description: "Acme Storage, Team".to_owned(),
            amount: usd(2000),
        }
    }

    /// At once, prorated for this instant of the sandbox's clock, and not quoted.
    pub(crate) fn now(&self) -> ChangeWhen {
        ChangeWhen::Prorated {
            at: self.sandbox.clock().now(),
            quoted: None,
        }
    }

    pub(crate) async fn previewed(&self, change: &ChangeSubscription) -> Preview {
        match self.sandbox.preview(change).await.unwrap() {
            Previewed::Costs(preview) => preview,
            Previewed::Refused(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    pub(crate) async fn try_perform(
        &mut self,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let effect: EffectId = self.ids.draw();
        self.sandbox.perform(effect, key, order).await
    }

    pub(crate) async fn perform(&mut self, key: &str, order: &Order) -> Vec<Observed> {
        let key = EffectKey::from_stored(key.to_owned());
        match self.try_perform(&key, order).await.unwrap() {
            Answer::Done(facts) => facts,
            Answer::Refused(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    pub(crate) async fn refusal(&mut self, key: &str, order: &Order) -> String {
        let key = EffectKey::from_stored(key.to_owned());
        match self.try_perform(&key, order).await.unwrap() {
            Answer::Refused(refusal) => refusal.code,
            Answer::Done(facts) => panic!("done: {facts:?}"),
        }
    }

    /// Opens a checkout and answers the sandbox's id of it.
    pub(crate) async fn open(&mut self, order: &OpenCheckout) -> String {
        let key = EffectKey::checkout(order.checkout);
        let facts = self
            .perform(key.as_str(), &Order::OpenCheckout(order.clone()))
            .await;
        match &facts[0].fact {
            Fact::CheckoutOpened { reference, .. } => reference.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Buys a monthly subscription and answers the sandbox's id of it.
    pub(crate) async fn buys(&mut self, customer: CustomerId, card: TestCard) -> String {
        let order = self.checkout(customer);
        let page = self.open(&order).await;
        self.sandbox.pay(&page, card, None).await.unwrap();
        let books = self.sandbox.books();
        books
            .subscriptions
            .iter()
            .rfind(|(_, subscription)| subscription.customer == customer)
            .map(|(id, _)| id.clone())
            .unwrap()
    }

    /// Moves to an instant and pumps, until nothing is due, into a receiver that believes.
    pub(crate) async fn until(&mut self, to: &str) {
        self.sandbox.set_clock(at(to)).await.unwrap();
        self.pump().await;
    }

    /// Pumps until nothing is due.
    pub(crate) async fn pump(&mut self) {
        let now = self.sandbox.clock().now();
        let decoder = self.sandbox.decoder();
        let told = Arc::clone(&self.told);
        let sink = FnSink(move |request: WebhookRequest| {
            let delivery = decoder.decode(&request, now).unwrap();
            let Reading::Facts(facts) = delivery.reading else {
                panic!("unreadable: {:?}", delivery.reading);
            };
            told.lock().unwrap().push((delivery.kind, facts));
            async { Ok::<u16, SinkError>(204) }
        });
        while self.sandbox.pump(now, &sink).await.unwrap().more {}
    }

    /// What was told since the last time, as lines.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told
            .lock()
            .unwrap()
            .drain(..)
            .map(|(kind, facts)| format!("{kind}: {}", line(&facts)))
            .collect()
    }

    /// What was told since the last time.
    pub(crate) fn told_facts(&self) -> Vec<Observed> {
        self.told
            .lock()
            .unwrap()
            .drain(..)
            .flat_map(|(_, facts)| facts)
            .collect()
    }
}

/// Facts as a line that a person can check.
pub(crate) fn line(facts: &[Observed]) -> String {
    let lines: Vec<String> = facts
        .iter()
        .map(|observed| {
            let what = match &observed.fact {
                Fact::CheckoutOpened { .. } => "page".to_owned(),
                Fact::CheckoutCompleted { payment, .. } => match payment {
                    billing_domain::fact::CheckoutPayment::Paid { amount, .. } => {
                        format!("paid {amount}")
                    }
                    other => format!("{other:?}"),
                },
                Fact::CheckoutEnded { canceled, .. } => format!("canceled {canceled}"),
                Fact::SubscriptionSeen(seen) => {
                    let period = seen.period.unwrap();
                    format!(
                        "{} {}..{}",
                        seen.status.as_str(),
                        day(period.start),
                        day(period.end)
                    )
                }
                Fact::InvoiceOpened { .. } => "opened".to_owned(),
                Fact::InvoicePaid { amount, .. } => format!("paid {amount}"),
                Fact::PaymentFailed { reason, .. } => reason.clone(),
                Fact::ProviderInvoiceSeen {
                    amount,
                    period,
                    state,
                    ..
                } => {
                    let period = period.unwrap();
                    format!(
                        "{state:?} {amount} {}..{}",
                        day(period.start),
                        day(period.end)
                    )
                }
                other => format!("{other:?}"),
            };
            format!("{} {what}", stamp(observed.at))
        })
        .collect();
    lines.join("; ")
}

fn day(at: Timestamp) -> String {
    at.strftime("%m-%d").to_string()
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%m-%d %H:%M").to_string()
}
