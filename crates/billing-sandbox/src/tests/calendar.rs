//! Own schedule: stories on a calendar.

use billing_domain::effect::Order;
use billing_domain::fact::{CheckoutPayment, Fact};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_ports::{Clock, PaymentProvider, PerformError};

use super::{Rig, account, at, line, usd};
use crate::{Mode, Paying, TestCard};

fn rig(start: &str) -> Rig {
    Rig::new(Mode::OwnSchedule, start)
}

#[tokio::test]
async fn a_month_that_begins_on_the_31st_is_charged_an_hour_after_each_bound() {
    let mut rig = rig("2026-01-31");
    let ana = rig.customer();
    rig.buys(ana, TestCard::Pays).await;
    rig.pump().await;
    assert_eq!(
        rig.told(),
        [
            "checkout.completed: 01-31 00:00 paid USD 20.00",
            "subscription.created: 01-31 00:00 active 01-31..02-28",
            "invoice.paid: 01-31 00:00 Paid USD 20.00 01-31..02-28",
        ]
    );
    rig.until("2026-02-28T00:59:59Z").await;
    assert_eq!(rig.told(), [""; 0]);
    assert_eq!(rig.sandbox.next_due(), Some(at("2026-02-28T01:00:00Z")));
    rig.until("2026-03-31T02:00:00Z").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-28 01:00 Paid USD 20.00 02-28..03-31",
            "subscription.updated: 02-28 01:00 active 02-28..03-31",
            "invoice.paid: 03-31 01:00 Paid USD 20.00 03-31..04-30",
            "subscription.updated: 03-31 01:00 active 03-31..04-30",
        ]
    );
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000); 3]);
}

#[tokio::test]
async fn a_card_that_pays_once_is_tried_again_and_then_the_subscription_ends() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let subscription = rig.buys(ana, TestCard::PaysOnce).await;
    rig.pump().await;
    rig.told();
    rig.until("2026-03-01").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.payment_failed: 02-01 01:00 Failed USD 20.00 02-01..03-01",
            "subscription.updated: 02-01 01:00 past_due 02-01..03-01",
            "invoice.payment_failed: 02-02 01:00 Failed USD 20.00 02-01..03-01",
            "invoice.payment_failed: 02-04 01:00 Failed USD 20.00 02-01..03-01",
            "invoice.payment_failed: 02-06 01:00 Failed USD 20.00 02-01..03-01",
            "invoice.voided: 02-06 01:00 Void USD 20.00 02-01..03-01",
            "subscription.deleted: 02-06 01:00 canceled 02-01..03-01",
        ]
    );
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000)]);
    assert_eq!(rig.sandbox.next_due(), None);
    let seen = read(&rig, RefKind::Subscription, &subscription).await;
    assert!(seen[0].contains("canceled"), "{seen:?}");
}

#[tokio::test]
async fn an_owed_invoice_paid_at_its_page_saves_the_subscription() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    rig.buys(ana, TestCard::PaysOnce).await;
    rig.until("2026-02-03").await;
    rig.told();
    let books = rig.sandbox.books();
    let (owed, _) = books
        .invoices
        .iter()
        .find(|(_, invoice)| !invoice.paid)
        .unwrap();
    let paid = rig.sandbox.pay(owed, TestCard::Pays, None).await.unwrap();
    assert_eq!(paid, Paying::Paid);
    assert_eq!(
        rig.sandbox.pay(owed, TestCard::Pays, None).await.unwrap(),
        Paying::AlreadyPaid
    );
    rig.until("2026-03-02").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 02-03 00:00 Paid USD 20.00 02-01..03-01",
            "subscription.updated: 02-03 00:00 active 02-01..03-01",
            "invoice.paid: 03-01 01:00 Paid USD 20.00 03-01..04-01",
            "subscription.updated: 03-01 01:00 active 03-01..04-01",
        ]
    );
}

#[tokio::test]
async fn a_trial_is_free_until_it_ends() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.trial_end = Some(at("2026-01-15"));
    order.price_ref = Some("price_team".to_owned());
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.pump().await;
    let told = rig.told_facts();
    assert!(matches!(
        &told[0].fact,
        Fact::CheckoutCompleted {
            payment: CheckoutPayment::NotRequired,
            customer_ref: Some(_),
            ..
        }
    ));
    let Fact::SubscriptionSeen(seen) = &told[1].fact else {
        panic!("{told:?}");
    };
    assert_eq!(seen.status, Status::Trialing);
    assert_eq!(seen.trial_end, Some(at("2026-01-15")));
    assert_eq!((seen.price_ref.as_str(), seen.quantity), ("price_team", 2));
    assert_eq!(told.len(), 2);
    rig.until("2026-01-16").await;
    assert_eq!(
        rig.told(),
        [
            "invoice.paid: 01-15 01:00 Paid USD 20.00 01-15..02-15",
            "subscription.updated: 01-15 01:00 active 01-15..02-15",
        ]
    );
}

