//! A fake Paddle, the adapter that talks to it, and short words for both.

use std::sync::Arc;

use billing_domain::effect::{ChangeSubscription, ChangeWhen, EffectKey, OpenCheckout, Order};
use billing_domain::fact::{Fact, Observed, SubscriptionSnapshot};
use billing_domain::ids::{EffectId, IdSeq};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::{Interval, Timestamp, days, shifted};
use billing_http::{HttpClient, HttpOptions};
use billing_paddle::{Paddle, PaddleDecoder, PaddleOptions};
use billing_ports::{Answer, PaymentProvider, PerformError, Reading, WebhookDecoder};
use billing_testkit::Canary;
use billing_testkit::fakes::paddle::{
    Card, DEFAULT_KEY, DEFAULT_SECRET, FakePaddle, FakePaddleOptions, PriceSeed,
};

/// The second secret that the decoder believes.
pub(crate) const OTHER_SECRET: &str = "pdl_ntfset_other";

pub(crate) const SMALL: &str = "pri_small";
pub(crate) const LARGE: &str = "pri_large";
pub(crate) const YEARLY: &str = "pri_yearly";
pub(crate) const TRIED: &str = "pri_tried";
pub(crate) const ONCE: &str = "pri_once";

pub(crate) struct Rig {
    pub(crate) fake: FakePaddle,
    pub(crate) paddle: Paddle,
    pub(crate) decoder: PaddleDecoder,
    ids: std::sync::Mutex<IdSeq>,
    /// Last: it listens until all others are gone.
    _canary: Canary,
}

pub(crate) fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

