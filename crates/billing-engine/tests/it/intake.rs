//! What arrives: taken, sorted out, and decided, never lost.

use std::sync::Arc;

use billing_domain::customer::{Account, AtProvider};
use billing_domain::fact::{Fact, Link, ProviderInvoiceState};

use billing_domain::provider::RefKind;
use billing_domain::subscription::Status;

use billing_engine::{CheckoutOpened, IntakeError, Limits};
use billing_ports::mock::MockWebhookDecoder;
use billing_ports::store::{Received, Resolution, Ring, StoreError};
use billing_ports::{Clock, DecodeError, Delivery, Reading, WebhookRequest};
use billing_testkit::fixtures;
use billing_testkit::memory::{Call, Fault, RowState};
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, reference, snapshot, states, status};
use crate::rig::{Meddler, Rig, eur, paid, seen};

/// How long a row waits that could not be decided.
const RETRY: SignedDuration = SignedDuration::from_mins(5);

/// How often a row is tried.
const ATTEMPTS: usize = 12;

fn request() -> WebhookRequest {
    WebhookRequest {
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
    }
}

async fn decoding(answer: Result<Delivery, DecodeError>, times: usize) -> Rig {
    let mut decoder = MockWebhookDecoder::new();
    decoder
        .expect_account()
        .return_const(fixtures::provider("sandbox/main"));
    decoder
        .expect_decode()
        .times(times)
        .returning(move |_, _| answer.clone());
    let more = |builder: billing_engine::BillingBuilder| builder.webhooks(Arc::new(decoder));
    Rig::with(false, Limits::default(), more).await
}

#[tokio::test]
async fn webhooks_of_nobody_and_of_strangers_write_nothing() {
    let rig = decoding(Err(DecodeError), 1).await;
    let other = fixtures::provider("sandbox/other");
    let answer = rig.billing.receive(&other, &request()).await;
    assert_eq!(answer, Err(IntakeError::NoSuchAccount));
    let main = fixtures::provider("sandbox/main");
    let answer = rig.billing.receive(&main, &request()).await;
    assert_eq!(answer, Err(IntakeError::NotGenuine(DecodeError)));
    assert_eq!(rig.store.snapshot().inbox, []);
}

#[tokio::test]
async fn an_event_is_taken_once_and_a_lost_store_is_told() {
    let rig = Rig::new().await;
    let event = rig.event(vec![seen(Fact::Irrelevant, fixtures::start())]);
    let rig = decoding(Ok(event), 4).await;
    let main = fixtures::provider("sandbox/main");
    rig.store.fail_next(Call::Receive, Fault::Before);
    let lost = rig.billing.receive(&main, &request()).await;
    assert!(
        matches!(lost, Err(IntakeError::Store(StoreError::Unavailable(_)))),
        "{lost:?}"
    );
    assert_eq!(rig.store.snapshot().inbox, []);
    rig.store.fail_next(Call::Receive, Fault::After);
    let lost = rig.billing.receive(&main, &request()).await;
    assert!(matches!(lost, Err(IntakeError::Store(_))), "{lost:?}");
    for _ in 0..2 {
        assert_eq!(
            rig.billing.receive(&main, &request()).await,
            Ok(Received::Known)
        );
    }
    assert_eq!(rig.store.snapshot().inbox.len(), 1);
}

#[tokio::test]
async fn the_unreadable_waits_with_its_bytes_and_the_uninteresting_is_done() {
    let rig = Rig::new().await;
    let unreadable = Delivery {
        reading: Reading::Unreadable {
            why: "no field `id`".to_owned(),
            at: None,
        },
        body: Bytes::from_static(b"\xff"),
        ..rig.event(Vec::new())
    };
    rig.billing.receive_trusted(unreadable).await.unwrap();
    rig.tell(Vec::new()).await;
    rig.tell(vec![seen(Fact::Irrelevant, fixtures::start())])
        .await;
    rig.work().await;
    assert_eq!(
        states(&rig),
        [RowState::Parked, RowState::Done, RowState::Done]
    );
    let held = rig.store.snapshot();
    assert_eq!(held.inbox[0].delivery.body, Bytes::from_static(b"\xff"));
    assert_eq!(rig.parked(), ["unreadable"]);
    assert!(
        held.parked[0].evidence.contains("no field `id`"),
        "{}",
        held.parked[0].evidence
    );
    assert_eq!(held.accounts, []);
}

