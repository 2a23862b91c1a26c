//! Metered use: when a period begins and ends, and by which rules it counts.

use std::collections::BTreeMap;

use billing_domain::catalog::{CatalogDraft, CatalogRevision};
use billing_domain::decide::{self, CancelWhen};
use billing_domain::effect::Order;
use billing_domain::entitlement::Limit;
use billing_domain::ids::UsagePeriodId;
use billing_domain::money::Currency;
use billing_domain::subscription::{PaidPeriod, Schedule, State};
use billing_domain::time::{Period, days};
use billing_domain::usage::{Beside, Figures, Meter, Room, UsagePeriod, standing_at};

use crate::common::{World, at, usd};
use crate::usage::{close, figures, key, metered, open, subscriber, terms, usage_invoices};

fn follow(world: &mut World) {
    let catalog = world.catalog.clone();
    world.decide(|draft| decide::follow_usage(draft, &catalog));
}

fn periods(world: &World) -> &[UsagePeriod] {
    &world.account.customer.usage.periods
}

fn limit_to(world: &mut World, limit: Option<i64>, used: &BTreeMap<UsagePeriodId, Figures>) {
    world
        .decide(|draft| {
            for (period, figures) in used {
                draft.know_used(*period, figures.clone());
            }
            decide::set_spending_limit(draft, Currency::USD, limit)
        })
        .unwrap();
}

#[test]
fn a_limit_that_is_lowered_afterwards_forgives_nothing() {
    let mut world = subscriber();
    let id = periods(&world)[0].id;
    let used = |calls| BTreeMap::from([(id, figures(calls))]);
    limit_to(&mut world, Some(150), &used(0));
    // 1200 calls cost 1.00; 2000 would cost 5.00, and no more than 1.50 was to be spent.
    limit_to(&mut world, Some(0), &used(1_200));
    let period = periods(&world)[0].clone();
    assert_eq!(
        period
            .charge(&figures(1_200), Some(usd(0)))
            .unwrap()
            .unwrap()
            .amount,
        usd(100)
    );
    let room = period.room("calls", &figures(1_200), 1, Some(usd(0)));
    assert_eq!(room, Some(Room::Exhausted), "nothing more is let in");
    limit_to(&mut world, Some(10), &used(1_200));
    limit_to(&mut world, None, &used(1_200));
    limit_to(&mut world, Some(150), &used(2_000));
    limit_to(&mut world, Some(20), &used(2_000));
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(2_000));
    // Without a limit all of it was to be paid.
    assert_eq!(usage_invoices(&world)[0].amount, usd(500));
}

#[test]
fn the_next_period_has_the_lowered_limit_alone() {
    let mut world = subscriber();
    let id = periods(&world)[0].id;
    limit_to(&mut world, Some(0), &BTreeMap::from([(id, figures(1_200))]));
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    assert_eq!(usage_invoices(&world)[0].amount, usd(100));
    world.link();
    world.pay();
    open(&mut world);
    let charge = periods(&world)[0].charge(&figures(1_200), Some(usd(0)));
    assert_eq!(charge.unwrap().unwrap().amount, usd(0));
}

#[test]
fn a_month_ends_with_the_purchase_and_not_with_the_report_after_it() {
    let catalog = metered();
    let mut world = World::joined("2026-01-05", catalog.clone());
    follow(&mut world);
    assert_eq!(periods(&world), [], "a month is opened by a report");
    open(&mut world);
    world.go("2026-01-20");
    world.buy(terms(&catalog, "pro-monthly"));
    // The commit is a little later than what was told.
    world.go("2026-01-20T00:02:00Z");
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 2);
    assert_eq!(
        (held[0].subscription, held[0].period.end),
        (None, at("2026-01-20"))
    );
    assert_eq!(held[0].meters[&key("calls")].included, Limit::AtMost(10));
    assert_eq!(held[1].subscription, Some(world.sub().id));
    assert_eq!(held[1].period.start, at("2026-01-20"));
    let two = held.to_vec();
    follow(&mut world);
    open(&mut world);
    assert_eq!(periods(&world), two);
}