fn prices() -> Vec<PriceSeed> {
    let month = Some(Interval::MONTH);
    let seed = |id, amount, interval| PriceSeed::new(id, amount, Currency::USD, interval);
    vec![
        seed(SMALL, 1_000, month),
        seed(LARGE, 3_000, month),
        seed(YEARLY, 30_000, Some(Interval::YEAR)),
        PriceSeed {
            trial: month,
            ..seed(TRIED, 1_000, month)
        },
        seed(ONCE, 5_000, None),
    ]
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let fake = FakePaddle::start(FakePaddleOptions::new(start, prices()))
            .await
            .unwrap();
        let account: ProviderAccount = "paddle/main".parse().unwrap();
        let options = PaddleOptions {
            webhook_secrets: vec![DEFAULT_SECRET.into(), OTHER_SECRET.into()],
            base_url: Some(fake.url().clone()),
            ..PaddleOptions::new(account, DEFAULT_KEY.into(), "acme".to_owned())
        };
        let http = HttpClient::new(HttpOptions::default()).unwrap();
        Self {
            paddle: Paddle::new(&options, http, Arc::new(fake.clock().clone())).unwrap(),
            decoder: PaddleDecoder::new(&options),
            fake,
            ids: std::sync::Mutex::new(IdSeq::new(start, 7)),
            _canary: Canary::over([DEFAULT_KEY, DEFAULT_SECRET, OTHER_SECRET]),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fake.clock().now()
    }

    pub(crate) fn account(&self) -> ProviderAccount {
        self.paddle.account().clone()
    }

    /// An order for a checkout page of a price, another one each time.
    pub(crate) fn checkout(&self, price: &str) -> OpenCheckout {
        let mut ids = self.ids.lock().unwrap();
        OpenCheckout {
            provider: self.account(),
            checkout: ids.draw(),
            customer: ids.draw(),
            external_ref: Some("did:ana".to_owned()),
            customer_ref: None,
            email: None,
            description: "Team".to_owned(),
            amount: usd(1_000),
            quantity: 1,
            price_ref: Some(price.to_owned()),
            discount: None,
            recurring: (price != ONCE).then_some(Interval::MONTH),
            trial_end: None,
            success_url: "https://app.example.com/yes".to_owned(),
            cancel_url: "https://app.example.com/no".to_owned(),
            expires_at: shifted(self.now(), days(1)),
        }
    }

    pub(crate) async fn perform_as(
        &self,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let effect: EffectId = self.ids.lock().unwrap().draw();
        self.paddle.perform(effect, key, order).await
    }

    /// Performs an order under a key of its own.
    pub(crate) async fn perform(&self, order: &Order) -> Result<Answer, PerformError> {
        let key = if let Order::OpenCheckout(order) = order {
            EffectKey::checkout(order.checkout)
        } else {
            EffectKey::undo(self.ids.lock().unwrap().draw())
        };
        self.perform_as(&key, order).await
    }

    pub(crate) async fn done(&self, order: &Order) -> Vec<Observed> {
        match self.perform(order).await {
            Ok(Answer::Done(facts)) => facts,
            other => panic!("it is done, not {other:?}"),
        }
    }

    pub(crate) async fn refused(&self, order: &Order) -> String {
        match self.perform(order).await {
            Ok(Answer::Refused(refusal)) => refusal.code,
            other => panic!("it is refused, not {other:?}"),
        }
    }

    /// Opens a checkout: the transaction's id.
    pub(crate) async fn open(&self, order: &OpenCheckout) -> String {
        let facts = self.done(&Order::OpenCheckout(order.clone())).await;
        let Fact::CheckoutOpened { reference, .. } = &facts[0].fact else {
            panic!("{facts:?}");
        };
        reference.clone()
    }

    /// Buys a price: the subscription's id.
    pub(crate) async fn buys(&self, price: &str, card: Card) -> String {
        let order = OpenCheckout {
            email: Some(format!(
                "{}@example.com",
                self.fake.world().transactions.len()
            )),
            ..self.checkout(price)
        };
        let page = self.open(&order).await;
        assert!(self.fake.pay(&page, card).unwrap());
        let world = self.fake.world();
        world.transactions[&page].subscription_id.clone().unwrap()
    }

    pub(crate) async fn read(&self, kind: RefKind, id: &str) -> Vec<Observed> {
        let object = ProviderRef {
            account: self.account(),
            kind,
            id: id.to_owned(),
        };
        self.paddle.read(&object).await.unwrap()
    }

    pub(crate) async fn told(&self, subscription: &str) -> SubscriptionSnapshot {
        let facts = self.read(RefKind::Subscription, subscription).await;
        snapshot(&facts).clone()
    }

    /// What the waiting webhooks say, in order.
    pub(crate) fn heard(&self) -> Vec<(String, Vec<Observed>)> {
        let taken = self.fake.deliveries().take();
        let heard = taken.iter().map(|webhook| {
            let delivery = self.decoder.decode(&webhook.request(), self.now());
            let delivery = delivery.unwrap();
            match delivery.reading {
                Reading::Facts(facts) => (delivery.kind, facts),
                Reading::Unreadable { why, .. } => panic!("{}: {why}", delivery.kind),
            }
        });
        heard.collect()
    }

    pub(crate) fn change(
        &self,
        subscription: &str,
        price: &str,
        when: ChangeWhen,
    ) -> ChangeSubscription {
        let yearly = price == YEARLY;
        ChangeSubscription {
            provider: self.account(),
            reference: subscription.to_owned(),
            change: Some(self.ids.lock().unwrap().draw()),
            description: "Team".to_owned(),
            price_ref: price.to_owned(),
            amount: usd(3_000),
            quantity: 1,
            interval: Some(if yearly {
                Interval::YEAR
            } else {
                Interval::MONTH
            }),
            when,
            ends_discount: false,
        }
    }

    pub(crate) fn prorated(&self, quoted: Option<Money>) -> ChangeWhen {
        ChangeWhen::Prorated {
            at: self.now(),
            quoted,
        }
    }

    pub(crate) fn undo(&self, subscription: &str) -> Order {
        Order::UndoChange {
            provider: self.account(),
            reference: subscription.to_owned(),
            change: None,
        }
    }

    /// Everything that Paddle has been paid, in order.
    pub(crate) fn paid(&self) -> Vec<Money> {
        let world = self.fake.world();
        let mut paid: Vec<_> = world
            .transactions
            .values()
            .filter(|txn| txn.captured() > 0)
            .collect();
        paid.sort_by_key(|txn| (txn.created_at, txn.id.clone()));
        let amounts = paid
            .iter()
            .map(|txn| Money::new(txn.captured(), txn.currency));
        amounts.collect()
    }

    /// What is in place at Paddle itself.
    pub(crate) fn in_place(&self, subscription: &str) -> String {
        let world = self.fake.world();
        world.subscriptions[subscription].items[0]
            .bought
            .price
            .id
            .clone()
    }
}

pub(crate) fn snapshot(facts: &[Observed]) -> &SubscriptionSnapshot {
    for observed in facts {
        if let Fact::SubscriptionSeen(seen) = &observed.fact {
            return seen;
        }
    }
    panic!("the subscription is told: {facts:?}")
}
