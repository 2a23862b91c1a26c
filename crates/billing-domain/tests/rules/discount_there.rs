//! Where a provider runs the schedule: until when a discount of some cycles holds, however
//! much of it was heard.

use billing_domain::discount::{Discount, Reduction};
use billing_domain::fact::SubscriptionSnapshot;
use billing_domain::subscription::Status;
use billing_domain::terms::Terms;
use billing_domain::time::{Period, Timestamp, days};

use crate::common::{World, at, sold};
use crate::mirror::{see, snapshot};

/// Half of it for three cycles that are charged.
fn half(trial: bool) -> Terms {
    let mut terms = sold("pro-monthly", 1, true);
    terms.trial = trial.then(|| days(14));
    terms.discount = Some(Discount {
        code: None,
        reduction: Reduction::Percent {
            basis_points: 5_000,
        },
        until_cycle: Some(terms.first_charged() + 3),
        ends_at: None,
    });
    terms
}

/// Active in this period, and charged since `first`.
fn charged(start: &str, end: &str, first: Option<&str>) -> SubscriptionSnapshot {
    SubscriptionSnapshot {
        first_charged_at: first.map(at),
        ..snapshot(Status::Active, start, end)
    }
}

/// Until when the discount holds, once these were heard, each as its period began.
fn ends_at(terms: &Terms, heard: &[&SubscriptionSnapshot]) -> Option<Timestamp> {
    let mut world = World::new();
    let begun = world.begin(terms.clone(), true);
    for seen in heard {
        let told_at = seen.period.map(|Period { start, .. }| start).unwrap();
        see(&mut world, &begun, told_at, seen);
    }
    let held = world.sub().terms.discount.as_ref().unwrap();
    held.ends_at
}

/// Every order in which some of three are heard.
fn orders<T>([one, two, three]: [&T; 3]) -> Vec<Vec<&T>> {
    vec![
        vec![one],
        vec![two],
        vec![three],
        vec![one, two],
        vec![two, one],
        vec![one, three],
        vec![three, one],
        vec![two, three],
        vec![three, two],
        vec![one, two, three],
        vec![one, three, two],
        vec![two, one, three],
        vec![two, three, one],
        vec![three, one, two],
        vec![three, two, one],
        vec![three, three, three],
    ]
}

#[test]
fn it_is_counted_from_the_first_charge_whichever_is_heard_of_first() {
    let first = Some("2026-01-01");
    let told = [
        charged("2026-01-01", "2026-02-01", first),
        charged("2026-02-01", "2026-03-01", first),
        charged("2026-03-01", "2026-04-01", first),
    ];
    for heard in orders(told.each_ref()) {
        let ends_at = ends_at(&half(false), &heard);
        assert_eq!(ends_at, Some(at("2026-04-01")), "{heard:?}");
    }
}

#[test]
fn after_a_trial_alike() {
    let first = Some("2026-01-15");
    let tried = SubscriptionSnapshot {
        trial_end: first.map(at),
        ..snapshot(Status::Trialing, "2026-01-01", "2026-01-15")
    };
    assert_eq!(ends_at(&half(true), &[&tried]), None, "nothing is charged");
    let told = [
        tried,
        charged("2026-01-15", "2026-02-15", first),
        charged("2026-02-15", "2026-03-15", first),
    ];
    for heard in orders(told.each_ref()) {
        if heard.iter().all(|seen| seen.status == Status::Trialing) {
            continue;
        }
        let ends_at = ends_at(&half(true), &heard);
        assert_eq!(ends_at, Some(at("2026-04-15")), "{heard:?}");
    }
}

#[test]
fn a_provider_that_does_not_tell_it_is_believed_to_charge_since_it_was_heard() {
    let told = charged("2026-02-01", "2026-03-01", None);
    let ends_at = ends_at(&half(false), &[&told]);
    assert_eq!(ends_at, Some(at("2026-05-01")));
}
