//! Promises where a provider runs the schedule: it is told the price of its next
//! period in that period's time, and never one before.

use billing_domain::catalog::{CatalogRevision, Lock, LockEnd};
use billing_domain::decide::{self, Migrated};
use billing_domain::effect::{ChangeWhen, Order};
use billing_domain::forecast::{ForecastWhy, Horizon, forecast};
use billing_domain::ids::MigrationId;
use billing_domain::migration::{MigrationAsk, Planner};
use billing_domain::subscription::{Status, Why};
use billing_domain::time::{Interval, Period, days};
use jiff::SignedDuration;

use crate::common::{World, at, catalog, lock, retired};

fn month(index: u32) -> Period {
    Period::at(at("2026-01-01"), Interval::MONTH, index).unwrap()
}

/// The provider charges each month; `keys` are the prices that it tells.
fn mirrored(revision: &CatalogRevision) -> World {
    let mut world = World::new(catalog());
    world.seen("old", month(0), Status::Active);
    world.catalog = revision.clone();
    world.now = at("2026-01-15");
    world.keep_promises();
    world
}

/// The prices that the provider was told for its next period.
fn told(world: &World) -> Vec<String> {
    let told = world.orders.iter().filter_map(|order| {
        if let Order::ChangeSubscription(order) = order {
            assert!(matches!(order.when, ChangeWhen::NextPeriod { at: Some(_) }));
            return Some(order.price_ref.clone());
        }
        matches!(order, Order::UndoChange { .. }).then(|| "undone".to_owned())
    });
    told.collect()
}

/// The cheaper price follows on 1 February, as the operator says at `now`.
fn cheaper_from_february(now: &str) -> World {
    let lock = Lock {
        notice: SignedDuration::ZERO,
        ..lock(LockEnd::Until(at("2026-02-01")), Some("low"))
    };
    let mut world = mirrored(&catalog());
    world.now = at(now);
    world.catalog = retired(&catalog(), "old", "2026-01-15", Some(lock));
    world.keep_promises();
    world
}

#[test]
fn a_price_comes_a_period_later_where_its_provider_takes_no_other_any_more() {
    // An hour before is in time.
    let in_time = cheaper_from_february("2026-01-31T23:00:00Z");
    assert_eq!(told(&in_time), ["low"]);
    let to_come = in_time.sub().scheduled.clone().unwrap();
    assert_eq!(to_come.at, at("2026-02-01"));
    // What was told in time stands until the period begins.
    let mut standing = in_time;
    standing.tick("2026-01-31T23:59:00Z");
    standing.keep_promises();
    assert_eq!(told(&standing), ["low"]);
    assert_eq!(standing.sub().scheduled, Some(to_come));

    let mut late = cheaper_from_february("2026-01-31T23:00:01Z");
    assert_eq!(told(&late), [""; 0]);
    let to_come = late.sub().scheduled.clone().unwrap();
    assert_eq!(to_come.at, at("2026-03-01"));
    late.now = at("2026-02-01T01:00:00Z");
    late.seen("old", month(1), Status::Active);
    assert_eq!(told(&late), ["low"]);
    assert_eq!(late.sub().scheduled, Some(to_come));
}

#[test]
fn a_migration_leaves_out_the_period_whose_price_is_settled() {
    // Periods begin at midnight: what is planned the day before would come too late.
    for (now, moves) in [("2026-01-30", "2026-02-01"), ("2026-01-31", "2026-03-01")] {
        let mut world = mirrored(&catalog());
        world.now = at(now);
        let ask = MigrationAsk {
            from: "old".parse().unwrap(),
            to: "low".parse().unwrap(),
            not_before: at("2026-01-01"),
        };
        let mut planner = Planner::new(&ask, &world.catalog, world.now).unwrap();
        let told = planner.add(world.sub()).unwrap();
        assert_eq!(told.at, Some(at(moves)), "{now}");
    }
}

/// The last order about the price has come to nothing.
fn came_to_nothing(world: &mut World) {
    let asked = world.sub().promise.asked.unwrap();
    world.decide(|draft| decide::price_answered(draft, asked.effect, true));
}

#[test]
fn what_its_provider_could_not_be_told_is_told_again_in_time() {
    let mut world = cheaper_from_february("2026-01-20");
    assert_eq!(told(&world), ["low"]);
    for tried in ["2026-01-20T12:00:00Z", "2026-01-21"] {
        world.orders.clear();
        came_to_nothing(&mut world);
        world.keep_promises();
        assert!(told(&world).is_empty(), "not before its time");
        assert_eq!(world.account.wake_at(), Some(at(tried)));
        world.tick(tried);
        assert_eq!(told(&world), ["low"], "{tried}");
    }
    // What is withdrawn meanwhile is taken back: it may have been heard all the same.
    let mut withdrawn = world.clone();
    came_to_nothing(&mut withdrawn);
    withdrawn.orders.clear();
    withdrawn.catalog = catalog();
    withdrawn.keep_promises();
    assert_eq!(told(&withdrawn), ["undone"]);
    // Told, it is told no more.
    world.orders.clear();
    world.tick("2026-01-25");
    world.keep_promises();
    assert!(told(&world).is_empty());
}

#[test]
fn what_its_provider_could_not_be_rid_of_is_taken_back_again() {
    let mut world = cheaper_from_february("2026-01-20");
    world.orders.clear();
    world.catalog = catalog();
    world.keep_promises();
    assert_eq!(told(&world), ["undone"]);
    world.orders.clear();
    came_to_nothing(&mut world);
    world.keep_promises();
    assert!(told(&world).is_empty(), "not before its time");
    world.tick("2026-01-20T12:00:00Z");
    assert_eq!(told(&world), ["undone"]);
    world.orders.clear();
    world.tick("2026-01-25");
    assert!(told(&world).is_empty());
}