#[tokio::test]
async fn the_unlinked_is_decided_by_itself_once_its_customer_is_known() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let at = fixtures::start();
    let mut early = snapshot(opened.id, Status::Active, at);
    early.link = Link {
        refs: vec![reference(RefKind::Customer, "cus_1")],
        ..Link::default()
    };
    rig.tell(vec![early]).await;
    rig.work().await;
    assert_eq!(rig.parked(), ["unlinked"]);
    let mut completed = paid(&opened, 900, at);
    if let Fact::CheckoutCompleted { customer_ref, .. } = &mut completed.fact {
        *customer_ref = Some("cus_1".to_owned());
    }
    rig.tell(vec![completed]).await;
    rig.work().await;
    assert_eq!(rig.parked(), [""; 0]);
    assert_eq!(states(&rig), [RowState::Done, RowState::Done]);
    assert_eq!(status(&rig, customer), Status::Active);
}

#[tokio::test]
async fn a_person_can_say_whose_it_is() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let mut stray = snapshot(
        rig.open("ana", "pro-monthly").await.id,
        Status::Active,
        fixtures::start(),
    );
    stray.link = Link::default();
    rig.tell(vec![stray]).await;
    rig.work().await;
    let id = rig.store.snapshot().parked[0].id;
    let linked = rig
        .billing
        .resolve_parked(id, Resolution::Link(customer))
        .await;
    assert_eq!(linked, Ok(true));
    assert_eq!(
        rig.billing.resolve_parked(id, Resolution::Discard).await,
        Ok(false)
    );
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
}

#[tokio::test]
async fn what_disagrees_about_its_customer_waits_for_a_person() {
    let rig = Rig::new().await;
    let (ana, ben) = (rig.customer("ana").await, rig.customer("ben").await);
    let opened = rig.open("ana", "pro-monthly").await;
    let before = (rig.revision(ana), rig.revision(ben));
    let mut disputed = paid(&opened, 900, fixtures::start());
    disputed.link.customer = Some(ben);
    rig.tell(vec![disputed]).await;
    rig.work().await;
    assert_eq!(rig.parked(), ["conflict"]);
    assert_eq!((rig.revision(ana), rig.revision(ben)), before);
    assert!(rig.account(ana).subscriptions.is_empty());
}

#[tokio::test]
async fn deliveries_of_one_customer_cost_one_commit() {
    let (rig, customer, opened) = mirrored().await;
    for minute in 1..=20 {
        let at = fixtures::start() + SignedDuration::from_mins(minute);
        let status = if minute % 2 == 0 {
            Status::Active
        } else {
            Status::PastDue
        };
        rig.tell(vec![snapshot(opened.id, status, at)]).await;
    }
    let revision = rig.revision(customer);
    rig.work().await;
    assert_eq!(rig.revision(customer), revision + 1);
    assert_eq!(rig.happened("subscription.past_due"), 10);
}

#[tokio::test]
async fn rows_about_nothing_known_do_not_hold_up_the_others() {
    let (rig, customer, opened) = mirrored().await;
    let at = fixtures::start() + SignedDuration::from_mins(1);
    let mut make = fixtures::Maker::new(77);
    for _ in 0..20 {
        let stranger = CheckoutOpened {
            id: make.id(),
            ..opened.clone()
        };
        let mut about = paid(&stranger, 900, at);
        about.link.customer = Some(customer);
        rig.tell(vec![about]).await;
    }
    rig.tell(vec![snapshot(opened.id, Status::PastDue, at)])
        .await;
    rig.work().await;
    assert_eq!(rig.parked(), ["unlinked"; 20]);
    assert_eq!(status(&rig, customer), Status::PastDue);
}

#[tokio::test]
async fn a_row_that_keeps_failing_ends_with_a_person_and_alone() {
    let (rig, customer, opened) = mirrored().await;
    rig.customer("ben").await;
    let bens = rig.open("ben", "pro-monthly").await;
    let at = fixtures::start() + SignedDuration::from_mins(1);
    let of_ben = |checkout| {
        let mut seen = snapshot(checkout, Status::Active, at);
        if let Fact::SubscriptionSeen(snapshot) = &mut seen.fact {
            "sub_of_ben".clone_into(&mut snapshot.reference);
        }
        seen.link.refs.clear();
        seen
    };
    rig.tell(vec![of_ben(bens.id)]).await;
    rig.work().await;
    // No commit takes this: the provider's subscription is another's.
    rig.tell(vec![of_ben(opened.id)]).await;
    rig.tell(vec![snapshot(opened.id, Status::PastDue, at)])
        .await;
    for attempt in 1..ATTEMPTS {
        rig.work().await;
        assert_eq!(
            status(&rig, customer),
            Status::PastDue,
            "the other row is decided"
        );
        assert_eq!(rig.parked(), [""; 0], "attempt {attempt}");
        rig.pass(RETRY);
    }
    rig.work().await;
    assert_eq!(rig.parked(), ["attempts_exhausted"]);
    assert!(rig.store.snapshot().is_quiet());
}

