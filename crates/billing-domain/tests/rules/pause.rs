//! Pausing and resuming what the engine runs.

use billing_domain::catalog::OnPause;
use billing_domain::decide::{CancelWhen, PauseOutcome, PauseRefusal};
use billing_domain::journal::Event;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::time::days;

use crate::common::{World, at, terms};

fn world(on_pause: OnPause) -> World {
    let mut agreed = terms("pro-monthly");
    agreed.on_pause = on_pause;
    agreed.lead = days(3);
    World::bought(agreed)
}

#[test]
fn now_ends_access_and_brings_the_rest_back() {
    let mut world = world(OnPause::Now);
    world.go("2026-01-11");
    world.pause().unwrap();
    assert_eq!(
        world.sub().access(world.now),
        Access::Denied(NoAccess::Paused)
    );
    assert_eq!(world.account.wake_at(), None);
    world.tick("2026-06-01");
    assert_eq!(world.status(), Status::Paused);
    world.resume().unwrap();
    assert_eq!(world.status(), Status::Active);
    // 21 days were left.
    assert_eq!(world.paid_through(), at("2026-06-22"));
    assert_eq!(world.account.wake_at(), Some(at("2026-06-19")));
    // Later periods hang on the new end.
    world.tick("2026-06-22");
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), at("2026-07-22"));
}

#[test]
fn period_end_goes_on_until_then_and_resumes_where_it_was() {
    let mut world = world(OnPause::PeriodEnd);
    world.go("2026-01-11");
    world.pause().unwrap();
    assert!(world.gives_access("2026-01-31T23:59:59Z"));
    assert!(!world.gives_access("2026-02-01"));
    world.tick("2026-01-20");
    world.resume().unwrap();
    assert_eq!(world.paid_through(), at("2026-02-01"));
    assert_eq!(world.account.wake_at(), Some(at("2026-01-29")));
    world.tick("2026-01-29");
    assert_eq!(
        world.open_invoice().unwrap().period.unwrap().start,
        at("2026-02-01")
    );
}

#[test]
fn resumed_after_the_paid_time_it_begins_anew_and_owes() {
    let mut world = world(OnPause::PeriodEnd);
    world.go("2026-01-11");
    world.pause().unwrap();
    world.tick("2026-03-10");
    assert!(world.open_invoice().is_none());
    world.resume().unwrap();
    assert_eq!(world.status(), Status::PastDue);
    assert_eq!(
        world.sub().access(world.now),
        Access::Denied(NoAccess::Unpaid)
    );
    world.tick("2026-03-10");
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), at("2026-04-10"));
    assert!(world.sub().gives_access(world.now));
}

#[test]
fn pausing_during_lead_voids_the_invoice_and_its_due_date() {
    for on_pause in [OnPause::Now, OnPause::PeriodEnd] {
        let mut world = world(on_pause);
        world.tick("2026-01-29");
        world.link();
        world.go("2026-01-30");
        world.pause().unwrap();
        assert!(world.open_invoice().is_none());
        assert_eq!(world.count(Event::InvoiceVoided), 1);
        assert_eq!(world.sub().times.due_at, None);
        assert_eq!(world.sub().times.grace_ends_at, None);
        // Long after the voided invoice was due, what was paid is given.
        world.tick("2026-05-01");
        world.resume().unwrap();
        if on_pause == OnPause::Now {
            assert!(world.gives_access("2026-05-02T23:59:59Z"));
            assert_eq!(world.paid_through(), at("2026-05-03"));
        }
        world.tick("2026-05-03");
        let invoice = world.open_invoice().unwrap().clone();
        assert_eq!(
            (invoice.cycle, invoice.attempt),
            (Some(1), 2),
            "the same cycle once more"
        );
        world.link();
        assert_eq!(world.sub().times.due_at, Some(at("2026-05-03")));
    }
}

#[test]
fn only_what_is_paid_can_be_paused() {
    let mut unpaid = world(OnPause::Now);
    unpaid.tick("2026-02-01");
    for worker in [true, false] {
        let mut world = world(OnPause::Now);
        if worker {
            world.tick("2026-02-02");
        }
        world.go("2026-02-02");
        let Err(PauseRefusal::Illegal(error)) = world.pause() else {
            panic!("paused what is past due")
        };
        assert_eq!((error.from, error.to), (Status::PastDue, Status::Paused));
    }
    let mut once = World::bought(terms("lifer-once"));
    assert_eq!(once.pause(), Err(PauseRefusal::NothingRecurs));
    let mut running = world(OnPause::Now);
    assert_eq!(running.resume(), Ok(PauseOutcome::Already));
    assert_eq!(running.pause(), Ok(PauseOutcome::Done));
    let paused = running.sub().clone();
    running.go("2026-01-20");
    assert_eq!(running.pause(), Ok(PauseOutcome::Already));
    assert_eq!(*running.sub(), paused);
    running.cancel(CancelWhen::AtOnce);
    assert!(matches!(running.pause(), Err(PauseRefusal::Illegal(_))));
    assert!(matches!(running.resume(), Err(PauseRefusal::Illegal(_))));
}

#[test]
fn a_cancellation_to_come_moves_with_the_paid_time() {
    let mut world = world(OnPause::Now);
    world.go("2026-01-11");
    world.cancel(CancelWhen::PeriodEnd);
    world.pause().unwrap();
    world.go("2026-01-16");
    world.resume().unwrap();
    assert_eq!(world.paid_through(), at("2026-02-06"));
    assert!(world.gives_access("2026-02-05T23:59:59Z"));
    assert!(!world.gives_access("2026-02-06"));
    world.tick("2026-02-04");
    assert!(world.open_invoice().is_none(), "canceled: not renewed");
    world.tick("2026-02-06");
    assert_eq!(world.status(), Status::Canceled);
}

#[test]
fn canceled_while_paused_it_ends_with_its_access() {
    let mut world = world(OnPause::PeriodEnd);
    world.go("2026-01-11");
    world.pause().unwrap();
    world.cancel(CancelWhen::PeriodEnd);
    world.go("2026-01-12");
    world.resume().unwrap();
    assert_eq!(world.account.wake_at(), Some(at("2026-02-01")));
    world.tick("2026-01-30");
    assert!(world.open_invoice().is_none());
    world.tick("2026-02-01");
    assert_eq!(world.status(), Status::Canceled);
}