#[tokio::test]
async fn canceling_at_the_end_keeps_the_paid_time_and_charges_nothing_more() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::Pays).await;
    rig.until("2026-01-10").await;
    rig.told();
    let cancel = |at_once| Order::CancelSubscription {
        provider: account(),
        reference: reference.clone(),
        at_once,
    };
    let facts = rig.perform("cancel:1", &cancel(false)).await;
    let Fact::SubscriptionSeen(seen) = &facts[0].fact else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (seen.status, seen.cancel_at),
        (Status::Active, Some(at("2026-02-01")))
    );
    let again = rig.perform("cancel:2", &cancel(false)).await;
    assert_eq!(again, facts, "nothing changed, so the instant stays");
    rig.until("2026-03-01").await;
    assert_eq!(
        rig.told(),
        [
            "subscription.updated: 01-10 00:00 active 01-01..02-01",
            "subscription.deleted: 02-01 00:00 canceled 01-01..02-01",
        ]
    );
    let over = rig.perform("cancel:3", &cancel(true)).await;
    assert_eq!(line(&over), "02-01 00:00 canceled 01-01..02-01");
    assert_eq!(rig.sandbox.books().charged(ana).len(), 1);
}

#[tokio::test]
async fn canceling_at_once_ends_now() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::Pays).await;
    rig.until("2026-01-10").await;
    let order = Order::CancelSubscription {
        provider: account(),
        reference,
        at_once: true,
    };
    let facts = rig.perform("cancel:1", &order).await;
    let Fact::SubscriptionSeen(seen) = &facts[0].fact else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (seen.status, seen.ended_at),
        (Status::Canceled, Some(at("2026-01-10")))
    );
    assert_eq!(
        rig.sandbox.next_due(),
        Some(at("2026-01-10")),
        "the event waits"
    );
}

#[tokio::test]
async fn a_pause_stops_the_charges_and_resuming_after_it_charges_at_once() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::Pays).await;
    rig.until("2026-01-10").await;
    rig.told();
    let pause = Order::PauseSubscription {
        provider: account(),
        reference: reference.clone(),
        change: None,
    };
    let resume = Order::ResumeSubscription {
        provider: account(),
        reference: reference.clone(),
        change: None,
        quoted: None,
    };
    rig.perform("pause:1", &pause).await;
    rig.until("2026-01-20").await;
    rig.perform("resume:1", &resume).await;
    rig.until("2026-01-25").await;
    assert_eq!(
        rig.told(),
        [
            "subscription.paused: 01-10 00:00 paused 01-01..02-01",
            "subscription.resumed: 01-20 00:00 active 01-01..02-01",
        ]
    );
    rig.perform("pause:2", &pause).await;
    rig.until("2026-05-05").await;
    let facts = rig.perform("resume:2", &resume).await;
    assert_eq!(line(&facts), "05-05 00:00 active 05-05..06-05");
    rig.until("2026-06-06").await;
    assert_eq!(
        rig.told(),
        [
            "subscription.paused: 01-25 00:00 paused 01-01..02-01",
            "subscription.resumed: 05-05 00:00 active 01-01..02-01",
            "invoice.paid: 05-05 00:00 Paid USD 20.00 05-05..06-05",
            "subscription.updated: 05-05 00:00 active 05-05..06-05",
            "invoice.paid: 06-05 01:00 Paid USD 20.00 06-05..07-05",
            "subscription.updated: 06-05 01:00 active 06-05..07-05",
        ]
    );
}

#[tokio::test]
async fn what_has_ended_or_owes_refuses_a_pause() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::PaysOnce).await;
    rig.until("2026-02-02").await;
    let pause = Order::PauseSubscription {
        provider: account(),
        reference: reference.clone(),
        change: None,
    };
    let resume = Order::ResumeSubscription {
        provider: account(),
        reference: reference.clone(),
        change: None,
        quoted: None,
    };
    assert_eq!(
        rig.refusal("pause:1", &pause).await,
        "subscription_past_due"
    );
    rig.until("2026-02-20").await;
    assert_eq!(
        rig.refusal("pause:2", &pause).await,
        "subscription_canceled"
    );
    assert_eq!(
        rig.refusal("resume:1", &resume).await,
        "subscription_canceled"
    );
    let unknown = Order::ReadSubscription {
        provider: account(),
        reference: "sbx_sub_999999".to_owned(),
    };
    assert_eq!(
        rig.refusal("read:1", &unknown).await,
        "no_such_subscription"
    );
}

#[tokio::test]
async fn something_bought_once_makes_no_subscription() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.recurring = None;
    let page = rig.open(&order).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.until("2027-01-01").await;
    assert_eq!(
        rig.told(),
        ["checkout.completed: 01-01 00:00 paid USD 20.00"]
    );
    assert!(rig.sandbox.books().subscriptions.is_empty());
}

