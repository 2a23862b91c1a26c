//! Reports of past months, asked for again later: what they say does not change, whatever
//! became of a trial, and what cost nothing in between is not forgotten.

use billing_domain::catalog::CatalogDraft;
use billing_domain::fact::SubscriptionSnapshot;
use billing_domain::report::{Churn, Figures, Month, Part, Split};
use billing_domain::subscription::{Status, Subscription};
use billing_domain::terms::Terms;
use billing_domain::time::days;

use crate::common::{World, at, catalog, sold, terms, usd};
use crate::mirror::{see, snapshot};

/// As it is counted on this day.
fn on(day: &str, held: &Subscription) -> Figures {
    let mut figures = Figures::at(at(day));
    figures.count(held).unwrap();
    figures
}

/// New and lost in this month, as somebody is told on this day.
fn told(day: &str, month: &str, held: &Subscription) -> (u64, u64) {
    let months = on(day, held).churn(12).unwrap();
    let wanted = Month::of(at(month));
    let found = months.iter().find(|row| row.month == wanted).unwrap();
    (found.all.new, found.all.lost)
}

/// The subscriptions that recur on this day, and those in their trial.
fn now(day: &str, held: &Subscription) -> Vec<(u64, u64)> {
    let rows = on(day, held).recurring().unwrap();
    let rows = rows.iter().map(|row| (row.subscriptions, row.trialing));
    rows.collect()
}

#[test]
fn what_is_paid_ahead_of_its_trials_end_begins_with_it_whenever_one_asks() {
    let mut agreed = terms("pro-monthly");
    agreed.trial = Some(days(45));
    agreed.lead = days(20);
    let mut world = World::bought(agreed);
    // Its trial is over on 15 February, and it is paid in January.
    world.tick("2026-01-27");
    world.link();
    world.pay();
    let held = world.sub();
    assert_eq!(held.status(), Status::Active);
    for day in ["2026-01-28", "2026-02-14T23:59:59Z"] {
        assert_eq!(told(day, "2026-01-01", held), (0, 0), "on {day}");
        assert_eq!(now(day, held), [(0, 1)], "on {day}");
    }
    for day in ["2026-02-15", "2026-03-01", "2026-03-09"] {
        assert_eq!(told(day, "2026-01-01", held), (0, 0), "on {day}");
        assert_eq!(told(day, "2026-02-01", held), (1, 0), "on {day}");
        assert_eq!(now(day, held), [(1, 0)], "on {day}");
    }
}

#[test]
fn a_trial_that_is_paid_late_begins_when_it_is() {
    let mut agreed = terms("pro-monthly");
    agreed.trial = Some(days(29));
    let mut world = World::bought(agreed);
    world.tick("2026-01-30");
    world.link();
    // Somebody was told of January meanwhile.
    assert_eq!(told("2026-02-02", "2026-01-01", world.sub()), (0, 0));
    world.go("2026-02-03");
    world.pay();
    for day in ["2026-02-03", "2026-02-20"] {
        assert_eq!(told(day, "2026-01-01", world.sub()), (0, 0), "on {day}");
        assert_eq!(told(day, "2026-02-01", world.sub()), (1, 0), "on {day}");
    }
    // What follows begins nothing anew.
    world.tick("2026-02-28");
    world.link();
    world.pay();
    assert_eq!(told("2026-03-02", "2026-02-01", world.sub()), (1, 0));
    assert_eq!(told("2026-03-02", "2026-03-01", world.sub()), (0, 0));
}

/// Charged at its provider since `first`, for this period.
fn charged(first: &str, start: &str, end: &str) -> SubscriptionSnapshot {
    SubscriptionSnapshot {
        first_charged_at: Some(at(first)),
        ..snapshot(Status::Active, start, end)
    }
}

#[test]
fn a_trial_that_its_provider_ends_early_or_late_begins_when_it_says() {
    for (first, end) in [("2026-01-20", "2026-02-20"), ("2026-03-05", "2026-04-05")] {
        let mut agreed = sold("pro-monthly", 1, true);
        agreed.trial = Some(days(45));
        let mut world = World::new();
        let begun = world.begin(agreed, true);
        let trial = SubscriptionSnapshot {
            trial_end: Some(at("2026-02-15")),
            first_charged_at: Some(at("2026-02-15")),
            ..snapshot(Status::Trialing, "2026-01-01", "2026-02-15")
        };
        see(&mut world, &begun, at("2026-01-01T00:01:00Z"), &trial);
        assert_eq!(now("2026-01-19", world.sub()), [(0, 1)]);
        see(&mut world, &begun, at(first), &charged(first, first, end));
        let held = world.sub();
        for day in [first, "2026-03-06"] {
            assert_eq!(told(day, first, held), (1, 0), "{first} on {day}");
            assert_eq!(now(day, held), [(1, 0)], "{first} on {day}");
        }
        assert_eq!(told("2026-03-06", "2026-02-01", held), (0, 0), "{first}");
    }
}

#[test]
fn what_was_paid_before_it_was_held_here_recurs_from_its_first_day_here() {
    let mut agreed = sold("pro-monthly", 1, true);
    agreed.trial = Some(days(14));
    let mut world = World::new();
    let begun = world.begin(agreed, true);
    let paid = charged("2024-01-10", "2025-12-10", "2026-01-10");
    see(&mut world, &begun, at("2026-01-01T00:01:00Z"), &paid);
    assert_eq!(now("2026-01-02", world.sub()), [(1, 0)]);
}

