//! What is paid against what is owed: exactly, too little, too much, twice,
//! in another currency, for nothing.

use billing_domain::decide::{Begun, CancelWhen};
use billing_domain::fact::CheckoutPayment;
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;
use billing_domain::time::days;

use crate::common::{World, at, terms, usd};

fn begun() -> (World, Begun) {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    (world, begun)
}

fn paid(payment: &str, amount: Money) -> CheckoutPayment {
    CheckoutPayment::Paid {
        payment: payment.to_owned(),
        amount,
        conversion: None,
        parts: Vec::new(),
    }
}

#[test]
fn a_checkout_paid_short_or_in_another_currency_waits_for_a_person_once() {
    let sats = Money::new(1_000, Currency::SAT);
    for (amount, reason) in [
        (usd(999), ParkReason::AmountMismatch),
        (usd(0), ParkReason::AmountMismatch),
        (sats, ParkReason::CurrencyMismatch),
    ] {
        let (mut world, begun) = begun();
        world.complete(&begun, paid("p", amount));
        let once = world.account.clone();
        world.complete(&begun, paid("p", amount));
        assert_eq!(world.account, once, "told again, nothing changes");
        assert_eq!(world.parked, [reason]);
        assert_eq!(world.count(Event::InvoiceAmountMismatch), 1);
        assert!(world.account.subscriptions.is_empty());
        assert_eq!(world.plan(), "free");
        // The right payment afterward brings what was bought, and forgets neither.
        world.complete(&begun, paid("q", usd(1_000)));
        assert_eq!(world.status(), Status::Active);
        let invoice = &world.account.invoices[0];
        assert!(matches!(invoice.state, InvoiceState::Settled { .. }));
        let credited: Vec<bool> = invoice.payments.iter().map(|held| held.credited).collect();
        assert_eq!(credited, [false, true]);
    }
}

#[test]
fn a_checkout_paid_over_brings_what_was_bought_and_parks_the_rest() {
    let (mut world, begun) = begun();
    world.complete(&begun, paid("p", usd(1_500)));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    let invoice = world.account.invoices[0].clone();
    assert_eq!(invoice.amount, usd(1_000));
    assert_eq!(invoice.payments[0].amount, usd(1_500));
    let once = world.account.clone();
    world.complete(&begun, paid("p", usd(1_500)));
    assert_eq!(world.account, once);
    assert_eq!(world.parked.len(), 1);
}

#[test]
fn a_checkout_paid_twice_is_one_subscription_and_one_parked_payment() {
    let (mut world, begun) = begun();
    world.complete(&begun, paid("p", usd(1_000)));
    let first = world.account.clone();
    world.complete(&begun, paid("p", usd(1_000)));
    assert_eq!(world.account, first);
    assert!(world.parked.is_empty());
    world.complete(&begun, paid("q", usd(1_000)));
    world.complete(&begun, paid("q", usd(1_000)));
    assert_eq!(world.parked, [ParkReason::LatePayment]);
    assert_eq!(world.account.subscriptions.len(), 1);
    assert_eq!(world.paid_through(), at("2026-02-01"));
}

#[test]
fn nothing_required_is_believed_only_where_nothing_is_owed() {
    let (mut world, begun) = begun();
    world.complete(&begun, CheckoutPayment::NotRequired);
    assert!(world.account.subscriptions.is_empty());
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);

    let mut trial = terms("pro-monthly");
    trial.trial = Some(days(14));
    for payment in [CheckoutPayment::NotRequired, paid("p", usd(0))] {
        let mut world = World::new();
        let begun = world.begin(trial.clone(), false);
        world.complete(&begun, payment);
        assert_eq!(world.status(), Status::Trialing);
        assert!(world.parked.is_empty());
    }
}

#[test]
fn unpaid_grants_nothing_until_it_is_paid() {
    let (mut world, begun) = begun();
    world.complete(&begun, CheckoutPayment::Unpaid);
    assert!(world.account.subscriptions.is_empty());
    // A delayed method is waited for, however long.
    world.tick("2026-01-05");
    assert_eq!(world.account.wake_at(), None);
    world.complete(&begun, paid("p", usd(1_000)));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.paid_through(), at("2026-02-05"));
}

#[test]
fn a_renewal_paid_short_is_parked_and_stays_owed() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    let sats = Money::new(1_000, Currency::SAT);
    for (payment, amount) in [("short", usd(999)), ("sats", sats)] {
        world.pay_as(invoice, payment, amount, world.now);
        world.pay_as(invoice, payment, amount, world.now);
    }
    assert_eq!(
        world.parked,
        [ParkReason::AmountMismatch, ParkReason::CurrencyMismatch]
    );
    assert_eq!(world.count(Event::InvoiceAmountMismatch), 2);
    assert_eq!(world.status(), Status::PastDue);
    assert!(world.open_invoice().is_some());
    world.pay();
    assert_eq!(world.status(), Status::Active);
}

