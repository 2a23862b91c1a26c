//! Replay: what the inbox keeps leads to what is stored, and where it does not, the
//! row is named.

use billing_domain::audit::MismatchCode;
use billing_domain::customer::Account;
use billing_domain::fact::{Fact, Link, Observed, ProviderInvoiceState};
use billing_domain::ids::CustomerId;
use billing_domain::invoice::{InvoiceState, Purpose};
use billing_domain::provider::{ProviderAccount, RefKind};
use billing_domain::subscription::{State, Status};
use billing_domain::time::{Timestamp, shifted};
use billing_engine::{Limits, ReplayAsk, ReplayFinding, Replayed};
use billing_ports::store::{Also, Ring as _};
use billing_testkit::fixtures::{self, next_commit};
use jiff::SignedDuration;

use crate::mirrored::{mirrored, reference, snapshot, status, subscription_ref};
use crate::rig::{Rig, eur};

fn later() -> Timestamp {
    fixtures::start() + SignedDuration::from_mins(1)
}

async fn replay_of(rig: &Rig, ask: ReplayAsk) -> (Replayed, Vec<ReplayFinding>) {
    let mut found = Vec::new();
    let done = rig.billing.replay(&ask, |_, finding| {
        found.push(finding.clone());
    });
    (done.await.unwrap(), found)
}

async fn replay(rig: &Rig) -> (Replayed, Vec<ReplayFinding>) {
    let before = rig.store.snapshot();
    let replayed = replay_of(rig, ReplayAsk::default()).await;
    assert_eq!(rig.store.snapshot(), before, "nothing is written");
    replayed
}

/// The codes and objects of all that differs, which is all that is found.
async fn differs(rig: &Rig) -> Vec<(MismatchCode, String)> {
    let (done, found) = replay(rig).await;
    assert_eq!(done.mismatches, u64::try_from(found.len()).unwrap());
    let told = found.into_iter().map(|finding| {
        let ReplayFinding::Mismatch(told) = finding else {
            panic!("{finding:?}");
        };
        (told.code, told.object.id)
    });
    told.collect()
}

/// A charge of the provider's for `sub_1`.
fn charge(state: ProviderInvoiceState) -> Observed {
    Observed {
        fact: Fact::ProviderInvoiceSeen {
            reference: "in_1".to_owned(),
            subscription_ref: Some("sub_1".to_owned()),
            amount: eur(900),
            period: None,
            state,
            purpose: Some(Purpose::Purchase),
            collected: Some(eur(1_080)),
            opened_at: None,
            tried: None,
        },
        at: fixtures::start(),
        link: Link {
            refs: vec![
                reference(RefKind::Invoice, "in_1"),
                subscription_ref("sub_1"),
            ],
            ..Link::default()
        },
    }
}

async fn paid() -> (Rig, CustomerId) {
    let (rig, customer, _) = mirrored().await;
    rig.tell(vec![charge(ProviderInvoiceState::Paid)]).await;
    rig.work().await;
    (rig, customer)
}

