//! Renewals by the tick: every subscription due at once, a provider that is paid
//! at once, listeners told.

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
use crate::stores::{Folder, NO_SERVER, connect, postgres, server, sqlite};
use crate::table::{Row, Verdict, none, now};

/// When they all are due.
pub(crate) const DUE_AT: &str = "2026-02-10T00:00:00Z";

/// Effects of one renewal: the invoice that is paid in the same call, and two notices.
const EFFECTS_EACH: usize = 3;

/// What all of them may take, in seconds.
const WANTED: u64 = 300;

/// Given up after so long: what is not done by then is told.
const PATIENCE: Duration = Duration::from_mins(15);

/// Between looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = |count| format!("{count} renewals by the tick, PostgreSQL");
    let count: usize = size.pick(100_000, 5_000);
    let Some(server) = server() else {
        return Row::skipped(&what(count), NO_SERVER);
    };
    let (url, store) = postgres(&server).await;
    let rows = connect(&url, 1).await;
    measure(what(count), Arc::new(store), rows, count).await
}

/// On SQLite, which reaches the disk before it goes on.
pub(crate) async fn on_sqlite(size: Size) -> Vec<Row> {
    let count: usize = size.pick(100_000, 5_000);
    let folder = Folder::fresh();
    let store = sqlite(&folder, "ours.db").await;
    let rows = connect(&folder.url("ours.db"), 1).await;
    let what = format!("{count} renewals by the tick, SQLite (FULL)");
    measure(what, Arc::new(store), rows, count).await
}

/// All renewals, and the memory they take.
async fn measure(
    what: String,
    store: Arc<dyn Store>,
    rows: DatabaseConnection,
    count: usize,
) -> Vec<Row> {
    let due_at: Timestamp = DUE_AT.parse().unwrap();
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

    // What was resident when a tenth, a half and all of the effects were performed.
    let whole = count * EFFECTS_EACH;
    let (mut tenth, mut half) = (None, None);
    let (began, mut performed) = (now(), 0);
    let took = loop {
        let done = billing.work(LOOK_EVERY).await.unwrap();
        performed += done.outbox;
        if tenth.is_none() && performed >= whole / 10 {
            tenth = Some(resident());
        }
        if half.is_none() && performed >= whole / 2 {
            half = Some(resident());
        }
        let took = began.elapsed();
        if !done.more || took > PATIENCE {
            break took;
        }
    };
    let all = resident();
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
    let [tenth, half] = [tenth, half].map(|held| held.unwrap_or(all));
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
            what: "resident memory when 10 %, 50 % and all of it is done".to_owned(),
            measured: format!("{tenth}, {half}, {all} MB"),
            floor: none(),
            ratio: none(),
            wanted: "does not grow".to_owned(),
            // A tenth, and a megabyte, is what an allocator keeps or not.
            verdict: Verdict::of(half.max(all) <= tenth + tenth / 10 + 1),
        },
    ]
}

/// The number that a query asks for.
pub(crate) async fn number(rows: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(rows.get_database_backend(), sql);
    let row = rows.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// This process's resident memory, in megabytes.
fn resident() -> u64 {
    crate::program::resident("self")
}