#[test]
fn a_cycle_is_opened_though_nothing_is_reported_in_it() {
    let mut world = World::joined("2026-01-01", metered());
    let catalog = world.catalog.clone();
    world.buy(terms(&catalog, "pro-monthly"));
    follow(&mut world);
    assert_eq!(periods(&world).len(), 1);
    world.tick("2026-02-01");
    world.link();
    world.pay();
    // What the first one comes to is told, and the second is opened by the same decision.
    let first = periods(&world)[0].id;
    close(&mut world, "2026-02-01T01:00:00Z", first, &Figures::new());
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].period.start, at("2026-02-01"));
    assert_eq!(usage_invoices(&world).len(), 0);
}

#[test]
fn a_period_ends_with_its_subscription_and_makes_way_for_another() {
    let mut world = subscriber();
    let first = periods(&world)[0].id;
    world.go("2026-01-10");
    world.cancel(CancelWhen::AtOnce);
    world.go("2026-01-10T00:03:00Z");
    follow(&mut world);
    assert_eq!(periods(&world)[0].period.end, at("2026-01-10"));
    world.go("2026-01-12");
    let catalog = world.catalog.clone();
    world.buy(terms(&catalog, "pro-monthly"));
    follow(&mut world);
    let held = periods(&world).to_vec();
    assert_eq!(held.len(), 2);
    assert_eq!(held[1].subscription, Some(world.sub().id));
    assert_eq!(held[1].period.start, at("2026-01-12"));
    assert_eq!(held[1].period.end, at("2026-02-12"));
    // What was used of the first is charged an hour after its end.
    close(&mut world, "2026-01-12T00:00:01Z", first, &figures(1_100));
    assert_eq!(usage_invoices(&world)[0].amount, usd(50));
}

#[test]
fn a_cycle_that_begins_anew_is_a_period_of_its_own() {
    let mut world = subscriber();
    let again = Period {
        start: at("2026-01-11"),
        end: at("2026-02-11"),
    };
    let sub = world.account.subscriptions.last_mut().unwrap();
    sub.paid = vec![PaidPeriod::new(again, usd(1_000))];
    sub.times.paid_through = Some(again.end);
    if let Schedule::Engine { anchor, .. } = &mut sub.schedule {
        *anchor = again.start;
    }
    world.go("2026-01-11T00:00:05Z");
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 2);
    assert_eq!(held[0].period.end, again.start);
    assert_eq!(held[1].period, again);
}

#[test]
fn a_pause_moves_what_is_left_of_the_period() {
    let mut world = subscriber();
    let id = periods(&world)[0].id;
    world.go("2026-01-11");
    world.pause().unwrap();
    follow(&mut world);
    assert_eq!(periods(&world)[0].period.end, at("2026-02-01"));
    world.go("2026-01-16");
    world.resume().unwrap();
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].id, held[0].period.end), (id, at("2026-02-06")));
}

#[test]
fn a_higher_plan_that_sells_nothing_beyond_hides_none_that_does() {
    let mut world = subscriber();
    let (pro, id) = (world.sub().id, periods(&world)[0].id);
    let catalog = world.catalog.clone();
    world.go("2026-01-10");
    world.buy(terms(&catalog, "big-monthly"));
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].id, held[0].subscription), (id, Some(pro)));
    let calls = held[0].meters[&key("calls")];
    assert_eq!(calls.included, Limit::AtMost(5_000), "the best of both");
    assert!(calls.overage.is_some());
    let mut other = World::joined("2026-01-01", catalog.clone());
    other.buy(terms(&catalog, "big-monthly"));
    other.buy(terms(&catalog, "pro-monthly"));
    open(&mut other);
    assert_eq!(periods(&other)[0].subscription, Some(other.sub().id));
}

