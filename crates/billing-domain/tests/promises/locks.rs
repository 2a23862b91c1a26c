//! Price locks by the calendar: what each covers, when its end is announced, and
//! what the first dearer cycle is.

use billing_domain::access::Effective;
use billing_domain::catalog::{CatalogRevision, EntitlementLock, LockEnd};
use billing_domain::decide::{self, CancelWhen};
use billing_domain::journal::Event;
use billing_domain::subscription::Why;
use billing_domain::time::days;
use jiff::SignedDuration;

use crate::common::{World, at, catalog, edited, lock, price, retired, terms};

/// How much sooner a notice is given than it has to be.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// `old` is retired on 15 January 2026 under this lock, mid-period of whoever
/// bought it on the 1st.
fn sold(until: LockEnd, then: Option<&str>) -> (World, CatalogRevision) {
    let world = World::bought(catalog(), "old");
    let revision = retired(&catalog(), "old", "2026-01-15", Some(lock(until, then)));
    (world, revision)
}

fn lived(until: LockEnd, then: Option<&str>, to: &str) -> World {
    let (mut world, revision) = sold(until, then);
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    world.run(to);
    world
}

fn amounts(world: &World) -> Vec<i64> {
    world
        .charged()
        .into_iter()
        .map(|(_, amount)| amount)
        .collect()
}

#[test]
fn what_is_promised_for_ever_or_until_a_change_goes_on() {
    for until in [LockEnd::Forever, LockEnd::UntilChange] {
        let world = lived(until, None, "2027-06-01");
        assert_eq!(amounts(&world), vec![1_000; 17]);
        assert!(world.notices().is_empty());
        assert_eq!(world.sub().promise.cycles, 17);
    }
}

#[test]
fn a_retired_price_without_a_lock_is_promised_for_ever() {
    let mut world = World::bought(catalog(), "old");
    world.catalog = retired(&catalog(), "old", "2026-01-15", None);
    world.run("2026-12-31");
    assert_eq!(amounts(&world), vec![1_000; 11]);
}

#[test]
fn until_a_day_covers_the_cycles_that_start_before_it() {
    // The last day, and the first cycle at the new price.
    for (day, first) in [
        ("2026-05-01", "2026-05-01"),
        ("2026-05-02", "2026-06-01"),
        ("2026-05-31", "2026-06-01"),
    ] {
        let world = lived(LockEnd::Until(at(day)), Some("new"), "2026-07-01");
        let dearer: Vec<_> = world
            .charged()
            .into_iter()
            .filter(|(_, amount)| *amount == 2_000)
            .collect();
        assert_eq!(dearer[0].0, first, "until {day}");
        let others = world.charged().len() - dearer.len();
        assert_eq!(amounts(&world)[..others], vec![1_000; others]);
        // Thirty days before the first dearer cycle, an hour early, and once.
        let announced = at(first) - days(30) - HOUR;
        assert_eq!(world.notices(), [announced], "until {day}");
    }
}

#[test]
fn cycles_count_from_the_retirement_on() {
    // The cycle of 1 January began before it.
    for cycles in 1..4u32 {
        let world = lived(LockEnd::Cycles(cycles), Some("new"), "2026-07-01");
        let kept = usize::try_from(cycles).unwrap();
        assert_eq!(amounts(&world)[..kept], vec![1_000; kept]);
        assert_eq!(amounts(&world)[kept..], vec![2_000; 6 - kept]);
    }
}

#[test]
fn a_late_notice_postpones_the_rise() {
    // Thirty days after the 20th and the 30th the cycle of 1 March is to come;
    // after the 31st it has begun.
    for (looked, first) in [
        ("2026-01-20", "2026-03-01"),
        ("2026-01-30", "2026-03-01"),
        ("2026-01-31", "2026-04-01"),
    ] {
        let (mut world, revision) = sold(LockEnd::Until(at("2026-01-16")), Some("new"));
        world.run(looked);
        world.catalog = revision;
        world.keep_promises();
        assert_eq!(world.notices(), [at(looked)]);
        world.run("2026-05-01");
        let dearer = world
            .charged()
            .into_iter()
            .find(|(_, amount)| *amount == 2_000);
        assert_eq!(dearer.unwrap().0, first, "looked at on {looked}");
    }
}

