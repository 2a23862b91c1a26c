//! Quotes a second: our route, which reads the session and the account, works
//! the change out and stores what it answers, against the durable floor: a handler
//! that does what a webhook says in one transaction of three statements.

use std::sync::Arc;

use billing::system::{SystemClock, SystemIds};
use billing::{Billing, ChangeAsk};
use billing_domain::ids::{IdSeq, SubscriptionId};
use billing_domain::subscription::Subscription;
use billing_ports::store::{Session, Store};
use billing_ports::{Clock, IdSource};
use billing_server::{ApiOptions, AppState, RateOptions, api_routes};
use bytes::Bytes;
use jiff::SignedDuration;
use poem::{Route, post};
use ring::digest::{SHA256, digest};
use sea_orm::DatabaseConnection;

use crate::Size;
use crate::fill::{Due, fill};
use crate::floor::Hook;
use crate::intake::{FLOOR_CONNECTIONS, PATH, SECRET, webhooks};
use crate::load::{CONNECTIONS, request, side_by_side};
use crate::provider::PaidAtOnce;
use crate::serve::Server;
use crate::stores::{Folder, NO_SERVER, connect, postgres, server, sqlite};
use crate::table::{Pair, Row, Verdict, none};

/// Hundredths of the floor's rate, on PostgreSQL.
const WANTED: u64 = 50;

/// Customers that ask in turn, each in a session of its own.
const CUSTOMERS: u16 = 500;

/// What they hold, and what they ask for.
const HELD: &str = "personal-monthly";
const WISHED: &str = "team-monthly";

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!("quote over HTTP, stored, PostgreSQL, {CONNECTIONS} connections");
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (url, store) = postgres(&server).await;
    let rows = connect(&url, 1).await;
    let (url, _other) = postgres(&server).await;
    let floor = Hook::new(SECRET, connect(&url, FLOOR_CONNECTIONS).await).await;
    let rounds = compare(Arc::new(store), rows, floor, size).await;
    vec![Row::rates(what, &rounds, WANTED)]
}

/// On SQLite, which reaches the disk before it answers.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let what = format!("quote over HTTP, stored, SQLite (FULL), {CONNECTIONS} connections");
    let folder = Folder::fresh();
    let store = sqlite(&folder, "ours.db").await;
    let rows = connect(&folder.url("ours.db"), 1).await;
    // One connection: writers of SQLite wait for each other in any case.
    let floor = Hook::new(SECRET, connect(&folder.url("floor.db"), 1).await).await;
    let rounds = compare(Arc::new(store), rows, floor, size).await;
    vec![Row {
        wanted: none(),
        verdict: Verdict::Figure,
        ..Row::rates(what, &rounds, 0)
    }]
}

async fn compare(
    store: Arc<dyn Store>,
    rows: DatabaseConnection,
    floor: Hook,
    size: Size,
) -> Vec<Pair> {
    // In the middle of a paid month, by the clock of the machine.
    let due = Due {
        first: SystemClock.now() + SignedDuration::from_hours(15 * 24),
        apart: 0,
    };
    fill(store.as_ref(), &rows, usize::from(CUSTOMERS), due).await;
    rows.close().await.unwrap();
    let askers = askers(store.as_ref()).await;
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let billing = Billing::builder(store, Arc::new(SystemClock), Arc::clone(&ids))
        .provider(Arc::new(PaidAtOnce::new(SystemClock.now())))
        .build()
        .unwrap();
    costs_something(&billing, &askers).await;
    let options = ApiOptions {
        // One address asks for everybody here.
        rates: RateOptions {
            public_posts_per_minute: 0,
            ..RateOptions::default()
        },
        ..ApiOptions::default()
    };
    let ours = Server::start(api_routes(AppState::new(billing, ids, options))).await;
    let floor = Server::start(Route::new().at(PATH, post(floor))).await;
    let body = format!(r#"{{"price":"{WISHED}"}}"#);
    let asks: Vec<Bytes> = askers
        .iter()
        .map(|asker| {
            let path = format!("/v1/me/subscriptions/{}/quotes", asker.held.id);
            ask(&path, &asker.token, &body)
        })
        .collect();
    side_by_side(
        [ours.address, floor.address],
        size,
        size.pick(3_000, 500),
        |count| asks.iter().cycle().take(count).cloned().collect(),
        webhooks,
    )
    .await
}

/// Who asks, about what, in which session.
struct Asker {
    held: Subscription,
    token: String,
}

/// Everybody in the store, each with a session that works.
async fn askers(store: &dyn Store) -> Vec<Asker> {
    let price = HELD.parse().unwrap();
    let held = store.list_holders(&price, None, CUSTOMERS).await.unwrap();
    let now = SystemClock.now();
    let mut ids = IdSeq::new(now, 2);
    let mut askers = Vec::with_capacity(held.len());
    for (number, held) in held.into_iter().enumerate() {
        let token = format!("bs_{number:064x}");
        let session = Session {
            id: ids.draw(),
            customer: held.customer,
            expires_at: now + SignedDuration::from_hours(1),
        };
        let hash = digest(&SHA256, token.as_bytes()).as_ref().try_into();
        store.add_session(session, hash.unwrap()).await.unwrap();
        askers.push(Asker { held, token });
    }
    assert_eq!(askers.len(), usize::from(CUSTOMERS));
    askers
}

/// An upgrade that cost nothing would be no work.
async fn costs_something(billing: &Billing, askers: &[Asker]) {
    let held = &askers.first().unwrap().held;
    let quote = billing.quote(&held.customer.into(), &wish(held.id)).await;
    assert!(!quote.unwrap().owed_now.is_zero());
}

/// What everybody asks for.
pub(crate) fn wish(subscription: SubscriptionId) -> ChangeAsk {
    ChangeAsk {
        subscription,
        plan: None,
        price: Some(WISHED.parse().unwrap()),
        quantity: None,
    }
}

fn ask(path: &str, token: &str, body: &str) -> Bytes {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    request(&format!("POST {path}"), &headers, body.as_bytes())
}
