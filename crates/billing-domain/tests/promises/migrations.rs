//! Price migrations: who moves, when, and what it is worth; and that what was
//! planned is what happens.

use std::time::Duration;

use billing_domain::catalog::{CatalogRevision, Lock, LockEnd};
use billing_domain::decide::{self, CancelWhen, MigrateError, Migrated};
use billing_domain::forecast::{Horizon, forecast};
use billing_domain::ids::{IdSeq, MigrationId, SubscriptionId};
use billing_domain::migration::{
    KeptReason, MigrationAsk, MigrationPlan, MigrationRefusal, Move, Planner,
};
use billing_domain::subscription::{Subscription, Why};
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, catalog, edited, lock, price, retired, terms, usd};

fn ask(from: &str, to: &str, not_before: &str) -> MigrationAsk {
    MigrationAsk {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        not_before: at(not_before),
    }
}

fn planned(
    ask: &MigrationAsk,
    catalog: &CatalogRevision,
    held: &[Subscription],
    now: Timestamp,
) -> (Vec<Move>, MigrationPlan) {
    let mut planner = Planner::new(ask, catalog, now).unwrap();
    let moves = held.iter().map(|held| planner.add(held).unwrap()).collect();
    (moves, planner.finish().unwrap())
}

fn judged(world: &World, ask: &MigrationAsk) -> Move {
    let held = [world.sub().clone()];
    planned(ask, &world.catalog, &held, world.now).0.remove(0)
}

fn execute(world: &mut World, ask: &MigrationAsk, migration: MigrationId) -> Migrated {
    let (id, catalog) = (world.sub().id, world.catalog.clone());
    world
        .decide(|draft| decide::migrate(draft, id, ask, migration, &catalog))
        .unwrap()
}

#[test]
fn a_dearer_price_waits_for_its_notice_and_a_cheaper_one_does_not() {
    // Bought on 1 January, planned on the 20th: the day ends, and 30 days follow.
    for (to, not_before, expected, notice) in [
        ("low", "2026-01-01", "2026-02-01", false),
        ("low", "2026-02-02", "2026-03-01", false),
        ("new", "2026-01-01", "2026-03-01", true),
        ("new", "2026-03-02", "2026-04-01", true),
    ] {
        let mut world = World::bought(catalog(), "old");
        world.run("2026-01-20");
        let told = judged(&world, &ask("old", to, not_before));
        assert_eq!(told.at, Some(at(expected)), "to {to} from {not_before}");
        assert_eq!(told.notice_at, notice.then_some(world.now));
        assert_eq!(told.why_kept, None);
        assert_eq!(told.from_amount, usd(1_000));
    }
}

#[test]
fn a_promise_is_never_broken() {
    let at_once = ask("old", "mid", "2026-01-01");
    let table: [(Lock, Result<&str, KeptReason>); 5] = [
        (
            lock(LockEnd::Forever, None),
            Err(KeptReason::PromisedForever),
        ),
        (
            lock(LockEnd::UntilChange, None),
            Err(KeptReason::PromisedUntilChange),
        ),
        (
            lock(LockEnd::Until(at("2026-06-01")), Some("new")),
            Ok("2026-06-01"),
        ),
        (lock(LockEnd::Cycles(3), Some("new")), Ok("2026-05-01")),
        // A cheaper one was promised to follow.
        (
            lock(LockEnd::Cycles(3), Some("low")),
            Err(KeptReason::PromisedSuccessor),
        ),
    ];
    for (lock, expected) in table {
        let mut world = World::bought(catalog(), "old");
        world.run("2026-01-20");
        world.catalog = retired(&catalog(), "old", "2026-01-15", Some(lock.clone()));
        let told = judged(&world, &at_once);
        let answer = told.at.ok_or_else(|| told.why_kept.unwrap());
        assert_eq!(answer, expected.map(at), "{lock:?}");
    }
}