#[test]
fn a_cheaper_price_follows_at_once_and_unannounced() {
    let world = lived(LockEnd::Until(at("2026-02-01")), Some("low"), "2026-04-01");
    assert_eq!(amounts(&world), [500, 500, 500]);
    assert!(world.notices().is_empty());
}

#[test]
fn nobody_has_to_look_for_a_renewal_to_know_the_catalog() {
    // The catalog changes, and only the renewals themselves come to know.
    let (mut world, revision) = sold(LockEnd::Until(at("2026-02-01")), Some("low"));
    world.run("2026-01-20");
    world.catalog = revision;
    world.run("2026-03-01");
    assert_eq!(amounts(&world), [500, 500]);
}

#[test]
fn a_worker_that_looks_some_minutes_late_postpones_no_rise() {
    let (mut world, revision) = sold(LockEnd::Until(at("2026-03-01")), Some("new"));
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    world.now = world.sub().promise.look_at.unwrap() + SignedDuration::from_mins(59);
    world.fall_due();
    let to_come = world.sub().scheduled.clone().unwrap();
    assert_eq!(to_come.at, at("2026-03-01"));
    assert_eq!(world.notices().len(), 1);
}

#[test]
fn it_wakes_when_the_notice_is_due() {
    let (mut world, revision) = sold(LockEnd::Until(at("2026-03-01")), Some("new"));
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    let due = at("2026-03-01") - days(30) - HOUR;
    assert_eq!(world.sub().promise.look_at, Some(due));
    assert_eq!(world.account.wake_at(), Some(due));
    world.run("2026-01-29");
    assert!(world.notices().is_empty());
    world.run("2026-01-30");
    assert_eq!(world.notices(), [due]);
    let to_come = world.sub().scheduled.as_ref().unwrap();
    assert_eq!(
        (to_come.at, to_come.why),
        (at("2026-03-01"), Why::PromiseEnds)
    );
}

#[test]
fn successors_follow_each_other_each_under_its_own_lock() {
    // older until March, then old, which is retired itself until June, then new.
    let mut revision = retired(
        &catalog(),
        "older",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-03-01")), Some("old"))),
    );
    revision = retired(
        &revision,
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-06-01")), Some("new"))),
    );
    let mut world = World::bought(catalog(), "older");
    world.catalog = revision;
    world.keep_promises();
    world.run("2026-07-01");
    assert_eq!(amounts(&world), [800, 1_000, 1_000, 1_000, 2_000, 2_000]);
    assert_eq!(
        world.notices(),
        ["2026-03-01", "2026-06-01"].map(|first| at(first) - days(30) - HOUR)
    );
}

#[test]
fn a_successor_whose_own_lock_is_over_is_passed_over() {
    let mut revision = retired(
        &catalog(),
        "older",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-03-01")), Some("old"))),
    );
    revision = retired(
        &revision,
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-02-01")), Some("new"))),
    );
    let mut world = World::bought(catalog(), "older");
    world.catalog = revision;
    world.keep_promises();
    world.run("2026-04-01");
    assert_eq!(amounts(&world), [800, 2_000, 2_000]);
}

#[test]
fn a_lead_longer_than_the_notice_does_not_lose_the_rise() {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    agreed.lead = days(20);
    world.buy(agreed);
    let mut short = lock(LockEnd::Until(at("2026-04-01")), Some("new"));
    short.notice = days(5);
    world.catalog = retired(&catalog(), "old", "2026-01-15", Some(short));
    world.keep_promises();
    world.run("2026-06-01");
    assert_eq!(amounts(&world), [1_000, 1_000, 2_000, 2_000, 2_000]);
    // Announced when it is invoiced, which is before the notice would be due.
    assert_eq!(world.notices(), [at("2026-04-01") - days(20) - HOUR]);
}

#[test]
fn what_is_paid_ahead_is_held_at_the_price_that_was_paid() {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    agreed.lead = days(10);
    world.buy(agreed);
    world.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-03-01")), Some("new"))),
    );
    world.keep_promises();
    world.run("2026-02-20");
    // Paid as soon as it is invoiced.
    world.link();
    let invoice = world.account.open_invoice(world.sub().id).unwrap();
    assert_eq!(invoice.amount.amount, 2_000);
    let id = invoice.id;
    world.pay(id);
    let to_come = world.sub().scheduled.as_ref().unwrap();
    assert_eq!(to_come.at, at("2026-03-01"));
    let key = |world: &World, day: &str| {
        let terms = world.sub().terms_at(at(day));
        terms.price.as_ref().unwrap().to_string()
    };
    assert_eq!(key(&world, "2026-02-28"), "old");
    assert_eq!(key(&world, "2026-03-01"), "new");
    world.run("2026-03-05");
    assert_eq!(world.sub().terms.price.as_ref().unwrap().as_str(), "new");
}

