//! What is to come with the next period, at a provider and here: each difference with
//! who is right about it, and what is ordered again of what a customer was promised.

use billing_domain::audit::{DriftCode, Remedy, Side, drift};
use billing_domain::catalog::{CatalogRevision, ChangeKind, ChangeRule, Lock, LockEnd};
use billing_domain::decide::{CancelWhen, price_answered};
use billing_domain::effect::{ChangeSubscription, ChangeWhen, Order};
use billing_domain::fact::{Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::ids::ChangeId;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_domain::time::{Interval, Period};
use jiff::SignedDuration;

use crate::common::{self, World, at, edited, held_there, lock, provider, retired};

fn month(index: u32) -> Period {
    Period::at(at("2026-01-01"), Interval::MONTH, index).unwrap()
}

fn renews_as(price: &str, quantity: u32, change: Option<ChangeId>) -> Upcoming {
    Upcoming::Price {
        price_ref: price.to_owned(),
        quantity,
        change,
    }
}

/// A catalog whose holders change between the prices of a plan with the next period.
fn catalog() -> CatalogRevision {
    edited(&common::catalog(), |draft| {
        let rows = &mut draft.rules.changes.rows;
        rows.insert(ChangeKind::Lateral, ChangeRule::PeriodEnd);
    })
}

/// Held at `old` since 1 January, as it is on the 15th.
fn holder() -> World {
    let mut world = World::new(catalog());
    world.seen("old", month(0), Status::Active);
    world.now = at("2026-01-15");
    world
}

/// One who goes down to `low` on 1 February, and the provider was told on the 15th.
fn going_down() -> (World, ChangeId) {
    let mut world = holder();
    let change = world.change(None, "low");
    assert_eq!(ordered(&mut world).len(), 1);
    world.now = at("2026-01-20");
    (world, change)
}

/// What is ordered for the next period, and forgotten.
fn ordered(world: &mut World) -> Vec<ChangeSubscription> {
    let orders = std::mem::take(&mut world.orders).into_iter();
    let mut changes = Vec::new();
    for order in orders {
        if let Order::ChangeSubscription(order) = order {
            changes.push(order);
        }
    }
    changes
}

fn found(world: &World, seen: SubscriptionSnapshot) -> Vec<(String, String, Side, Remedy)> {
    let object = ProviderRef {
        account: provider(),
        kind: RefKind::Subscription,
        id: "sub-at-provider".to_owned(),
    };
    let told = Observed {
        fact: Fact::SubscriptionSeen(seen),
        at: world.now,
        link: Link::default(),
    };
    let found = drift(&world.account, &object, &[told]).into_iter();
    let short = found.map(|it| {
        assert_eq!(
            (it.code, it.code.as_str()),
            (DriftCode::Upcoming, "drift_upcoming")
        );
        (it.ours, it.theirs, it.right, it.remedy)
    });
    short.collect()
}

fn see(world: &mut World, upcoming: Upcoming) {
    world.tell(Fact::SubscriptionSeen(held_there(upcoming)));
}

const LOW: &str = "low x 1 from 2026-02-01T00:00:00Z";
const OTHER: &str = "older x 1 from 2026-02-01T00:00:00Z";

/// What is said on either side, who is right, and what is done. `None`: nothing differs.
type Verdict = Option<(&'static str, &'static str, Side, Remedy)>;

#[test]
fn who_is_right_about_what_is_to_come() {
    let (down, change) = going_down();
    let taken_back = {
        let (mut world, change) = going_down();
        world.take_back(change);
        world
    };
    let (holder, fresh) = (holder(), holder().drawn());
    let table: Vec<(&str, &World, Upcoming, Verdict)> = vec![
        ("a webhook does not say", &down, Upcoming::NotTold, None),
        (
            "as promised",
            &down,
            renews_as("low", 1, Some(change)),
            None,
        ),
        (
            "let go by hand",
            &down,
            Upcoming::Nothing,
            Some((LOW, "nothing", Side::Ours, Remedy::OrderAgain)),
        ),
        (
            "altered by hand",
            &down,
            renews_as("mid", 1, Some(change)),
            Some((LOW, "mid x 1", Side::Unclear, Remedy::Look)),
        ),
        (
            "more pieces by hand",
            &down,
            renews_as("low", 5, None),
            Some((LOW, "low x 5", Side::Unclear, Remedy::Look)),
        ),
        (
            "an older order of ours",
            &down,
            renews_as("new", 1, Some(fresh)),
            Some((LOW, "new x 1", Side::Ours, Remedy::Keep)),
        ),
        ("nothing is to come", &holder, Upcoming::Nothing, None),
        ("as it is", &holder, renews_as("old", 1, None), None),
        (
            "set up by hand",
            &holder,
            renews_as("new", 1, None),
            Some(("nothing", "new x 1", Side::Provider, Remedy::Look)),
        ),
        (
            "taken back here, and not yet there",
            &taken_back,
            renews_as("low", 1, Some(change)),
            Some(("nothing", "low x 1", Side::Ours, Remedy::Keep)),
        ),
    ];
    for (name, world, upcoming, verdict) in table {
        let told = found(world, held_there(upcoming));
        let expected: Vec<_> = verdict
            .into_iter()
            .map(|(ours, theirs, right, remedy)| {
                (ours.to_owned(), theirs.to_owned(), right, remedy)
            })
            .collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn what_was_let_go_by_hand_is_ordered_again_once() {
    let (mut world, change) = going_down();
    let before = world.account.clone();
    see(&mut world, Upcoming::Nothing);
    let again = ordered(&mut world);
    let when = ChangeWhen::NextPeriod {
        at: Some(at("2026-02-01")),
    };
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].change, again[0].price_ref.as_str(), again[0].when),
        (Some(change), "low", when)
    );
    assert_eq!(world.sub().scheduled, before.subscriptions[0].scheduled);
    assert_eq!(world.parked, []);
    // Once it is there again, nothing is left to do.
    world.now = at("2026-01-21");
    see(&mut world, renews_as("low", 1, Some(change)));
    assert_eq!(ordered(&mut world), []);
}

