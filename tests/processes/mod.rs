//! Several processes on one PostgreSQL, and processes that are killed.
//!
//! The children are this test binary itself, started with [`CHILD_URL`] set.
//! Their provider keeps its books in a table beside the engine's, one row for
//! every call, so that a second call for one invoice would show; or it is a fake
//! BTCPay of the parent's, over HTTP, which makes an invoice as often as it is asked.

mod btcpay;
mod child;
mod due;

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use billing::Billing;
use billing::system::SystemIds;
use billing_domain::time::Timestamp;
use billing_testkit::ManualClock;
use jiff::SignedDuration;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use crate::rig::{account, connect_postgres, findings, server};

/// Where a child finds the database; set in children alone.
const CHILD_URL: &str = "BILLING_TEST_CHILD_URL";
/// How many seconds a child's clock is ahead.
const CHILD_AHEAD: &str = "BILLING_TEST_CHILD_AHEAD";
/// Where a child finds the fake BTCPay. Unset: its provider is the table.
const CHILD_BTCPAY: &str = "BILLING_TEST_CHILD_BTCPAY";

/// Subscriptions that are due at once.
const DUE: usize = 1_000;

/// one job among many processes.
#[tokio::test]
async fn x_04_four_processes_make_one_invoice_each() {
    if server() == "skip" {
        println!("SKIPPED x_04: told to go without PostgreSQL");
        return;
    }
    let (url, books) = prepared().await;
    let mut children: Vec<Child> = (0..4).map(|_| spawn(&url, 0)).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let calls = count(&books, "select count(*) from fake_calls").await;
    let invoices = count(&books, "select count(distinct invoice) from fake_calls").await;
    assert_eq!(
        (calls, invoices),
        (DUE.try_into().unwrap(), DUE.try_into().unwrap())
    );
    assert_eq!(
        count(
            &books,
            "select count(*) from invoices where reference is null"
        )
        .await,
        0
    );
    assert_sound(&url, 0).await;
}

/// killed between any two steps, nothing is lost and nothing happens
/// twice: a repeated call has the same key, and gives the same invoice.
#[tokio::test]
async fn x_03_killed_processes_lose_nothing() {
    if server() == "skip" {
        println!("SKIPPED x_03: told to go without PostgreSQL");
        return;
    }
    let (url, books) = prepared().await;
    for round in 0..6 {
        let mut child = spawn(&url, round * 600);
        let before = count(&books, "select count(*) from fake_calls").await;
        // Killed in the middle of its work: as soon as it has made some calls.
        while count(&books, "select count(*) from fake_calls").await < before + 40 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(spawn(&url, 6 * 600).wait().unwrap().success());
    let due = i64::try_from(DUE).unwrap();
    assert_eq!(
        count(&books, "select count(distinct key) from fake_calls").await,
        due
    );
    assert_eq!(
        count(&books, "select count(distinct invoice) from fake_calls").await,
        due
    );
    assert_eq!(count(&books, "select count(*) from invoices").await, due);
    assert_eq!(
        count(
            &books,
            "select count(*) from invoices where reference is null"
        )
        .await,
        0
    );
    assert_sound(&url, 6 * 600).await;
}

async fn prepared() -> (String, DatabaseConnection) {
    let (url, store) = crate::rig::fresh_postgres().await;
    let books = Database::connect(&url).await.unwrap();
    books
        .execute_unprepared("create table fake_calls (key text not null, invoice text not null)")
        .await
        .unwrap();
    due::fill(&store, DUE, &account()).await;
    (url, books)
}

/// Refuses books that an audit finds fault with, at the last child's instant.
async fn assert_sound(url: &str, ahead: i64) {
    let due: Timestamp = due::DUE_AT.parse().unwrap();
    let clock = ManualClock::new(due + SignedDuration::from_secs(ahead));
    let store = connect_postgres(url).await;
    let billing = Billing::builder(Arc::new(store), Arc::new(clock), Arc::new(SystemIds));
    let found = findings(&billing.build().unwrap()).await.unwrap();
    assert!(found.is_empty(), "the audit found {found:#?}");
}

fn spawn(url: &str, ahead: i64) -> Child {
    child_on(url, ahead).spawn().unwrap()
}

/// A child that works on this database, with its clock so many seconds ahead.
fn child_on(url: &str, ahead: i64) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "processes::child::work",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_URL, url)
        .env(CHILD_AHEAD, ahead.to_string())
        .stdout(std::process::Stdio::null());
    child
}

async fn count(books: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(books.get_database_backend(), sql);
    let row = books.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}
