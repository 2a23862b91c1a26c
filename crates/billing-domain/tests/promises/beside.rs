//! Changes beside a promise that ends or a price migration: none is shaken off by
//! a change that is taken back, and what is paid ahead is worked at its own price.

use billing_domain::catalog::{CatalogRevision, LockEnd};
use billing_domain::decide::{CancelAnswer, CancelWhen, UncancelOutcome, cancellation_answered};
use billing_domain::effect::{ChangeWhen, Order};
use billing_domain::fact::{About, Fact};
use billing_domain::ids::{IdSeq, MigrationId};
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{Promise, Status, Why};
use billing_domain::time::{Interval, Period, Timestamp, days};

use crate::common::{World, at, catalog, edited, lock, price, retired, terms, usd};

fn month(index: u32) -> Period {
    Period::at(at("2026-01-01"), Interval::MONTH, index).unwrap()
}

/// Seats at USD 3 until March, and at USD 4 from then on.
fn dearer_in_march() -> CatalogRevision {
    let lock = lock(LockEnd::Until(at("2026-03-01")), Some("seat-new"));
    retired(&catalog(), "seat-old", "2026-01-15", Some(lock))
}

/// Three seats since 1 January, to be dearer from 1 March on by a migration.
fn migrated() -> (World, MigrationId) {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "seat-old", 3));
    world.run("2026-01-20");
    let migration = world.migrate("seat-old", "seat-new");
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    (world, migration)
}

/// When a price comes by itself, and for how many pieces.
fn to_come(world: &World) -> Option<(Timestamp, u32)> {
    let to_come = world.sub().scheduled.as_ref()?;
    assert!(!matches!(to_come.why, Why::Change { .. }), "{to_come:?}");
    Some((to_come.at, to_come.terms.quantity))
}

#[test]
fn a_migration_is_not_shaken_off_by_a_change_that_is_taken_back() {
    let (mut world, migration) = migrated();
    let fewer = world.change(Some(2), "seat-old");
    world.take_back(fewer);
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    let why = world.sub().scheduled.as_ref().map(|to_come| to_come.why);
    assert_eq!(why, Some(Why::Migration { migration }));
    // Nor by one that takes the place of another.
    world.change(Some(2), "seat-old");
    let fewer = world.change(Some(1), "seat-old");
    assert_eq!(world.findings(), Vec::<String>::new());
    world.take_back(fewer);
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    world.run("2026-04-15");
    let charged: Vec<_> = world.charged().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(charged, [900, 1_200, 1_200]);
    assert_eq!(world.sub().promise.displaced, None);
}

#[test]
fn a_migration_comes_after_a_change_of_the_quantity() {
    let (mut world, _) = migrated();
    world.change(Some(2), "seat-old");
    world.run("2026-02-10");
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 2)));
    world.change(Some(3), "seat-old");
    let more = world.account.changes.last().unwrap().invoice.unwrap();
    world.pay(more);
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    // Where both begin together, the change is one of the price that follows.
    let quote = world.quoted(Some(1), "seat-old");
    assert_eq!(quote.next_charge.unwrap().amount, usd(400));
    world.accept(&quote);
    let again = world.quoted(Some(2), "seat-old");
    assert_eq!(again.next_charge.unwrap().amount, usd(800), "in its place");
    world.accept(&again);
    world.run("2026-04-15");
    let charged: Vec<_> = world.charged().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(charged, [600, 800, 800]);
    assert_eq!(world.findings(), Vec::<String>::new());
}

#[test]
fn a_change_at_once_gives_a_migration_back_and_another_price_is_rid_of_it() {
    let (mut world, _) = migrated();
    world.change(Some(2), "seat-old");
    let more = world.quoted(Some(4), "seat-old");
    let change = world.accept(&more);
    let invoice = world.account.change(change).unwrap().invoice.unwrap();
    world.pay(invoice);
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 4)));
    assert_eq!(more.next_charge.unwrap().at, at("2026-02-01"));
    // Down to another plan.
    world.change(None, "low");
    world.run("2026-04-15");
    assert_eq!(world.sub().scheduled, None);
    assert_eq!(world.sub().promise, Promise::default());
    let charged: Vec<_> = world.charged().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(charged, [500, 500, 500]);
}

