//! Own schedule: changes at once, and what they cost.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order};
use billing_domain::fact::{Fact, Observed, ProviderInvoiceState};
use billing_domain::ids::CustomerId;
use billing_domain::invoice::Purpose;
use billing_domain::line::{Line, LineKind, Share};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Period};

use super::{Rig, at, line, to_business, usd};
use crate::{InvoiceEntry, Mode, SubscriptionEntry, TestCard};

/// Half of January is left.
pub(super) const MIDDLE: &str = "2026-01-16T12:00:00Z";

/// Seconds in January.
const MONTH: u64 = 31 * 86_400;

/// Ana, with a monthly subscription for 20 dollars since New Year, at this instant.
pub(super) async fn ana(card: TestCard, now: &str) -> (Rig, CustomerId, String) {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, card).await;
    rig.until(now).await;
    rig.told();
    (rig, ana, reference)
}

fn held(rig: &Rig, reference: &str) -> SubscriptionEntry {
    rig.sandbox.books().subscriptions[reference].clone()
}

/// The invoices for changes.
fn of_changes(rig: &Rig) -> Vec<InvoiceEntry> {
    let books = rig.sandbox.books();
    let of_change = |invoice: &InvoiceEntry| invoice.purpose == Some(Purpose::Change);
    books.invoices.into_values().filter(of_change).collect()
}

fn credit(rig: &Rig, customer: CustomerId) -> Money {
    rig.sandbox.books().credit(customer, Currency::USD)
}

fn yearly(change: ChangeSubscription) -> ChangeSubscription {
    ChangeSubscription {
        price_ref: "business-yearly".to_owned(),
        amount: usd(50_000),
        interval: Some(Interval::YEAR),
        ..change
    }
}

fn cheaper(change: ChangeSubscription) -> ChangeSubscription {
    ChangeSubscription {
        price_ref: "personal".to_owned(),
        amount: usd(500),
        quantity: 1,
        ..change
    }
}

#[tokio::test]
async fn a_preview_writes_nothing_and_agrees_with_the_charge_to_the_cent() {
    for (instant, owed, unused, begins) in [
        ("2026-01-01", 3000, -2000, 5000),
        (MIDDLE, 1500, -1000, 2500),
        // 20.00 × 1 / 3 and 50.00 × 1 / 3, each rounded by itself.
        ("2026-01-21T16:00:00Z", 1000, -667, 1667),
        ("2026-01-31T23:59:59Z", 0, 0, 0),
    ] {
        let (mut rig, ana, reference) = ana(TestCard::Pays, instant).await;
        let before = rig.sandbox.books();
        let change = to_business(&reference, rig.now());
        let preview = rig.previewed(&change).await;
        let amounts: Vec<i64> = preview
            .lines
            .iter()
            .map(|line| line.amount.amount)
            .collect();
        assert_eq!(amounts, [unused, begins], "{instant}");
        assert_eq!(preview.owed, usd(owed), "{instant}");
        assert_eq!(rig.sandbox.books(), before, "a preview writes nothing");

        rig.sandbox
            .advance(jiff::SignedDuration::from_secs(30))
            .await
            .unwrap();
        let change = ChangeSubscription {
            when: ChangeWhen::Prorated {
                at: at(instant),
                quoted: Some(preview.owed),
            },
            ..change
        };
        rig.perform("change", &Order::ChangeSubscription(change))
            .await;
        let charged: i64 = rig
            .sandbox
            .books()
            .charged(ana)
            .iter()
            .map(|paid| paid.amount)
            .sum();
        assert_eq!(charged, 2000 + owed, "{instant}");
    }
}

#[tokio::test]
async fn lines_say_what_was_taken_of_what() {
    let (rig, _, reference) = ana(TestCard::Pays, MIDDLE).await;
    let preview = rig.previewed(&to_business(&reference, rig.now())).await;
    let share = Some(Share {
        part: MONTH / 2,
        whole: MONTH,
    });
    let expected = [
        Line {
            kind: LineKind::Unused,
            plan: None,
            quantity: 2,
            base: usd(-2000),
            share,
            charged: None,
            amount: usd(-1000),
            used: None,
        },
        Line {
            kind: LineKind::Begins,
            plan: None,
            quantity: 5,
            base: usd(5000),
            share,
            charged: None,
            amount: usd(2500),
            used: None,
        },
    ];
    assert_eq!(preview.lines, expected);
}