fn with(catalog: &CatalogRevision, edit: impl FnOnce(&mut CatalogDraft)) -> CatalogRevision {
    let mut draft = CatalogDraft::from(catalog.catalog.clone());
    edit(&mut draft);
    CatalogRevision {
        catalog: draft.validate().unwrap(),
        ..catalog.clone()
    }
}

#[test]
fn what_is_used_beyond_an_unpaid_cycle_counts_in_the_cycle_after_it() {
    let mut world = World::joined("2026-01-01", metered());
    let catalog = world.catalog.clone();
    let mut patient = terms(&catalog, "pro-monthly");
    patient.grace = days(75);
    world.buy(patient);
    world.tick("2026-02-01");
    world.link();
    let id = periods(&subscriber())[0].id;
    let cycle = |world: &mut World, text: &str| {
        world.go(text);
        let standing = standing_at(
            &world.account,
            &Beside::default(),
            &catalog.catalog,
            world.now,
            id,
        );
        let planned = standing.period.unwrap();
        assert_eq!(planned.subscription, Some(world.sub().id), "{text}");
        planned.period
    };
    for (now, start, end) in [
        ("2026-02-20", "2026-02-01", "2026-03-01"),
        ("2026-03-05", "2026-03-01", "2026-04-01"),
        ("2026-04-05", "2026-04-01", "2026-05-01"),
    ] {
        let period = cycle(&mut world, now);
        assert_eq!((period.start, period.end), (at(start), at(end)), "{now}");
    }
}

#[test]
fn another_that_was_bought_before_the_end_cuts_nothing_off() {
    let mut world = subscriber();
    let catalog = world.catalog.clone();
    let first = world.sub().id;
    world.go("2026-01-10");
    world.buy(terms(&catalog, "pro-monthly"));
    let second = world.account.subscriptions.last().unwrap().id;
    assert_ne!(first, second);
    follow(&mut world);
    world.go("2026-01-20");
    let mut held = world.account.subscriptions.iter_mut();
    let ended = held.find(|held| held.id == first).unwrap();
    ended.state = State::Canceled {
        ends_at: at("2026-01-20"),
    };
    world.go("2026-01-20T00:00:05Z");
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held[0].subscription, Some(first));
    assert_eq!(held[0].period.end, at("2026-01-20"));
    assert_eq!(held[1].subscription, Some(second));
}

#[test]
fn another_takes_the_place_of_what_is_paused_from_the_pause_on() {
    let mut world = subscriber();
    let catalog = world.catalog.clone();
    let first = world.sub().id;
    world.go("2026-01-10");
    world.buy(terms(&catalog, "pro-monthly"));
    let second = world.account.subscriptions.last().unwrap().id;
    follow(&mut world);
    world.go("2026-01-20");
    world.decide(|draft| decide::pause(draft, first)).unwrap();
    world.go("2026-01-20T00:00:05Z");
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held[0].subscription, Some(first));
    assert_eq!(
        held[0].period.end,
        at("2026-01-20"),
        "not where the other began"
    );
    assert_eq!(held[1].subscription, Some(second));
    let Period { start, end } = held[1].period;
    assert_eq!((start, end), (at("2026-01-20"), at("2026-02-10")));
}

#[test]
fn a_period_keeps_the_meter_that_it_began_with() {
    let mut world = subscriber();
    let began = periods(&world)[0].meters[&key("calls")];
    world.catalog = with(&world.catalog, |draft| {
        draft.features.get_mut(&key("calls")).unwrap().meter = Some(Meter::Max);
        for plan in &mut draft.plans {
            for price in &mut plan.prices {
                price.overage.clear();
            }
        }
    });
    world.go("2026-01-15");
    follow(&mut world);
    open(&mut world);
    assert_eq!(periods(&world)[0].meters[&key("calls")], began);
    let id = periods(&world)[0].id;
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    assert_eq!(usage_invoices(&world)[0].amount, usd(100));
    world.link();
    world.pay();
    follow(&mut world);
    assert_eq!(periods(&world)[0].meters[&key("calls")].meter, Meter::Max);
}