#[test]
fn a_migration_is_told_again_where_the_provider_refuses_the_change() {
    let mut world = World::new(catalog());
    world.seen_of("seat-old", 3, month(0), Status::Active);
    world.now = at("2026-01-20");
    world.migrate("seat-old", "seat-new");
    world.now = at("2026-02-01T01:00:00Z");
    world.seen_of("seat-old", 3, month(1), Status::Active);
    let change = world.change(Some(2), "seat-old");
    assert_eq!(world.sub().promise.told, None);
    world.orders.clear();
    world.tell(Fact::Refused {
        effect: IdSeq::new(world.now, 9).draw(),
        about: About::Change(change),
        code: "no".to_owned(),
    });
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    assert_eq!(world.account.wake_at(), Some(world.now));
    world.fall_due();
    assert!(
        matches!(&world.orders[..], [Order::ChangeSubscription(order)]
            if (order.price_ref.as_str(), order.quantity) == ("seat-new", 3)),
        "{:?}",
        world.orders
    );
    // For as many pieces as are seen.
    world.now = at("2026-02-02");
    world.seen_of("seat-old", 5, month(1), Status::Active);
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 5)));
    let Some(Order::ChangeSubscription(order)) = world.orders.last() else {
        panic!("the provider is told");
    };
    assert_eq!((order.price_ref.as_str(), order.quantity), ("seat-new", 5));
}

#[test]
fn what_is_paid_ahead_at_the_price_that_follows_is_worked_at_that_price() {
    let by_migration = |world: &mut World| {
        world.migrate("seat-old", "seat-new");
    };
    let by_promise = |world: &mut World| {
        world.catalog = dearer_in_march();
        world.keep_promises();
    };
    let ways: [&dyn Fn(&mut World); 2] = [&by_migration, &by_promise];
    for dearer in ways {
        let mut world = World::new(catalog());
        let mut agreed = terms(&catalog(), "seat-old", 2);
        agreed.lead = days(10);
        world.buy(agreed);
        world.run("2026-01-20");
        dearer(&mut world);
        world.run("2026-02-18");
        world.tick("2026-02-19");
        world.link();
        let march = world.account.open_invoice(world.sub().id).unwrap().clone();
        assert_eq!(march.amount, usd(800));
        world.pay(march.id);
        world.now = at("2026-02-20");
        let quote = world.quoted(Some(3), "seat-old");
        let lines: Vec<_> = quote
            .lines
            .iter()
            .map(|line| (line.quantity, line.base.amount, line.amount.amount))
            .collect();
        // 9 of the 28 days of February are left.
        assert_eq!(
            lines,
            [
                (2, 600, -193),
                (3, 900, 289),
                (2, 800, -800),
                (3, 1_200, 1_200),
            ]
        );
        let change = world.accept(&quote);
        let invoice = world.account.change(change).unwrap().invoice.unwrap();
        world.pay(invoice);
        assert_eq!(world.sub().paid[1].charged, usd(1_200));
        assert_eq!(world.findings(), Vec::<String>::new());
        world.run("2026-03-05");
        assert_eq!(world.sub().terms.amount().unwrap(), usd(1_200));
        assert_eq!(world.findings(), Vec::<String>::new());
    }
}

#[test]
fn another_revision_that_prices_alike_leaves_a_quote_good() {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "seat-old", 2));
    world.catalog = dearer_in_march();
    world.run("2026-02-05");
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 2)));
    let quote = world.quoted(Some(3), "seat-old");
    world.catalog = edited(&world.catalog, |draft| {
        price(draft, "older").amount = usd(801);
    });
    world.keep_promises();
    world.accept(&quote);
}

/// One whose provider was told that March costs USD 20.
fn told() -> World {
    let mut world = World::new(catalog());
    world.seen("old", month(0), Status::Active);
    world.now = at("2026-01-20");
    world.migrate("old", "new");
    world.now = at("2026-02-01T01:00:00Z");
    world.seen("old", month(1), Status::Active);
    assert_eq!(world.sub().promise.told, Some(at("2026-03-01")));
    world.orders.clear();
    world.now = at("2026-02-10");
    world
}

fn price_of(world: &World) -> &str {
    world.sub().terms.price.as_ref().unwrap().as_str()
}