#[test]
fn a_discount_does_not_hide_a_rise() {
    use crate::common::usd;
    use billing_domain::discount::{Discount, Reduction};
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    // Three cycles cost USD 1, whatever the price.
    agreed.discount = Some(Discount {
        code: None,
        reduction: Reduction::SetPrice { unit: usd(100) },
        until_cycle: Some(3),
        ends_at: None,
    });
    world.buy(agreed);
    world.run("2026-01-31");
    world.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-02-01")), Some("new"))),
    );
    world.run("2026-02-01");
    // The rise is announced, though the next cycle costs the same.
    assert_eq!(world.notices(), [at("2026-01-31")]);
    world.run("2026-05-01");
    assert_eq!(amounts(&world), [100, 100, 2_000, 2_000]);
}

#[test]
fn a_lock_survives_being_past_due_and_recovering() {
    let (mut world, revision) = sold(LockEnd::Cycles(3), Some("new"));
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    // Due on 1 February, paid on the 5th.
    world.tick("2026-02-01");
    world.link();
    world.tick("2026-02-05");
    world.pay_started();
    world.run("2026-06-01");
    assert_eq!(amounts(&world), [1_000, 1_000, 1_000, 2_000, 2_000]);
}

#[test]
fn a_lock_survives_a_lapse_within_rejoin_and_goes_on_counting() {
    let (mut world, revision) = sold(LockEnd::Cycles(3), Some("new"));
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    world.tick("2026-02-01");
    world.link();
    // Lapsed on the 8th, paid on the 20th: a new anchor, and the same promise.
    world.tick("2026-02-20");
    world.pay_started();
    assert_eq!(world.sub().promise.cycles, 1);
    world.run("2026-06-20");
    assert_eq!(amounts(&world), [1_000, 1_000, 1_000, 2_000, 2_000]);
    assert!(world.charged()[3].0 == "2026-05-20");
}

#[test]
fn a_pause_brings_no_rise_forward() {
    let (mut world, revision) = sold(LockEnd::Until(at("2026-02-01")), Some("new"));
    world.run("2026-01-20");
    world.catalog = revision;
    world.keep_promises();
    let id = world.sub().id;
    // Told on the 20th: due on 1 March at the earliest.
    assert_eq!(world.sub().scheduled.as_ref().unwrap().at, at("2026-03-01"));
    world.decide(|draft| decide::pause(draft, id)).unwrap();
    world.tick("2026-01-25");
    world.decide(|draft| decide::resume(draft, id)).unwrap();
    world.run("2026-04-06");
    assert_eq!(
        world.charged(),
        [
            ("2026-02-06".to_owned(), 1_000),
            ("2026-03-06".to_owned(), 2_000),
            ("2026-04-06".to_owned(), 2_000)
        ]
    );
    assert_eq!(world.notices().len(), 1);
}

#[test]
fn a_cancellation_ends_what_was_announced() {
    let mut world = lived(LockEnd::Until(at("2026-03-01")), Some("new"), "2026-02-10");
    assert!(world.sub().scheduled.is_some());
    world.cancel(CancelWhen::PeriodEnd);
    world.run("2026-04-01");
    assert_eq!(amounts(&world), [1_000]);
    assert_eq!(world.count(Event::SubscriptionCanceled), 1);
}

#[test]
fn an_edit_that_extends_the_lock_takes_the_announced_rise_back() {
    let mut world = lived(LockEnd::Until(at("2026-03-01")), Some("new"), "2026-02-10");
    world.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Forever, None)),
    );
    world.keep_promises();
    assert!(world.sub().scheduled.is_none() && world.sub().promise.notice.is_none());
    world.run("2026-05-01");
    assert_eq!(amounts(&world), vec![1_000; 4]);
}

