//! Reconciling: a lost webhook leads to the same state as one that came.

use billing_domain::fact::{CheckoutPayment, Fact};
use billing_domain::invoice::{Invoice, Purpose};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_engine::{CancelWhen, Reconciled};
use billing_ports::store::{Also, Ring as _};
use billing_testkit::fixtures::{Maker, next_commit};
use jiff::SignedDuration;

use crate::rig::{Act, Rig, eur, paid, seen};

#[tokio::test]
async fn what_was_paid_and_never_told_is_found_once() {
    let rig = Rig::new().await;
    let (customer, held, open) = rig.owes("ana").await;
    let asked = |asked, unanswered, news| Reconciled {
        asked,
        unanswered,
        news,
    };
    // Nothing is known of it over there.
    assert_eq!(rig.billing.reconcile().await, Ok(asked(1, 0, 0)));
    rig.pays_untold(&open);
    rig.provider.next_reads([Act::NotSent]);
    assert_eq!(rig.billing.reconcile().await, Ok(asked(1, 1, 0)));
    assert_eq!(rig.billing.reconcile().await, Ok(asked(1, 0, 1)));
    assert_eq!(rig.billing.reconcile().await, Ok(asked(1, 0, 0)), "known");
    rig.work().await;
    let account = rig.account(customer);
    assert_eq!(account.subscription(held).unwrap().status(), Status::Active);
    assert_eq!(rig.happened("subscription.renewed"), 1);
    assert_eq!(rig.billing.reconcile().await, Ok(asked(0, 0, 0)));
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_nothing_more_in_that_go() {
    let rig = Rig::new().await;
    for who in ["ana", "ben", "cleo", "dan", "eve"] {
        rig.owes(who).await;
    }
    let all = rig.billing.reconcile().await.unwrap().asked;
    assert!(all > 4, "{all}");
    // One that answers in between begins the count anew.
    let silent = [
        Act::NotSent,
        Act::NotSent,
        Act::Slow(std::time::Duration::ZERO),
    ];
    rig.provider
        .next_reads(silent.into_iter().chain([Act::NotSent; 20]));
    let done = rig.billing.reconcile().await.unwrap();
    assert_eq!((done.asked, done.unanswered), (all.min(6), all.min(6) - 1));
    let done = rig.billing.reconcile().await.unwrap();
    assert_eq!((done.asked, done.unanswered), (3, 3));
}

#[tokio::test]
async fn what_was_paid_untold_and_taken_back_is_the_customers() {
    let rig = Rig::new().await;
    let (customer, held, open) = rig.owes("ana").await;
    rig.pays_untold(&open);

    let when = CancelWhen::AtOnce;
    let canceled = rig.billing.cancel(&customer.into(), held, when, None).await;
    canceled.unwrap();
    // What is refused and cannot be looked at is asked again.
    rig.provider.next([Act::Refuse, Act::Refuse]);
    rig.provider.next_reads([Act::NotSent]);
    rig.work().await;
    assert_eq!(rig.account(customer).customer.balances, []);
    rig.pass(SignedDuration::from_hours(1));
    rig.work().await;
    assert_eq!(rig.account(customer).customer.balances, [eur(900)]);
    assert_eq!(rig.parked(), ["late_payment"]);
}

#[tokio::test]
async fn what_cannot_be_taken_back_and_was_not_paid_is_for_a_person() {
    let rig = Rig::new().await;
    let (customer, held, _) = rig.owes("ana").await;
    let when = CancelWhen::AtOnce;
    let canceled = rig.billing.cancel(&customer.into(), held, when, None).await;
    canceled.unwrap();
    rig.provider.next([Act::Refuse]);
    rig.work().await;
    assert_eq!(rig.parked(), ["provider_refused"]);
}

#[tokio::test]
async fn a_checkout_whose_money_came_untold_is_found() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let paid = paid(&opened, 900, rig.clock_now());
    let Fact::CheckoutCompleted {
        checkout,
        reference,
        ..
    } = paid.fact.clone()
    else {
        panic!("{paid:?}");
    };
    let unpaid = Fact::CheckoutCompleted {
        checkout,
        reference: reference.clone(),
        payment: CheckoutPayment::Unpaid,
        customer_ref: None,
        email: None,
        sold: None,
    };
    rig.tell(vec![seen(unpaid, rig.clock_now())]).await;
    rig.work().await;
    rig.provider.has(paid);
    let done = rig.billing.reconcile().await.unwrap();
    assert_eq!((done.asked, done.news), (1, 1));
    let asked = rig.provider.reads().pop().unwrap();
    assert_eq!((asked.kind, asked.id), (RefKind::Checkout, reference));
    rig.work().await;
    assert_eq!(rig.happened("subscription.activated"), 1);
    assert_eq!(rig.billing.reconcile().await.unwrap().asked, 0);
}

#[tokio::test]
async fn whoever_owes_several_is_loaded_once() {
    let rig = Rig::new().await;
    let (customer, _, open) = rig.owes("ana").await;
    let loaded = rig.store.load(customer, &Also::default()).await;
    let loaded = loaded.unwrap().unwrap();
    let mut after = loaded.account.clone();
    let mut make = Maker::new(9);
    for name in ["in_8", "in_9"] {
        after.put_invoice(Invoice {
            id: make.id(),
            purpose: Purpose::OneTime,
            subscription: None,
            cycle: None,
            reference: Some(name.to_owned()),
            ..open.clone()
        });
    }
    let commit = next_commit(&loaded, &after, rig.clock_now());
    rig.store.commit(commit).await.unwrap();
    rig.pays_untold(&open);
    let before = rig.store.loads();
    let done = rig.billing.reconcile().await.unwrap();
    assert_eq!((done.asked, done.unanswered), (3, 0));
    assert_eq!(rig.store.loads() - before, 1);
}
