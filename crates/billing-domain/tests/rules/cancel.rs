//! Canceling: never refused, at the period's end, idempotent.

use billing_domain::decide::{CancelOutcome, CancelWhen};
use billing_domain::effect::Order;
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{Access, NoAccess, State, Status};
use billing_domain::time::days;
use jiff::SignedDuration;

use crate::common::{World, at, terms, usd};

fn ends(text: &str) -> CancelOutcome {
    CancelOutcome::Ends { at: Some(at(text)) }
}

#[test]
fn it_takes_effect_at_the_end_of_what_is_paid_and_once() {
    let mut world = World::bought(terms("pro-monthly"));
    world.go("2026-01-10");
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends("2026-02-01"));
    let before = world.account.clone();
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), CancelOutcome::Already);
    assert_eq!(world.account, before);
    assert_eq!(world.status(), Status::Active);
    assert!(world.gives_access("2026-01-31T23:59:59Z"));
    // At that second, with no worker.
    let over = Access::Denied(NoAccess::Canceled);
    assert_eq!(world.sub().access(at("2026-02-01")), over);
    assert_eq!(world.account.wake_at(), Some(at("2026-02-01")));
    let mut late = world.clone();
    late.tick("2026-04-01");
    world.tick("2026-02-01");
    let canceled = State::Canceled {
        ends_at: at("2026-02-01"),
    };
    assert_eq!((world.sub().state, late.sub().state), (canceled, canceled));
    assert!(world.open_invoice().is_none());
    assert_eq!(world.count(Event::SubscriptionCanceled), 1);
    assert_eq!(world.cancel(CancelWhen::AtOnce), CancelOutcome::Already);
}

#[test]
fn at_once_forgoes_what_is_paid_even_after_a_scheduled_one() {
    let mut world = World::bought(terms("pro-monthly"));
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    world.go("2026-01-12");
    assert_eq!(world.cancel(CancelWhen::AtOnce), ends("2026-01-12"));
    assert_eq!(world.status(), Status::Canceled);
    assert!(!world.gives_access("2026-01-12"));
}

#[test]
fn past_due_it_ends_at_once_and_voids_the_invoice() {
    for linked in [true, false] {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        if linked {
            world.link();
        }
        world.go("2026-02-03");
        let invoice = world.open_invoice().unwrap().id;
        assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends("2026-02-03"));
        assert_eq!(world.status(), Status::Canceled);
        let held = world.account.invoice(invoice).unwrap();
        assert_eq!(held.state, InvoiceState::Void { at: world.now });
        assert!(world.orders.iter().any(
            |order| matches!(order, Order::VoidInvoice { invoice: voided, reference, .. }
                if *voided == invoice && reference.is_some() == linked)
        ));
        // Money for it is parked, and brings nothing back.
        world.pay_as(invoice, "late", usd(1_000), world.now);
        assert_eq!(world.parked, [ParkReason::LatePayment]);
        assert_eq!(world.status(), Status::Canceled);
    }
}

#[test]
fn past_due_without_a_worker_is_past_due_all_the_same() {
    let mut world = World::bought(terms("pro-monthly"));
    world.go("2026-02-03");
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends("2026-02-03"));
    assert_eq!(world.status(), Status::Canceled);
}

#[test]
fn during_lead_it_voids_the_invoice_and_keeps_the_rest() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(3);
    let mut world = World::bought(lead);
    world.tick("2026-01-29");
    world.link();
    world.go("2026-01-30");
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends("2026-02-01"));
    assert!(world.open_invoice().is_none());
    assert_eq!(world.sub().times.due_at, None);
    assert!(world.gives_access("2026-01-31T23:59:59Z"));
    world.tick("2026-02-01");
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.count(Event::SubscriptionPastDue), 0);
}

#[test]
fn in_its_trial_it_ends_with_the_trial() {
    let mut trial = terms("pro-monthly");
    trial.trial = Some(days(14));
    let mut world = World::bought(trial);
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends("2026-01-15"));
    world.tick("2026-01-15");
    assert_eq!(world.status(), Status::Canceled);
    assert!(world.account.invoices.is_empty());
}

#[test]
fn no_state_refuses_it() {
    let now = at("2026-01-10");
    let states = [
        State::Incomplete,
        State::Trialing {
            ends_at: at("2026-02-01"),
            noticed: true,
        },
        State::Active,
        State::PastDue {
            since: now,
            no_grace: true,
        },
        State::Paused {
            since: now,
            access_until: None,
            remaining: SignedDuration::ZERO,
        },
        State::Paused {
            since: now,
            access_until: Some(at("2026-02-01")),
            remaining: SignedDuration::ZERO,
        },
        State::Lapsed { at: now },
        State::Canceled { ends_at: now },
        State::Expired { at: now },
    ];
    for state in states {
        for when in [CancelWhen::PeriodEnd, CancelWhen::AtOnce] {
            let mut world = World::bought(terms("pro-monthly"));
            world.go("2026-01-10");
            let mut held = world.sub().clone();
            held.state = state;
            world.account.put_subscription(held);
            let outcome = world.cancel(when);
            let over = matches!(state, State::Canceled { .. } | State::Expired { .. });
            assert_eq!(outcome == CancelOutcome::Already, over, "{state:?}");
            // Asked again, nothing more happens.
            let before = world.account.clone();
            if when == CancelWhen::PeriodEnd || world.sub().is_over() {
                assert_eq!(world.cancel(when), CancelOutcome::Already, "{state:?}");
            }
            assert_eq!(world.account, before);
            world.tick("2026-02-01");
            assert!(world.sub().is_over(), "{state:?}");
            assert!(!world.sub().gives_access(world.now));
        }
    }
}

#[test]
fn what_was_bought_once_has_nothing_to_cancel_but_can_be_ended() {
    let mut world = World::bought(terms("lifer-once"));
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), CancelOutcome::Already);
    assert_eq!(world.plan(), "lifer");
    world.cancel(CancelWhen::AtOnce);
    assert_eq!(world.plan(), "free");
}

#[test]
fn nobody_elses_is_canceled() {
    let mut world = World::bought(terms("pro-monthly"));
    let other = billing_domain::ids::IdSeq::new(world.now, 999).draw();
    let answer =
        world.decide(|draft| billing_domain::decide::cancel(draft, other, CancelWhen::AtOnce));
    assert_eq!(answer, None);
}
