//! Books that were written before changes and conversions were known: the rows
//! of files of that time, which must open and go on.

use billing_domain::effect::{CreateInvoice, Order};
use billing_domain::fact::Fact;
use billing_domain::invoice::Purpose;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::{Clock, PaymentProvider};

use super::persistence::Folder;
use super::{Rig, account, at, line, options, to_business, usd};
use crate::{Mode, Sandbox};

/// A month of Ana's subscription, paid twice, and an open page.
const OWN: &str = include_str!("older/own-schedule.tsv");

/// Ana's card, charged for an order of the engine's, and an open page.
const ENGINE: &str = include_str!("older/engine-schedule.tsv");

/// The sandbox over a file with these rows: kind, id and body, tabs between them.
async fn opened(folder: &Folder, mode: Mode, rows: &str) -> Rig {
    let options = || options(mode, "2026-01-01");
    let empty = Sandbox::open(&folder.file(), options()).await.unwrap();
    let store = empty.inner.store.as_ref().unwrap();
    for row in rows.lines() {
        let values = row.replace('\t', "', '");
        let into = "INSERT OR REPLACE INTO sandbox_object (kind, id, body)";
        store.execute(&format!("{into} VALUES ('{values}')")).await;
    }
    drop(empty);
    Rig::of(Sandbox::open(&folder.file(), options()).await.unwrap())
}

#[tokio::test]
async fn subscriptions_of_older_books_are_charged_and_changed() {
    let folder = Folder::new("older-own");
    let mut rig = opened(&folder, Mode::OwnSchedule, OWN).await;
    assert_eq!(rig.sandbox.clock().now(), at("2026-02-02"));
    let (reference, held) = rig.sandbox.books().subscriptions.pop_first().unwrap();
    assert_eq!((held.amount, held.next_price_ref), (usd(2000), None));
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Subscription,
        id: reference.clone(),
    };
    let told = rig.sandbox.read(&object).await.unwrap();
    assert_eq!(
        line(&told),
        "02-01 01:00 active 02-01..03-01; \
         01-01 00:00 Paid USD 20.00 01-01..02-01; \
         02-01 01:00 Paid USD 20.00 02-01..03-01"
    );
    let unsaid = told
        .iter()
        .skip(1)
        .all(|told| matches!(told.fact, Fact::ProviderInvoiceSeen { purpose: None, .. }));
    assert!(unsaid, "what was not written down is not made up: {told:?}");

    rig.until("2026-02-15").await;
    // Half of February is left.
    let change = to_business(&reference, rig.now());
    assert_eq!(rig.previewed(&change).await.owed, usd(1500));
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    rig.until("2026-03-02").await;
    let kept = rig.sandbox.books();
    let charged = [usd(2000), usd(2000), usd(1500), usd(5000)];
    assert_eq!(kept.charged(held.customer), charged);
    drop(rig);
    let options = options(Mode::OwnSchedule, "2026-01-01");
    let again = Sandbox::open(&folder.file(), options).await.unwrap();
    let again = again.books();
    assert_eq!(again, kept);
    let purposes: Vec<_> = again
        .invoices
        .values()
        .map(|invoice| invoice.purpose)
        .collect();
    let later = [Purpose::Change, Purpose::Renewal].map(Some);
    assert_eq!(purposes, [None, None, later[0], later[1]]);
}

#[tokio::test]
async fn orders_of_older_books_are_known_again() {
    let folder = Folder::new("older-engine");
    let saving = Mode::EngineSchedule { saves_cards: true };
    let mut rig = opened(&folder, saving, ENGINE).await;
    let (_, paid) = rig.sandbox.books().invoices.pop_first().unwrap();
    let renewal = Order::CreateInvoice(CreateInvoice {
        provider: account(),
        invoice: paid.invoice.unwrap(),
        customer: paid.customer,
        customer_ref: None,
        subscription: "sub_00000000000070048000000000000001".parse().unwrap(),
        subscription_ref: None,
        cycle: Some(2),
        description: "Acme Storage, Team".to_owned(),
        amount: usd(2000),
    });
    let facts = rig.perform("renewal:1", &renewal).await;
    assert_eq!(line(&facts), "01-02 00:00 opened");
    let kept = rig.sandbox.books();
    assert_eq!(
        kept.charged(paid.customer),
        [usd(2000); 2],
        "charged no more"
    );
    rig.pump().await;
    assert_eq!(rig.told(), ["invoice.paid: 01-02 00:00 paid USD 20.00"]);
}