#[tokio::test]
async fn an_unpaid_page_closes_at_its_hour() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    rig.until("2026-01-02").await;
    assert_eq!(rig.told(), ["checkout.expired: 01-02 00:00 canceled false"]);
    let paid = rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    assert_eq!(paid, Paying::Closed);
    assert!(rig.sandbox.books().payments.is_empty());
}

#[tokio::test]
async fn snapshots_of_one_object_are_told_at_ascending_instants() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let reference = rig.buys(ana, TestCard::Pays).await;
    for turn in 0..3 {
        let provider = account();
        let reference = reference.clone();
        let order = if turn % 2 == 0 {
            Order::PauseSubscription {
                provider,
                reference,
                change: None,
            }
        } else {
            Order::ResumeSubscription {
                provider,
                reference,
                change: None,
                quoted: None,
            }
        };
        rig.perform(&format!("turn:{turn}"), &order).await;
    }
    rig.pump().await;
    let instants: Vec<_> = rig
        .told_facts()
        .into_iter()
        .filter(|observed| matches!(observed.fact, Fact::SubscriptionSeen(_)))
        .map(|observed| observed.at)
        .collect();
    assert_eq!(instants.len(), 4);
    assert!(
        instants.windows(2).all(|pair| pair[0] < pair[1]),
        "{instants:?}"
    );
}

#[tokio::test]
async fn reading_finds_what_no_webhook_told() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    let open = read(&rig, RefKind::Checkout, &page).await;
    assert_eq!(open, ["01-01 00:00 page"]);
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.until("2026-02-02").await;
    assert_eq!(
        read(&rig, RefKind::Checkout, &page).await,
        [
            "01-01 00:00 paid USD 20.00",
            "02-01 01:00 active 02-01..03-01",
            "01-01 00:00 Paid USD 20.00 01-01..02-01",
            "02-01 01:00 Paid USD 20.00 02-01..03-01",
        ]
    );
    assert_eq!(
        read(&rig, RefKind::Subscription, "sbx_sub_000001")
            .await
            .len(),
        3
    );
    assert_eq!(
        read(&rig, RefKind::Customer, "sbx_cus_000001").await.len(),
        1
    );
    assert_eq!(
        read(&rig, RefKind::Invoice, "sbx_inv_000002").await.len(),
        1
    );
    for kind in [
        RefKind::Checkout,
        RefKind::Subscription,
        RefKind::Customer,
        RefKind::Invoice,
    ] {
        assert_eq!(read(&rig, kind, "nothing").await, [""; 0]);
    }
}

#[tokio::test]
async fn what_its_own_schedule_invoiced_is_not_the_engines_to_take_back() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    rig.buys(ana, TestCard::PaysOnce).await;
    rig.until("2026-02-02").await;
    let void = Order::VoidInvoice {
        provider: account(),
        invoice: rig.invoice(ana).invoice,
        reference: Some("sbx_inv_000002".to_owned()),
    };
    assert_eq!(rig.refusal("void:1", &void).await, "no_such_invoice");
    assert!(!rig.sandbox.books().invoices["sbx_inv_000002"].void);
}

#[tokio::test]
async fn a_second_subscription_of_one_customer_is_charged_for_itself() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let first = rig.buys(ana, TestCard::Pays).await;
    rig.until("2026-01-10").await;
    let second = rig.buys(ana, TestCard::Pays).await;
    assert_ne!(first, second);
    rig.until("2026-02-15").await;
    assert_eq!(rig.sandbox.books().charged(ana).len(), 4);
    let of = async |kind, id: &str| read(&rig, kind, id).await;
    assert_eq!(of(RefKind::Customer, "sbx_cus_000001").await.len(), 2);
    assert_eq!(
        of(RefKind::Subscription, &second).await,
        [
            "02-10 01:00 active 02-10..03-10",
            "01-10 00:00 Paid USD 20.00 01-10..02-10",
            "02-10 01:00 Paid USD 20.00 02-10..03-10",
        ]
    );
}

#[tokio::test]
async fn invoices_are_not_ordered_from_a_provider_that_makes_them() {
    let mut rig = rig("2026-01-01");
    let ana = rig.customer();
    let order = Order::CreateInvoice(rig.invoice(ana));
    let key = billing_domain::effect::EffectKey::from_stored("renewal:1".to_owned());
    let answer = rig.try_perform(&key, &order).await;
    assert!(matches!(answer, Err(PerformError::Unsupported(_))));
    assert!(rig.sandbox.capabilities().owns_schedule);
    assert_eq!(rig.sandbox.clock().now(), at("2026-01-01"));
}

async fn read(rig: &Rig, kind: RefKind, id: &str) -> Vec<String> {
    let object = ProviderRef {
        account: account(),
        kind,
        id: id.to_owned(),
    };
    let facts = rig.sandbox.read(&object).await.unwrap();
    facts
        .iter()
        .map(|fact| line(std::slice::from_ref(fact)))
        .collect()
}
