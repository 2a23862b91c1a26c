//! Books that outlive the process.

use std::path::PathBuf;

use billing_domain::effect::{EffectKey, Order};
use billing_ports::{Clock, PaymentProvider, PerformError};
use jiff::SignedDuration;

use super::{Rig, at, options};
use crate::{BooksError, EventState, Fault, Mode, OpenError, Sandbox, TestCard};

/// A place of its own for each test, gone afterwards.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("billing-sandbox-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("books of ?#%41.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn open(folder: &Folder) -> Rig {
    let options = options(Mode::OwnSchedule, "2026-01-01");
    Rig::of(Sandbox::open(&folder.file(), options).await.unwrap())
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let folder = Folder::new("restart");
    let mut rig = open(&folder).await;
    let ana = rig.customer();
    let order = Order::OpenCheckout(rig.checkout(ana));
    let opened = rig.perform("checkout:1", &order).await;
    rig.sandbox
        .pay("sbx_chk_000001", TestCard::Pays, None)
        .await
        .unwrap();
    rig.sandbox.inject(Fault::Drop);
    rig.pump().await;
    rig.sandbox
        .advance(SignedDuration::from_hours(24 * 40))
        .await
        .unwrap();
    let waiting = rig.sandbox.books();
    let now = rig.sandbox.clock().now();
    assert_eq!(now, at("2026-02-10"));
    drop(rig);

    let mut rig = open(&folder).await;
    assert!(folder.file().exists());
    assert_eq!(rig.sandbox.clock().now(), now);
    assert_eq!(rig.sandbox.books(), waiting);
    assert_eq!(waiting.events_in(EventState::Dropped), ["sbx_evt_000001"]);
    assert_eq!(rig.sandbox.next_due(), Some(at("2026-02-01T01:00:00Z")));
    assert_eq!(
        rig.perform("checkout:1", &order).await,
        opened,
        "the key is remembered"
    );
    rig.pump().await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-01 01:00 Paid USD 20.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 active 02-01..03-01",
        ]
    );
    let other = Order::OpenCheckout(rig.checkout(ana));
    let facts = rig.perform("checkout:2", &other).await;
    assert_eq!(facts[0].link.refs[0].id, "sbx_chk_000002", "numbers go on");
    let findings = rig
        .sandbox
        .doctor(&billing_testkit::catalogs::single())
        .await;
    assert!(findings[0].text.contains("books of"), "{findings:?}");
}

#[tokio::test]
async fn events_are_let_go_on_disk_too() {
    let folder = Folder::new("sweep");
    let mut rig = open(&folder).await;
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    // Two events a month for a lifetime.
    for year in 2027..2092 {
        rig.until(&format!("{year}-01-01")).await;
    }
    let kept = rig.sandbox.books();
    assert_eq!(kept.payments.len(), 780);
    assert!(kept.events.len() >= 1_000, "{}", kept.events.len());
    assert!(kept.events.len() <= 1_500, "{}", kept.events.len());
    drop(rig);
    let rig = open(&folder).await;
    assert_eq!(rig.sandbox.books(), kept);
}

#[tokio::test]
async fn what_could_not_be_written_is_written_with_the_next_call() {
    let folder = Folder::new("broken");
    let mut rig = open(&folder).await;
    let ana = rig.customer();
    let order = Order::OpenCheckout(rig.checkout(ana));
    let key = EffectKey::from_stored("checkout:1".to_owned());
    rename(&rig, "sandbox_object", "elsewhere").await;
    let lost = rig.try_perform(&key, &order).await;
    assert!(matches!(lost, Err(PerformError::Unknown(_))), "{lost:?}");
    assert!(
        rig.sandbox
            .pay("sbx_chk_000001", TestCard::Pays, None)
            .await
            .is_err()
    );
    rename(&rig, "elsewhere", "sandbox_object").await;
    rig.perform("checkout:1", &order).await;
    let kept = rig.sandbox.books();
    assert_eq!(kept.calls["checkout:1"].times, 2);
    assert_eq!(kept.payments.len(), 1);
    drop(rig);
    let rig = open(&folder).await;
    assert_eq!(rig.sandbox.books(), kept);
}

async fn rename(rig: &Rig, from: &str, to: &str) {
    let store = rig.sandbox.inner.store.as_ref().unwrap();
    store
        .execute(&format!("ALTER TABLE {from} RENAME TO {to}"))
        .await;
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    std::fs::write(
        folder.file(),
        b"certainly no database, but long enough to be looked at",
    )
    .unwrap();
    let opened = Sandbox::open(&folder.file(), options(Mode::OwnSchedule, "2026-01-01")).await;
    assert!(matches!(opened, Err(OpenError::Books(_))));
    assert!(
        std::fs::read(folder.file())
            .unwrap()
            .starts_with(b"certainly")
    );
}

#[tokio::test]
async fn books_of_another_account_or_mode_are_refused() {
    let folder = Folder::new("mark");
    drop(open(&folder).await);
    let engine = options(Mode::EngineSchedule { saves_cards: true }, "2026-01-01");
    let elsewhere = crate::SandboxOptions {
        account: "sandbox/other".parse().unwrap(),
        ..options(Mode::OwnSchedule, "2026-01-01")
    };
    for options in [engine, elsewhere] {
        let opened = Sandbox::open(&folder.file(), options).await;
        assert!(matches!(
            opened,
            Err(OpenError::Books(BooksError::Mark { .. }))
        ));
    }
    open(&folder).await;
}

#[tokio::test]
async fn one_process_at_a_time_keeps_the_books() {
    let folder = Folder::new("twice");
    let mut first = open(&folder).await;
    let second = Sandbox::open(&folder.file(), options(Mode::OwnSchedule, "2026-01-01")).await;
    assert!(matches!(
        second,
        Err(OpenError::Books(BooksError::Database(_)))
    ));
    let ana = first.customer();
    first.buys(ana, TestCard::Pays).await;
    let kept = first.sandbox.books();
    drop(first);
    assert_eq!(open(&folder).await.sandbox.books(), kept);
}
