//! An editor that sells through Paddle, and what its buyers do there. Knows no
//! promise.

use std::sync::Arc;

use billing_catalog::read_plan_file;
use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_http::{HttpClient, Request, RetryPolicy};
use billing_paddle::{Paddle, PaddleDecoder, PaddleOptions};
use billing_testkit::fakes::paddle::{
    Card, DEFAULT_KEY, FakePaddle, FakePaddleOptions, PriceSeed, Rules, Subscription,
};
use jiff::SignedDuration;
use poem::http::header::{AUTHORIZATION, HeaderValue};
use poem::http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::rig::{Adapter, Fake, Hosted, StoreKind, client, impatient};

/// What the account signs with, and has signed with before.
pub(super) const SECRET: &str = "pdl_ntfset_a_secret_of_the_tests";
pub(super) const OLD_SECRET: &str = "pdl_ntfset_an_older_secret_of_the_tests";

/// The name of the deployment.
pub(super) const OPERATOR: &str = "inkwell";

/// Plans in the words of a plan file, priced in Paddle's.
pub(super) const PLANS: &str = r#"
currency: usd
product: "Inkwell"
features:
  editor: { kind: level, levels: [none, read, write], name: "Editor" }
  seats:  { kind: count, name: "Seats" }
plans:
  solo:
    name: Solo
    rank: 10
    grace: 7d
    license: { max_machines: 1 }
    entitlements: { editor: read }
    prices:
      solo-monthly: { amount: 10.00, interval: month, paddle: pri_solo }
      solo-yearly:  { amount: 100.00, interval: year, paddle: pri_solo_year }
  crew:
    name: Crew
    rank: 15
    quantity: { feature: seats, min: 2, max: 20 }
    entitlements: { editor: write }
    prices:
      crew-monthly: { amount: 7.00, interval: month, paddle: pri_crew }
  team:
    name: Team
    rank: 20
    grace: 7d
    license: { max_machines: 5 }
    entitlements: { editor: write }
    prices:
      team-monthly: { amount: 30.00, interval: month, paddle: pri_team }
  lifetime:
    name: Lifetime
    rank: 5
    license: { max_machines: 1 }
    entitlements: { editor: write }
    prices:
      lifetime-once: { amount: 99.00, interval: once, paddle: pri_lifetime }
"#;

/// A server that sells through the fake.
pub(super) type Shop = Hosted<FakePaddle>;

impl Fake for FakePaddle {
    const NAME: &'static str = "paddle";
    const SECRETS: &'static [&'static str] = &[DEFAULT_KEY, SECRET, OLD_SECRET];
}

/// A Paddle that has the prices of the plans, and one that is none of theirs.
async fn account(rules: Rules) -> Arc<FakePaddle> {
    let month = Some(Interval::MONTH);
    let prices = [
        ("pri_solo", 1_000, month),
        ("pri_solo_year", 10_000, Some(Interval::YEAR)),
        ("pri_crew", 700, month),
        ("pri_team", 3_000, month),
        ("pri_lifetime", 9_900, None),
        ("pri_foreign", 4_200, month),
    ];
    let sold =
        prices.map(|(id, amount, interval)| PriceSeed::new(id, amount, Currency::USD, interval));
    let start = "2026-03-01T12:00:00Z".parse().unwrap();
    let options = FakePaddleOptions {
        secrets: vec![SECRET.to_owned()],
        rules,
        ..FakePaddleOptions::new(start, sold.to_vec())
    };
    Arc::new(FakePaddle::start(options).await.unwrap())
}

/// How the deployment reaches the account with this key.
pub(super) fn options(fake: &FakePaddle, key: &str) -> PaddleOptions {
    let account = "paddle/main".parse().unwrap();
    let options = PaddleOptions::new(account, SecretString::from(key), OPERATOR.to_owned());
    PaddleOptions {
        webhook_secrets: [OLD_SECRET, SECRET].map(SecretString::from).to_vec(),
        base_url: Some(fake.url().clone()),
        ..options
    }
}

/// The shop by itself.
pub(super) async fn shop(kind: StoreKind) -> Shop {
    shop_of(kind, Rules::default()).await
}

/// A shop at an account that is set up so.
pub(super) async fn shop_of(kind: StoreKind, rules: Rules) -> Shop {
    shop_with(kind, rules, DEFAULT_KEY).await
}

/// A shop that calls the account with this key.
pub(super) async fn shop_with(kind: StoreKind, rules: Rules, key: &str) -> Shop {
    shop_through(kind, rules, key, client(), PLANS).await
}

/// The shop, which waits a fifth of a second for an answer.
pub(super) async fn impatient_shop(kind: StoreKind) -> Shop {
    shop_through(kind, Rules::default(), DEFAULT_KEY, impatient(), PLANS).await
}

/// A shop with other plans.
pub(super) async fn shop_selling(kind: StoreKind, rules: Rules, plans: &str) -> Shop {
    shop_through(kind, rules, DEFAULT_KEY, client(), plans).await
}

