//! Drift: what providers say is compared and never received, and whoever does not
//! answer is named.

use billing_domain::audit::{Drift, DriftCode, Remedy, Side};
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::Status;
use billing_engine::Drifted;
use billing_testkit::fixtures;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, snapshot};
use crate::rig::{Act, Rig};

async fn compared(rig: &Rig) -> (Drifted, Vec<Drift>) {
    let mut found = Vec::new();
    let hear = |_, drift: &Drift| found.push(drift.clone());
    let done = rig.billing.drift(None, hear).await.unwrap();
    (done, found)
}

fn sandbox() -> ProviderAccount {
    fixtures::provider("sandbox/main")
}

#[tokio::test]
async fn what_a_provider_says_of_what_it_runs_is_compared_and_not_received() {
    let (rig, customer, opened) = mirrored().await;
    let first = snapshot(opened.id, Status::Active, fixtures::start());
    rig.provider.has(first);
    let (done, found) = compared(&rig).await;
    assert_eq!((done.read, done.drifts, found), (1, 0, Vec::new()));
    assert!(done.unanswered.is_empty());

    let later = fixtures::start() + SignedDuration::from_hours(1);
    rig.provider.has(snapshot(opened.id, Status::Paused, later));
    let before = rig.store.snapshot();
    let (done, found) = compared(&rig).await;
    assert_eq!(
        (done.read, done.drifts),
        (1, u64::try_from(found.len()).unwrap())
    );
    let status = &found[0];
    assert_eq!(
        (status.code, status.ours.as_str(), status.theirs.as_str()),
        (DriftCode::Status, "active", "paused")
    );
    assert_eq!(
        (status.right, status.remedy),
        (Side::Provider, Remedy::TakeOver)
    );
    let held = rig.account(customer).subscriptions[0].id;
    assert_eq!(status.row, Some(held.to_string()));
    assert_eq!(rig.store.snapshot(), before, "nothing is written");
}

#[tokio::test]
async fn an_invoice_that_was_paid_and_never_told_is_found() {
    let rig = Rig::new().await;
    let (_, _, open) = rig.owes("ana").await;
    let (_, found) = compared(&rig).await;
    assert_eq!(found.len(), 1, "nothing is known of it over there");
    assert_eq!(found[0].code, DriftCode::Missing);
    rig.pays_untold(&open);
    let before = rig.store.snapshot();
    let (_, found) = compared(&rig).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code, found[0].remedy),
        (DriftCode::Payment, Remedy::Credit)
    );
    assert_eq!(rig.store.snapshot(), before);
    // What would be done is what reconciling does; then nothing is left open.
    rig.billing.reconcile().await.unwrap();
    rig.work().await;
    let (done, found) = compared(&rig).await;
    assert_eq!((done, found), (Drifted::default(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_is_named_and_not_asked_for_ever() {
    let rig = Rig::new().await;
    for who in ["ana", "bob", "eve", "joe", "kim"] {
        rig.subscribe(who).await;
    }
    rig.pass(SignedDuration::from_hours(24 * 32));
    rig.work().await;
    let silent = |done: &Drifted| done.unanswered[&sandbox()].clone();

    // Two do not answer, the others do; so it is asked on.
    rig.provider.next_reads([Act::NotSent, Act::NotSent]);
    let (done, found) = compared(&rig).await;
    assert_eq!((done.read, found.len()), (3, 3));
    assert_eq!(silent(&done).objects, 2);
    assert!(silent(&done).error.contains("did not act"), "{done:?}");

    let asked = rig.provider.reads().len();
    rig.provider
        .next_reads([Act::NotSent, Act::NotSent, Act::NotSent]);
    let (done, found) = compared(&rig).await;
    assert_eq!((done.read, found.len()), (0, 0));
    assert_eq!(silent(&done).objects, 5, "what was not asked is not sound");
    assert_eq!(rig.provider.reads().len(), asked + 3);
}

#[tokio::test]
async fn one_account_alone_is_compared_on_request() {
    let (rig, _, opened) = mirrored().await;
    rig.provider
        .has(snapshot(opened.id, Status::Active, fixtures::start()));
    let other: ProviderAccount = fixtures::provider("sandbox/other");
    for (only, read) in [(&sandbox(), 1), (&other, 0)] {
        let done = rig.billing.drift(Some(only), |_, _| ()).await.unwrap();
        assert_eq!(done.read, read, "{only}");
    }
    let off = billing_engine::Billing::disabled();
    assert!(off.drift(None, |_, _| ()).await.is_err());
}