#[tokio::test]
async fn a_change_at_once_is_charged_and_told() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let change = to_business(&reference, rig.now());
    let facts = rig
        .perform("change", &Order::ChangeSubscription(change.clone()))
        .await;
    let [subscription, invoice] = &facts[..] else {
        panic!("{facts:?}");
    };
    let Fact::SubscriptionSeen(seen) = &subscription.fact else {
        panic!("{subscription:?}");
    };
    assert_eq!(
        (seen.price_ref.as_str(), seen.quantity),
        ("business-monthly", 5)
    );
    let Fact::ProviderInvoiceSeen {
        amount,
        purpose,
        state,
        period,
        subscription_ref,
        ..
    } = &invoice.fact
    else {
        panic!("{invoice:?}");
    };
    assert_eq!((*amount, *purpose), (usd(1500), Some(Purpose::Change)));
    assert_eq!(*state, ProviderInvoiceState::Paid);
    assert_eq!(subscription_ref.as_ref(), Some(&reference));
    let rest = Period {
        start: at(MIDDLE),
        end: at("2026-02-01"),
    };
    assert_eq!(*period, Some(rest));
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(1500)]);

    rig.pump().await;
    let told: Vec<Observed> = rig.told_facts();
    assert_eq!(told, facts, "webhooks tell what the answer told");

    let now = held(&rig, &reference);
    assert_eq!((now.amount, now.quantity), (usd(5000), 5));
    assert_eq!(now.period.start, at("2026-01-01"), "the period goes on");
    rig.until("2026-03-01").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-01 01:00 Paid USD 50.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 active 02-01..03-01",
        ]
    );
}

#[tokio::test]
async fn first_invoices_are_purchases_and_later_ones_renewals() {
    let (mut rig, _, reference) = ana(TestCard::Pays, MIDDLE).await;
    let change = to_business(&reference, rig.now());
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    rig.until("2026-02-02").await;
    let books = rig.sandbox.books();
    let purposes: Vec<_> = books
        .invoices
        .values()
        .map(|invoice| invoice.purpose)
        .collect();
    let expected = [Purpose::Purchase, Purpose::Change, Purpose::Renewal];
    assert_eq!(purposes, expected.map(Some));
    let told = rig
        .told_facts()
        .into_iter()
        .filter_map(|told| match told.fact {
            Fact::ProviderInvoiceSeen { purpose, .. } => Some(purpose),
            _ => None,
        });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [Some(Purpose::Change), Some(Purpose::Renewal)]
    );
}

#[tokio::test]
async fn a_key_changes_once() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let mut change = to_business(&reference, rig.now());
    let order = Order::ChangeSubscription(change.clone());
    let first = rig.perform("change", &order).await;
    rig.until("2026-01-20").await;
    assert_eq!(rig.perform("change", &order).await, first);
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(1500)]);
    change.amount = usd(6000);
    let other = Order::ChangeSubscription(change);
    assert_eq!(rig.refusal("change", &other).await, "idempotency_conflict");
}

#[tokio::test]
async fn what_a_cheaper_plan_gives_back_is_taken_by_later_invoices() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let down = cheaper(to_business(&reference, rig.now()));
    let preview = rig.previewed(&down).await;
    assert_eq!(preview.owed, usd(0));
    let sum = billing_domain::line::sum(&preview.lines, Currency::USD);
    assert_eq!(sum, Ok(usd(-750)), "the lines say what is credited");
    let facts = rig.perform("down", &Order::ChangeSubscription(down)).await;
    assert!(line(&facts).contains("Paid USD 0.00"), "{}", line(&facts));
    assert_eq!(
        rig.sandbox.books().charged(ana),
        [usd(2000)],
        "nothing moves"
    );
    assert_eq!(credit(&rig, ana), usd(750));

    rig.pump().await;
    rig.told();
    rig.until("2026-03-02").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-01 01:00 Paid USD 0.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 active 02-01..03-01",
            "invoice.paid: 03-01 01:00 Paid USD 2.50 03-01..04-01",
            "subscription.updated: 03-01 01:00 active 03-01..04-01",
        ]
    );
    assert_eq!(credit(&rig, ana), usd(0));
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(250)]);
}