#[test]
fn more_pieces_are_announced_once() {
    let mut world = World::new(catalog());
    world.buy(terms(&catalog(), "seat-old", 5));
    world.catalog = retired(
        &catalog(),
        "seat-old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-03-01")), Some("seat-new"))),
    );
    world.keep_promises();
    world.run("2026-02-10");
    let mut more = world.sub().clone();
    more.terms.quantity = 8;
    more.scheduled.as_mut().unwrap().terms.quantity = 8;
    world.account.put_subscription(more);
    world.keep_promises();
    world.run("2026-03-01");
    assert_eq!(amounts(&world), [1_500, 3_200]);
    assert_eq!(world.notices().len(), 1);
}

#[test]
fn frozen_entitlements_are_the_better_of_old_and_new() {
    for (kept, quota) in [(EntitlementLock::Frozen, 10), (EntitlementLock::Follow, 4)] {
        for by_plan in [false, true] {
            let mut world = World::bought(catalog(), "old");
            let mut promise = lock(LockEnd::Forever, None);
            promise.entitlements = kept;
            world.catalog = edited(&catalog(), |draft| {
                let pro = &mut draft.plans[1];
                pro.entitlements.insert(
                    "quota".parse().unwrap(),
                    billing_domain::entitlement::Entitlement::Limit(
                        billing_domain::entitlement::Limit::AtMost(4),
                    ),
                );
                pro.retired = by_plan.then(|| at("2026-01-15"));
                let old = price(draft, "old");
                old.retired = (!by_plan).then(|| at("2026-01-15"));
                old.lock = Some(promise);
            });
            world.run("2026-01-20");
            let held = Effective::of(&world.account, &world.catalog.catalog, world.now);
            let granted = held.entitlements.get("quota").unwrap();
            let expected = billing_domain::entitlement::Limit::AtMost(quota);
            assert_eq!(
                *granted,
                billing_domain::entitlement::Entitlement::Limit(expected),
                "{kept:?}, by its plan: {by_plan}"
            );
        }
    }
}

#[test]
fn a_cycle_that_nobody_could_pay_uses_up_nothing() {
    let (mut world, revision) = sold(LockEnd::Cycles(1), Some("low"));
    world.run("2026-01-15");
    world.catalog = revision;
    world.keep_promises();
    // No worker ran in February: that cycle is skipped.
    world.tick("2026-03-02");
    world.link();
    world.pay_started();
    world.run("2026-04-01");
    assert_eq!(
        world.charged(),
        [
            ("2026-03-01".to_owned(), 1_000),
            ("2026-04-01".to_owned(), 500)
        ]
    );
}

/// Five seats, fewer from 1 March on, and the lock ends that day.
fn fewer(lead: u16) -> World {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "seat-old", 5);
    agreed.lead = days(lead);
    world.buy(agreed);
    world.catalog = retired(
        &catalog(),
        "seat-old",
        "2026-01-15",
        Some(lock(LockEnd::Until(at("2026-03-01")), Some("seat-new"))),
    );
    world.keep_promises();
    world.run("2026-02-05");
    world
}

#[test]
fn a_change_of_quantity_does_not_put_off_the_end_of_a_promise() {
    for lead in [0, 10] {
        for announced in [true, false] {
            let mut world = fewer(lead);
            if !announced {
                // As if the lock were looked at only after the change.
                world.catalog = catalog();
                world.keep_promises();
                assert!(world.sub().scheduled.is_none());
            }
            world.change(Some(2), "seat-old");
            world.catalog = retired(
                &catalog(),
                "seat-old",
                "2026-01-15",
                Some(lock(LockEnd::Until(at("2026-03-01")), Some("seat-new"))),
            );
            world.keep_promises();
            world.run("2026-04-01");
            let expected = if announced {
                [1_500, 800, 800]
            } else {
                [1_500, 600, 800]
            };
            assert_eq!(
                amounts(&world),
                expected,
                "lead {lead}, announced {announced}"
            );
            assert_eq!(world.findings(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_change_that_is_taken_back_leaves_the_promise_as_it_was() {
    let mut world = fewer(10);
    world.change(Some(2), "seat-old");
    let (change, catalog) = (world.account.changes[0].id, world.catalog.clone());
    world
        .decide(|draft| decide::take_back(draft, change, &catalog))
        .unwrap();
    world.run("2026-03-01");
    assert_eq!(amounts(&world), [1_500, 2_000]);
}
