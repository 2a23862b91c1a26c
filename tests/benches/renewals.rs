//! Renewals by the tick: every subscription due at once, a provider that is paid
//! at once, listeners told, on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use billing::Billing;
use billing::system::SystemIds;
use billing_domain::time::Timestamp;
use billing_ports::store::Store;
use billing_testkit::ManualClock;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::Size;
use crate::fill::{Due, fill};
use crate::provider::{PaidAtOnce, Silent};
use crate::stores::{NO_SERVER, connect, postgres, server};
use crate::table::{Row, Verdict, none, now};

/// When they all are due.
const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// What all of them may take, in seconds.
const WANTED: u64 = 300;

/// Given up after so long: what is not done by then is told.
const PATIENCE: Duration = Duration::from_mins(15);

/// Between looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// All renewals, and the memory they take.
pub(crate) async fn measure(size: Size) -> Vec<Row> {
    let count: usize = size.pick(100_000, 5_000);
    let what = format!("{count} renewals by the tick, PostgreSQL");
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (url, store) = postgres(&server).await;
    let rows = connect(&url, 1).await;
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    fill(
        store.as_ref(),
        &rows,
        count,
        Due {
            first: due_at,
            apart: 0,
        },
    )
    .await;
    let billing = Billing::builder(
        store,
        Arc::new(ManualClock::new(due_at)),
        Arc::new(SystemIds),
    )
    .provider(Arc::new(PaidAtOnce::new(due_at)))
    .notifier(Arc::new(Silent))
    .build()
    .unwrap();

    let mut memory = vec![resident()];
    let (began, mut performed) = (now(), 0);
    let took = loop {
        let done = billing.work(LOOK_EVERY).await.unwrap();
        performed += done.outbox;
        memory.push(resident());
        let took = began.elapsed();
        if !done.more || took > PATIENCE {
            break took;
        }
    };
    let settled = number(
        &rows,
        "select count(*) from invoices where state = 'settled'",
    )
    .await;
    let left = number(&rows, "select count(*) from outbox where state <> 'done'").await;
    let parked = number(&rows, "select count(*) from parked").await;
    assert_eq!(parked, 0, "renewals wait for a person");
    if took <= PATIENCE {
        assert_eq!(
            (settled, left),
            (i64::try_from(count).unwrap(), 0),
            "not all are renewed"
        );
    }

    let seconds = took.as_secs();
    let allowed = WANTED * u64::try_from(count).unwrap() / 100_000;
    let middle = memory.get(memory.len() / 2).copied().unwrap();
    let (first, last) = (
        memory.first().copied().unwrap(),
        memory.last().copied().unwrap(),
    );
    vec![
        Row {
            what,
            measured: format!("{settled} in {seconds} s, {performed} effects"),
            floor: none(),
            ratio: none(),
            wanted: format!("≤ {allowed} s"),
            verdict: Verdict::of(took <= Duration::from_secs(allowed) && left == 0),
        },
        Row {
            what: "resident memory meanwhile: start, middle, end".to_owned(),
            measured: format!("{first}, {middle}, {last} MB"),
            floor: none(),
            ratio: none(),
            wanted: "does not grow from middle to end".to_owned(),
            // A tenth, and a megabyte, is what an allocator keeps or not.
            verdict: Verdict::of(last <= middle + middle / 10 + 1),
        },
    ]
}

async fn number(rows: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(rows.get_database_backend(), sql);
    let row = rows.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// This process's resident memory, in megabytes.
fn resident() -> u64 {
    crate::program::resident("self")
}