/// It stays at `key`, whatever was to come of the price before.
fn stays(world: &mut World, key: &str) {
    assert_eq!(world.sub().scheduled, None);
    // All that is kept is what the provider is asked for now.
    let promise = world.sub().promise.clone();
    assert!(
        promise
            .asked
            .is_some_and(|asked| asked.answered_at.is_none())
    );
    let nothing = Promise {
        asked: promise.asked,
        ..Promise::default()
    };
    assert_eq!(promise, nothing);
    let undone = |order: &&Order| matches!(order, Order::UndoChange { .. });
    assert_eq!(world.orders.iter().filter(undone).count(), 1);
    world.tick("2026-03-01T01:00:00Z");
    assert_eq!(price_of(world), key);
}

#[test]
fn another_price_at_the_provider_is_rid_of_what_was_to_come_of_the_first() {
    let mut world = told();
    world.seen("mid", month(1), Status::Active);
    stays(&mut world, "mid");
    // Asked for here.
    let mut world = told();
    world.change(Some(1), "seat-new");
    world.seen("seat-new", month(1), Status::Active);
    stays(&mut world, "seat-new");
}

/// The provider is told once more which price comes with its next period.
fn is_told_again(world: &World, key: &str) {
    let [Order::ChangeSubscription(again)] = &world.orders[..] else {
        panic!("once: {:?}", world.orders);
    };
    let at = Some(at("2026-03-01"));
    assert_eq!(again.when, ChangeWhen::NextPeriod { at });
    assert_eq!(again.price_ref, key);
    assert_eq!(world.sub().promise.told, at);
}

#[test]
fn what_was_to_come_is_told_again_when_a_cancellation_is_taken_back() {
    let mut world = told();
    world.cancel(CancelWhen::PeriodEnd);
    world.orders.clear();
    // In doubt about the answer, what is read next counts.
    world.decide(|draft| cancellation_answered(draft, "sub-at-provider", CancelAnswer::Doubtful));
    world.now = at("2026-02-12");
    world.seen("old", month(1), Status::Active);
    assert_eq!(world.sub().cancellation, None);
    is_told_again(&world, "new");
}

#[test]
fn what_was_to_come_is_told_again_when_a_change_at_once_is_refused() {
    let mut world = told();
    let change = world.change(Some(1), "seat-new");
    world.orders.clear();
    world.now = at("2026-02-12");
    world.tell(Fact::Refused {
        effect: IdSeq::new(world.now, 9).draw(),
        about: About::Change(change),
        code: "card_declined".to_owned(),
    });
    world.keep_promises();
    is_told_again(&world, "new");
}

#[test]
fn what_is_renewed_at_the_old_price_after_all_is_shown_to_a_person() {
    let mut world = told();
    world.tick("2026-03-01T00:00:01Z");
    assert_eq!(price_of(&world), "new");
    // Word of the period before is no renewal.
    world.now = at("2026-03-01T00:00:30Z");
    world.seen("old", month(1), Status::Active);
    assert!(world.parked.is_empty());
    world.now = at("2026-03-01T01:00:00Z");
    world.seen("old", month(2), Status::Active);
    assert_eq!(price_of(&world), "old", "as it is charged");
    assert_eq!(world.parked, [ParkReason::Conflict]);
}

#[test]
fn a_price_that_came_before_anybody_looked_is_the_one_that_was_to_come() {
    let mut world = told();
    world.now = at("2026-03-01T01:00:00Z");
    let changed = world.count(Event::PlanChanged);
    world.seen("new", month(2), Status::Active);
    assert!(world.orders.is_empty(), "{:?}", world.orders);
    assert_eq!(world.sub().scheduled, None);
    assert_eq!(world.sub().promise, Promise::default());
    world.fall_due();
    assert_eq!(world.count(Event::PlanChanged), changed + 1);
}

#[test]
fn a_migration_is_not_shaken_off_by_a_cancellation_that_is_taken_back() {
    let (mut world, migration) = migrated();
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(to_come(&world), None, "nothing follows what ends");
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    let why = world.sub().scheduled.as_ref().map(|to_come| to_come.why);
    assert_eq!(why, Some(Why::Migration { migration }));
    world.run("2026-04-15");
    let charged: Vec<_> = world.charged().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(charged, [900, 1_200, 1_200]);
    assert_eq!(world.findings(), Vec::<String>::new());
}

#[test]
fn a_promise_ends_as_announced_where_a_cancellation_is_taken_back() {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "seat-old", 3));
    world.catalog = dearer_in_march();
    world.run("2026-02-05");
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    assert_eq!(to_come(&world), Some((at("2026-03-01"), 3)));
    world.run("2026-04-15");
    let charged: Vec<_> = world.charged().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(charged, [900, 1_200, 1_200]);
}
