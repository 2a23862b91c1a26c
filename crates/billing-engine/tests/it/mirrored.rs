//! A customer whose subscription the provider runs, and what it tells of it.

use billing_domain::fact::{Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::ids::{CheckoutId, CustomerId};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::{Period, Timestamp, days};
use billing_engine::{CheckoutOpened, Limits};
use billing_testkit::fixtures;
use billing_testkit::memory::RowState;

use crate::rig::Rig;

pub(crate) fn subscription_ref(id: &str) -> ProviderRef {
    reference(RefKind::Subscription, id)
}

pub(crate) fn reference(kind: RefKind, id: &str) -> ProviderRef {
    ProviderRef {
        account: fixtures::provider("sandbox/main"),
        kind,
        id: id.to_owned(),
    }
}

/// A snapshot of `sub_1`, bought through a checkout.
pub(crate) fn snapshot(checkout: CheckoutId, status: Status, at: Timestamp) -> Observed {
    let fact = Fact::SubscriptionSeen(SubscriptionSnapshot {
        reference: "sub_1".to_owned(),
        customer_ref: None,
        status,
        price_ref: "pro-monthly".to_owned(),
        quantity: 1,
        period: Some(Period {
            start: at,
            end: at + days(31),
        }),
        trial_end: None,
        first_charged_at: None,
        cancel_at: None,
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    });
    let link = Link {
        checkout: Some(checkout),
        customer: None,
        refs: vec![subscription_ref("sub_1")],
        garbled: false,
        prices: Vec::new(),
    };
    Observed { fact, at, link }
}

pub(crate) async fn mirrored() -> (Rig, CustomerId, CheckoutOpened) {
    let rig = Rig::with(true, Limits::default(), |builder| builder).await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    rig.tell(vec![snapshot(opened.id, Status::Active, fixtures::start())])
        .await;
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
    (rig, customer, opened)
}

pub(crate) fn status(rig: &Rig, customer: CustomerId) -> Status {
    rig.account(customer).subscriptions[0].status()
}

pub(crate) fn states(rig: &Rig) -> Vec<RowState> {
    let rows = rig.store.snapshot().inbox;
    let told = rows
        .iter()
        .filter(|row| row.delivery.event_id.starts_with("evt_"));
    told.map(|row| row.state).collect()
}
