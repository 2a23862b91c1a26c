//! Books made without a server: a catalog with two prices, holders by the
//! thousand, and rows edited by hand.

use std::path::Path;

use billing::postgres::PostgresStore;
use billing_catalog::SAMPLE;
use billing_domain::ids::CustomerId;
use billing_domain::journal::Event;
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::delivery::Reading;
use billing_ports::store::{Migrations as _, PageAsk, ReadModels as _, Ring as _};
use billing_sqlite::{SqliteOptions, SqliteStore};
use billing_testkit::fixtures::{self, Maker};
use futures_util::{StreamExt as _, stream};
use sea_orm::ConnectionTrait as _;

use crate::rig::Folder;

/// The price that is left, and the one that follows.
pub(crate) const FROM: &str = "team-monthly";
pub(crate) const TO: &str = "team-2027";

/// Something to be done with books, to its end.
pub(crate) fn done<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// A database of its own on the tests' PostgreSQL, named after `of`. `None`: they are to go
/// without.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests are told by who starts them"
)]
pub(crate) fn postgres(of: &str) -> Option<String> {
    let server = std::env::var("BILLING_TEST_POSTGRES").unwrap_or_else(|_unset| {
        panic!("BILLING_TEST_POSTGRES is not set; run the tests with `cargo xtask test`")
    });
    if server == "skip" {
        eprintln!("SKIPPED: nothing of PostgreSQL was tried");
        return None;
    }
    let name = format!("billing_{of}_{}", std::process::id());
    Some(done(async {
        let made = PostgresStore::create_database(&server, &name).await;
        made.unwrap()
    }))
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, SqliteOptions::default())
        .await
        .unwrap()
}

/// Makes books in `folder` with a dearer price beside that of the teams.
pub(crate) fn catalog(folder: &Folder) {
    catalog_where(folder, |plans| plans);
}

/// The same with what `edit` makes of the plan file.
pub(crate) fn catalog_where(folder: &Folder, edit: impl Fn(String) -> String) {
    let old = "team-monthly: { amount: 12.00, interval: month }";
    assert!(SAMPLE.contains(old));
    let both = format!("{old}\n      {TO}: {{ amount: 30.00, interval: month }}");
    folder.write("plans.yaml", &edit(SAMPLE.replace(old, &both)));
    let applied = folder.billing(&["catalog", "apply", "plans.yaml", "--yes"]);
    applied.exits(0);
}

/// Commits under way at once: more wait in line, and the last of them for too long.
const AT_ONCE: usize = 100;

/// Lets so many customers hold [`FROM`].
pub(crate) fn hold(folder: &Folder, holders: u32) {
    let now = folder.billing(&["clock", "show", "--json"]).json();
    let now: Timestamp = now["now"].as_str().unwrap().parse().unwrap();
    done(async {
        let store = open(&folder.path("billing.db")).await;
        let mut make = Maker::new(1);
        make.now = billing_domain::time::to_micros(now);
        let commits = (0..holders).map(|_| {
            let mut account = make.account();
            let id = account.customer.id;
            account.put_subscription(make.subscription(id, State::Active));
            store.commit(fixtures::creation(&account, make.now))
        });
        // Many at once share a write to the disk.
        let mut committed = stream::iter(commits).buffer_unordered(AT_ONCE);
        while let Some(committed) = committed.next().await {
            committed.unwrap();
        }
    });
}

/// Why an event cannot be read.
pub(crate) const UNREADABLE: &str = "no field `id`";

/// Lets an event arrive that nobody can read, for this reason.
pub(crate) fn arrives(folder: &Folder, why: &str) {
    done(async {
        let store = open(&folder.path("billing.db")).await;
        let mut make = Maker::new(2);
        let mut event = make.unreadable(None);
        event.reading = Reading::Unreadable {
            why: why.to_owned(),
            at: None,
        };
        let received = store.receive(make.id(), event, make.now).await;
        received.unwrap();
    });
}

/// How migrations have come out.
pub(crate) struct Moved {
    pub(crate) holders: Vec<Subscription>,
    /// How often each customer was told of a price to come.
    pub(crate) notices: Vec<usize>,
}

/// Everybody who holds [`FROM`], and the notices.
pub(crate) fn moved(folder: &Folder) -> Moved {
    done(async {
        let store = open(&folder.path("billing.db")).await;
        let from = FROM.parse().unwrap();
        let holders = store.list_holders(&from, None, u16::MAX).await.unwrap();
        let mut notices = Vec::new();
        for held in &holders {
            notices.push(told(&store, held.customer).await);
        }
        Moved { holders, notices }
    })
}

async fn told(store: &SqliteStore, customer: CustomerId) -> usize {
    let page = PageAsk {
        after: None,
        limit: 100,
    };
    let journal = store.list_journal(customer, page).await.unwrap();
    let rows = journal.rows.iter();
    rows.filter(|entry| entry.event == Event::PriceChangeUpcoming)
        .count()
}

/// Edits the books in `folder`, as somebody would by hand.
pub(crate) fn edit(folder: &Folder, statement: &str) {
    let file = folder.path("billing.db");
    edit_at(&format!("sqlite:{}", file.display()), statement);
}

/// Edits one row of the books at this address.
pub(crate) fn edit_at(url: &str, statement: &str) {
    done(async {
        let database = sea_orm::Database::connect(url).await.unwrap();
        let edited = database.execute_unprepared(statement).await.unwrap();
        assert_eq!(edited.rows_affected(), 1, "{statement}");
        database.close().await.unwrap();
    });
}
