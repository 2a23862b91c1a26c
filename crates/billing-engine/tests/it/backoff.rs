//! Calls without an answer: asked again under the same key, then a person.

use billing_domain::fact::{CheckoutPayment, Fact};
use billing_domain::invoice::InvoiceState;
use billing_domain::subscription::NextTry;
use billing_domain::time::{Timestamp, days};
use billing_engine::Limits;
use billing_ports::Clock;
use billing_testkit::fixtures;
use billing_testkit::memory::{Fault, RowState};
use jiff::SignedDuration;

use crate::rig::{Act, Rig, eur, paid};

const WAITS: [SignedDuration; 5] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(12),
];

/// The calls about renewals: when, and under which key.
fn renewals(rig: &Rig) -> (Vec<Timestamp>, Vec<String>) {
    let calls = rig.provider.calls().into_iter();
    calls
        .filter(|call| call.kind == "create_invoice")
        .map(|call| (call.at, call.key))
        .unzip()
}

#[tokio::test]
async fn five_waits_then_one_stall_that_an_operator_replays() {
    let rig = Rig::listening().await;
    let customer = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    rig.provider.next([
        Act::NotSent,
        Act::Unknown,
        Act::NotSent,
        Act::Unknown,
        Act::NotSent,
        Act::NotSent,
    ]);
    rig.clock.set(rig.account(customer).wake_at().unwrap());
    rig.work().await;
    for wait in WAITS {
        let (calls, _) = renewals(&rig);
        rig.pass(wait - SignedDuration::from_micros(1));
        rig.work().await;
        assert_eq!(renewals(&rig).0, calls, "not before {wait}");
        assert_eq!(rig.happened("subscription.renewal_stalled"), 0);
        rig.pass(SignedDuration::from_micros(1));
        rig.work().await;
        assert_eq!(renewals(&rig).0.len(), calls.len() + 1, "after {wait}");
    }
    let (calls, keys) = renewals(&rig);
    let waited: Vec<_> = calls
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect();
    assert_eq!(waited, WAITS);
    let key = format!("renewal:{subscription}:1:1");
    assert!(keys.iter().all(|held| *held == key), "{keys:?}");
    assert_eq!(rig.happened("subscription.renewal_stalled"), 1);
    assert_eq!(rig.parked(), ["attempts_exhausted"]);
    assert_eq!(rig.effect(&key).unwrap().state, RowState::Dead);
    // Nobody is lapsed by that, and nothing more is asked.
    rig.pass(days(20));
    rig.work().await;
    assert_eq!(renewals(&rig).0.len(), 6);
    assert_eq!(rig.happened("subscription.lapsed"), 0);
    let tried_by = || {
        let account = rig.account(customer);
        let held = account.subscription(subscription).unwrap();
        let owed = account.open_invoice(subscription);
        held.collection(owed, Clock::now(&rig.clock)).unwrap().next
    };
    assert_eq!(tried_by(), NextTry::ByOperator);
    rig.replay_parked().await;
    assert_eq!(tried_by(), NextTry::ByEngine, "it is asked for again");
    rig.work().await;
    assert_eq!(tried_by(), NextTry::ByCustomer);
    assert_eq!(renewals(&rig).1.last(), Some(&key));
    assert_eq!(rig.effect(&key).unwrap().state, RowState::Done);
    let invoice = rig
        .account(customer)
        .open_invoice(subscription)
        .cloned()
        .unwrap();
    assert!(invoice.pay_url.is_some());
    assert_eq!(rig.happened("subscription.renewal_pending"), 1);
    assert_eq!(rig.parked(), [""; 0]);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    rig.clock.set(rig.account(customer).wake_at().unwrap());
    rig.provider.next([Act::Unknown]);
    rig.work().await;
    rig.pass(WAITS[0]);
    rig.work().await;
    let key = format!("renewal:{subscription}:1:1");
    assert_eq!(renewals(&rig).1, [key.clone(), key]);
    let held = rig.account(customer);
    assert!(held.open_invoice(subscription).unwrap().pay_url.is_some());
}

