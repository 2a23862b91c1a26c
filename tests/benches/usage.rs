//! Metered use taken in: batches of events reported over HTTP, each event counted once,
//! added up and durable before it is answered.

use std::sync::Arc;

use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CustomerRef, read_plan_file};
use billing_domain::grant::GrantReason;
use billing_domain::ids::IdSeq;
use billing_ports::store::{OperatorKey, Scope, Store};
use billing_ports::{Clock, IdSource};
use billing_server::{ApiOptions, AppState, RateOptions, api_routes};
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::Size;
use crate::load::{CONNECTIONS, rate, request};
use crate::serve::Server;
use crate::stores::{NO_SERVER, postgres, server};
use crate::table::{Row, Verdict, median, none};

/// Events a second that are wanted.
const WANTED: u64 = 10_000;

/// Events in a batch.
const BATCH: usize = 100;

/// One in so many events is one of somebody, of whom each name counts once.
const NAMED: usize = 10;

/// Customers whose use is reported in turn: more than connections, as batches of one
/// customer wait for each other.
const CUSTOMERS: usize = 100;

/// Rounds, of which the middle one counts.
const ROUNDS: usize = 5;

/// The host's key.
const TOKEN: &str = "bk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const PLANS: &[u8] = br#"
currency: usd
product: "Bench"
features:
  calls:  { kind: count, name: "Calls", meter: sum }
  people: { kind: count, name: "People", meter: unique }
plans:
  pro: { name: Pro, entitlements: { calls: 1000000000, people: 1000000000 } }
"#;

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!("events of use taken in batches of {BATCH}, PostgreSQL, over HTTP");
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (_, store) = postgres(&server).await;
    let store: Arc<dyn Store> = Arc::new(store);
    let billing = engine(Arc::clone(&store)).await;
    let options = ApiOptions {
        // One address reports for everybody here.
        rates: RateOptions {
            public_posts_per_minute: 0,
            ..RateOptions::default()
        },
        ..ApiOptions::default()
    };
    let state = AppState::new(billing.clone(), Arc::new(SystemIds), options);
    let ours = Server::start(api_routes(state)).await;

    let batches = size.pick(2_000, 200);
    let mut sent = 0;
    // The first round opens everybody's period.
    rate(ours.address, reports(sent, CUSTOMERS)).await;
    sent += CUSTOMERS;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let batches_a_second = rate(ours.address, reports(sent, batches)).await;
        rounds.push(batches_a_second * u64::try_from(BATCH).unwrap());
        sent += batches;
    }
    all_is_counted(&billing, sent).await;
    let events = median(rounds.into_iter());
    vec![Row {
        what: format!("{what}, {CONNECTIONS} connections"),
        measured: format!("{events} /s"),
        floor: none(),
        ratio: none(),
        wanted: format!("≥ {WANTED} /s"),
        verdict: Verdict::of(events >= WANTED),
    }]
}

/// An engine whose customers may use something metered, and the key that reports it.
async fn engine(store: Arc<dyn Store>) -> Billing {
    let now = SystemClock.now();
    let key = OperatorKey {
        id: IdSeq::new(now, 1).draw(),
        name: "bench".to_owned(),
        scope: Scope::Write,
        created_at: now,
        revoked_at: None,
        expires_at: None,
    };
    let secret = digest(&SHA256, TOKEN.as_bytes()).as_ref().try_into();
    store.add_key(key, secret.unwrap()).await.unwrap();
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let billing = Billing::builder(store, Arc::new(SystemClock), ids)
        .build()
        .unwrap();
    let plans = read_plan_file("plans.yaml", PLANS).unwrap();
    billing.apply_catalog(&plans).await.unwrap();
    let plan = "pro".parse().unwrap();
    for number in 0..CUSTOMERS {
        let of = name(number);
        billing.ensure_customer(&of, None).await.unwrap();
        let of = CustomerRef::from(of.as_str());
        let granted = billing.grant(&of, &plan, GrantReason::Comp, None, None);
        granted.await.unwrap();
    }
    billing
}

fn name(number: usize) -> String {
    format!("customer-{}", number % CUSTOMERS)
}

/// `count` reports, numbered from `first` on; no event of one is in another.
fn reports(first: usize, count: usize) -> Vec<Bytes> {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let report = |number: usize| {
        let events: Vec<_> = (0..BATCH)
            .map(|place| {
                let id = format!("evt-{number}-{place}");
                if place % NAMED == 0 {
                    let name = format!("person-{number}-{place}");
                    serde_json::json!({ "id": id, "feature": "people", "name": name })
                } else {
                    serde_json::json!({ "id": id, "feature": "calls", "value": 1 })
                }
            })
            .collect();
        let body = serde_json::json!({ "events": events }).to_string();
        let head = format!("POST /v1/customers/{}/usage", name(number));
        request(&head, &headers, body.as_bytes())
    };
    (first..first + count).map(report).collect()
}

/// Every event of `batches` was counted, or what was measured is worth nothing.
async fn all_is_counted(billing: &Billing, batches: usize) {
    let mut counted = 0;
    for number in 0..CUSTOMERS {
        let of = CustomerRef::from(name(number).as_str());
        let usage = billing.usage(&of).await.unwrap();
        counted += usage.figures.values().sum::<u64>();
    }
    assert_eq!(counted, u64::try_from(batches * BATCH).unwrap());
}