async fn shop_through(
    kind: StoreKind,
    rules: Rules,
    key: &str,
    client: HttpClient,
    plans: &str,
) -> Shop {
    let fake = account(rules).await;
    let options = options(&fake, key);
    let clock = Arc::new(fake.clock().clone());
    let adapter = Adapter {
        decoder: Arc::new(PaddleDecoder::new(&options)),
        provider: Arc::new(Paddle::new(&options, client, clock).unwrap()),
    };
    let catalog = read_plan_file("inkwell.yaml", plans.as_bytes()).unwrap();
    Hosted::over(kind.fresh().await, fake, adapter, &catalog).await
}

/// Opens a checkout for a customer; the checkout.
pub(super) async fn opened(shop: &Shop, customer: &str, body: &Value) -> Value {
    let session = shop.session(customer).await;
    let opened = shop.post_as(&session, "/v1/checkouts", body).await;
    opened.is(StatusCode::CREATED).json()
}

/// The transaction of a page to pay at.
pub(super) fn transaction_of(checkout: &Value) -> String {
    let url = checkout["url"].as_str().unwrap();
    let (_, id) = url.split_once("_ptxn=").unwrap();
    id.to_owned()
}

/// Pays for a checkout; no webhook is delivered yet.
#[track_caller]
pub(super) fn pays(shop: &Shop, checkout: &Value, card: Card) {
    let paid = shop.fake.pay(&transaction_of(checkout), card).unwrap();
    assert!(paid, "the card is good");
}

/// Somebody new who has bought `price` with this card; the customer's id.
pub(super) async fn bought_with(shop: &Shop, who: &str, price: &str, card: Card) -> String {
    let customer = shop.customer(who).await;
    let checkout = opened(shop, &customer, &json!({ "price": price })).await;
    pays(shop, &checkout, card);
    shop.settle().await;
    customer
}

/// Somebody new who has bought `price`; the customer's id.
pub(super) async fn bought(shop: &Shop, who: &str, price: &str) -> String {
    bought_with(shop, who, price, Card::Pays).await
}

/// The plan that a customer has access to, as in `team`; empty without one.
pub(super) async fn plan_of(shop: &Shop, customer: &str) -> String {
    let me = shop.me(customer).await;
    me["access"]["plan"].as_str().unwrap_or_default().to_owned()
}

/// A customer's subscriptions as an operator sees them.
pub(super) async fn held(shop: &Shop, customer: &str) -> Vec<Value> {
    shop.rows(&format!("/v1/subscriptions?customer={customer}"))
        .await
}

/// The only subscription of a customer.
pub(super) async fn only(shop: &Shop, customer: &str) -> Value {
    let mut held = held(shop, customer).await;
    assert_eq!(held.len(), 1, "{held:#?}");
    held.remove(0)
}

/// Its id.
pub(super) fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

/// A customer's invoices, newest first: what for, how they stand, and how much.
pub(super) async fn invoices(shop: &Shop, customer: &str) -> Vec<(String, String, i64)> {
    let rows = shop
        .rows(&format!("/v1/invoices?customer={customer}"))
        .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |row: &Value| {
        let amount = row["amount"]["amount"].as_i64().unwrap();
        (text(&row["purpose"]), text(&row["status"]), amount)
    };
    rows.iter().map(of).collect()
}

/// The subscriptions that Paddle runs.
pub(super) fn at_paddle(shop: &Shop) -> Vec<Subscription> {
    shop.fake.world().subscriptions.into_values().collect()
}

/// The only subscription that Paddle runs.
pub(super) fn only_at_paddle(shop: &Shop) -> Subscription {
    let mut all = at_paddle(shop);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A call of the account's own interface, as its dashboard or another program
/// makes it; the data of the answer.
pub(super) async fn dashboard(shop: &Shop, verb: &str, path: &str, body: &Value) -> Value {
    let url = shop.fake.url().join(path).unwrap();
    let verb = Method::from_bytes(verb.as_bytes()).unwrap();
    let json = HeaderValue::from_static("application/json");
    let request = Request::new(verb, url, RetryPolicy::Never)
        .with_header(AUTHORIZATION, &format!("Bearer {DEFAULT_KEY}"))
        .unwrap()
        .with_body(json, body.to_string());
    let answer = client().send(request).await.unwrap();
    let mut told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(answer.status.is_success(), "{path}: {told}");
    told["data"].take()
}

/// A quote of a change of the customer's only subscription.
pub(super) async fn quoted(shop: &Shop, customer: &str, change: &Value) -> Value {
    let subscription = only(shop, customer).await;
    let session = shop.session(customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", id(&subscription));
    let quote = shop.post_as(&session, &url, change).await;
    quote.is(StatusCode::CREATED).json()
}

/// Accepts a quote; the change.
pub(super) async fn accepted(shop: &Shop, customer: &str, quote: &Value) -> Value {
    let session = shop.session(customer).await;
    let url = format!("/v1/me/quotes/{}/accept", id(quote));
    let accepted = shop.post_as(&session, &url, &json!({})).await;
    accepted.is(StatusCode::OK).json()
}

/// Takes a change back that is to come.
pub(super) async fn taken_back(shop: &Shop, customer: &str, change: &Value) {
    let session = shop.session(customer).await;
    let url = format!("/v1/me/changes/{}", id(change));
    let taken = shop.delete_as(&session, &url).await;
    taken.is(StatusCode::NO_CONTENT);
}

pub(super) const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days.saturating_mul(24))
}
