//! A storage shop that sells through Stripe, and what its buyers do there.
//! Knows no promise.

use std::sync::Arc;

use billing_catalog::read_plan_file;
use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_http::{HttpClient, Request, RetryPolicy};
use billing_ports::store::Store;
use billing_stripe::{Stripe, StripeDecoder, StripeOptions};
use billing_testkit::fakes::rig::{SignedWebhook, Webhook};
use billing_testkit::fakes::stripe::{Card, FakeOptions, FakeStripe, PINNED_VERSION, Payment};
use jiff::SignedDuration;
use poem::http::header::{AUTHORIZATION, HeaderValue};
use poem::http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::rig::{Adapter, Fake, Hosted, PUBLIC, StoreKind, client};

/// The key of the account, and what its webhooks are signed with.
pub(super) const API_KEY: &str = "sk_test_a_key_of_the_tests";
pub(super) const SECRET: &str = "whsec_a_secret_of_the_tests";

/// Storage by the gigabyte in the words of a plan file, priced in Stripe's.
pub(super) const PLANS: &str = r#"
currency: usd
product: "Cellar Storage"
defaults:
  newcomer: free
  plankowner: deckhand
  plankowner_before: 2026-01-01
  plankowners: [olga]
features:
  storage: { kind: bytes, name: "Storage" }
plans:
  free:
    name: Free
    rank: 0
    entitlements: { storage: 1GB }
  deckhand:
    name: Deckhand
    description: A locker of your own
    rank: 10
    entitlements: { storage: 5GB }
    prices:
      deckhand-monthly: { amount: 3.00, interval: month, stripe: price_deckhand }
  bosun:
    name: Bosun
    description: A hold of your own
    rank: 20
    grace: 7d
    entitlements: { storage: 50GB }
    prices:
      bosun-monthly: { amount: 8.00, interval: month, stripe: price_bosun }
      bosun-yearly:  { amount: 80.00, interval: year, stripe: price_bosun_year }
  lifetime:
    name: Lifetime
    entitlements: { storage: 20GB }
    prices:
      lifetime-once: { amount: 99.00, interval: once, stripe: price_lifetime }
"#;

/// The same, with a license in the hold and in what is bought for life.
pub(super) fn licensed() -> String {
    let mut plans = PLANS.to_owned();
    for name in ["    name: Bosun\n", "    name: Lifetime\n"] {
        assert!(plans.contains(name));
        plans = plans.replace(name, &format!("{name}    license: {{ max_machines: 3 }}\n"));
    }
    plans
}

/// A server that sells through the fake.
pub(super) type Shop = Hosted<FakeStripe>;

impl Fake for FakeStripe {
    const NAME: &'static str = "stripe";
    const SECRETS: &'static [&'static str] = &[API_KEY, SECRET];
}

/// A Stripe that has the prices of [`PLANS`].
pub(super) async fn account(options: FakeOptions) -> Arc<FakeStripe> {
    let options = FakeOptions {
        key: API_KEY.to_owned(),
        webhook_secrets: vec![SECRET.to_owned()],
        ..options
    };
    let fake = FakeStripe::start(options).await.unwrap();
    for (price, product, amount, interval) in [
        (
            "price_deckhand",
            "prod_deckhand",
            300,
            Some(Interval::MONTH),
        ),
        ("price_bosun", "prod_bosun", 800, Some(Interval::MONTH)),
        (
            "price_bosun_year",
            "prod_bosun",
            8_000,
            Some(Interval::YEAR),
        ),
        ("price_lifetime", "prod_lifetime", 9_900, None),
    ] {
        fake.price(price, product, amount, Currency::USD, interval);
    }
    Arc::new(fake)
}

/// How a deployment of this name reaches the account.
pub(super) fn options(fake: &FakeStripe, operator: &str) -> StripeOptions {
    let options = StripeOptions::new(
        "stripe/main".parse().unwrap(),
        SecretString::from(API_KEY),
        vec![SecretString::from(SECRET)],
        operator.to_owned(),
    );
    StripeOptions {
        base_url: fake.url().clone(),
        webhook_url: Some(format!("{PUBLIC}/v1/webhooks/stripe")),
        ..options.unwrap()
    }
}

/// A shop with these options and this plan file.
pub(super) async fn with(
    store: Arc<dyn Store>,
    fake: Arc<FakeStripe>,
    options: StripeOptions,
    plans: &str,
) -> Shop {
    with_client(store, fake, options, plans, client()).await
}

/// The same, calling Stripe by this client.
pub(super) async fn with_client(
    store: Arc<dyn Store>,
    fake: Arc<FakeStripe>,
    options: StripeOptions,
    plans: &str,
    client: HttpClient,
) -> Shop {
    let decoder = StripeDecoder::new(&options).unwrap();
    let clock = Arc::new(fake.clock().clone());
    let provider = Stripe::new(options, client, clock).unwrap();
    let adapter = Adapter {
        provider: Arc::new(provider),
        decoder: Arc::new(decoder),
    };
    let catalog = read_plan_file("cellar.yaml", plans.as_bytes()).unwrap();
    Hosted::over(store, fake, adapter, &catalog).await
}

/// The shop by itself.
pub(super) async fn shop(kind: StoreKind) -> Shop {
    shop_selling(kind, PLANS).await
}