#[tokio::test]
async fn a_row_whose_customer_cannot_be_looked_up_waits() {
    let (rig, customer, opened) = mirrored().await;
    let at = fixtures::start() + SignedDuration::from_mins(1);
    rig.tell(vec![snapshot(opened.id, Status::PastDue, at)])
        .await;
    rig.store.fail_next(Call::Load, Fault::Before);
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
    rig.pass(RETRY);
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::PastDue);
}

#[tokio::test]
async fn what_becomes_known_while_it_is_set_aside_is_decided() {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let mut make = fixtures::Maker::new(5);
    let mut ben = Account::new(make.customer());
    ben.customer.at_providers = vec![AtProvider {
        account: fixtures::provider("sandbox/main"),
        reference: "cus_1".to_owned(),
        told_at: None,
    }];
    let mut early = snapshot(make.id(), Status::Active, fixtures::start());
    early.link = Link {
        refs: vec![reference(RefKind::Customer, "cus_1")],
        ..Link::default()
    };
    rig.tell(vec![early]).await;
    let store = rig.store.clone();
    let mut known = Some(fixtures::creation(&ben, make.now));
    let meddler = Meddler::new(7, move || {
        let Some(known) = known.take() else { return };
        let committed = store.commit(known).now_or_never();
        assert!(matches!(committed, Some(Ok(_))), "{committed:?}");
    });
    let billing = rig.sibling_with(meddler);
    billing.work_until_idle().await.unwrap();
    assert_eq!(rig.parked(), [""; 0]);
    assert_eq!(states(&rig), [RowState::Done]);
    assert_eq!(status(&rig, ben.customer.id), Status::Active);
}

#[tokio::test]
async fn facts_of_two_customers_in_one_delivery_wait_for_a_person() {
    let rig = Rig::new().await;
    let (ana, ben) = (rig.customer("ana").await, rig.customer("ben").await);
    let at = fixtures::start();
    let (anas, bens) = (
        rig.open("ana", "pro-monthly").await,
        rig.open("ben", "pro-monthly").await,
    );
    let before = (rig.revision(ana), rig.revision(ben));
    rig.tell(vec![paid(&anas, 900, at), paid(&bens, 900, at)])
        .await;
    rig.work().await;
    assert_eq!(rig.parked(), ["conflict"]);
    assert_eq!((rig.revision(ana), rig.revision(ben)), before);
}

#[tokio::test]
async fn what_is_closed_is_decided_on_as_well() {
    // A checkout that is completed, and then the subscription it made.
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let at = fixtures::start();
    rig.tell(vec![paid(&opened, 900, at)]).await;
    rig.work().await;
    rig.tell(vec![snapshot(opened.id, Status::Active, at)])
        .await;
    rig.work().await;
    let held = rig.account(customer);
    let checkout = held.checkout(opened.id).unwrap();
    assert_eq!(held.subscriptions[0].checkout, Some(opened.id));
    assert_eq!(held.subscriptions[0].id, checkout.subscription);
    // An invoice of the provider's that is paid, told twice.
    let seen_paid = Fact::ProviderInvoiceSeen {
        reference: "in_1".to_owned(),
        subscription_ref: Some("sub_1".to_owned()),
        amount: eur(900),
        period: None,
        state: ProviderInvoiceState::Paid,
        purpose: None,
        collected: None,
        opened_at: None,
        tried: None,
    };
    for _ in 0..2 {
        let mut told = seen(seen_paid.clone(), at);
        told.link.refs = vec![
            reference(RefKind::Subscription, "sub_1"),
            reference(RefKind::Invoice, "in_1"),
        ];
        rig.tell(vec![told]).await;
        rig.work().await;
    }
    assert_eq!(rig.account(customer).invoices.len(), 1);
    assert_eq!(rig.happened("invoice.settled"), 1);
}

#[tokio::test]
async fn a_second_payment_of_an_invoice_is_known_for_what_it_is() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    let due = rig.account(customer).subscriptions[0].times.next_attempt_at;
    rig.clock.set(due.unwrap());
    rig.work().await;
    let held = rig.account(customer);
    let invoice = held.open_invoice(subscription).unwrap().id;
    for payment in ["one", "two"] {
        let fact = Fact::InvoicePaid {
            invoice,
            payment: payment.to_owned(),
            amount: eur(900),
            conversion: None,
            parts: Vec::new(),
        };
        rig.tell(vec![seen(fact, rig.clock.now())]).await;
        rig.work().await;
    }
    assert_eq!(rig.parked(), ["late_payment"]);
    let held = rig.account(customer);
    assert_eq!(held.invoice(invoice).unwrap().payments.len(), 2);
}