#[test]
fn a_webhook_of_the_same_instant_hides_nothing_that_was_read() {
    let (mut world, _) = going_down();
    see(&mut world, Upcoming::NotTold);
    assert_eq!(ordered(&mut world), []);
    see(&mut world, Upcoming::Nothing);
    assert_eq!(ordered(&mut world).len(), 1);
}

#[test]
fn what_is_older_than_what_is_known_orders_nothing() {
    let (mut world, _) = going_down();
    see(&mut world, Upcoming::NotTold);
    world.now = at("2026-01-19");
    see(&mut world, Upcoming::Nothing);
    assert_eq!(ordered(&mut world), []);
}

#[test]
fn what_is_on_its_way_or_comes_too_late_is_not_ordered_again() {
    // Accepted a moment ago: the provider is being told.
    let mut fresh = holder();
    fresh.change(None, "low");
    ordered(&mut fresh);
    fresh.now = at("2026-01-15T00:14:59Z");
    // So near to the renewal, a provider may take nothing any more: a person sees it.
    let (mut late, _) = going_down();
    late.now = at("2026-01-31T23:00:01Z");
    // What ends has nothing to come.
    let (mut ends, _) = going_down();
    ends.cancel(CancelWhen::PeriodEnd);
    ordered(&mut ends);
    let look = (
        LOW.to_owned(),
        "nothing".to_owned(),
        Side::Ours,
        Remedy::Look,
    );
    for (name, mut world, told) in [
        ("fresh", fresh, vec![]),
        ("late", late, vec![look]),
        ("ends", ends, vec![]),
    ] {
        let mut seen = held_there(Upcoming::Nothing);
        seen.cancel_at = world.sub().cancellation.map(|end| end.ends_at);
        assert_eq!(found(&world, seen.clone()), told, "{name}");
        world.tell(Fact::SubscriptionSeen(seen));
        assert_eq!(ordered(&mut world), [], "{name}");
    }
    // At the very bounds it is.
    for (now, mut world) in [
        ("2026-01-15T00:15:00Z", holder()),
        ("2026-01-31T23:00:00Z", holder()),
    ] {
        world.change(None, "low");
        ordered(&mut world);
        world.now = at(now);
        see(&mut world, Upcoming::Nothing);
        assert_eq!(ordered(&mut world).len(), 1, "{now}");
    }
}