fn until(day: &str) -> CatalogRevision {
    let lock = lock(LockEnd::Until(at(day)), Some("new"));
    retired(&catalog(), "old", "2026-01-15", Some(lock))
}

#[test]
fn it_is_told_when_the_rise_is_its_next_period_and_not_before() {
    // The notice of 15 January is too young on 1 February.
    let mut world = mirrored(&until("2026-02-01"));
    assert_eq!(world.notices(), [at("2026-01-15")]);
    let to_come = world.sub().scheduled.clone().unwrap();
    assert_eq!(
        (to_come.at, to_come.why),
        (at("2026-03-01"), Why::PromiseEnds)
    );
    assert!(told(&world).is_empty());
    world.now = at("2026-02-01T01:00:00Z");
    world.seen("old", month(1), Status::Active);
    assert_eq!(told(&world), ["new"]);
    // Told again by another fact of the same period, it is not.
    world.now = at("2026-02-10");
    world.seen("old", month(1), Status::Active);
    assert_eq!(told(&world), ["new"]);
    world.tick("2026-03-01");
    assert_eq!(world.sub().terms.price.as_ref().unwrap().as_str(), "new");
    world.now = at("2026-03-01T01:00:00Z");
    world.seen("new", month(2), Status::Active);
    assert_eq!(told(&world), ["new"]);
    assert_eq!(world.notices().len(), 1);
}

#[test]
fn what_it_was_told_is_taken_back_where_the_promise_goes_on() {
    let mut world = mirrored(&until("2026-03-01"));
    world.tick("2026-01-30");
    world.now = at("2026-02-01T01:00:00Z");
    world.seen("old", month(1), Status::Active);
    assert_eq!(told(&world), ["new"]);
    world.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Forever, None)),
    );
    world.keep_promises();
    assert_eq!(told(&world), ["new", "undone"]);
    world.keep_promises();
    assert_eq!(told(&world), ["new", "undone"]);
}

#[test]
fn settled_periods_count_where_a_provider_settles_them() {
    let lock = lock(LockEnd::Cycles(2), Some("low"));
    let mut world = mirrored(&retired(&catalog(), "old", "2026-01-15", Some(lock)));
    for index in 1..3u32 {
        world.now = month(index).start;
        world.seen("old", month(index), Status::Active);
        assert_eq!(world.sub().promise.cycles, index);
    }
    // The two are settled; the cheaper price follows with the next.
    let to_come = world.sub().scheduled.clone().unwrap();
    assert_eq!(to_come.at, at("2026-04-01"));
    assert_eq!(told(&world), ["low"]);
}

#[test]
fn a_period_counts_once_however_often_it_is_told() {
    let lock = lock(LockEnd::Cycles(3), Some("low"));
    let mut world = mirrored(&retired(&catalog(), "old", "2026-01-15", Some(lock)));
    world.now = month(1).start;
    for (status, hour) in [
        (Status::Active, "2026-02-01T00:00:00Z"),
        (Status::PastDue, "2026-02-01T01:00:00Z"),
        (Status::Active, "2026-02-02T01:00:00Z"),
    ] {
        world.now = at(hour);
        world.seen("old", month(1), status);
        assert_eq!(world.sub().promise.cycles, 1, "{hour}");
    }
    world.now = month(2).start;
    world.seen("old", month(2), Status::Active);
    assert_eq!(world.sub().promise.cycles, 2);
}

#[test]
fn its_periods_are_foretold() {
    let mut world = mirrored(&until("2026-03-01"));
    let id = world.sub().id;
    let foretold = |world: &World| {
        let horizon = Horizon::cycles(3);
        let told = forecast(&world.account, &world.catalog, id, horizon, world.now).unwrap();
        let entries = told.entries.iter();
        entries
            .map(|entry| (entry.at, entry.amount.amount, entry.why))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        foretold(&world),
        [
            (at("2026-02-01"), 1_000, ForecastWhy::Renewal),
            (at("2026-03-01"), 2_000, ForecastWhy::PriceChange),
            (at("2026-04-01"), 2_000, ForecastWhy::Renewal),
        ]
    );
    world.decide(|draft| decide::cancel(draft, id, decide::CancelWhen::PeriodEnd));
    assert_eq!(foretold(&world), [(at("2026-02-01"), 0, ForecastWhy::Ends)]);
}

#[test]
fn a_migration_is_told_in_its_time() {
    let mut world = mirrored(&catalog());
    let ask = MigrationAsk {
        from: "old".parse().unwrap(),
        to: "new".parse().unwrap(),
        not_before: at("2026-01-01"),
    };
    let (id, migration): (_, MigrationId) = (world.sub().id, world.drawn());
    let catalog = world.catalog.clone();
    let moved = world.decide(|draft| decide::migrate(draft, id, &ask, migration, &catalog));
    let Migrated::Moved(moved) = moved.unwrap() else {
        panic!("it moves");
    };
    assert_eq!(moved.at, Some(at("2026-03-01")));
    assert_eq!(world.notices().len(), 1);
    assert!(at("2026-01-15") + days(30) <= moved.at.unwrap());
    assert!(told(&world).is_empty());
    world.now = at("2026-02-01T01:00:00Z");
    world.seen("old", month(1), Status::Active);
    assert_eq!(told(&world), ["new"]);
}