#[test]
fn what_is_not_to_move_says_why() {
    let kept = |live: &dyn Fn(&mut World)| {
        let mut world = World::bought(catalog(), "old");
        world.run("2026-01-20");
        live(&mut world);
        judged(&world, &ask("old", "new", "2026-01-01"))
            .why_kept
            .unwrap()
    };
    assert_eq!(
        kept(&|world| world.cancel(CancelWhen::PeriodEnd)),
        KeptReason::Canceled
    );
    assert_eq!(
        kept(&|world| world.cancel(CancelWhen::AtOnce)),
        KeptReason::NotActive
    );
    let pause = |world: &mut World| {
        let id = world.sub().id;
        world.decide(|draft| decide::pause(draft, id)).unwrap();
    };
    assert_eq!(kept(&pause), KeptReason::NotActive);
    let migrate = |world: &mut World| {
        let migration = world.drawn();
        execute(world, &ask("old", "low", "2026-01-01"), migration);
    };
    assert_eq!(kept(&migrate), KeptReason::MigrationPending);
    let elsewhere = |world: &mut World| {
        let mut held = world.sub().clone();
        held.terms = terms(&catalog(), "mid", 1);
        world.account.put_subscription(held);
    };
    assert_eq!(kept(&elsewhere), KeptReason::OtherPrice);
    let yen = |world: &mut World| {
        let mut held = world.sub().clone();
        held.terms.unit.currency = billing_domain::money::Currency::EUR;
        world.account.put_subscription(held);
    };
    assert_eq!(kept(&yen), KeptReason::OtherCurrency);
    let yearly = |world: &mut World| {
        let mut held = world.sub().clone();
        held.terms.billing = terms(&catalog(), "yearly", 1).billing;
        world.account.put_subscription(held);
    };
    assert_eq!(kept(&yearly), KeptReason::OtherInterval);
    let seats = |world: &mut World| {
        let mut held = world.sub().clone();
        held.terms.quantity = 4;
        world.account.put_subscription(held);
    };
    assert_eq!(kept(&seats), KeptReason::Quantity);
    let nowhere = |world: &mut World| {
        let mut held = world.sub().clone();
        held.provider = None;
        world.account.put_subscription(held);
    };
    assert_eq!(kept(&nowhere), KeptReason::NoProvider);
}

#[test]
fn what_cannot_be_is_refused_as_a_whole() {
    let catalog = catalog();
    let refused = |from: &str, to: &str| {
        let ask = ask(from, to, "2026-01-01");
        Planner::new(&ask, &catalog, at("2026-01-20")).err()
    };
    let key = |text: &str| text.parse().unwrap();
    assert_eq!(
        refused("old", "none"),
        Some(MigrationRefusal::UnknownPrice(key("none")))
    );
    assert_eq!(
        refused("none", "old"),
        Some(MigrationRefusal::UnknownPrice(key("none")))
    );
    assert_eq!(refused("old", "old"), Some(MigrationRefusal::SamePrice));
    assert_eq!(
        refused("old", "yearly"),
        Some(MigrationRefusal::IntervalDiffers)
    );
    assert_eq!(refused("old", "new"), None);
    let gone = retired(&catalog, "new", "2026-01-10", None);
    let to_gone = ask("old", "new", "2026-01-01");
    let refusal = Planner::new(&to_gone, &gone, at("2026-01-20")).err();
    assert_eq!(refusal, Some(MigrationRefusal::NotSold(key("new"))));
    let mut world = World::bought(catalog.clone(), "old");
    let (nobody, migration): (SubscriptionId, MigrationId) = (world.drawn(), world.drawn());
    let answer = world.decide(|draft| decide::migrate(draft, nobody, &to_gone, migration, &gone));
    assert_eq!(answer, Err(MigrateError::NoSubscription));
    let id = world.sub().id;
    world.now = at("2026-01-20");
    let answer = world.decide(|draft| decide::migrate(draft, id, &to_gone, migration, &gone));
    assert!(matches!(answer, Err(MigrateError::Refused(_))));
}

#[test]
fn revenue_is_told_by_month_and_notices_by_day() {
    let (catalog, now) = (catalog(), at("2026-01-20T10:00:00Z"));
    let held: Vec<Subscription> = [1, 2, 25].map(|day| bought_on(&catalog, day)).to_vec();
    let dearer = ask("old", "new", "2026-01-01");
    let (moves, plan) = planned(&dearer, &catalog, &held, now);
    let days: Vec<_> = moves.iter().map(|told| told.at.unwrap()).collect();
    assert_eq!(days, [at("2026-03-01"), at("2026-03-02"), at("2026-02-25")]);
    assert_eq!((plan.holders, plan.moves), (3, 3));
    assert_eq!(plan.months.len(), 12);
    let month = |index: usize| {
        let month = &plan.months[index];
        (
            month.starts,
            month.effect.amount,
            month.moves,
            month.notices,
        )
    };
    assert_eq!(month(0), (at("2026-01-01"), 0, 0, 3));
    assert_eq!(month(1), (at("2026-02-01"), 1_000, 1, 0));
    assert_eq!(month(2), (at("2026-03-01"), 3_000, 2, 0));
    assert_eq!(month(11), (at("2026-12-01"), 3_000, 0, 0));
    assert_eq!(
        plan.notices.into_iter().collect::<Vec<_>>(),
        [(at("2026-01-20"), 3)]
    );
    assert_eq!(plan.first_move, Some(at("2026-02-25")));
    assert_eq!(plan.last_move, Some(at("2026-03-02")));
}

