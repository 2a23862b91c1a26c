//! Hints: events that say only that something happened to an object.

use billing_domain::fact::{Fact, Link, Observed, RefundSnapshot, RefundState};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;
use billing_engine::Limits;
use billing_testkit::fixtures;
use billing_testkit::memory::RowState;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, reference, snapshot, states, status, subscription_ref};
use crate::rig::{Act, Rig};

/// Something happened to `sub_1`, and nothing says whose it is.
fn hint(at: Timestamp) -> Observed {
    let fact = Fact::Hinted {
        object: subscription_ref("sub_1"),
    };
    Observed {
        fact,
        at,
        link: Link {
            refs: vec![subscription_ref("sub_1")],
            ..Link::default()
        },
    }
}

fn later() -> Timestamp {
    fixtures::start() + SignedDuration::from_mins(1)
}

#[tokio::test]
async fn many_hints_of_one_object_cost_one_read() {
    let (rig, customer, opened) = mirrored().await;
    rig.provider
        .has(snapshot(opened.id, Status::PastDue, later()));
    for _ in 0..20 {
        rig.tell(vec![hint(later())]).await;
    }
    rig.work().await;
    assert_eq!(rig.provider.reads(), [subscription_ref("sub_1")]);
    assert_eq!(status(&rig, customer), Status::PastDue);
    assert!(states(&rig).iter().all(|state| *state == RowState::Done));
}

#[tokio::test]
async fn what_a_hint_led_to_is_kept_beside_it() {
    let (rig, _, opened) = mirrored().await;
    let read = snapshot(opened.id, Status::PastDue, later());
    rig.provider.has(read.clone());
    rig.tell(vec![hint(later())]).await;
    rig.work().await;
    let inbox = rig.store.snapshot().inbox;
    let kept = inbox
        .iter()
        .find(|row| row.delivery.kind == "read.subscription");
    let kept = kept.expect("the reading is kept");
    assert_eq!(
        kept.delivery.reading,
        billing_ports::Reading::Facts(vec![read])
    );
    assert_eq!(kept.state, RowState::Done);
}

#[tokio::test]
async fn an_object_that_nobody_knows_says_itself_whose_it_is() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, later()));
    rig.tell(vec![hint(later())]).await;
    rig.tell(vec![hint(later())]).await;
    rig.work().await;
    assert_eq!(rig.provider.reads().len(), 1);
    assert_eq!(status(&rig, customer), Status::Active);
    assert_eq!(rig.account(customer).subscriptions.len(), 1);
    assert_eq!(rig.parked(), [""; 0]);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_read_later_whoever_it_is_of() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    rig.provider.next_reads([Act::NotSent]);
    rig.tell(vec![hint(later())]).await;
    rig.work().await;
    assert!(rig.account(customer).subscriptions.is_empty());
    assert_eq!(rig.parked(), [""; 0]);
    rig.provider
        .has(snapshot(opened.id, Status::Active, later()));
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
}

#[tokio::test]
async fn a_hint_of_what_does_not_exist_is_settled() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    rig.tell(vec![hint(later())]).await;
    rig.work().await;
    assert_eq!(rig.parked(), [""; 0]);
    assert_eq!(states(&rig), [RowState::Done]);
}

/// What an event of nobody's comes to, by what ties it to us.
async fn of_nobody(change: impl Fn(&mut Observed)) -> Vec<&'static str> {
    let (rig, _, opened) = mirrored().await;
    let mut told = snapshot(opened.id, Status::Active, later());
    if let Fact::SubscriptionSeen(seen) = &mut told.fact {
        seen.reference = "sub_2".to_owned();
        seen.price_ref = "price_of_another_product".to_owned();
    }
    told.link = Link {
        refs: vec![reference(RefKind::Subscription, "sub_2")],
        ..Link::default()
    };
    change(&mut told);
    rig.tell(vec![told]).await;
    rig.work().await;
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
    rig.parked()
}

