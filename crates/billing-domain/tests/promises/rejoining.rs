//! Buying a retired price again: for whom, and until when.

use billing_domain::catalog::{CatalogRevision, EntitlementLock, LockEnd, OnPastDue, PriceKey};
use billing_domain::decide::{CancelWhen, may_rejoin};
use billing_domain::entitlement::{Entitlement, Limit};
use billing_domain::time::days;

use crate::common::{World, at, catalog, edited, lock, price, retired, terms};

fn revision(until: LockEnd, then: Option<&str>) -> CatalogRevision {
    retired(&catalog(), "old", "2026-01-15", Some(lock(until, then)))
}

fn may(world: &World, day: &str) -> bool {
    let key: PriceKey = "old".parse().unwrap();
    may_rejoin(&world.account, &world.catalog, &key, at(day))
}

/// Bought on 1 January and canceled: access ends on 1 February.
fn left(revision: CatalogRevision) -> World {
    let mut world = World::bought(catalog(), "old");
    world.run("2026-01-20");
    world.catalog = revision;
    world.cancel(CancelWhen::PeriodEnd);
    world
}

#[test]
fn it_may_be_bought_again_within_the_window_after_access_ended() {
    let world = left(revision(LockEnd::Forever, None));
    for (day, expected) in [
        // It is held still.
        ("2026-01-31", false),
        ("2026-02-01", true),
        ("2026-03-03", true),
        ("2026-03-03T00:00:01Z", false),
    ] {
        assert_eq!(may(&world, day), expected, "on {day}, nobody having looked");
        let mut ended = world.clone();
        ended.run("2026-02-01");
        assert_eq!(may(&ended, day), expected, "on {day}");
    }
}

#[test]
fn an_old_debt_that_is_canceled_late_opens_no_window() {
    let mut world = World::bought(catalog(), "old");
    world.catalog = revision(LockEnd::Forever, None);
    world.tick("2026-02-01");
    world.link();
    world.tick("2026-06-01");
    assert!(!may(&world, "2026-06-01"));
    world.cancel(CancelWhen::AtOnce);
    assert!(!may(&world, "2026-06-02"));
}

#[test]
fn the_window_begins_where_access_ended_not_where_it_lapsed() {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    agreed.on_past_due = OnPastDue::Cut;
    agreed.grace = days(7);
    world.buy(agreed);
    world.catalog = revision(LockEnd::Forever, None);
    world.tick("2026-02-01");
    world.link();
    world.tick("2026-02-20");
    assert!(may(&world, "2026-03-03"));
    assert!(!may(&world, "2026-03-04"));
}

#[test]
fn what_a_promise_no_longer_covers_is_not_sold_again() {
    let table = [
        (LockEnd::Until(at("2026-02-10")), "2026-02-09", true),
        (LockEnd::Until(at("2026-02-10")), "2026-02-10", false),
        (LockEnd::Cycles(1), "2026-02-09", true),
    ];
    for (until, day, expected) in table {
        let world = left(revision(until, Some("new")));
        assert_eq!(may(&world, day), expected, "{until:?} on {day}");
    }
    // The one promised cycle is used up.
    let mut world = World::bought(catalog(), "old");
    world.catalog = revision(LockEnd::Cycles(1), Some("new"));
    world.run("2026-02-02");
    world.cancel(CancelWhen::PeriodEnd);
    assert!(!may(&world, "2026-03-02"));
}

#[test]
fn who_never_held_it_or_gave_it_up_is_not_promised_it() {
    let mut stranger = World::new(catalog());
    stranger.catalog = revision(LockEnd::Forever, None);
    assert!(!may(&stranger, "2026-02-01"));
    // Held at another price since: a change of plan loses the promise.
    let mut world = left(revision(LockEnd::Forever, None));
    let mut changed = world.sub().clone();
    changed.terms = terms(&catalog(), "new", 1);
    world.account.put_subscription(changed);
    assert!(!may(&world, "2026-02-02"));
    // Left before the price was retired.
    let mut early = World::bought(catalog(), "old");
    early.cancel(CancelWhen::AtOnce);
    early.catalog = revision(LockEnd::Forever, None);
    assert!(!may(&early, "2026-01-16"));
    // What is still sold needs no promise.
    let mut on_sale = left(catalog());
    on_sale.run("2026-02-01");
    assert!(!may(&on_sale, "2026-02-02"));
}

#[test]
fn a_plan_that_is_retired_retires_its_prices() {
    let by_plan = edited(&catalog(), |draft| {
        draft.plans[1].retired = Some(at("2026-01-15"));
    });
    assert!(may(&left(by_plan), "2026-02-10"));
}

#[test]
fn counting_goes_on_after_a_rejoin() {
    let mut world = World::bought(catalog(), "old");
    world.catalog = revision(LockEnd::Cycles(3), Some("new"));
    // The first of the three is that of 1 February.
    world.run("2026-02-10");
    world.cancel(CancelWhen::PeriodEnd);
    world.run("2026-03-05");
    assert!(may(&world, "2026-03-05"));
    world.buy(terms(&world.catalog.clone(), "old", 1));
    // The purchase is the second, a settled cycle like any other.
    assert_eq!(world.sub().promise.cycles, 2);
    world.run("2026-06-05");
    let charged: Vec<_> = world
        .charged()
        .into_iter()
        .map(|(_, amount)| amount)
        .collect();
    assert_eq!(charged, [1_000, 1_000, 2_000, 2_000]);
}

#[test]
fn what_was_frozen_is_kept_through_a_rejoin() {
    let mut frozen = lock(LockEnd::Forever, None);
    frozen.entitlements = EntitlementLock::Frozen;
    let shrunk = edited(&catalog(), |draft| {
        let less = Entitlement::Limit(Limit::AtMost(4));
        draft.plans[1]
            .entitlements
            .insert("quota".parse().unwrap(), less);
        let old = price(draft, "old");
        (old.retired, old.lock) = (Some(at("2026-01-15")), Some(frozen));
    });
    let mut world = left(shrunk.clone());
    world.run("2026-02-05");
    world.buy(terms(&shrunk, "old", 1));
    let sold = world.sub().terms.sold.get("quota");
    assert_eq!(sold, Some(&Entitlement::Limit(Limit::AtMost(10))));
}

#[test]
fn access_ended_says_since_when() {
    let mut world = World::bought(catalog(), "old");
    assert_eq!(world.sub().access_ended(at("2026-01-31")), None);
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(
        world.sub().access_ended(at("2026-05-01")),
        Some(at("2026-02-01"))
    );
    let mut owing = World::bought(catalog(), "old");
    owing.tick("2026-02-01");
    owing.link();
    // Seven days of grace, whether or not anybody looked.
    assert_eq!(owing.sub().access_ended(at("2026-02-07")), None);
    assert_eq!(
        owing.sub().access_ended(at("2026-05-01")),
        Some(at("2026-02-08"))
    );
    owing.tick("2026-04-01");
    assert_eq!(
        owing.sub().access_ended(at("2026-05-01")),
        Some(at("2026-02-08"))
    );
}
