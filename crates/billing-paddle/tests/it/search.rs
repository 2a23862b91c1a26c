//! What is made once although answers are lost.

use billing_domain::effect::{ChangeWhen, OpenCheckout, Order};
use billing_domain::provider::RefKind;
use billing_domain::time::days;
use billing_ports::PerformError;
use billing_testkit::fakes::paddle::Card;
use billing_testkit::fakes::rig::{Fault, FaultKind};

use super::rig::{LARGE, Rig, SMALL, YEARLY};

#[tokio::test]
async fn a_customer_and_a_page_are_made_once_whatever_is_lost() {
    let rig = Rig::start().await;
    let order = OpenCheckout {
        email: Some("ana@example.com".to_owned()),
        ..rig.checkout(SMALL)
    };
    let order = Order::OpenCheckout(order);
    for place in ["/customers", "/transactions"] {
        for kind in [
            FaultKind::LostAnswer,
            FaultKind::CutBody,
            FaultKind::HtmlBadGateway,
        ] {
            let fault = Fault::next(kind).on("POST", place).after();
            rig.fake.fault(fault);
            match rig.perform(&order).await {
                Err(PerformError::Unknown(_)) | Ok(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    rig.done(&order).await;
    let world = rig.fake.world();
    assert_eq!(world.customers.len(), 1);
    assert_eq!(world.transactions.len(), 1);
}

#[tokio::test]
async fn being_turned_away_has_no_effect() {
    let rig = Rig::start().await;
    let order = Order::OpenCheckout(rig.checkout(SMALL));
    let limited = FaultKind::RateLimited {
        retry_after: Some(1),
    };
    rig.fake
        .fault(Fault::next(limited).on("POST", "/transactions"));
    let turned = rig.perform(&order).await;
    assert!(
        matches!(turned, Err(PerformError::NotSent(_))),
        "{turned:?}"
    );
    rig.done(&order).await;
}

#[tokio::test]
async fn who_is_turned_away_while_changing_is_charged_once_and_later() {
    // The first write, and the one that charges: what waits is lifted before it.
    for skip in [0, 1] {
        let rig = Rig::start().await;
        let held = rig.buys(LARGE, Card::Pays).await;
        let later = rig.change(&held, SMALL, ChangeWhen::NextPeriod { at: None });
        rig.done(&Order::ChangeSubscription(later)).await;
        rig.fake.advance(days(1));
        let before = rig.paid();
        let up = rig.change(&held, YEARLY, rig.prorated(None));
        let up = Order::ChangeSubscription(up);
        let limited = FaultKind::RateLimited {
            retry_after: Some(1),
        };
        let fault = Fault::next(limited).on("PATCH", "/subscriptions");
        rig.fake.fault(fault.skip(skip));
        let turned = rig.perform(&up).await;
        assert!(
            matches!(turned, Err(PerformError::NotSent(_))),
            "{turned:?}"
        );
        assert_eq!(rig.paid(), before);
        // What waits still does.
        let world = rig.fake.world();
        assert_eq!(world.subscriptions[&held].items[0].bought.price.id, SMALL);
        rig.done(&up).await;
        assert_eq!(rig.paid().len(), before.len() + 1);
    }
}

#[tokio::test]
async fn a_change_is_charged_once_whatever_is_lost() {
    for kind in [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
    ] {
        let rig = Rig::start().await;
        let held = rig.buys(SMALL, Card::Pays).await;
        let when = rig.prorated(None);
        let change = Order::ChangeSubscription(rig.change(&held, LARGE, when));
        let fault = Fault::next(kind).on("PATCH", "/subscriptions").after();
        rig.fake.fault(fault);
        let lost = rig.perform(&change).await;
        assert!(matches!(lost, Err(PerformError::Unknown(_))), "{lost:?}");
        rig.done(&change).await;
        rig.done(&change).await;
        assert_eq!(rig.paid().len(), 2, "the purchase and the change");
    }
}

#[tokio::test]
async fn another_page_of_the_same_customer_is_another() {
    let rig = Rig::start().await;
    let (first, second) = (rig.checkout(SMALL), rig.checkout(SMALL));
    assert_ne!(rig.open(&first).await, rig.open(&second).await);
    let page = rig.open(&first).await;
    assert!(!rig.read(RefKind::Checkout, &page).await.is_empty());
    assert_eq!(rig.fake.world().transactions.len(), 2);
}
