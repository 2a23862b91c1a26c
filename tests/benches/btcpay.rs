//! Renewals through a BTCPay that takes its time: a fake over HTTP, asked by worker
//! processes of their own, whose books say at the end whether anything was doubled.
//!
//! A worker is this very program, started with [`WORKER`] before the addresses of
//! the database and of the fake. It says that it is ready, waits for a word, and
//! works until nothing is left.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use billing::system::SystemIds;
use billing::{Billing, Limits};
use billing_btcpay::{BtcPay, BtcPayOptions};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_rates::{Rates, RatesOptions};
use billing_testkit::ManualClock;
use billing_testkit::fakes::btcpay::{DEFAULT_KEY, DEFAULT_STORE, FakeBtcPay, FakeBtcPayOptions};
use billing_testkit::fakes::rig::{Fault, FaultKind};

use crate::Size;
use crate::fill::{Due, fill_at};
use crate::provider::Silent;
use crate::renewals::{DUE_AT, number};
use crate::stores::{NO_SERVER, connect, postgres, reconnect, server};
use crate::table::{Row, Verdict, hundredths, in_hundredths, none, now, per_second};

/// The argument that makes a worker of this program.
pub(crate) const WORKER: &str = "--btcpay-worker";

/// How long BTCPay takes for every answer, in milliseconds.
const ANSWERS_IN: u64 = 300;

/// Effects that one process has in flight.
const IN_FLIGHT: u16 = 64;

/// Renewals a second of one process. Each takes two calls, one that looks whether
/// its invoice was made before: 106 a second are the most that there can be.
const WANTED: u64 = 100;

/// Hundredths of that with two processes.
const WANTED_OF_TWO: u64 = 150;

/// With one process, and with two.
pub(crate) async fn measure(size: Size) -> Vec<Row> {
    let count: usize = size.pick(4_000, 640);
    let what = format!(
        "{count} renewals through BTCPay that answers in {ANSWERS_IN} ms, PostgreSQL, \
         {IN_FLIGHT} in flight"
    );
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let one = renewed(&server, 1, count).await;
    let two = renewed(&server, 2, count).await;
    let ratio = in_hundredths(two, one);
    vec![
        Row {
            what,
            measured: format!("{one} /s"),
            floor: none(),
            ratio: none(),
            wanted: format!("≥ {WANTED} /s"),
            verdict: Verdict::of(one >= WANTED),
        },
        Row {
            what: "the same by two processes".to_owned(),
            measured: format!("{two} /s"),
            floor: format!("{one} /s by one"),
            ratio: hundredths(ratio),
            wanted: format!("≥ {}", hundredths(WANTED_OF_TWO)),
            verdict: Verdict::of(ratio >= WANTED_OF_TWO),
        },
        // What is doubled has stopped the measurement.
        Row {
            what: "invoices made twice, by BTCPay's books".to_owned(),
            measured: "0".to_owned(),
            floor: none(),
            ratio: none(),
            wanted: "0".to_owned(),
            verdict: Verdict::Met,
        },
    ]
}

/// Renewals a second of so many processes, from a word to all until the last ends.
async fn renewed(server: &str, processes: usize, count: usize) -> u64 {
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    let (url, store) = postgres(server).await;
    let rows = connect(&url, 1).await;
    let due = Due {
        first: due_at,
        apart: 0,
    };
    fill_at(&store, &rows, count, due, &account()).await;
    let fake = FakeBtcPay::start(FakeBtcPayOptions::new(due_at))
        .await
        .unwrap();
    let late = FaultKind::Slow { millis: ANSWERS_IN };
    fake.fault(Fault::next(late).times(u32::MAX));

    let mut workers: Vec<Worker> = (0..processes)
        .map(|_| Worker::start(&url, fake.url().as_str()))
        .collect();
    let began = now();
    for worker in &mut workers {
        worker.go();
    }
    for worker in workers {
        worker.ends_well();
    }
    let rate = per_second(count, began.elapsed());

    let books = fake.books();
    let count = u64::try_from(count).unwrap();
    assert_eq!(books.count("invoices"), count, "not one for each");
    let orders = books
        .objects
        .iter()
        .filter(|(kind, _)| kind.starts_with("order:"));
    let orders: Vec<u64> = orders.map(|(_, made)| *made).collect();
    assert!(orders.iter().all(|made| *made == 1), "an order made twice");
    assert_eq!(u64::try_from(orders.len()).unwrap(), count);
    let open = "select count(distinct reference) from invoices where state = 'open'";
    assert_eq!(number(&rows, open).await, i64::try_from(count).unwrap());
    let left = "select count(*) from outbox where state <> 'done'";
    assert_eq!(number(&rows, left).await, 0, "not all was performed");
    rate
}

fn account() -> ProviderAccount {
    "btcpay/main".parse().unwrap()
}

/// A worker in a process of its own.
struct Worker {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Worker {
    /// One that is ready.
    fn start(database: &str, fake: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([WORKER, database, fake])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut worker = Self { child, said };
        let mut line = String::new();
        worker.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready");
        worker
    }

    fn go(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "go").unwrap();
    }

    fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success(), "a worker failed");
    }
}

/// What a worker does.
pub(crate) async fn work(database: &str, fake: &str) {
    let due_at: Timestamp = DUE_AT.parse().unwrap();
    let clock = ManualClock::new(due_at);
    let options = BtcPayOptions::new(
        account(),
        fake.parse().unwrap(),
        DEFAULT_KEY.into(),
        DEFAULT_STORE.to_owned(),
        "bench".to_owned(),
    );
    let http = HttpClient::new(HttpOptions::default()).unwrap();
    let rates = RatesOptions {
        order: Vec::new(),
        pins: vec![Money::new(5_000_000, Currency::USD)],
        ..RatesOptions::new(None).unwrap()
    };
    let rates = Arc::new(Rates::new(rates, http.clone()).unwrap());
    let provider = BtcPay::new(&options, http, rates, Arc::new(clock.clone())).unwrap();
    let store = Arc::new(reconnect(database).await);
    let billing = Billing::builder(store, Arc::new(clock), Arc::new(SystemIds))
        .provider(Arc::new(provider))
        .notifier(Arc::new(Silent))
        .limits(Limits {
            batch: IN_FLIGHT,
            in_flight: usize::from(IN_FLIGHT),
            ..Limits::default()
        })
        .build()
        .unwrap();
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    billing.work_until_idle().await.unwrap();
}
