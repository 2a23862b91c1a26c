//! Price migrations: everybody at one price planned, and fewer moved.

use std::sync::Arc;
use std::time::Duration;

use billing::Billing;
use billing::system::SystemIds;
use billing_domain::catalog::{Catalog, CatalogDraft, Price};
use billing_domain::migration::MigrationAsk;
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, days, shifted_back};
use billing_ports::store::Store;
use billing_testkit::ManualClock;
use sea_orm::DatabaseConnection;

use crate::Size;
use crate::fill::{Due, catalog, fill};
use crate::program::resident;
use crate::provider::PaidAtOnce;
use crate::stores::{Folder, NO_SERVER, connect, postgres, server, sqlite};
use crate::table::{Row, Verdict, none, now};

/// When the month of all of them ends; it is planned the day before.
const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// What they hold, and the dearer price that follows.
const FROM: &str = "personal-monthly";
const TO: &str = "personal-monthly-2026";

/// What planning all of them may take.
const WANTED: Duration = Duration::from_secs(10);

/// Of how many that is said.
const ALL: u32 = 100_000;

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let Some(server) = server() else {
        return Row::skipped("price migration, PostgreSQL", NO_SERVER);
    };
    let (url, store) = postgres(&server).await;
    let all = filled(Arc::new(store), connect(&url, 1).await, many(size)).await;
    let (url, store) = postgres(&server).await;
    let some = filled(Arc::new(store), connect(&url, 1).await, few(size)).await;
    rows("PostgreSQL", &all, &some).await
}

/// On SQLite.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let folder = Folder::fresh();
    let store = sqlite(&folder, "all.db").await;
    let rows_of = connect(&folder.url("all.db"), 1).await;
    let all = filled(Arc::new(store), rows_of, many(size)).await;
    let store = sqlite(&folder, "some.db").await;
    let rows_of = connect(&folder.url("some.db"), 1).await;
    let some = filled(Arc::new(store), rows_of, few(size)).await;
    rows("SQLite (FULL)", &all, &some).await
}

fn many(size: Size) -> u32 {
    size.pick(ALL, 10_000)
}

fn few(size: Size) -> u32 {
    size.pick(1_000, 100)
}

/// An engine, and how many hold the price that is left.
struct Filled {
    billing: Billing,
    count: u32,
}

async fn filled(store: Arc<dyn Store>, rows: DatabaseConnection, count: u32) -> Filled {
    let first: Timestamp = DUE_AT.parse().unwrap();
    let at = shifted_back(first, days(1));
    let due = Due { first, apart: 0 };
    fill(store.as_ref(), &rows, usize::try_from(count).unwrap(), due).await;
    rows.close().await.unwrap();
    let applied = store.apply_catalog(&dearer(), 1, at).await.unwrap();
    assert!(applied.is_some(), "another catalog was there");
    let clock = ManualClock::new(at);
    let billing = Billing::builder(store, Arc::new(clock), Arc::new(SystemIds))
        .provider(Arc::new(PaidAtOnce::new(at)))
        .build()
        .unwrap();
    Filled { billing, count }
}

/// The catalog of those who fill the store, with a price that follows.
fn dearer() -> Catalog {
    let mut draft = CatalogDraft::from(catalog());
    let mut plans = draft.plans.iter_mut();
    let plan = plans.find(|plan| plan.key.as_str() == "personal").unwrap();
    let mut prices = plan.prices.iter();
    let held = prices.find(|price| price.key.as_str() == FROM).unwrap();
    let dearer = Price::new(
        TO.parse().unwrap(),
        plan.key.clone(),
        Money::new(600, Currency::USD),
        held.interval,
    );
    plan.prices.push(dearer);
    draft.validate().unwrap()
}

fn ask() -> MigrationAsk {
    let first: Timestamp = DUE_AT.parse().unwrap();
    MigrationAsk {
        from: FROM.parse().unwrap(),
        to: TO.parse().unwrap(),
        not_before: first,
    }
}

async fn rows(name: &str, all: &Filled, some: &Filled) -> Vec<Row> {
    let [plan, memory] = planned(name, all).await;
    vec![plan, memory, executed(name, some).await]
}

/// Everybody planned, and the memory that takes.
async fn planned(name: &str, filled: &Filled) -> [Row; 2] {
    let Filled { billing, count } = filled;
    let own = || resident("self");
    let (before, mut middle, mut seen) = (own(), 0, 0);
    let began = now();
    let plan = billing
        .plan_migration(&ask(), |_| {
            seen += 1;
            if seen == count / 2 {
                middle = own();
            }
        })
        .await
        .unwrap();
    let took = began.elapsed();
    let after = own();
    assert_eq!(plan.moves, u64::from(*count), "kept: {:?}", plan.kept);
    let allowed = WANTED * *count / ALL;
    [
        Row {
            what: format!("price migration of {count} planned, {name}"),
            measured: format!("{} ms", took.as_millis()),
            floor: none(),
            ratio: none(),
            wanted: format!("< {} ms", allowed.as_millis()),
            verdict: Verdict::of(took < allowed),
        },
        Row {
            what: "resident memory meanwhile: start, middle, end".to_owned(),
            measured: format!("{before}, {middle}, {after} MB"),
            floor: none(),
            ratio: none(),
            wanted: "does not grow from middle to end".to_owned(),
            // A tenth, and a megabyte, is what an allocator keeps or not.
            verdict: Verdict::of(after <= middle + middle / 10 + 1),
        },
    ]
}

/// Some of them moved, each in a commit of its own.
async fn executed(name: &str, filled: &Filled) -> Row {
    let Filled { billing, count } = filled;
    let plan = billing.plan_migration(&ask(), |_| ()).await.unwrap();
    let began = now();
    let done = billing
        .execute_migration(&ask(), &plan.digest, None, |_, _| ())
        .await
        .unwrap();
    let took = began.elapsed();
    assert!(done.done == u64::from(*count) && done.finished_at.is_some());
    // Whoever was moved is kept where a migration moves it already.
    let again = billing.plan_migration(&ask(), |_| ()).await.unwrap();
    assert_eq!(again.moves, 0, "not all were moved");
    Row::figure(
        format!("price migration of {count} executed, {name}"),
        format!("{} ms", took.as_millis()),
    )
}