#[test]
fn terms_that_come_by_themselves_are_told_again_too() {
    let mut world = holder();
    let lock = Lock {
        notice: SignedDuration::ZERO,
        ..lock(LockEnd::Until(at("2026-02-01")), Some("low"))
    };
    world.catalog = retired(&catalog(), "old", "2026-01-15", Some(lock));
    world.keep_promises();
    assert_eq!(ordered(&mut world).len(), 1);
    answer(&mut world);
    world.now = at("2026-01-20");
    assert_eq!(
        found(&world, held_there(Upcoming::Nothing)),
        [(
            LOW.to_owned(),
            "nothing".to_owned(),
            Side::Ours,
            Remedy::OrderAgain
        )]
    );
    see(&mut world, Upcoming::Nothing);
    let again = ordered(&mut world);
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].change, again[0].price_ref.as_str()),
        (None, "low")
    );
    assert_eq!(world.sub().promise.told, Some(at("2026-02-01")));
}

/// The provider answers what it was ordered about the price of the next period.
fn answer(world: &mut World) {
    let asked = world.sub().promise.asked.unwrap();
    world.decide(|draft| price_answered(draft, asked.effect, false));
}

#[test]
fn an_order_of_ours_that_is_on_its_way_is_no_alteration() {
    let ends_with = |then: &str| Lock {
        notice: SignedDuration::ZERO,
        ..lock(LockEnd::Until(at("2026-02-01")), Some(then))
    };
    let retire = |then| retired(&catalog(), "old", "2026-01-15", Some(ends_with(then)));
    let mut world = holder();
    world.catalog = retire("low");
    world.keep_promises();
    assert_eq!(ordered(&mut world).len(), 1);
    // Hours later it is still tried: nothing is lost, and nothing ordered twice.
    world.now = at("2026-01-15T07:00:00Z");
    assert_eq!(found(&world, held_there(Upcoming::Nothing)), []);
    see(&mut world, Upcoming::Nothing);
    assert_eq!(ordered(&mut world), []);
    answer(&mut world);
    // Read before it was answered, and heard of afterwards.
    assert_eq!(found(&world, held_there(Upcoming::Nothing)), []);

    // Another price is to come: until it is there, the first stands.
    let low = || held_there(renews_as("low", 1, None));
    let told =
        |ours: &str, right, remedy| vec![(ours.to_owned(), "low x 1".to_owned(), right, remedy)];
    world.catalog = retire("older");
    world.now = at("2026-01-16");
    world.keep_promises();
    assert_eq!(ordered(&mut world).len(), 1);
    world.now = at("2026-01-16T07:00:00Z");
    assert_eq!(found(&world, low()), told(OTHER, Side::Ours, Remedy::Keep));
    answer(&mut world);
    world.now = at("2026-01-17");
    assert_eq!(
        found(&world, held_there(renews_as("older", 1, None))),
        [],
        "done"
    );
    // Somebody has put it back by hand.
    assert_eq!(
        found(&world, low()),
        told(OTHER, Side::Unclear, Remedy::Look)
    );

    // None is to come any more.
    world.catalog = catalog();
    world.keep_promises();
    assert_eq!(world.sub().scheduled, None);
    world.now = at("2026-01-17T07:00:00Z");
    let kept = told("nothing", Side::Ours, Remedy::Keep);
    assert_eq!(found(&world, low()), kept);
    answer(&mut world);
    world.now = at("2026-01-18");
    let set_up = told("nothing", Side::Provider, Remedy::Look);
    assert_eq!(found(&world, low()), set_up);

    // Somebody has just chosen something else.
    world.change(None, "new");
    world.now = at("2026-01-18T00:10:00Z");
    let chosen = told(
        "new x 1 from 2026-02-01T00:00:00Z",
        Side::Ours,
        Remedy::Keep,
    );
    assert_eq!(found(&world, low()), chosen);
}
