//! The fakes behind one handle: what happens at a provider, and what it tells of it.

use std::sync::Arc;

use billing_domain::money::Currency;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Interval, Timestamp};
use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use billing_paddle::{Paddle, PaddleDecoder, PaddleOptions};
use billing_ports::{PaymentProvider, WebhookDecoder};
use billing_stripe::{Stripe, StripeDecoder, StripeOptions};
use billing_testkit::fakes::paddle::{
    self, DEFAULT_KEY, DEFAULT_SECRET, FakePaddle, FakePaddleOptions, PriceSeed,
};
use billing_testkit::fakes::rig::{Outbox, SignedWebhook};
use billing_testkit::fakes::stripe::{self, FakeOptions, FakeStripe, Version};
use jiff::SignedDuration;
use poem::http::Method;
use poem::http::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

/// The operator's name, as both carry it through.
const OPERATOR: &str = "acme";

/// The keys and secrets of both, as they are made.
pub(crate) const SECRETS: [&str; 4] = [STRIPE_KEY, STRIPE_SECRET, DEFAULT_KEY, DEFAULT_SECRET];

const STRIPE_KEY: &str = "sk_test_fake";
const STRIPE_SECRET: &str = "whsec_fake";

/// The prices, as both call them, with what they cost.
pub(crate) const PRICES: [(&str, i64); 2] = [("pri_small", 1_000), ("pri_large", 3_000)];

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stripe,
    Paddle,
}

/// How it tells of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Every event at an instant of its own.
    Plain,
    /// What happens at once is told of one instant.
    Colliding,
    /// In an old version of its interface.
    Old,
}

/// A fake, whichever.
pub(crate) enum Fake {
    Stripe(FakeStripe),
    Paddle(FakePaddle),
}

impl Fake {
    pub(crate) async fn start(kind: Kind, telling: Telling, at: Timestamp) -> Self {
        match kind {
            Kind::Stripe => {
                let version = if telling == Telling::Old {
                    Version::Old
                } else {
                    Version::Pinned
                };
                let options = FakeOptions {
                    key: STRIPE_KEY.to_owned(),
                    webhook_secrets: vec![STRIPE_SECRET.to_owned()],
                    start: at,
                    webhook_version: version,
                    ..FakeOptions::default()
                };
                let fake = FakeStripe::start(options).await.unwrap();
                for (price, amount) in PRICES {
                    let month = Some(Interval::MONTH);
                    fake.price(
                        price,
                        &format!("prod_{price}"),
                        amount,
                        Currency::USD,
                        month,
                    );
                }
                Self::Stripe(fake)
            }
            Kind::Paddle => {
                let prices = PRICES.map(|(price, amount)| {
                    PriceSeed::new(price, amount, Currency::USD, Some(Interval::MONTH))
                });
                let options = FakePaddleOptions::new(at, prices.to_vec());
                let fake = FakePaddle::start(options).await.unwrap();
                fake.rules(|rules| rules.collide = telling == Telling::Colliding);
                Self::Paddle(fake)
            }
        }
    }

