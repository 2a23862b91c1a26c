//! Several processes that renew through one BTCPay, which has no idempotency keys:
//! asked twice, it makes two invoices. What keeps it from being asked twice is ours.

use std::collections::BTreeSet;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use billing_btcpay::{BtcPay, BtcPayOptions};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_rates::{Rates, RatesOptions};
use billing_testkit::ManualClock;
use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_STORE, FakeBtcPay, FakeBtcPayOptions, Invoice,
};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use sea_orm::{Database, DatabaseConnection};
use url::Url;

use super::due::{self, DUE_AT};
use super::{CHILD_BTCPAY, DUE, assert_sound, child_on, count};
use crate::rig::server;

/// The path of the invoices at the fake.
const INVOICES: &str = "/api/v1/stores/FakeStore1111111111111/invoices";

/// How far each round's clocks are ahead of the last: a claim that its process
/// left behind is over, and what got no answer is tried again.
const ROUND: i64 = 600;

/// The adapter of a child.
pub(super) fn provider(fake: &Url, clock: ManualClock) -> BtcPay {
    let options = BtcPayOptions::new(
        account(),
        fake.clone(),
        DEFAULT_KEY.into(),
        DEFAULT_STORE.to_owned(),
        "processes".to_owned(),
    );
    // Calls that get no answer leave no host alone here: that goes by the real clock.
    let http = HttpClient::new(HttpOptions {
        circuit_failures: 0,
        ..HttpOptions::default()
    });
    let http = http.unwrap();
    let rates = RatesOptions {
        order: Vec::new(),
        pins: vec![Money::new(5_000_000, Currency::USD)],
        ..RatesOptions::new(None).unwrap()
    };
    let rates = Arc::new(Rates::new(rates, http.clone()).unwrap());
    BtcPay::new(&options, http, rates, Arc::new(clock)).unwrap()
}

/// one job among many processes, each of which asks BTCPay itself.
#[tokio::test]
async fn x_04_four_processes_make_one_btcpay_invoice_each() {
    if server() == "skip" {
        println!("SKIPPED x_04 at BTCPay: told to go without PostgreSQL");
        return;
    }
    let shared = Shared::prepared().await;
    shared.ends_well(shared.round(0)).await;
    // Nobody asked for one that another had made.
    assert_eq!(shared.asked(), DUE);
    shared.has_one_invoice_each(0).await;
}

/// of four processes three are killed while they ask, and answers
/// are lost about invoices that were made, in every way in which they can be.
#[tokio::test]
async fn x_03_kills_and_lost_answers_double_nothing_at_btcpay() {
    if server() == "skip" {
        println!("SKIPPED x_03 at BTCPay: told to go without PostgreSQL");
        return;
    }
    let shared = Shared::prepared().await;
    for kind in [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
        FaultKind::ServerError,
    ] {
        let lost = Fault::next(kind).on("POST", INVOICES).after();
        shared.fake.fault(lost.skip(20).times(10));
    }
    let mut children = shared.round(0);
    for so_many in [DUE / 10, DUE / 4, DUE / 2] {
        let mut killed = children.pop().unwrap();
        while shared.asked() < so_many {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // In the middle of its calls: made at BTCPay, and written down nowhere.
        assert!(killed.try_wait().unwrap().is_none(), "it ended by itself");
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    shared.ends_well(children).await;
    assert_eq!(shared.fake.faults().open(), [], "not every answer was lost");
    let unheard = "select count(*) from invoices where reference is null";
    assert!(count(&shared.rows, unheard).await >= 40);
    shared.ends_well(shared.round(ROUND)).await;
    shared.has_one_invoice_each(ROUND).await;
}

fn account() -> ProviderAccount {
    "btcpay/main".parse().unwrap()
}

/// What the processes share: a database and a BTCPay.
struct Shared {
    fake: FakeBtcPay,
    url: String,
    rows: DatabaseConnection,
}

impl Shared {
    async fn prepared() -> Self {
        let start: Timestamp = DUE_AT.parse().unwrap();
        let fake = FakeBtcPay::start(FakeBtcPayOptions::new(start)).await;
        let (url, store) = crate::rig::fresh_postgres().await;
        due::fill(&store, DUE, &account()).await;
        Self {
            fake: fake.unwrap(),
            rows: Database::connect(&url).await.unwrap(),
            url,
        }
    }

    /// Four processes at once.
    fn round(&self, ahead: i64) -> Vec<Child> {
        let spawned = (0..4).map(|_| {
            let mut child = child_on(&self.url, ahead);
            let child = child.env(CHILD_BTCPAY, self.fake.url().as_str());
            child.spawn().unwrap()
        });
        spawned.collect()
    }

    /// Waits for processes, while the fake goes on answering.
    async fn ends_well(&self, mut children: Vec<Child>) {
        while let Some(child) = children.last_mut() {
            match child.try_wait().unwrap() {
                Some(ended) => {
                    assert!(ended.success(), "{ended}");
                    children.pop();
                }
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// How often BTCPay was asked to make an invoice.
    fn asked(&self) -> usize {
        self.fake.requests().to("POST", INVOICES).len()
    }

    /// By the fake's books, and by ours.
    async fn has_one_invoice_each(&self, ahead: i64) {
        let books = self.fake.books();
        assert_eq!(books.count("invoices"), u64::try_from(DUE).unwrap());
        let made = |kind: &str| {
            let of_kind = books
                .objects
                .iter()
                .filter(|(name, _)| name.starts_with(kind));
            of_kind.map(|(_, made)| *made).collect::<Vec<_>>()
        };
        assert_eq!(made("order:"), [1; DUE], "by cycle");
        assert_eq!(made("customer:"), [1; DUE], "by customer");
        let world = self.fake.world();
        let sats: BTreeSet<i128> = world.invoices.values().map(Invoice::due).collect();
        // USD 5.00 at USD 50 000.00 a bitcoin.
        assert_eq!(sats, BTreeSet::from([10_000]));
        let due = i64::try_from(DUE).unwrap();
        let known = "select count(distinct reference) from invoices where state = 'open'";
        assert_eq!(count(&self.rows, known).await, due);
        assert_eq!(
            count(&self.rows, "select count(*) from invoices").await,
            due
        );
        assert_eq!(count(&self.rows, "select count(*) from parked").await, 0);
        let left = "select count(*) from outbox where state <> 'done'";
        assert_eq!(count(&self.rows, left).await, 0);
        assert_sound(&self.url, ahead).await;
    }
}
