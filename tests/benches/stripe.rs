//! Stripe's events: how many are taken a second, and how many decided, told
//! whole or only hinted at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use billing::system::{SystemClock, SystemIds};
use billing::{Billing, NewCustomer};
use billing_domain::catalog::{Catalog, ProviderKey};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::ids::{CustomerId, EffectId};
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::subscription::Status;
use billing_domain::time::{Period, Timestamp};
use billing_ports::{Answer, Clock, Finding, IdSource, PaymentProvider, PerformError, Store};
use billing_server::{ApiOptions, AppState, api_routes};
use billing_stripe::{API_VERSION, StripeDecoder, StripeOptions};
use bytes::Bytes;
use jiff::SignedDuration;
use poem::{Route, post};
use ring::hmac;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::Size;
use crate::fill::catalog;
use crate::floor::Hook;
use crate::intake::FLOOR_CONNECTIONS;
use crate::load::{
    CONNECTIONS, FEW_CONNECTIONS, rate, request, side_by_side, slowest_side_by_side,
};
use crate::program::{NO_PROGRAM, program, start};
use crate::serve::Server;
use crate::stores::{Folder, NO_SERVER, connect, postgres, server};
use crate::table::{Row, Verdict, hundredths, in_hundredths, median, none, now, per_second};

const SECRET: &str = "whsec_of_the_benchmarks";
const HEADER: &str = "stripe-signature";
const PATH: &str = "/v1/webhooks/stripe";

/// Before the release that is pinned: told whole it would be read wrong, so it hints.
const OLD_VERSION: &str = "2024-06-20";

/// What everybody holds; the catalog's own name stands for Stripe's.
const PRICE: &str = "personal-monthly";

/// The same to the program.
const PLANS: &str = r"
product: Bench
currency: USD
plans:
  personal:
    name: Personal
    prices:
      personal-monthly:
        amount: 5.00
        interval: month
        stripe: personal-monthly
";

const OPERATOR: &str = "bench";
const API_KEY: &str = "sk_test_bench";

/// Customers whose subscriptions the events are about, in turn.
const CUSTOMERS: usize = 500;

/// Events of one subscription in a row: a purchase tells at least as many within a
/// second, as does a renewal.
const IN_A_ROW: usize = 5;

/// Hundredths of the floor's time for 99 answers in a hundred.
const WANTED_SLOWEST: u64 = 150;

/// Megabytes.
const WANTED_MEMORY: u64 = 60;

/// Hundredths of the floor's rate, and of the intake's.
const WANTED_INTAKE: u64 = 70;
const WANTED_DRAIN: u64 = 50;

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!("Stripe events taken, PostgreSQL, {CONNECTIONS} connections");
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let mut rows = Vec::new();
    for version in [API_VERSION, OLD_VERSION] {
        let (_, store) = postgres(&server).await;
        let (url, _other) = postgres(&server).await;
        let floor = Hook::signed(SECRET, HEADER, connect(&url, FLOOR_CONNECTIONS).await).await;
        let floor = Server::start(Route::new().at(PATH, post(floor))).await;
        let world = World::new(Arc::new(store)).await;
        let told = if version == API_VERSION {
            "whole"
        } else {
            "as hints"
        };
        let ours = world.served().await;
        let both = [ours.address, floor.address];
        let events = |count| world.events(version, count);
        let rounds = side_by_side(both, size, size.pick(4_000, 500), events, events).await;
        let taken = median(rounds.iter().map(|round| round.ours));
        rows.push(Row::rates(
            format!("{what}, told {told}"),
            &rounds,
            WANTED_INTAKE,
        ));
        let rounds = slowest_side_by_side(both, size, size.pick(2_000, 500), events).await;
        let slowest = format!("99 in 100 of these within, {FEW_CONNECTIONS} connections");
        rows.push(Row::times(slowest, &rounds, WANTED_SLOWEST));
        rows.push(world.drained(told, taken).await);
    }
    rows.extend(memory(&server, size).await);
    rows
}