#[test]
fn a_year_counts_a_twelfth_each_month() {
    let both = edited(&catalog(), |draft| {
        let mut dearer = price(draft, "yearly").clone();
        dearer.key = "yearly-2".parse().unwrap();
        dearer.amount = usd(9_999);
        draft.plans[1].prices.push(dearer);
    });
    let world = World::bought(both.clone(), "yearly");
    let held = [world.sub().clone()];
    let (_, plan) = planned(
        &ask("yearly", "yearly-2", "2026-01-01"),
        &both,
        &held,
        world.now,
    );
    assert_eq!(plan.months[11].effect, usd(0));
    assert_eq!(plan.first_move, Some(at("2027-01-01")));
    let early = shifted(at("2027-01-01"), -days(200));
    let (_, plan) = planned(
        &ask("yearly", "yearly-2", "2026-01-01"),
        &both,
        &held,
        early,
    );
    // 99 cents a year: 8.25 a month.
    assert_eq!(plan.months[11].effect, usd(8));
}

/// Someone who bought `old` on that day of December or January.
fn bought_on(catalog: &CatalogRevision, day: i8) -> Subscription {
    let mut world = World::new(catalog.clone());
    world.now = if day > 20 {
        at(&format!("2025-12-{day:02}"))
    } else {
        at(&format!("2026-01-{day:02}"))
    };
    world.buy(terms(catalog, "old", 1));
    world.sub().clone()
}

#[test]
fn a_plan_holds_for_its_day_and_tells_when_the_world_has_moved() {
    let catalog = catalog();
    let mut held: Vec<Subscription> = (1..20).map(|day| bought_on(&catalog, day)).collect();
    held.sort_by_key(|held| held.id);
    let dearer = ask("old", "new", "2026-01-01");
    let digest =
        |held: &[Subscription], now: &str| planned(&dearer, &catalog, held, at(now)).1.digest;
    let first = digest(&held, "2026-01-20T08:00:00Z");
    assert_eq!(digest(&held, "2026-01-20T23:59:59Z"), first);
    assert_ne!(digest(&held, "2026-02-02T08:00:00Z"), first);
    assert_ne!(digest(&held[1..], "2026-01-20T08:00:00Z"), first);
    let other = ask("old", "mid", "2026-01-01");
    let to_other = planned(&other, &catalog, &held, at("2026-01-20T08:00:00Z")).1;
    assert_ne!(to_other.digest, first);
    let mut canceled = held.clone();
    canceled[3].cancellation = Some(billing_domain::subscription::Cancellation {
        requested_at: at("2026-01-20"),
        ends_at: at("2026-02-01"),
        unconfirmed: false,
        ask_again_at: None,
        asked_again: 0,
        taken_back: None,
    });
    assert_ne!(digest(&canceled, "2026-01-20T08:00:00Z"), first);
}

#[test]
fn a_renewal_of_the_day_changes_no_plan() {
    let mut world = World::bought(catalog(), "old");
    world.run("2026-01-31");
    let dearer = ask("old", "new", "2026-01-01");
    world.now = at("2026-02-01");
    let before = judged(&world, &dearer);
    world.run("2026-02-01T10:00:00Z");
    let after = judged(&world, &dearer);
    assert_eq!(world.charged().len(), 1);
    assert_eq!(
        (before.at, before.from_amount, before.to_amount),
        (after.at, after.from_amount, after.to_amount)
    );
}

#[test]
fn executing_gives_the_notice_once_and_moves_in_its_time() {
    let mut world = World::bought(catalog(), "old");
    world.run("2026-01-20");
    let dearer = ask("old", "new", "2026-01-01");
    let migration: MigrationId = world.drawn();
    let planned = judged(&world, &dearer);
    assert_eq!(
        execute(&mut world, &dearer, migration),
        Migrated::Moved(planned)
    );
    let to_come = world.sub().scheduled.clone().unwrap();
    assert_eq!(
        (to_come.at, to_come.why),
        (at("2026-03-01"), Why::Migration { migration })
    );
    let before = world.account.clone();
    assert_eq!(execute(&mut world, &dearer, migration), Migrated::Already);
    assert_eq!(world.account, before);
    let other: MigrationId = world.drawn();
    let kept = Migrated::Kept(KeptReason::MigrationPending);
    assert_eq!(execute(&mut world, &dearer, other), kept);
    assert_eq!(world.notices(), [at("2026-01-20")]);
    world.run("2026-04-01");
    let amounts: Vec<_> = world
        .charged()
        .into_iter()
        .map(|(_, amount)| amount)
        .collect();
    assert_eq!(amounts, [1_000, 2_000, 2_000]);
    let moved = execute(&mut world, &dearer, migration);
    assert_eq!(moved, Migrated::Kept(KeptReason::OtherPrice));
}