#[test]
fn what_guests_hold_adds_to_what_is_included_and_pays_for_nothing() {
    let world = subscriber();
    let catalog = world.catalog.clone();
    let mut guest = World::joined("2026-01-01", catalog.clone());
    guest.buy(terms(&catalog, "big-monthly"));
    let beside = Beside {
        subscriptions: guest.account.subscriptions,
        grants: Vec::new(),
    };
    let open = periods(&world)[0].clone();
    let stands =
        |beside: &Beside| standing_at(&world.account, beside, &catalog.catalog, world.now, open.id);
    let alone = stands(&Beside::default()).period.unwrap();
    assert_eq!(alone.meters[&key("calls")].included, Limit::AtMost(1_000));
    let joined = stands(&beside).period.unwrap();
    assert_eq!(joined.meters[&key("calls")].included, Limit::AtMost(5_000));
    assert_eq!(
        (joined.id, joined.subscription),
        (open.id, open.subscription)
    );
}

/// One whose schedule its provider runs, paid from 31 January to 28 February.
fn mirrored() -> World {
    let mut world = World::joined("2026-01-31", metered());
    let catalog = world.catalog.clone();
    world.buy(terms(&catalog, "pro-monthly"));
    let sub = world.account.subscriptions.last_mut().unwrap();
    sub.schedule = Schedule::Provider {
        reference: "sub_1".to_owned(),
        seen_at: world.now,
        seen_digest: 0,
    };
    sub.paid.clear();
    sub.times.paid_through = Some(at("2026-02-28"));
    sub.created_at = at("2026-01-31");
    follow(&mut world);
    world
}

#[test]
fn a_provider_s_cycle_is_counted_as_it_was_told() {
    let mut world = mirrored();
    let first = periods(&world)[0].clone();
    assert_eq!(first.subscription, Some(world.sub().id));
    let Period { start, end } = first.period;
    assert_eq!((start, end), (at("2026-01-31"), at("2026-02-28")));
    // Not paid yet, the next one is taken to be a month; then its end is told.
    world.go("2026-02-28T00:30:00Z");
    follow(&mut world);
    assert_eq!(periods(&world)[1].period.end, at("2026-03-28"));
    let sub = world.account.subscriptions.last_mut().unwrap();
    sub.times.paid_through = Some(at("2026-03-31"));
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 2);
    assert_eq!(
        (held[1].period.start, held[1].period.end),
        (end, at("2026-03-31"))
    );
    // The first is charged beside its schedule.
    close(
        &mut world,
        "2026-02-28T01:00:00Z",
        first.id,
        &figures(1_200),
    );
    let charged = usage_invoices(&world)[0].clone();
    assert_eq!(charged.amount, usd(100));
    let beside = world.orders.iter().any(|order| {
        matches!(order, Order::CreateInvoice(order)
            if order.invoice == charged.id
                && order.subscription_ref.as_deref() == Some("sub_1")
                && order.description == "Acme, Pro, usage")
    });
    assert!(beside, "{:?}", world.orders);
}

#[test]
fn a_provider_s_cycle_that_begins_anew_is_a_period_of_its_own() {
    let mut world = mirrored();
    world.go("2026-02-10");
    let sub = world.account.subscriptions.last_mut().unwrap();
    sub.times.paid_through = Some(at("2026-03-10"));
    follow(&mut world);
    let held = periods(&world);
    assert_eq!(held.len(), 2);
    // No invoice has said when: about as long before its end as the next one is.
    assert_eq!(held[0].period.end, held[1].period.start);
    assert_eq!(held[1].period.start, at("2026-02-07"));
    assert_eq!(held[1].period.end, at("2026-03-10"));
}