    /// The real adapter, which talks to it.
    pub(crate) fn adapter(&self) -> (Arc<dyn PaymentProvider>, Arc<dyn WebhookDecoder>) {
        let http = HttpClient::new(HttpOptions::default()).unwrap();
        match self {
            Self::Stripe(fake) => {
                let account: ProviderAccount = "stripe/main".parse().unwrap();
                let operator = OPERATOR.to_owned();
                let secrets = vec![STRIPE_SECRET.into()];
                let options =
                    StripeOptions::new(account, STRIPE_KEY.into(), secrets, operator).unwrap();
                let options = StripeOptions {
                    base_url: fake.url().clone(),
                    ..options
                };
                let decoder = StripeDecoder::new(&options).unwrap();
                let clock = Arc::new(fake.clock().clone());
                let adapter = Stripe::new(options, http, clock).unwrap();
                (Arc::new(adapter), Arc::new(decoder))
            }
            Self::Paddle(fake) => {
                let account = "paddle/main".parse().unwrap();
                let options = PaddleOptions {
                    webhook_secrets: vec![DEFAULT_SECRET.into()],
                    base_url: Some(fake.url().clone()),
                    ..PaddleOptions::new(account, DEFAULT_KEY.into(), OPERATOR.to_owned())
                };
                let clock = Arc::new(fake.clock().clone());
                let adapter = Paddle::new(&options, http, clock).unwrap();
                (Arc::new(adapter), Arc::new(PaddleDecoder::new(&options)))
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Stripe(fake) => fake.now(),
            Self::Paddle(fake) => fake.clock().now(),
        }
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        match self {
            Self::Stripe(fake) => fake.advance(by),
            Self::Paddle(fake) => fake.advance(by),
        }
    }

    fn outbox(&self) -> &Outbox {
        match self {
            Self::Stripe(fake) => fake.deliveries(),
            Self::Paddle(fake) => fake.deliveries(),
        }
    }

    /// What it tells, oldest first, signed now.
    pub(crate) fn take(&self, telling: Telling) -> Vec<SignedWebhook> {
        if let (Self::Stripe(_), Telling::Plain) = (self, telling) {
            self.outbox().rearrange(|events| {
                for (later, event) in (0_i64..).zip(events.iter_mut()) {
                    let mut body: Value = serde_json::from_slice(&event.body).unwrap();
                    let created = body["created"].as_i64().unwrap();
                    body["created"] = json!(created + later);
                    event.body = body.to_string().into();
                }
            });
        }
        self.outbox().take()
    }

    /// The buyer pays on a checkout's page.
    pub(crate) fn pay(&self, page: &str) {
        match self {
            Self::Stripe(fake) => {
                let paid = fake.pay(page, stripe::Card::Good).unwrap();
                assert_eq!(paid, stripe::Payment::Complete);
            }
            Self::Paddle(fake) => assert!(fake.pay(page, paddle::Card::Pays).unwrap()),
        }
    }

    /// Sells `price` to a customer of the provider's past every checkout of ours, and
    /// it is paid: what is sold so carries no correlation.
    pub(crate) async fn sell_by_hand(&self, price: &str, customer: &str) {
        match self {
            Self::Stripe(fake) => {
                let body = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs([
                        ("mode", "subscription"),
                        ("line_items[0][price]", price),
                        ("line_items[0][quantity]", "1"),
                        ("customer", customer),
                        ("success_url", "https://elsewhere.test/thanks"),
                    ])
                    .finish();
                let (key, kind) = (FakeOptions::default().key, "x-www-form-urlencoded");
                let path = "v1/checkout/sessions";
                let page = posted(fake.url().join(path).unwrap(), &key, kind, body).await;
                self.pay(page["id"].as_str().unwrap());
            }
            Self::Paddle(fake) => {
                let body = json!({
                    "items": [{ "price_id": price, "quantity": 1 }],
                    "collection_mode": "automatic",
                    "customer_id": customer,
                });
                let path = fake.url().join("transactions").unwrap();
                let made = posted(path, DEFAULT_KEY, "json", body.to_string()).await;
                self.pay(made["data"]["id"].as_str().unwrap());
            }
        }
    }

    /// From now on the card on file pays, or is declined.
    pub(crate) fn set_card(&self, customer: &str, subscription: &str, pays: bool) {
        match self {
            Self::Stripe(fake) => {
                let card = if pays {
                    stripe::Card::Good
                } else {
                    stripe::Card::FailsLater
                };
                fake.set_card(customer, Some(card)).unwrap();
            }
            Self::Paddle(fake) => {
                let card = if pays {
                    paddle::Card::Pays
                } else {
                    paddle::Card::Declined
                };
                fake.set_card(subscription, card).unwrap();
            }
        }
    }

    /// The customer cancels in the portal, for the period's end.
    pub(crate) fn cancel(&self, subscription: &str) {
        match self {
            Self::Stripe(fake) => fake.cancel_in_portal(subscription).unwrap(),
            Self::Paddle(fake) => fake.cancel_in_portal(subscription).unwrap(),
        }
    }
}

/// What is answered to what a person types over there.
async fn posted(url: url::Url, key: &str, kind: &str, body: String) -> Value {
    let kind = HeaderValue::from_str(&format!("application/{kind}")).unwrap();
    let asked = Request::new(Method::POST, url, RetryPolicy::Never)
        .with_header(AUTHORIZATION, &format!("Bearer {key}"))
        .unwrap()
        .with_body(kind, body);
    let client = HttpClient::new(HttpOptions::default()).unwrap();
    let answer = client.send(asked).await.unwrap();
    assert!(answer.status.is_success(), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}