/// The memory of the release program when it has taken and decided as many.
async fn memory(server: &str, size: Size) -> Vec<Row> {
    let what = format!("release program on PostgreSQL, {CONNECTIONS} connections of Stripe's");
    let Some(program) = program() else {
        return Row::skipped(&what, NO_PROGRAM);
    };
    let (url, store) = postgres(server).await;
    let world = World::new(Arc::new(store)).await;
    let folder = Folder::fresh();
    let plans = folder.file("plans.yaml");
    std::fs::write(&plans, PLANS).unwrap();
    let settings = [
        ("BILLING_DATABASE_URL", url.as_str()),
        ("BILLING_PLANS", plans.to_str().unwrap()),
        ("BILLING_OPERATOR", OPERATOR),
        ("BILLING_STRIPE_SECRET_KEY", API_KEY),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", SECRET),
        // What is told whole asks Stripe nothing; nobody listens here.
        ("BILLING_STRIPE_BASE_URL", "http://127.0.0.1:9"),
    ];
    let running = start(&program, &folder, &settings);
    let mut most = 0;
    for _ in 0..size.pick(5, 2) {
        let events = world.events(API_VERSION, size.pick(4_000, 500));
        rate(running.address, events).await;
        most = most.max(running.resident());
    }
    running.end();
    vec![limited(what, most)]
}

fn limited(what: String, memory: u64) -> Row {
    Row {
        what,
        measured: format!("{memory} MB"),
        floor: none(),
        ratio: none(),
        wanted: format!("≤ {WANTED_MEMORY} MB"),
        verdict: Verdict::of(memory <= WANTED_MEMORY),
    }
}

/// An engine with customers, and what reads their subscriptions for it.
struct World {
    billing: Billing,
    provider: Arc<Reader>,
    customers: Vec<CustomerId>,
    ids: Arc<dyn IdSource>,
}

impl World {
    async fn new(store: Arc<dyn Store>) -> Self {
        let account = ProviderAccount::main("stripe".parse::<ProviderKey>().unwrap());
        let key = SecretString::from(API_KEY);
        let secrets = vec![SecretString::from(SECRET)];
        let options = StripeOptions::new(account.clone(), key, secrets, OPERATOR.to_owned());
        let decoder = StripeDecoder::new(&options.unwrap()).unwrap();
        let provider = Arc::new(Reader {
            account,
            reads: AtomicU64::new(0),
        });
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
        let billing = Billing::builder(store, Arc::new(SystemClock), Arc::clone(&ids))
            .provider(Arc::clone(&provider) as Arc<dyn PaymentProvider>)
            .webhooks(Arc::new(decoder))
            .build()
            .unwrap();
        billing.apply_catalog(&catalog()).await.unwrap();
        let mut customers = Vec::with_capacity(CUSTOMERS);
        for number in 0..CUSTOMERS {
            let new = NewCustomer {
                external_ref: Some(format!("bench-{number}")),
                ..NewCustomer::default()
            };
            let made = billing.create_customer(new, None).await.unwrap();
            customers.push(made.customer.id);
        }
        Self {
            billing,
            provider,
            customers,
            ids,
        }
    }

    /// What takes events over HTTP.
    async fn served(&self) -> Server {
        let options = ApiOptions::default();
        let state = AppState::new(self.billing.clone(), Arc::clone(&self.ids), options);
        Server::start(api_routes(state)).await
    }

    fn events(&self, version: &str, count: usize) -> Vec<Bytes> {
        let (at, batch) = (SystemClock.now().as_second(), SystemIds.seed());
        let customers = self.customers.iter().enumerate().cycle();
        let events = customers
            .flat_map(|about| std::iter::repeat_n(about, IN_A_ROW))
            .take(count)
            .enumerate();
        events
            .map(|(number, (about, customer))| {
                let id = format!("evt_{batch:x}_{number}");
                let body = event(&id, version, at, about, *customer).to_string();
                signed(&body, at)
            })
            .collect()
    }