#[test]
fn a_renewal_paid_over_applies_and_parks_the_rest() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.pay_as(invoice, "over", usd(1_001), world.now);
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
}

#[test]
fn a_second_payment_of_a_cycle_is_parked_and_extends_nothing() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    for payment in ["one", "one", "two", "two", "one"] {
        world.pay_as(invoice, payment, usd(1_000), world.now);
    }
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.parked, [ParkReason::LatePayment]);
    assert_eq!(world.count(Event::SubscriptionRenewed), 1);
    let credited = world.account.invoice(invoice).unwrap().payments.iter();
    assert_eq!(credited.filter(|payment| payment.credited).count(), 1);
}

#[test]
fn a_checkout_that_had_ended_is_honored_when_it_is_paid() {
    let (mut world, begun) = begun();
    world.tick("2026-01-02");
    assert_eq!(world.count(Event::CheckoutExpired), 1);
    world.complete(&begun, paid("p", usd(1_000)));
    assert_eq!(world.status(), Status::Active);
}

#[test]
fn a_second_purchase_is_taken_and_parked_as_duplicate() {
    let mut world = World::bought(terms("pro-monthly"));
    let begun = world.begin(terms("team-monthly"), false);
    world.complete(&begun, paid("p", usd(300)));
    assert_eq!(world.parked, [ParkReason::Duplicate]);
    assert_eq!(world.account.subscriptions.len(), 2);
    assert_eq!(world.plan(), "team", "the highest rank meanwhile");
}

#[test]
fn buying_again_after_the_end_is_no_duplicate() {
    let mut canceled = World::bought(terms("pro-monthly"));
    canceled.cancel(CancelWhen::AtOnce);
    let mut lapsed = World::bought(terms("pro-monthly"));
    lapsed.tick("2026-02-01");
    lapsed.link();
    lapsed.tick("2026-02-08");
    for mut world in [canceled, lapsed] {
        world.forget();
        let begun = world.begin(terms("pro-monthly"), false);
        world.complete(&begun, paid("p", usd(1_000)));
        assert!(world.parked.is_empty());
        assert_eq!(world.plan(), "pro");
    }
}

#[test]
fn bought_once_beside_something_recurring_is_no_duplicate() {
    let mut world = World::bought(terms("pro-monthly"));
    let begun = world.begin(terms("lifer-once"), false);
    world.complete(&begun, paid("p", usd(9_900)));
    assert!(world.parked.is_empty());
    assert_eq!(world.plan(), "lifer");
}

#[test]
fn bought_once_at_a_provider_that_runs_schedules_is_held_for_ever() {
    let mut world = World::new();
    let begun = world.begin(terms("lifer-once"), true);
    // Such a provider may add tax.
    world.complete(&begun, paid("p", usd(11_781)));
    assert_eq!(world.plan(), "lifer");
    assert_eq!(world.account.wake_at(), None);
    assert!(world.parked.is_empty());
}

#[test]
fn what_cost_nothing_is_no_duplicate_of_what_is_bought() {
    let mut world = World::bought(terms("pro-gratis"));
    let begun = world.begin(terms("team-monthly"), false);
    world.complete(&begun, paid("p", usd(300)));
    assert!(world.parked.is_empty(), "there is nothing to refund");
    assert_eq!(world.plan(), "team");

    let mut world = World::bought(terms("team-monthly"));
    world.begin(terms("pro-gratis"), false);
    assert!(world.parked.is_empty());
}

#[test]
fn money_for_a_trial_that_has_begun_is_parked_once() {
    let mut trial = terms("pro-monthly");
    trial.trial = Some(days(14));
    let mut world = World::new();
    let begun = world.begin(trial, false);
    world.complete(&begun, CheckoutPayment::NotRequired);
    world.complete(&begun, paid("nothing", usd(0)));
    assert!(world.parked.is_empty());
    world.complete(&begun, paid("p", usd(1_000)));
    world.complete(&begun, paid("p", usd(1_000)));
    assert_eq!(world.parked, [ParkReason::LatePayment]);
    assert_eq!(world.status(), Status::Trialing);
    assert_eq!(world.account.invoices.len(), 1);
    assert!(!world.account.invoices[0].payments[0].credited);
}

#[test]
fn what_comes_back_beside_a_new_purchase_is_parked_as_duplicate() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let owed = world.link();
    world.tick("2026-02-08");
    assert_eq!(world.status(), Status::Lapsed);
    let begun = world.begin(terms("pro-monthly"), false);
    world.complete(&begun, paid("p", usd(1_000)));
    assert!(world.parked.is_empty());
    // The provider collects the old invoice after all.
    world.pay_as(owed, "late", usd(1_000), at("2026-02-09"));
    world.pay_as(owed, "late", usd(1_000), at("2026-02-09"));
    assert_eq!(world.parked, [ParkReason::Duplicate]);
    let live = world.account.subscriptions.iter();
    assert_eq!(live.filter(|held| !held.is_over()).count(), 2);
}