#[tokio::test]
async fn a_change_takes_from_what_another_gave_back() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let down = cheaper(to_business(&reference, rig.now()));
    rig.perform("down", &Order::ChangeSubscription(down)).await;
    let up = to_business(&reference, rig.now());
    let preview = rig.previewed(&up).await;
    let last = preview.lines.last().unwrap();
    assert_eq!((last.kind, last.amount), (LineKind::Balance, usd(-750)));
    // 25.00 less 2.50 of the cheaper plan, less what it had given back.
    assert_eq!(preview.owed, usd(1500));
    rig.perform("up", &Order::ChangeSubscription(up)).await;
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(1500)]);
    assert_eq!(credit(&rig, ana), usd(0));
    let drawn: Vec<Money> = of_changes(&rig)
        .iter()
        .map(|invoice| invoice.drawn)
        .collect();
    assert_eq!(drawn, [usd(0), usd(750)]);
}

#[tokio::test]
async fn an_invoice_that_is_taken_back_gives_its_credit_back() {
    let (mut rig, ana, reference) = ana(TestCard::PaysOnce, MIDDLE).await;
    let mut down = to_business(&reference, rig.now());
    down.amount = usd(1000);
    rig.perform("down", &Order::ChangeSubscription(down)).await;
    assert_eq!(credit(&rig, ana), usd(500), "nothing owed needs no card");
    rig.until("2026-02-02").await;
    assert_eq!(credit(&rig, ana), usd(0), "taken by what is owed now");
    rig.until("2026-03-01").await;
    assert_eq!(credit(&rig, ana), usd(500), "it was never paid");
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000)]);
}

#[tokio::test]
async fn another_interval_begins_a_period_at_the_change() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let change = yearly(to_business(&reference, rig.now()));
    let preview = rig.previewed(&change).await;
    let kinds: Vec<_> = preview
        .lines
        .iter()
        .map(|line| (line.kind, line.amount))
        .collect();
    let expected = [
        (LineKind::Unused, usd(-1000)),
        (LineKind::Plan, usd(50_000)),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(preview.owed, usd(49_000));
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    let year = Period {
        start: at(MIDDLE),
        end: at("2027-01-16T12:00:00Z"),
    };
    assert_eq!(held(&rig, &reference).period, year);
    assert_eq!(of_changes(&rig)[0].period, Some(year));
    assert_eq!(rig.sandbox.next_due(), Some(at(MIDDLE)), "its events");
    rig.pump().await;
    rig.told();
    rig.until("2027-02-01").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 01-16 13:00 Paid USD 500.00 01-16..01-16",
            "subscription.updated: 01-16 13:00 active 01-16..01-16",
        ]
    );
    assert_eq!(
        rig.sandbox.books().charged(ana),
        [usd(2000), usd(49_000), usd(50_000)]
    );
}

#[tokio::test]
async fn a_scheduled_end_moves_with_the_period() {
    let (mut rig, _, reference) = ana(TestCard::Pays, MIDDLE).await;
    let cancel = Order::CancelSubscription {
        provider: super::account(),
        reference: reference.clone(),
        at_once: false,
    };
    rig.perform("cancel", &cancel).await;
    let change = yearly(to_business(&reference, rig.now()));
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    let held = held(&rig, &reference);
    assert_eq!(held.cancel_at, Some(held.period.end));
}

#[tokio::test]
async fn a_trial_goes_on_for_nothing_and_ends_at_the_new_price() {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.trial_end = Some(at("2026-01-15"));
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.until("2026-01-10").await;
    rig.told();
    let reference = rig
        .sandbox
        .books()
        .subscriptions
        .keys()
        .next()
        .cloned()
        .unwrap();
    let change = yearly(to_business(&reference, rig.now()));
    let preview = rig.previewed(&change).await;
    assert_eq!((preview.owed, preview.lines.len()), (usd(0), 0));
    rig.perform("change", &Order::ChangeSubscription(change))
        .await;
    rig.until("2026-02-01").await;
    assert_eq!(
        rig.told(),
        [
            "subscription.updated: 01-10 00:00 trialing 01-01..01-15",
            "invoice.paid: 01-10 00:00 Paid USD 0.00 01-01..01-15",
            "invoice.paid: 01-15 01:00 Paid USD 500.00 01-15..01-15",
            "subscription.updated: 01-15 01:00 active 01-15..01-15",
        ]
    );
    assert_eq!(rig.sandbox.books().charged(ana), [usd(50_000)]);
}