/// Changes what is stored, past every decision.
async fn tamper(rig: &Rig, customer: CustomerId, change: impl FnOnce(&mut Account)) {
    let also = Also {
        invoice_refs: vec![reference(RefKind::Invoice, "in_1")],
        ..Also::default()
    };
    let loaded = rig.store.load(customer, &also).await.unwrap().unwrap();
    let mut after = loaded.account.clone();
    change(&mut after);
    assert_ne!(after, loaded.account);
    let commit = next_commit(&loaded, &after, rig.clock_now());
    rig.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn what_was_told_leads_to_what_is_stored() {
    let (rig, customer) = paid().await;
    let (done, found) = replay(&rig).await;
    assert_eq!(found, []);
    assert_eq!((done.customers, done.rows), (1, 2));
    let one = ReplayAsk {
        customer: Some(customer),
        provider: Some(fixtures::provider("sandbox/main")),
    };
    assert_eq!(replay_of(&rig, one).await, (done, Vec::new()));
}

#[tokio::test]
async fn each_value_that_was_tampered_with_is_named() {
    type Tampering = fn(&mut Account);
    let cases: [(Tampering, MismatchCode, &str); 10] = [
        (
            |held| held.subscriptions[0].terms.plan = "plus".parse().unwrap(),
            MismatchCode::Price,
            "sub_1",
        ),
        (
            |held| held.subscriptions[0].terms.quantity = 7,
            MismatchCode::Quantity,
            "sub_1",
        ),
        (
            |held| {
                let paid = &mut held.subscriptions[0].times.paid_through;
                *paid = paid.map(|end| shifted(end, SignedDuration::from_hours(24)));
            },
            MismatchCode::PaidThrough,
            "sub_1",
        ),
        (
            |held| held.subscriptions[0].state = State::Lapsed { at: later() },
            MismatchCode::Status,
            "sub_1",
        ),
        (
            |held| {
                let held = &mut held.subscriptions[0];
                let billing_domain::subscription::Schedule::Provider { seen_at, .. } =
                    &mut held.schedule
                else {
                    panic!("{held:?}");
                };
                *seen_at = later();
            },
            MismatchCode::Heard,
            "sub_1",
        ),
        (
            |held| held.invoices[0].amount = eur(1),
            MismatchCode::Amount,
            "in_1",
        ),
        (
            |held| held.invoices[0].state = InvoiceState::Open,
            MismatchCode::Status,
            "in_1",
        ),
        (
            |held| held.invoices[0].payments.clear(),
            MismatchCode::Payments,
            "in_1",
        ),
        (
            |held| held.invoices[0].subscription = None,
            MismatchCode::Purpose,
            "in_1",
        ),
        (
            |held| held.invoices[0].reference = Some("in_2".to_owned()),
            MismatchCode::NotTold,
            "in_2",
        ),
    ];
    for (tampering, code, object) in cases {
        let (rig, customer) = paid().await;
        tamper(&rig, customer, tampering).await;
        let found = differs(&rig).await;
        let expected = (code, object.to_owned());
        assert_eq!(found.first(), Some(&expected), "{found:?}");
        let rest = if code == MismatchCode::NotTold {
            vec![(MismatchCode::NotStored, "in_1".to_owned())]
        } else {
            Vec::new()
        };
        assert_eq!(found[1..], rest);
    }
}

#[tokio::test]
async fn what_was_read_of_an_object_that_nobody_knew_is_kept_too() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, later()));
    let hint = Observed {
        fact: Fact::Hinted {
            object: subscription_ref("sub_1"),
        },
        at: later(),
        link: Link::default(),
    };
    rig.tell(vec![hint.clone()]).await;
    rig.tell(vec![hint]).await;
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
    assert_eq!(differs(&rig).await, []);
    let inbox = rig.store.snapshot().inbox;
    let kept = inbox.iter().filter(|row| row.delivery.kind == "hinted");
    assert_eq!(kept.count(), 1, "once for both");
}

#[tokio::test]
async fn rows_that_are_not_decided_are_left_out_and_named() {
    let (rig, _, opened) = mirrored().await;
    rig.tell(vec![snapshot(opened.id, Status::PastDue, later())])
        .await;
    let (done, found) = replay(&rig).await;
    assert_eq!((done.mismatches, done.left_out), (0, 1));
    let ReplayFinding::LeftOut(row) = &found[0] else {
        panic!("{found:?}");
    };
    assert_eq!(row.why, "it waits to be decided");
    assert_eq!(
        row.inbox,
        rig.store.snapshot().inbox.last().unwrap().id,
        "{row:?}"
    );
}

#[tokio::test]
async fn another_accounts_word_is_not_replayed_where_one_is_asked_for() {
    let (rig, customer) = paid().await;
    tamper(&rig, customer, |held| {
        held.subscriptions[0].terms.quantity = 7;
    })
    .await;
    let other: ProviderAccount = fixtures::provider("sandbox/other");
    let ask = ReplayAsk {
        provider: Some(other),
        customer: None,
    };
    let (done, found) = replay_of(&rig, ask).await;
    assert_eq!((done.rows, found), (0, Vec::new()));
    let nobody = ReplayAsk {
        provider: None,
        customer: Some(fixtures::Maker::new(9).id()),
    };
    assert_eq!(replay_of(&rig, nobody).await.0, Replayed::default());
}
