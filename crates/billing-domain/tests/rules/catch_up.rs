//! After downtime: which cycles are invoiced, and that it is bounded.

use billing_domain::catalog::CatchUp;
use billing_domain::journal::Event;
use billing_domain::subscription::{Schedule, Status};

use crate::common::{World, at, terms};

#[test]
fn current_skips_what_nobody_could_have_paid() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-05-15");
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!(invoice.period.unwrap().start, at("2026-05-01"));
    assert_eq!(invoice.cycle, Some(4));
    assert_eq!(world.count(Event::SubscriptionRenewalSkipped), 1);
    assert_eq!(world.status(), Status::PastDue);
    // The link is the first chance to pay: grace begins there.
    world.link();
    assert!(world.gives_access("2026-05-21T23:59:59Z"));
    world.pay();
    assert_eq!(world.paid_through(), at("2026-06-01"));
}

#[test]
fn a_cycle_is_over_at_the_instant_of_its_end() {
    let first = |text: &str| {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick(text);
        world.open_invoice().unwrap().period.unwrap().start
    };
    assert_eq!(first("2026-02-28T23:59:59Z"), at("2026-02-01"));
    assert_eq!(first("2026-03-01"), at("2026-03-01"));
}

#[test]
fn each_invoices_one_cycle_after_the_other() {
    let mut world = World::bought(terms("pro-monthly"));
    world.go("2026-04-15");
    let mut starts = Vec::new();
    for _ in 0..3 {
        world.fall_due(CatchUp::Each);
        let invoice = world.open_invoice().unwrap().clone();
        starts.push(invoice.period.unwrap().start);
        world.link();
        world.pay();
    }
    assert_eq!(starts, ["2026-02-01", "2026-03-01", "2026-04-01"].map(at));
    assert_eq!(world.paid_through(), at("2026-05-01"));
    assert_eq!(world.count(Event::SubscriptionRenewalSkipped), 0);
    world.fall_due(CatchUp::Each);
    assert!(world.open_invoice().is_none());
}

#[test]
fn a_buyer_who_pays_late_skips_nothing() {
    // A day costs 1.00 and grace is a week: paying on the sixth day must not
    // make the five days between free.
    let mut world = World::bought(terms("pro-daily"));
    world.tick("2026-01-02");
    world.link();
    world.go("2026-01-07T12:00:00Z");
    world.pay();
    assert_eq!(world.paid_through(), at("2026-01-03"));
    for day in 3..8 {
        world.fall_due(CatchUp::Current);
        let invoice = world.open_invoice().unwrap().clone();
        let start = at(&format!("2026-01-0{day}"));
        assert_eq!(invoice.period.unwrap().start, start);
        world.link();
        world.pay();
    }
    assert_eq!(world.paid_through(), at("2026-01-08"));
    assert_eq!(world.count(Event::SubscriptionRenewalSkipped), 0);
}

#[test]
fn a_decade_of_days_is_skipped_in_bounded_decisions() {
    let mut world = World::bought(terms("pro-daily"));
    world.tick("2036-01-01T12:00:00Z");
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!(invoice.period.unwrap().start, at("2036-01-01"));
    assert_eq!(world.account.invoices.len(), 2);
}

#[test]
fn a_decade_of_free_days_is_caught_up_in_bounded_decisions() {
    let mut each = World::bought(terms("pro-gratis-daily"));
    each.go("2026-06-01T12:00:00Z");
    let mut rounds = 0;
    while each.account.wake_at().is_some_and(|wake| wake <= each.now) {
        let before = each.account.wake_at();
        each.fall_due(CatchUp::Each);
        assert!(each.account.wake_at() > before, "no hot loop");
        rounds += 1;
        assert!(rounds < 10);
    }
    assert!(rounds > 1, "one decision is bounded");
    assert_eq!(each.paid_through(), at("2026-06-02"));
    assert!(matches!(
        each.sub().schedule,
        Schedule::Engine { cycle: 151, .. }
    ));
}

#[test]
fn a_short_outage_skips_nothing() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-20");
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!(invoice.period.unwrap().start, at("2026-02-01"));
    assert_eq!(world.count(Event::SubscriptionRenewalSkipped), 0);
    world.link();
    assert_eq!(world.sub().times.due_at, Some(at("2026-02-20")));
}

#[test]
fn current_skips_what_ended_before_the_provider_made_a_link() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    // The provider cannot be reached until summer; access ended with February.
    assert!(!world.gives_access("2026-03-04"));
    world.go("2026-06-10");
    let invoice = world.link();
    world.go("2026-06-12");
    world.pay();
    let paid = world.account.invoice(invoice).unwrap();
    assert_eq!(paid.period.unwrap().start, at("2026-02-01"));
    assert_eq!(world.count(Event::SubscriptionRenewalSkipped), 1);
    world.fall_due(CatchUp::Current);
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!(invoice.period.unwrap().start, at("2026-06-01"));
    assert_eq!(invoice.cycle, Some(5));
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), at("2026-07-01"));
}

#[test]
fn what_a_buyer_left_unpaid_after_the_link_is_not_skipped() {
    let mut world = World::bought(terms("pro-daily"));
    world.tick("2026-01-02");
    // Three days without the provider, and three days without the buyer.
    world.go("2026-01-05");
    world.link();
    world.go("2026-01-08");
    world.pay();
    world.fall_due(CatchUp::Current);
    let next = world.open_invoice().unwrap().period.unwrap().start;
    assert_eq!(next, at("2026-01-05"), "the 3rd and 4th could not be paid");
    world.link();
    world.go("2026-01-14");
    world.pay();
    world.fall_due(CatchUp::Current);
    let next = world.open_invoice().unwrap().period.unwrap().start;
    assert_eq!(next, at("2026-01-06"), "the rest is the buyer's");
}