#[tokio::test]
async fn somebody_elses_business_is_ignored_and_ours_is_not() {
    // Another product of the same account: nothing ties it to us.
    assert_eq!(of_nobody(|_| {}).await, [""; 0]);
    // What we sell, to somebody unknown.
    let ours = |told: &mut Observed| told.link.prices.push("pro-monthly".to_owned());
    assert_eq!(of_nobody(ours).await, ["unlinked"]);
    // A correlation that cannot be read was meant to be ours.
    let garbled = |told: &mut Observed| told.link.garbled = true;
    assert_eq!(of_nobody(garbled).await, ["unlinked"]);
    // Nothing tells what it sells: a person looks.
    let unsaid = |told: &mut Observed| {
        told.fact = Fact::Hinted {
            object: reference(RefKind::Invoice, "in_1"),
        }
    };
    assert_eq!(of_nobody(unsaid).await, [""; 0], "it does not exist");
}

/// A refund of something that nobody knows yet.
fn refund() -> Observed {
    Observed {
        fact: Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "re_1".to_owned(),
            of: vec!["in_1".to_owned()],
            amount: Money::new(900, Currency::EUR),
            state: RefundState::Done,
        }),
        at: later(),
        link: Link {
            refs: vec![reference(RefKind::Invoice, "in_1")],
            ..Link::default()
        },
    }
}

#[tokio::test]
async fn a_refund_that_is_read_before_its_payment_is_known_is_read_again() {
    for of_somebody in [true, false] {
        let (rig, ..) = mirrored().await;
        rig.provider.has(refund());
        let object = reference(RefKind::Payment, "pi_1");
        let mut told = hint(later());
        told.link.refs.clear();
        if of_somebody {
            told.link.refs.push(subscription_ref("sub_1"));
        }
        told.fact = Fact::Hinted {
            object: object.clone(),
        };
        rig.tell(vec![told]).await;
        rig.work().await;
        let reads = |rig: &Rig| {
            rig.provider
                .reads()
                .iter()
                .filter(|it| **it == object)
                .count()
        };
        assert_eq!(reads(&rig), 1);
        assert_eq!(rig.parked(), [""; 0], "it waits");
        rig.pass(SignedDuration::from_mins(5));
        rig.work().await;
        assert_eq!(reads(&rig), 2, "and is read again");
        for _ in 0..12 {
            rig.pass(SignedDuration::from_mins(5));
            rig.work().await;
        }
        assert_eq!(
            rig.parked(),
            ["attempts_exhausted"],
            "in the end a person looks"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_away_for_a_day_is_waited_for() {
    for away in [Act::NotSent, Act::Unknown, Act::Misconfigured] {
        let (rig, customer, opened) = mirrored().await;
        rig.tell(vec![hint(later())]).await;
        let tries = 12 + 24;
        rig.provider.next_reads((0..tries).map(|_| away));
        for attempt in 0..tries {
            rig.work().await;
            assert_eq!(rig.parked(), [""; 0], "attempt {attempt}");
            assert_eq!(status(&rig, customer), Status::Active);
            rig.pass(SignedDuration::from_hours(1));
        }
        assert_eq!(
            rig.provider.reads().len(),
            tries,
            "and not asked without end"
        );
        rig.provider
            .has(snapshot(opened.id, Status::PastDue, later()));
        rig.work().await;
        assert_eq!(status(&rig, customer), Status::PastDue);
    }
}

#[tokio::test]
async fn a_subscription_of_ours_that_is_not_known_there_settles_nothing() {
    let (rig, customer, opened) = mirrored().await;
    rig.tell(vec![hint(later())]).await;
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
    assert!(
        states(&rig).contains(&RowState::Waiting),
        "it waits: {:?}",
        states(&rig)
    );
    rig.provider
        .has(snapshot(opened.id, Status::PastDue, later()));
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(
        status(&rig, customer),
        Status::PastDue,
        "under the right key it is read"
    );
}
