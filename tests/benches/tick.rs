//! An empty tick, with many subscriptions of which none is due, against one
//! with few: what waits must cost nothing.

use std::sync::Arc;

use billing::Billing;
use billing::system::SystemIds;
use billing_domain::time::Timestamp;
use billing_ports::store::Store;
use billing_testkit::ManualClock;
use jiff::SignedDuration;
use sea_orm::DatabaseConnection;

use crate::Size;
use crate::fill::{Due, fill};
use crate::provider::PaidAtOnce;
use crate::stores::{Folder, NO_SERVER, connect, postgres, server, sqlite};
use crate::table::{Row, Verdict, hundredths, in_hundredths, median, now};

/// When the first is due.
const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// Seconds from each to the next: a million over a month.
const APART: u32 = 3;

/// The few.
const FEW: usize = 1_000;

/// Ticks of each in turn; the median is taken.
const TICKS: usize = 501;

/// What many may cost of few, in hundredths.
const WANTED: u64 = 150;

fn many(size: Size) -> usize {
    size.pick(1_000_000, 50_000)
}

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!("empty tick, {} subscriptions, PostgreSQL", many(size));
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (url, store) = postgres(&server).await;
    let few = filled(Arc::new(store), connect(&url, 1).await, FEW).await;
    let (url, store) = postgres(&server).await;
    let many = filled(Arc::new(store), connect(&url, 1).await, many(size)).await;
    vec![compare(what, &many, &few).await]
}

/// On SQLite.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let what = format!("empty tick, {} subscriptions, SQLite", many(size));
    let folder = Folder::fresh();
    let store = sqlite(&folder, "few.db").await;
    let few = filled(
        Arc::new(store),
        connect(&folder.url("few.db"), 1).await,
        FEW,
    )
    .await;
    let store = sqlite(&folder, "many.db").await;
    let many = filled(
        Arc::new(store),
        connect(&folder.url("many.db"), 1).await,
        many(size),
    )
    .await;
    vec![compare(what, &many, &few).await]
}

async fn filled(store: Arc<dyn Store>, rows: DatabaseConnection, count: usize) -> Billing {
    let first: Timestamp = DUE_AT.parse().unwrap();
    fill(
        store.as_ref(),
        &rows,
        count,
        Due {
            first,
            apart: APART,
        },
    )
    .await;
    rows.close().await.unwrap();
    let clock = ManualClock::new(first - SignedDuration::from_hours(24));
    Billing::builder(store, Arc::new(clock), Arc::new(SystemIds))
        .provider(Arc::new(PaidAtOnce::new(first)))
        .build()
        .unwrap()
}

async fn compare(what: String, many: &Billing, few: &Billing) -> Row {
    let mut ticks = Vec::with_capacity(TICKS);
    for round in 0..TICKS {
        // One right after the other, so that both meet the same machine.
        ticks.push(if round % 2 == 0 {
            let many = tick(many).await;
            (many, tick(few).await)
        } else {
            let few = tick(few).await;
            (tick(many).await, few)
        });
    }
    let ratio = median(ticks.iter().map(|(many, few)| in_hundredths(*many, *few)));
    let many = median(ticks.iter().map(|(many, _)| *many));
    let few = median(ticks.iter().map(|(_, few)| *few));
    Row {
        what,
        measured: format!("{many} µs"),
        floor: format!("{few} µs with {FEW}"),
        ratio: hundredths(ratio),
        wanted: format!("≤ {}", hundredths(WANTED)),
        verdict: Verdict::of(ratio <= WANTED),
    }
}

/// What the worker does when it is woken for nothing, in microseconds.
async fn tick(billing: &Billing) -> u64 {
    let began = now();
    let done = billing.work_until_idle().await.unwrap();
    let next = billing.store().unwrap().next_work().await.unwrap();
    let took = began.elapsed();
    assert!(
        done.is_empty() && next.due.is_some(),
        "somebody was due, or nobody is there"
    );
    took.as_micros().try_into().unwrap()
}