prop_compose! {
    fn any_lock()(
        until in prop_oneof![
            1 => Just(LockEnd::Forever),
            3 => (15u16..300).prop_map(|day| LockEnd::Until(at("2026-01-01") + days(day))),
            3 => (1u32..6).prop_map(LockEnd::Cycles),
        ],
        then in prop_oneof![Just("new"), Just("low")],
        notice in 0u16..60,
    ) -> Lock {
        let then = until.needs_successor().then_some(then);
        Lock { notice: days(notice), ..lock(until, then) }
    }
}

proptest! {
    // Some hundred holders meet every kind of lock, lead and age.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_planned_is_what_is_charged(
        promise in proptest::option::of(any_lock()),
        lead in prop_oneof![Just(0i64), 1i64..27 * 24],
        to in prop_oneof![Just("new"), Just("mid"), Just("low")],
        not_before in 0u16..200,
        looks_after in 15i64 * 24..120 * 24,
    ) {
        let mut world = World::new(catalog());
        let mut agreed = terms(&catalog(), "old", 1);
        agreed.lead = SignedDuration::from_hours(lead);
        world.buy(agreed);
        world.run("2026-01-15");
        if let Some(promise) = &promise {
            world.catalog = retired(&catalog(), "old", "2026-01-15", Some(promise.clone()));
        }
        world.run_until(shifted(at("2026-01-01"), SignedDuration::from_hours(looks_after)));
        let now = world.now;
        let ask = MigrationAsk {
            not_before: at("2026-01-01") + days(not_before),
            ..ask("old", to, "2026-01-01")
        };
        let planned = judged(&world, &ask);
        let migration: MigrationId = world.drawn();
        match execute(&mut world, &ask, migration) {
            Migrated::Kept(reason) => prop_assert_eq!(planned.why_kept, Some(reason)),
            Migrated::Already => prop_assert!(false, "nothing was executed before"),
            Migrated::Moved(moved) => {
                prop_assert_eq!(&moved, &planned);
                let (start, to_amount) = (moved.at.unwrap(), moved.to_amount.unwrap());
                prop_assert!(start >= ask.not_before);
                let notice = promise.as_ref().map_or(days(30), |lock| lock.notice);
                if to_amount.amount > moved.from_amount.amount {
                    let told = world.notices().into_iter().min().unwrap();
                    prop_assert!(shifted(told, notice) <= start);
                }
                if let Some(Lock { until: LockEnd::Until(end), .. }) = &promise {
                    prop_assert!(start >= *end);
                }
                let id = world.sub().id;
                let horizon = Horizon::until(shifted(start, days(1)));
                let foretold = forecast(&world.account, &world.catalog, id, horizon, now).unwrap();
                let first = foretold.entries.iter().find(|entry| entry.at == start).unwrap();
                prop_assert_eq!(first.amount, to_amount);
                for entry in foretold.entries.iter().filter(|entry| entry.at < start) {
                    prop_assert_eq!(entry.amount, moved.from_amount);
                }
                world.run_until(start);
                let day = start.to_string()[..10].to_owned();
                prop_assert!(world.charged().contains(&(day, to_amount.amount)));
                prop_assert_eq!(world.findings(), Vec::<String>::new());
            }
        }
    }
}

/// A hundred thousand holders, for whoever wants to know how long that takes.
#[test]
#[ignore = "a measurement, to be run by hand in release"]
fn a_hundred_thousand_holders() {
    let catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Cycles(6), Some("new"))),
    );
    let one = bought_on(&catalog, 1);
    let mut ids = IdSeq::new(at("2026-01-20"), 9);
    let dearer = ask("old", "new", "2026-01-01");
    let mut planner = Planner::new(&dearer, &catalog, at("2026-01-20")).unwrap();
    let held: Vec<_> = (0..100_000)
        .map(|_| Subscription {
            id: ids.draw(),
            ..one.clone()
        })
        .collect();
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let begun = std::time::Instant::now();
    for held in &held {
        planner.add(held).unwrap();
    }
    let plan = planner.finish().unwrap();
    let took = begun.elapsed();
    eprintln!("{took:?}");
    assert_eq!(plan.moves, 100_000);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