#[tokio::test]
async fn an_answer_whose_commit_fails_is_asked_for_again() {
    for (fault, calls) in [(Fault::Before, 2), (Fault::After, 1)] {
        let rig = Rig::new().await;
        let customer = rig.customer("ana").await;
        let subscription = rig.subscribe("ana").await;
        rig.clock.set(rig.account(customer).wake_at().unwrap());
        rig.provider.next([Act::Forgotten(fault)]);
        rig.work().await;
        rig.pass(Limits::default().lease);
        rig.work().await;
        let keys = renewals(&rig).1;
        assert_eq!(keys.len(), calls, "{fault:?}");
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let held = rig.account(customer);
        assert!(held.open_invoice(subscription).unwrap().pay_url.is_some());
        assert_eq!(rig.happened("subscription.renewal_pending"), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_no_retry_mends_is_shown_to_a_person_at_once() {
    for (act, reason) in [
        (Act::Unsupported, "attempts_exhausted"),
        (Act::Refuse, "provider_refused"),
    ] {
        let rig = Rig::new().await;
        let customer = rig.customer("ana").await;
        let subscription = rig.subscribe("ana").await;
        rig.clock.set(rig.account(customer).wake_at().unwrap());
        rig.provider.next([act]);
        for _ in 0..4 {
            rig.work().await;
            rig.pass(SignedDuration::from_hours(12));
        }
        assert_eq!(renewals(&rig).0.len(), 1, "{act:?}");
        assert_eq!(rig.parked(), [reason], "{act:?}");
        let key = format!("renewal:{subscription}:1:1");
        assert_eq!(rig.effect(&key).unwrap().state, RowState::Dead, "{act:?}");
        // After a month the row is still there to be tried again.
        rig.replay_parked().await;
        rig.work().await;
        assert_eq!(renewals(&rig).0.len(), 2, "{act:?}");
        let held = rig.account(customer);
        let invoice = held.open_invoice(subscription).unwrap();
        assert_eq!(
            (invoice.state, invoice.pay_url.is_some()),
            (InvoiceState::Open, true)
        );
    }
}

#[tokio::test]
async fn a_restart_in_between_does_not_end_the_wait_for_a_key() {
    // The call that fails otherwise is the third, the fourth, or any later one.
    for fails in 2..10 {
        let rig = Rig::listening().await;
        let customer = rig.customer("ana").await;
        let subscription = rig.subscribe("ana").await;
        rig.clock.set(rig.account(customer).wake_at().unwrap());
        let mut acts = [Act::Misconfigured; 12];
        acts[fails] = Act::Unknown;
        rig.provider.next(acts);
        rig.work().await;
        for _ in 0..60 {
            rig.pass(SignedDuration::from_hours(1));
            rig.work().await;
        }
        assert_eq!(rig.parked(), [""; 0], "the call {fails} fails otherwise");
        let held = rig.account(customer);
        let invoice = held.open_invoice(subscription).unwrap();
        assert!(invoice.pay_url.is_some());
    }
}

/// How long somebody is waited for who mends a key: what is tried in between.
const MENDED_WITHIN: SignedDuration = SignedDuration::from_mins(35 + 72 * 60);

#[tokio::test]
async fn a_key_that_is_not_taken_is_waited_for_and_then_shown_to_a_person() {
    for is_mended in [true, false] {
        let rig = Rig::listening().await;
        let customer = rig.customer("ana").await;
        let subscription = rig.subscribe("ana").await;
        let due = rig.account(customer).wake_at().unwrap();
        rig.clock.set(due);
        rig.provider.next([Act::Misconfigured; 75]);
        rig.work().await;
        let waited = if is_mended {
            MENDED_WITHIN - SignedDuration::from_hours(2)
        } else {
            MENDED_WITHIN
        };
        while rig.clock_now() < due + waited - SignedDuration::from_mins(5) {
            assert_eq!(rig.parked(), [""; 0]);
            rig.pass(SignedDuration::from_mins(5));
            rig.work().await;
        }
        let (calls, keys) = renewals(&rig);
        let hours = if is_mended { 69 } else { 71 };
        assert_eq!(calls.len(), 3 + hours, "soon at first, and then each hour");
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert_eq!(rig.happened("subscription.renewal_stalled"), 0);
        if is_mended {
            // One failure of another kind meets it by then, and gives nothing up.
            rig.provider.forget();
            rig.provider.next([Act::Unknown]);
            rig.pass(SignedDuration::from_mins(5));
            rig.work().await;
            assert_eq!(rig.parked(), [""; 0]);
            rig.pass(SignedDuration::from_hours(1));
            rig.work().await;
        } else {
            rig.pass(SignedDuration::from_mins(5));
            rig.work().await;
            assert_eq!(rig.parked(), ["attempts_exhausted"]);
            assert_eq!(rig.happened("subscription.renewal_stalled"), 1);
            rig.pass(days(3));
            rig.work().await;
            assert_eq!(renewals(&rig).0.len(), 75, "nobody asks any more");
            rig.replay_parked().await;
            rig.work().await;
        }
        let held = rig.account(customer);
        assert!(held.open_invoice(subscription).unwrap().pay_url.is_some());
        assert_eq!(rig.happened("subscription.lapsed"), 0);
        assert_eq!(rig.parked(), [""; 0]);
    }
}

#[tokio::test]
async fn a_key_that_is_not_taken_is_tried_by_one_for_all() {
    let rig = Rig::listening().await;
    let mut all = Vec::new();
    for name in ["ana", "ben", "cleo", "dora", "emil"] {
        let customer = rig.customer(name).await;
        all.push((customer, rig.subscribe(name).await));
    }
    rig.clock.set(rig.account(all[0].0).wake_at().unwrap());
    rig.provider.next([Act::Misconfigured; 100]);
    rig.work().await;
    let at_first = renewals(&rig).0.len();
    assert!((1..=all.len()).contains(&at_first), "{at_first}");
    for (hours, minutes) in [(0, 5), (0, 30), (1, 0), (1, 0), (1, 0)] {
        let before = renewals(&rig).0.len();
        rig.pass(SignedDuration::from_mins(hours * 60 + minutes));
        rig.work().await;
        assert_eq!(renewals(&rig).0.len(), before + 1, "one asks for all");
    }
    assert_eq!(rig.parked(), [""; 0]);
    // Once it is mended, nobody waits longer than the one who tried.
    rig.provider.forget();
    rig.pass(SignedDuration::from_hours(1));
    rig.work().await;
    for (customer, subscription) in all {
        let held = rig.account(customer);
        assert!(held.open_invoice(subscription).unwrap().pay_url.is_some());
    }
}

#[tokio::test]
async fn a_page_that_its_provider_does_not_close_is_shown_to_a_person() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    rig.open("ana", "pro-monthly").await;
    rig.provider.next([Act::Refuse]);
    rig.pass(days(2));
    rig.work().await;
    let kinds: Vec<_> = rig
        .provider
        .calls()
        .into_iter()
        .map(|call| call.kind)
        .collect();
    assert_eq!(kinds, ["open_checkout", "expire_checkout"]);
    assert_eq!(rig.parked(), ["provider_refused"]);
    // Closed by now, it is asked again by whoever looked.
    rig.replay_parked().await;
    rig.work().await;
    assert_eq!(rig.parked(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_no_commit_takes_ends_with_a_person() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    rig.customer("ben").await;
    let paid_as = |opened: &billing_engine::CheckoutOpened| {
        let mut completed = paid(opened, 900, fixtures::start());
        if let Fact::CheckoutCompleted { payment, .. } = &mut completed.fact {
            *payment = CheckoutPayment::Paid {
                payment: "pay_of_ben".to_owned(),
                amount: eur(900),
                conversion: None,
                parts: Vec::new(),
            };
        }
        completed
    };
    let bens = rig.open("ben", "pro-monthly").await;
    rig.tell(vec![paid_as(&bens)]).await;
    rig.work().await;
    let anas = rig.open("ana", "team-monthly").await;
    // To every attempt it says that ana paid what ben has paid.
    rig.provider.has(paid_as(&anas));
    rig.provider.next([Act::Snapshots; 50]);
    let due = rig.account(ana).subscriptions[0].times.next_attempt_at;
    rig.clock.set(due.unwrap());
    for _ in 0..12 {
        rig.work().await;
        rig.pass(SignedDuration::from_hours(12));
    }
    let key = format!("renewal:{subscription}:1:1");
    let keys = renewals(&rig).1.into_iter();
    assert_eq!(keys.filter(|held| *held == key).count(), 6);
    // The renewal, and the page of ana's checkout, which could not be closed either.
    assert_eq!(rig.parked(), ["attempts_exhausted", "attempts_exhausted"]);
    assert!(rig.store.snapshot().is_quiet());
}
