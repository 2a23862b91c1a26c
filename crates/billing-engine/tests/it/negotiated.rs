//! Terms negotiated with one customer, paid by an invoice that an operator marks
//! paid.

use std::sync::Arc;

use billing_domain::catalog::{Billing as Charged, QuantityRule};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::InvoiceState;
use billing_domain::time::Interval;
use billing_engine::{
    CheckoutError, CheckoutRequest, Limits, MANUAL, ManualProvider, NegotiateError, NewTerms,
    PaymentError,
};
use jiff::SignedDuration;

use crate::rig::{Rig, ask, eur};

async fn rig() -> Rig {
    let clock = billing_testkit::ManualClock::new(billing_testkit::fixtures::start());
    let manual = ManualProvider::new(Arc::new(clock)).unwrap();
    Rig::with(false, Limits::default(), |builder| {
        builder.provider(Arc::new(manual))
    })
    .await
}

fn agreed() -> NewTerms {
    NewTerms {
        plan: "team".parse().unwrap(),
        unit: eur(1_500),
        billing: Charged::Recurring(Interval::YEAR),
        first_cycle: Some(eur(1_000)),
        quantity: Some(QuantityRule {
            feature: "seats".parse().unwrap(),
            min: 20,
            max: 200,
            step: 10,
        }),
        provider: Some(MANUAL.parse().unwrap()),
        expires_at: None,
    }
}

/// Ana takes up what was agreed, in 30 pieces; gives the open invoice.
async fn taken_up(rig: &Rig) -> InvoiceId {
    let customer = rig.customer("ana").await;
    let terms = rig
        .billing
        .negotiate(&"ana".into(), agreed(), Some("key_1"))
        .await
        .unwrap();
    let asked = CheckoutRequest {
        negotiated: Some(terms.id),
        quantity: Some(30),
        ..ask("ana", "pro-monthly")
    };
    let opened = rig.billing.checkout(asked).await.unwrap();
    assert!(opened.url.is_none() && !opened.completed);
    let account = rig.account(customer);
    let invoice = account.invoices.iter().find(|invoice| invoice.is_open());
    invoice.unwrap().id
}

#[tokio::test]
async fn an_operator_marks_the_invoice_paid_and_the_next_cycle_has_its_own_price() {
    let rig = rig().await;
    let invoice = taken_up(&rig).await;
    let customer = rig.customer("ana").await;
    assert!(rig.account(customer).subscriptions.is_empty());
    let now = rig.clock_now();
    let pay = async |reference: &str| {
        rig.billing
            .record_payment(invoice, reference, None, now, Some("key_1"))
            .await
    };
    let settled = pay("bank 4711").await.unwrap();
    assert_eq!(settled.amount, eur(30_000), "30 pieces at 10.00");
    assert!(matches!(settled.state, InvoiceState::Settled { .. }));
    assert!(pay("bank 4711").await.is_ok(), "the same payment again");
    assert_eq!(pay("bank 4712").await, Err(PaymentError::NotOpen));
    let account = rig.account(customer);
    let held = account.subscriptions.first().unwrap();
    assert_eq!(held.terms.quantity, 30);
    assert!(held.gives_access(now));
    // The year after costs 15.00 a piece, and is invoiced at its end.
    rig.pass(SignedDuration::from_hours(24 * 366));
    rig.work().await;
    let account = rig.account(customer);
    let renewal = account.open_invoice(account.subscriptions[0].id).unwrap();
    assert_eq!(renewal.amount, eur(45_000));
    assert_eq!(renewal.pay_url, None);
    let id = renewal.id;
    let paid_at = rig.clock_now();
    rig.billing
        .record_payment(id, "bank 5", None, paid_at, None)
        .await
        .unwrap();
    assert_eq!(rig.happened("subscription.renewed"), 1);
}

#[tokio::test]
async fn what_is_not_open_or_not_manual_is_not_marked_paid() {
    let rig = rig().await;
    let invoice = taken_up(&rig).await;
    let now = rig.clock_now();
    let later = now + SignedDuration::from_hours(1);
    let pay = async |invoice, reference: &str, at| {
        let paid = rig
            .billing
            .record_payment(invoice, reference, None, at, None)
            .await;
        paid.unwrap_err()
    };
    assert_eq!(pay(invoice, " ", now).await, PaymentError::BadReference);
    assert_eq!(pay(invoice, "b", later).await, PaymentError::InTheFuture);
    let unknown = billing_testkit::fixtures::Maker::new(7).id();
    assert_eq!(pay(unknown, "b", now).await, PaymentError::NotFound);
    let held = rig.subscribe("bob").await;
    let bob = rig.customer("bob").await;
    rig.pass(SignedDuration::from_hours(24 * 32));
    rig.work().await;
    let account = rig.account(bob);
    let carded = account.open_invoice(held).unwrap().id;
    assert_eq!(pay(carded, "b", now).await, PaymentError::NotManual);
}

#[tokio::test]
async fn negotiated_terms_are_one_customer_s_and_within_their_bounds() {
    let rig = rig().await;
    rig.customer("ana").await;
    rig.customer("bob").await;
    let terms = rig
        .billing
        .negotiate(&"ana".into(), agreed(), None)
        .await
        .unwrap();
    let asked = |who: &str, quantity| CheckoutRequest {
        negotiated: Some(terms.id),
        quantity: Some(quantity),
        ..ask(who, "pro-monthly")
    };
    let buy = async |who: &str, quantity| {
        rig.billing
            .checkout(asked(who, quantity))
            .await
            .unwrap_err()
    };
    assert_eq!(buy("bob", 30).await, CheckoutError::NoSuchTerms);
    for wrong in [0, 19, 21, 201] {
        assert_eq!(buy("ana", wrong).await, CheckoutError::Quantity, "{wrong}");
    }
    for (new, error) in [
        (
            NewTerms {
                plan: "nope".parse().unwrap(),
                ..agreed()
            },
            NegotiateError::NoSuchPlan,
        ),
        (
            NewTerms {
                unit: eur(-1),
                ..agreed()
            },
            NegotiateError::BadPrice,
        ),
        (
            NewTerms {
                plan: "pro".parse().unwrap(),
                ..agreed()
            },
            NegotiateError::BadQuantity,
        ),
        (
            NewTerms {
                provider: Some("nope".parse().unwrap()),
                ..agreed()
            },
            NegotiateError::NoProvider,
        ),
    ] {
        let refused = rig
            .billing
            .negotiate(&"ana".into(), new.clone(), None)
            .await;
        assert_eq!(refused, Err(error), "{new:?}");
    }
    let nobody = rig
        .billing
        .negotiate(&"nobody".into(), agreed(), None)
        .await;
    assert_eq!(nobody, Err(NegotiateError::NoSuchCustomer));
}

#[tokio::test]
async fn invoices_by_hand_are_not_for_everybody() {
    let rig = rig().await;
    rig.customer("ana").await;
    let asked = CheckoutRequest {
        provider: Some(MANUAL.parse().unwrap()),
        ..ask("ana", "pro-monthly")
    };
    let refused = rig.billing.checkout(asked).await;
    assert_eq!(refused.unwrap_err(), CheckoutError::NoProvider);
}
