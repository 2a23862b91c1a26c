//! Own schedule: changes that move no money at once.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order};
use billing_domain::ids::CustomerId;
use billing_domain::time::Interval;
use billing_ports::Clock;

use super::{Rig, account, at, line, to_business, usd};
use crate::{Mode, SubscriptionEntry, TestCard};

/// Ana, with a monthly subscription for 20 dollars since New Year, in its middle.
async fn ana() -> (Rig, CustomerId, String) {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::Pays).await;
    rig.until("2026-01-16T12:00:00Z").await;
    rig.told();
    (rig, ana, reference)
}

fn held(rig: &Rig, reference: &str) -> SubscriptionEntry {
    rig.sandbox.books().subscriptions[reference].clone()
}

fn undo(reference: &str) -> Order {
    Order::UndoChange {
        provider: account(),
        reference: reference.to_owned(),
        change: None,
    }
}

fn yearly(change: ChangeSubscription) -> Order {
    Order::ChangeSubscription(ChangeSubscription {
        price_ref: "business-yearly".to_owned(),
        amount: usd(50_000),
        interval: Some(Interval::YEAR),
        ..change
    })
}

#[tokio::test]
async fn an_unbilled_change_holds_at_once_and_moves_no_money() {
    let (mut rig, ana, reference) = ana().await;
    let change = to_business(&reference, ChangeWhen::Unbilled);
    let preview = rig.previewed(&change).await;
    assert_eq!((preview.owed, preview.lines.len()), (usd(0), 0));
    let facts = rig
        .perform("change", &Order::ChangeSubscription(change))
        .await;
    assert_eq!(line(&facts), "01-16 12:00 active 01-01..02-01");
    let now = held(&rig, &reference);
    assert_eq!(now.price_ref.as_deref(), Some("business-monthly"));
    assert_eq!((now.amount, now.quantity), (usd(5000), 5));
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000)]);
    rig.until("2026-02-02").await;
    assert_eq!(
        rig.told(),
        [
            "subscription.updated: 01-16 12:00 active 01-01..02-01",
            "invoice.paid: 02-01 01:00 Paid USD 50.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 active 02-01..03-01",
        ]
    );
}

#[tokio::test]
async fn an_unbilled_change_of_the_interval_leaves_the_paid_period_alone() {
    let (mut rig, ana, reference) = ana().await;
    let order = yearly(to_business(&reference, ChangeWhen::Unbilled));
    rig.perform("change", &order).await;
    assert_eq!(held(&rig, &reference).period.end, at("2026-02-01"));
    rig.until("2027-03-01").await;
    let charged = rig.sandbox.books().charged(ana);
    assert_eq!(charged, [usd(2000), usd(50_000), usd(50_000)]);
    assert_eq!(held(&rig, &reference).period.end, at("2028-02-01"));
}

#[tokio::test]
async fn what_is_to_come_comes_with_the_next_period() {
    let (mut rig, ana, reference) = ana().await;
    let change = to_business(&reference, ChangeWhen::NextPeriod { at: None });
    let facts = rig
        .perform("change", &Order::ChangeSubscription(change))
        .await;
    assert_eq!(line(&facts), "01-01 00:00 active 01-01..02-01");
    rig.pump().await;
    assert_eq!(rig.told(), [""; 0], "nothing has changed yet");
    let now = held(&rig, &reference);
    assert_eq!((now.amount, now.price_ref), (usd(2000), None));
    assert_eq!(now.next_price_ref.as_deref(), Some("business-monthly"));

    rig.until("2026-03-02").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-01 01:00 Paid USD 50.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 active 02-01..03-01",
            "invoice.paid: 03-01 01:00 Paid USD 50.00 03-01..04-01",
            "subscription.updated: 03-01 01:00 active 03-01..04-01",
        ]
    );
    let now = held(&rig, &reference);
    assert_eq!(now.price_ref.as_deref(), Some("business-monthly"));
    assert_eq!((now.quantity, now.next_price_ref), (5, None));
    assert_eq!(
        rig.sandbox.books().charged(ana),
        [usd(2000), usd(5000), usd(5000)]
    );
}