    /// Decides everything that was taken.
    async fn drained(&self, told: &str, taken: u64) -> Row {
        let began = now();
        let done = self.billing.work_until_idle().await.unwrap();
        let rate = per_second(done.inbox, began.elapsed());
        let what = format!("Stripe events decided, PostgreSQL, told {told}");
        let reads = self.provider.reads.load(Ordering::Relaxed);
        if reads > 0 {
            let each = in_hundredths(u64::try_from(done.inbox).unwrap(), reads);
            let measured = format!("{rate} /s, {} events a read", hundredths(each));
            return Row::figure(what, measured);
        }
        let ratio = in_hundredths(rate, taken);
        Row {
            what,
            measured: format!("{rate} /s"),
            floor: format!("{taken} /s taken"),
            ratio: hundredths(ratio),
            wanted: format!("≥ {}", hundredths(WANTED_DRAIN)),
            verdict: Verdict::of(ratio >= WANTED_DRAIN),
        }
    }
}

/// A change of a subscription, as large as Stripe's are.
fn event(id: &str, version: &str, at: i64, about: usize, customer: CustomerId) -> Value {
    let padding = "x".repeat(120);
    let more: Value = (0..12)
        .map(|field| (format!("field_{field}"), json!(padding)))
        .collect();
    json!({
        "id": id, "object": "event", "api_version": version, "created": at,
        "type": "customer.subscription.updated", "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": format!("sub_{about}"), "object": "subscription", "status": "active",
            "customer": format!("cus_{about}"), "livemode": false, "created": at,
            // In its first period, so that it says by itself what is paid.
            "start_date": at - 86_400,
            "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null,
            "items": { "object": "list", "data": [{
                "id": format!("si_{about}"), "quantity": 1,
                "price": { "id": PRICE, "object": "price", "currency": "usd" },
                "current_period_start": at - 86_400, "current_period_end": at + 29 * 86_400,
            }] },
            "metadata": { "billing_customer": customer.to_string(), "billing_operator": OPERATOR },
            "more": more,
        } },
    })
}

fn signed(body: &str, at: i64) -> Bytes {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex = |hex: String, byte: &u8| format!("{hex}{byte:02x}");
    let tag = tag.as_ref().iter().fold(String::new(), hex);
    let signature = format!("t={at},v1={tag}");
    let headers = [
        ("content-type", "application/json"),
        (HEADER, signature.as_str()),
    ];
    request(&format!("POST {PATH}"), &headers, body.as_bytes())
}

/// Reads every subscription as it stands, at once, and counts.
struct Reader {
    account: ProviderAccount,
    reads: AtomicU64,
}

#[async_trait]
impl PaymentProvider for Reader {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: true,
            prorates: true,
            hosted_checkout: true,
            portal: true,
            pause: true,
            saved_method: true,
            paused_ends_at_once: false,
        }
    }

    async fn perform(
        &self,
        _effect: EffectId,
        _key: &EffectKey,
        _order: &Order,
    ) -> Result<Answer, PerformError> {
        Ok(Answer::Done(Vec::new()))
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let at: Timestamp = SystemClock.now();
        let day = SignedDuration::from_hours(24);
        let fact = Fact::SubscriptionSeen(SubscriptionSnapshot {
            reference: object.id.clone(),
            customer_ref: None,
            status: Status::Active,
            price_ref: PRICE.to_owned(),
            quantity: 1,
            period: Some(Period {
                start: at - day,
                end: at + 29 * day,
            }),
            trial_end: None,
            first_charged_at: None,
            cancel_at: None,
            ended_at: None,
            paid_through: None,
            upcoming: Upcoming::default(),
        });
        let link = Link {
            refs: vec![object.clone()],
            ..Link::default()
        };
        Ok(vec![Observed { fact, at, link }])
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        Vec::new()
    }
}
