//! Trials: notice once, first invoice at the end, no grace after.

use billing_domain::journal::Event;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::terms::Terms;
use billing_domain::time::days;

use crate::common::{World, at, terms};

fn trial() -> Terms {
    let mut trial = terms("pro-monthly");
    trial.trial = Some(days(14));
    trial
}

#[test]
fn nothing_is_owed_until_the_trial_ends() {
    let mut world = World::bought(trial());
    assert_eq!(world.status(), Status::Trialing);
    assert!(world.account.invoices.is_empty());
    assert_eq!(world.account.wake_at(), Some(at("2026-01-13")));
    world.tick("2026-01-13");
    assert_eq!(world.count(Event::SubscriptionTrialEnding), 1);
    world.tick("2026-01-14");
    assert_eq!(world.count(Event::SubscriptionTrialEnding), 1);
    assert!(world.open_invoice().is_none());
    assert_eq!(world.account.wake_at(), Some(at("2026-01-15")));
}

#[test]
fn the_first_invoice_comes_at_the_end_and_there_is_no_grace() {
    let mut world = World::bought(trial());
    assert!(world.gives_access("2026-01-14T23:59:59Z"));
    assert!(!world.gives_access("2026-01-15"));
    world.tick("2026-01-15");
    assert_eq!(world.status(), Status::PastDue);
    let period = world.open_invoice().unwrap().period.unwrap();
    assert_eq!(
        (period.start, period.end),
        (at("2026-01-15"), at("2026-02-15"))
    );
    let no = Access::Denied(NoAccess::TrialOver);
    assert_eq!(world.sub().access(world.now), no);
    world.link();
    assert_eq!(world.sub().access(world.now), no);
    world.pay();
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.paid_through(), at("2026-02-15"));
    assert_eq!(world.count(Event::SubscriptionActivated), 1, "access again");
}

#[test]
fn with_lead_it_can_be_paid_before_the_end_and_nothing_is_activated_twice() {
    let mut early = trial();
    early.lead = days(3);
    let mut world = World::bought(early);
    world.tick("2026-01-12");
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), at("2026-02-15"));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.count(Event::SubscriptionActivated), 0);
    assert_eq!(world.count(Event::SubscriptionRenewed), 1);
}

#[test]
fn whoever_slept_through_it_is_not_told_that_it_will_end() {
    let mut world = World::bought(trial());
    world.tick("2026-01-20");
    assert_eq!(world.count(Event::SubscriptionTrialEnding), 0);
    assert_eq!(world.status(), Status::PastDue);
    assert!(world.open_invoice().is_some());
}

#[test]
fn an_unpaid_trial_lapses() {
    let mut world = World::bought(trial());
    world.tick("2026-01-15");
    world.link();
    world.tick("2026-01-22");
    assert_eq!(world.status(), Status::Lapsed);
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn a_trial_shorter_than_the_notice_is_announced_at_once() {
    let mut short = trial();
    short.trial = Some(days(1));
    let mut world = World::bought(short);
    world.fall_due(billing_domain::catalog::CatchUp::Current);
    assert_eq!(world.count(Event::SubscriptionTrialEnding), 1);
    assert_eq!(world.account.wake_at(), Some(at("2026-01-02")));
}