#[tokio::test]
async fn another_interval_comes_with_the_next_period() {
    let (mut rig, _, reference) = ana().await;
    let order = yearly(to_business(&reference, ChangeWhen::NextPeriod { at: None }));
    rig.perform("change", &order).await;
    rig.until("2026-02-02").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-01 01:00 Paid USD 500.00 02-01..02-01",
            "subscription.updated: 02-01 01:00 active 02-01..02-01",
        ]
    );
    let now = held(&rig, &reference);
    assert_eq!(now.period.end, at("2027-02-01"));
    assert_eq!(rig.sandbox.next_due(), Some(at("2027-02-01T01:00:00Z")));
}

#[tokio::test]
async fn a_pause_that_outlasts_the_period_resumes_at_what_was_to_come() {
    let (mut rig, ana, reference) = ana().await;
    let order = yearly(to_business(&reference, ChangeWhen::NextPeriod { at: None }));
    rig.perform("change", &order).await;
    let (provider, named) = (account(), reference.clone());
    let pause = Order::PauseSubscription {
        provider: provider.clone(),
        reference: named.clone(),
        change: None,
    };
    rig.perform("pause", &pause).await;
    rig.until("2026-03-10").await;
    let resume = Order::ResumeSubscription {
        provider,
        reference: named,
        change: None,
        quoted: None,
    };
    rig.perform("resume", &resume).await;
    let now = held(&rig, &reference);
    assert_eq!(now.period.start, at("2026-03-10"));
    assert_eq!(now.period.end, at("2027-03-10"));
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(50_000)]);
}

#[tokio::test]
async fn what_was_to_come_can_be_taken_back_and_taken_back_again() {
    let (mut rig, ana, reference) = ana().await;
    let change = to_business(&reference, ChangeWhen::NextPeriod { at: None });
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    for key in ["undo", "undo", "another"] {
        let facts = rig.perform(key, &undo(&reference)).await;
        assert_eq!(line(&facts), "01-01 00:00 active 01-01..02-01");
        assert_eq!(held(&rig, &reference).next_price_ref, None);
    }
    rig.until("2026-02-02").await;
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000); 2]);
    let unknown = rig.refusal("unknown", &undo("sbx_sub_9")).await;
    assert_eq!(unknown, "no_such_subscription");
}

#[tokio::test]
async fn the_latest_of_what_is_to_come_comes() {
    let (mut rig, ana, reference) = ana().await;
    let first = yearly(to_business(&reference, ChangeWhen::NextPeriod { at: None }));
    rig.perform("first", &first).await;
    let second = to_business(&reference, ChangeWhen::NextPeriod { at: None });
    rig.perform("second", &Order::ChangeSubscription(second))
        .await;
    rig.until("2026-02-02").await;
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(5000)]);
}

#[tokio::test]
async fn a_change_at_once_clears_what_was_to_come() {
    for when in [None, Some(ChangeWhen::Unbilled)] {
        let (mut rig, _, reference) = ana().await;
        let later = yearly(to_business(&reference, ChangeWhen::NextPeriod { at: None }));
        rig.perform("later", &later).await;
        let when = when.unwrap_or_else(|| rig.now());
        let change = to_business(&reference, when);
        rig.perform("change", &Order::ChangeSubscription(change))
            .await;
        assert_eq!(held(&rig, &reference).next_price_ref, None, "{when:?}");
        rig.until("2026-02-02").await;
        let told = rig.told();
        let renewed = "invoice.paid: 02-01 01:00 Paid USD 50.00 02-01..03-01";
        assert!(told.iter().any(|told| told == renewed), "{told:?}");
    }
}

#[tokio::test]
async fn a_refused_change_at_once_leaves_what_was_to_come() {
    let (mut rig, _, reference) = ana().await;
    let later = yearly(to_business(&reference, ChangeWhen::NextPeriod { at: None }));
    rig.perform("later", &later).await;
    let stale = ChangeWhen::Prorated {
        at: rig.sandbox.clock().now(),
        quoted: Some(usd(1)),
    };
    let stale = Order::ChangeSubscription(to_business(&reference, stale));
    assert_eq!(rig.refusal("stale", &stale).await, "quote_stale");
    let now = held(&rig, &reference);
    assert_eq!(now.next_price_ref.as_deref(), Some("business-yearly"));
}