/// The shop by another plan file.
pub(super) async fn shop_selling(kind: StoreKind, plans: &str) -> Shop {
    let fake = account(FakeOptions::default()).await;
    let options = options(&fake, "cellar");
    with(kind.fresh().await, fake, options, plans).await
}

/// Opens a checkout of `price` for a customer; the checkout.
pub(super) async fn opened(shop: &Shop, customer: &str, price: &str) -> Value {
    let session = shop.session(customer).await;
    let body = json!({ "price": price });
    let opened = shop.post_as(&session, "/v1/checkouts", &body).await;
    opened.is(StatusCode::CREATED).json()
}

/// The session of a page to pay at.
pub(super) fn session_of(checkout: &Value) -> String {
    let url = checkout["url"].as_str().unwrap();
    let end = url.rsplit('/').next().unwrap();
    end.split(['?', '#']).next().unwrap().to_owned()
}

/// Pays for a checkout; no webhook is delivered yet.
#[track_caller]
pub(super) fn pays(shop: &Shop, checkout: &Value) {
    let paid = shop.fake.pay(&session_of(checkout), Card::Good).unwrap();
    assert_eq!(paid, Payment::Complete);
}

/// Somebody new, who has bought `price`; the customer's id.
pub(super) async fn bought(shop: &Shop, who: &str, price: &str) -> String {
    let customer = shop.customer(who).await;
    let checkout = opened(shop, &customer, price).await;
    pays(shop, &checkout);
    shop.settle().await;
    customer
}

/// The plan that a customer has access to.
pub(super) async fn plan_of(shop: &Shop, customer: &str) -> String {
    let me = shop.me(customer).await;
    me["access"]["plan"].as_str().unwrap().to_owned()
}

/// A call of the account's own interface, as its dashboard or another program
/// makes it; the answer.
pub(super) async fn dashboard(
    fake: &FakeStripe,
    verb: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Value {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let url = fake.url().join(&format!("v1/{path}")).unwrap();
    let verb = Method::from_bytes(verb.as_bytes()).unwrap();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut request = Request::new(verb, url, RetryPolicy::Never)
        .with_header(AUTHORIZATION, &format!("Bearer {API_KEY}"))
        .unwrap();
    if !fields.is_empty() {
        request = request.with_body(form, body);
    }
    let answer = client().send(request).await.unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(answer.status.is_success(), "{path}: {told}");
    told
}

/// What somebody has bought, by our ids and by Stripe's.
pub(super) struct Sold {
    /// Our customer and our subscription.
    pub(super) customer: String,
    pub(super) id: String,
    /// Stripe's customer, subscription, and first invoice.
    pub(super) payer: String,
    pub(super) subscription: String,
    pub(super) invoice: String,
}

/// Somebody new, who has bought `price` and has heard of it.
pub(super) async fn sold(shop: &Shop, who: &str, price: &str) -> Sold {
    let customer = shop.customer(who).await;
    let checkout = opened(shop, &customer, price).await;
    pays(shop, &checkout);
    shop.settle().await;
    let session = shop.fake.object(&session_of(&checkout)).unwrap();
    let text = |field: &str| session[field].as_str().unwrap().to_owned();
    let me = shop.me(&customer).await;
    Sold {
        id: me["subscriptions"][0]["id"].as_str().unwrap().to_owned(),
        customer,
        payer: text("customer"),
        subscription: text("subscription"),
        invoice: text("invoice"),
    }
}

impl Sold {
    /// The subscription, as an operator sees it.
    pub(super) async fn stands(&self, shop: &Shop) -> Value {
        shop.read(&format!("/v1/subscriptions/{}", self.id)).await
    }

    pub(super) async fn status(&self, shop: &Shop) -> String {
        let stands = self.stands(shop).await;
        stands["status"].as_str().unwrap().to_owned()
    }

    pub(super) async fn plan(&self, shop: &Shop) -> String {
        plan_of(shop, &self.customer).await
    }

    /// Its invoices, oldest first.
    pub(super) async fn invoices(&self, shop: &Shop) -> Vec<Value> {
        let url = format!("/v1/invoices?customer={}&limit=100", self.customer);
        let mut rows = shop.rows(&url).await;
        rows.reverse();
        rows
    }

    /// How it stands at Stripe.
    pub(super) fn there(&self, shop: &Shop) -> Value {
        shop.fake.object(&self.subscription).unwrap()
    }
}

/// So many days.
pub(super) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// What waits for a person, as an operator sees it, by reason.
pub(super) async fn reasons(shop: &Shop) -> Vec<String> {
    let parked = shop.rows("/v1/parked?limit=100").await;
    let reasons = parked
        .iter()
        .map(|row| row["reason"].as_str().unwrap().to_owned());
    reasons.collect()
}

/// An event that the account sends of its own, in the words of `object`.
pub(super) fn event(shop: &Shop, id: &str, kind: &str, object: &Value) -> SignedWebhook {
    let at = shop.now();
    let body = json!({
        "id": id, "object": "event", "api_version": PINNED_VERSION, "created": at.as_second(),
        "type": kind, "livemode": false, "pending_webhooks": 1, "data": { "object": object },
        "request": { "id": null, "idempotency_key": null },
    });
    shop.fake.deliveries().sign(Webhook {
        id: id.to_owned(),
        kind: kind.to_owned(),
        at,
        body: body.to_string().into(),
    })
}