/// Two plans, of which one has a trial.
fn tried(world: &mut World) {
    let mut revision = catalog();
    let mut draft = CatalogDraft::from(revision.catalog);
    for plan in &mut draft.plans {
        plan.trial = (plan.key.as_str() == "team").then(|| days(40));
    }
    revision.catalog = draft.validate().unwrap();
    world.catalog = revision;
}

#[test]
fn a_price_that_is_moved_at_the_provider_keeps_the_trial_it_was_sold_with() {
    for trial in [None, Some(days(7))] {
        let mut agreed = sold("pro-monthly", 1, true);
        agreed.trial = trial;
        let mut world = World::new();
        tried(&mut world);
        let begun = world.begin(agreed, true);
        let mut seen = snapshot(Status::Active, "2026-01-08", "2026-02-08");
        see(&mut world, &begun, at("2026-01-08T00:01:00Z"), &seen);
        seen.price_ref = "price_team".to_owned();
        seen.quantity = 2;
        see(&mut world, &begun, at("2026-01-20"), &seen);
        assert_eq!(world.plan(), "team");
        assert_eq!(world.sub().terms.trial, trial);
        assert_eq!(told("2026-02-20", "2026-01-01", world.sub()), (1, 0));
        // Heard of the other way round, it is the same.
        let mut late = World::new();
        tried(&mut late);
        let begun = late.begin(
            Terms {
                trial,
                ..sold("pro-monthly", 1, true)
            },
            true,
        );
        see(&mut late, &begun, at("2026-01-20"), &seen);
        assert_eq!(late.sub().terms, world.sub().terms);
    }
}

fn by_plan(day: &str, held: &Subscription) -> Vec<Churn> {
    on(day, held).churn_by(Split::Plan, 6, 9).unwrap()
}

#[test]
fn who_pays_nothing_for_a_time_is_lost_and_new_again() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let mut last = Vec::new();
    for (day, end, price, pieces, recurs) in [
        ("2026-01-10", "2026-02-10", "price_pro", 1, true),
        ("2026-02-10", "2026-03-10", "pro-gratis", 1, false),
        ("2026-03-10", "2026-04-10", "price_team", 2, true),
        ("2026-04-10", "2026-05-10", "pro-gratis", 1, false),
    ] {
        let seen = SubscriptionSnapshot {
            price_ref: price.to_owned(),
            quantity: pieces,
            ..snapshot(Status::Active, day, end)
        };
        see(&mut world, &begun, at(day), &seen);
        let months = by_plan(day, world.sub());
        // What was told of months that were over stays as it was told, whatever came since.
        let over = last.iter().rev().skip(1);
        for was in over.filter(|was: &&Churn| was.month >= months[0].month) {
            assert!(months.contains(was), "since {day}: {was:?}");
        }
        last = months;
        let held = last.last().map_or(0, |month| month.all.at_end());
        assert_eq!(held, u64::from(recurs), "on {day}");
        assert_eq!(
            on(day, world.sub()).recurring().unwrap().len(),
            usize::from(recurs)
        );
    }
    let months = by_plan("2026-04-20", world.sub());
    let found: Vec<_> = months.iter().skip(2).map(|month| &month.all).collect();
    let told: Vec<_> = found.iter().map(|all| (all.new, all.lost)).collect();
    assert_eq!(told, [(1, 0), (0, 1), (1, 0), (0, 1)]);
    assert_eq!(found[1].lost_recurring, [usd(1_000)]);
    assert_eq!(found[2].new_recurring, [usd(600)]);
    let part = |plan: &str| Part::Plan(plan.parse().unwrap());
    let parts = |month: &Churn| month.parts.iter().map(|(part, _)| part.clone()).collect();
    let parts: Vec<Vec<Part>> = months.iter().map(parts).collect();
    assert_eq!(
        parts[2..],
        [
            vec![part("pro")],
            vec![part("pro")],
            vec![part("team")],
            vec![part("team")]
        ]
    );
    let cohorts = on("2026-04-20", world.sub()).cohorts(4);
    let left: Vec<_> = cohorts
        .iter()
        .map(|row| (row.began, row.left.clone()))
        .collect();
    assert_eq!(
        left,
        [
            (1, vec![1, 0, 0, 0]),
            (0, vec![0, 0, 0]),
            (1, vec![1, 0]),
            (0, vec![0]),
        ]
    );
}

#[test]
fn what_cost_nothing_at_first_begins_when_it_does() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-gratis", 1, true), true);
    for (day, price) in [("2026-01-10", "pro-gratis"), ("2026-03-10", "price_pro")] {
        let seen = SubscriptionSnapshot {
            price_ref: price.to_owned(),
            ..snapshot(Status::Active, day, "2026-04-10")
        };
        see(&mut world, &begun, at(day), &seen);
    }
    assert_eq!(told("2026-03-20", "2026-01-01", world.sub()), (0, 0));
    assert_eq!(told("2026-03-20", "2026-03-01", world.sub()), (1, 0));
}
