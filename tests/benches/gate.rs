//! The gate: called in a loop, and over HTTP against a route that answers a
//! constant behind the same guards.

use std::sync::Arc;

use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CustomerRef, Gate, Need};
use billing_domain::ids::IdSeq;
use billing_ports::store::{OperatorKey, Scope, Store};
use billing_ports::{Clock, IdSource};
use billing_server::{ApiOptions, AppState, api_routes};
use billing_testkit::MemoryStore;
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::SignedDuration;
use ring::digest::{SHA256, digest};

use crate::Size;
use crate::fill::one;
use crate::floor::constant;
use crate::load::{CONNECTIONS, request, side_by_side};
use crate::provider::PaidAtOnce;
use crate::serve::Server;
use crate::table::{Row, Verdict, median, none, now};

/// What one call may take, in nanoseconds.
const WANTED: u64 = 1_000;

/// An operator's key.
const TOKEN: &str = "bk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Who asks, and for what: a flag of its plan.
const CUSTOMER: &str = "customer-0";
const FEATURE: &str = "sharing";

/// Called in a loop.
pub(crate) async fn in_process(size: Size) -> Vec<Row> {
    let billing = engine(Arc::new(MemoryStore::new())).await;
    let of = CustomerRef::from(CUSTOMER);
    let calls: u32 = size.pick(500_000, 50_000);
    let mut rounds = Vec::new();
    for _ in 0..9 {
        let began = now();
        for _ in 0..calls {
            let gate = billing.gate(&of, FEATURE, Need::Some).await.unwrap();
            assert!(matches!(std::hint::black_box(gate), Gate::Allowed { .. }));
        }
        let each = began.elapsed().as_nanos() / u128::from(calls);
        rounds.push(u64::try_from(each).unwrap());
    }
    let each = median(rounds.into_iter());
    let allocations = allocations(&billing, &of);
    vec![
        Row {
            what: "gate in-process, cached, a flag".to_owned(),
            measured: format!("{each} ns"),
            floor: none(),
            ratio: none(),
            wanted: format!("≤ {WANTED} ns"),
            verdict: Verdict::of(each <= WANTED),
        },
        Row {
            what: "allocations of that call".to_owned(),
            measured: allocations.to_string(),
            floor: none(),
            ratio: none(),
            wanted: "0".to_owned(),
            verdict: Verdict::of(allocations == 0),
        },
    ]
}

/// How often a cached answer asks the allocator for memory.
fn allocations(billing: &Billing, of: &CustomerRef) -> u64 {
    let mut gate = None;
    let counted = allocation_counter::measure(|| {
        // What is cached is answered without waiting.
        gate = billing.gate(of, FEATURE, Need::Some).now_or_never();
    });
    assert!(matches!(gate, Some(Ok(Gate::Allowed { .. }))));
    counted.count_total
}

/// Over HTTP, with an operator's key.
pub(crate) async fn over_http(size: Size) -> Vec<Row> {
    let what = format!("gate over HTTP, cached, {CONNECTIONS} connections");
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let billing = engine(Arc::clone(&store)).await;
    let now_there = SystemClock.now();
    let key = OperatorKey {
        id: IdSeq::new(now_there, 1).draw(),
        name: "bench".to_owned(),
        scope: Scope::Read,
        created_at: now_there,
        revoked_at: None,
        expires_at: None,
    };
    let secret = digest(&SHA256, TOKEN.as_bytes())
        .as_ref()
        .try_into()
        .unwrap();
    store.add_key(key, secret).await.unwrap();
    let state = AppState::new(billing, Arc::new(SystemIds), ApiOptions::default());
    let ours = Server::start(api_routes(state)).await;
    let floor = Server::start(constant(TOKEN)).await;
    let count = size.pick(40_000, 4_000);
    let addresses = [ours.address, floor.address];
    let rounds = side_by_side(addresses, size, count, questions, questions).await;
    vec![Row::rates(what, &rounds, 50)]
}

async fn engine(store: Arc<dyn Store>) -> Billing {
    // In the middle of a paid month, by the clock of the machine.
    one(
        store.as_ref(),
        SystemClock.now() + SignedDuration::from_hours(15 * 24),
    )
    .await;
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    Billing::builder(store, Arc::new(SystemClock), ids)
        .provider(Arc::new(PaidAtOnce::new(SystemClock.now())))
        .build()
        .unwrap()
}

fn questions(count: usize) -> Vec<Bytes> {
    let authorization = format!("Bearer {TOKEN}");
    let head = format!("GET /v1/customers/{CUSTOMER}/check/{FEATURE}");
    vec![request(&head, &[("authorization", &authorization)], &[]); count]
}
