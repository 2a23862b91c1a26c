//! Hints: events that say only that something happened to an object.

use billing_domain::fact::{Fact, Link, Observed};
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
