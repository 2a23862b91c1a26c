//! Reports by plan and by price: the parts of every month add up to the whole, and a move
//! from one to another is neither new nor lost.

use billing_domain::money::{Currency, Money};
use billing_domain::report::{Churn, Figures, Flow, MAX_PARTS, Part, Split};
use billing_domain::subscription::{HeldBefore, MAX_HELD_BEFORE, State, Status, Subscription};
use billing_domain::time::{Interval, Timestamp, Unit, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, terms, usd};
use crate::mirror::{bought, january, see};
use crate::shop::half_way;

const NOW: &str = "2026-06-20";

/// Held at this price of this plan since this day, at 10.00 a month.
fn held(day: &str, plan: &str, price: &str) -> Subscription {
    let mut held = World::bought(terms("pro-monthly")).sub().clone();
    held.created_at = at(day);
    held.terms.plan = plan.parse().unwrap();
    held.terms.price = Some(price.parse().unwrap());
    held
}

/// What it was held at until that day, at so many cents a month.
fn before(
    mut held: Subscription,
    until: &str,
    plan: &str,
    price: &str,
    cents: i64,
) -> Subscription {
    held.held_before.push(HeldBefore {
        plan: plan.parse().unwrap(),
        price: Some(price.parse().unwrap()),
        interval: Interval::MONTH,
        rate: usd(cents),
        is_free: cents == 0,
        until: at(until),
    });
    held
}

fn lapsed(mut held: Subscription, day: &str) -> Subscription {
    held.state = State::Lapsed { at: at(day) };
    held
}

fn counted(all: &[Subscription]) -> Figures {
    let mut figures = Figures::at(at(NOW));
    for held in all {
        figures.count(held).unwrap();
    }
    figures
}

fn plan(key: &str) -> Part {
    Part::Plan(key.parse().unwrap())
}

fn price(of: &str, key: &str) -> Part {
    Part::Price(of.parse().unwrap(), Some(key.parse().unwrap()))
}

/// Held at the start, new, arrived, left, lost, held at the end.
fn told(flow: &Flow) -> [u64; 6] {
    [
        flow.at_start,
        flow.new,
        flow.arrived,
        flow.left,
        flow.lost,
        flow.at_end(),
    ]
}

fn rows(month: &Churn) -> Vec<(Part, [u64; 6])> {
    let parts = month.parts.iter();
    parts
        .map(|(part, flow)| (part.clone(), told(flow)))
        .collect()
}

/// Two came to a plan's old price, of whom one was moved to its new one and one to another
/// plan, where it was lost; a third came to the new price.
fn company() -> Vec<Subscription> {
    let moved = held("2026-03-02", "pro", "pro-2026");
    let moved = before(moved, "2026-05-10", "pro", "pro-2025", 700);
    let left = lapsed(held("2026-03-09", "team", "team"), "2026-06-01");
    let left = before(left, "2026-05-11", "pro", "pro-2025", 700);
    vec![moved, left, held("2026-05-20", "pro", "pro-2026")]
}

#[test]
fn by_plan_a_move_within_the_plan_is_none() {
    let months = counted(&company()).churn_by(Split::Plan, 4, 9).unwrap();
    let found: Vec<_> = months.iter().map(rows).collect();
    let wanted = [
        vec![(plan("pro"), [0, 2, 0, 0, 0, 2])],
        vec![(plan("pro"), [2, 0, 0, 0, 0, 2])],
        vec![
            (plan("pro"), [2, 1, 0, 1, 0, 2]),
            (plan("team"), [0, 0, 1, 0, 0, 1]),
        ],
        vec![
            (plan("pro"), [2, 0, 0, 0, 0, 2]),
            (plan("team"), [1, 0, 0, 0, 1, 0]),
        ],
    ];
    assert_eq!(found, wanted);
    assert_eq!(told(&months[2].all), [2, 1, 1, 1, 0, 3]);
    // Nobody moves where nothing is told apart, and the rest is the same.
    let whole = counted(&company()).churn(4).unwrap();
    assert_eq!(told(&whole[2].all), [2, 1, 0, 0, 0, 3]);
    assert_eq!(whole[2].parts, []);
}

#[test]
fn by_price_those_who_keep_an_old_one_are_apart_and_money_moves_along() {
    let months = counted(&company()).churn_by(Split::Price, 4, 9).unwrap();
    let (old, new) = (price("pro", "pro-2025"), price("pro", "pro-2026"));
    assert_eq!(rows(&months[0]), [(old.clone(), [0, 2, 0, 0, 0, 2])]);
    assert_eq!(
        rows(&months[2]),
        [
            (old, [2, 0, 0, 2, 0, 0]),
            (new.clone(), [0, 1, 1, 0, 0, 2]),
            (price("team", "team"), [0, 0, 1, 0, 0, 1]),
        ]
    );
    assert_eq!(months[0].all.new_recurring, [usd(1_400)]);
    let (left, arrived) = (&months[2].parts[0].1, &months[2].parts[1].1);
    assert_eq!(left.left_recurring, [usd(1_400)]);
    assert_eq!(arrived.arrived_recurring, [usd(1_000)]);
    assert_eq!(arrived.new_recurring, [usd(1_000)]);
    assert_eq!(months[3].all.lost_recurring, [usd(1_000)]);
    // What is empty and stays so is told no more.
    assert_eq!(rows(&months[3])[0], (new, [2, 0, 0, 0, 0, 2]));
}

#[test]
fn each_part_has_a_churn_of_its_own() {
    let gone = lapsed(held("2026-05-01", "pro", "pro"), "2026-06-02");
    let all = [
        gone,
        held("2026-05-01", "pro", "pro"),
        held("2026-05-01", "team", "team"),
    ];
    let months = counted(&all).churn_by(Split::Plan, 2, 9).unwrap();
    let points: Vec<_> = months[1]
        .parts
        .iter()
        .map(|(_, flow)| flow.basis_points())
        .collect();
    assert_eq!(points, [Some(5_000), Some(0)]);
    assert_eq!(months[1].all.basis_points(), Some(3_333));
}

#[test]
fn moves_before_it_began_or_after_it_ended_do_not_put_months_out_of_order() {
    let mut trial = before(
        held("2026-04-20", "team", "team"),
        "2026-04-25",
        "pro",
        "pro",
        700,
    );
    trial.terms.trial = Some(days(14));
    trial.times.paid_through = Some(at("2026-07-04"));
    let months = counted(&[trial]).churn_by(Split::Plan, 3, 9).unwrap();
    assert_eq!(rows(&months[0]), []);
    assert_eq!(
        rows(&months[1]),
        [(plan("team"), [0, 1, 0, 0, 0, 1])],
        "moved in its trial"
    );
    let late = lapsed(held("2026-04-20", "team", "team"), "2026-05-02");
    let late = before(late, "2026-06-03", "pro", "pro", 700);
    let months = counted(&[late]).churn_by(Split::Plan, 3, 9).unwrap();
    assert_eq!(
        rows(&months[1]),
        [
            (plan("pro"), [1, 0, 0, 1, 0, 0]),
            (plan("team"), [0, 0, 1, 0, 1, 0]),
        ]
    );
    assert_eq!(rows(&months[2]), []);
}

#[test]
fn parts_beyond_a_number_are_told_together_those_with_the_most_by_themselves() {
    let mut all = vec![
        held("2026-05-01", "big", "p"),
        held("2026-05-01", "big", "p"),
    ];
    for index in 0..MAX_PARTS + 7 {
        all.push(held("2026-06-01", &format!("plan-{index:03}"), "p"));
    }
    let figures = counted(&all);
    let months = figures.churn_by(Split::Plan, 1, 2).unwrap();
    let others = u64::try_from(MAX_PARTS + 7 - 1).unwrap();
    assert_eq!(
        rows(&months[0]),
        [
            (plan("big"), [2, 0, 0, 0, 0, 2]),
            (plan("plan-000"), [0, 1, 0, 0, 0, 1]),
            (Part::Others, [0, others, 0, 0, 0, others]),
        ]
    );
    let months = figures.churn_by(Split::Price, 1, usize::MAX).unwrap();
    assert_eq!(months[0].parts.len(), MAX_PARTS + 1);
    let none = figures.churn_by(Split::Price, 1, 0).unwrap();
    assert_eq!(none[0].parts, [(Part::Others, none[0].all.clone())]);
}

/// The prices at which it was held: plan, price, until when.
fn stays(held: &Subscription) -> Vec<(String, i64, Timestamp)> {
    let before = held.held_before.iter();
    before
        .map(|stay| (stay.plan.to_string(), stay.rate.amount, stay.until))
        .collect()
}

#[test]
fn a_change_a_change_to_come_and_a_provider_s_word_are_remembered() {
    let mut world = half_way("basic-monthly");
    let change = world.change("plus-monthly");
    assert_eq!(stays(world.sub()), [], "it is not paid");
    world.pay_change(change);
    let upgraded = ("basic".to_owned(), 1_000, world.now);
    assert_eq!(stays(world.sub()), std::slice::from_ref(&upgraded));
    world.change("basic-monthly");
    assert_eq!(
        stays(world.sub()),
        std::slice::from_ref(&upgraded),
        "it is to come"
    );
    // Whoever counts before the engine has looked counts it all the same.
    let mut figures = Figures::at(at("2026-05-02"));
    figures.count(world.sub()).unwrap();
    let may = &figures.churn_by(Split::Plan, 1, 9).unwrap()[0];
    assert_eq!(
        rows(may),
        [
            (plan("basic"), [0, 0, 1, 0, 0, 1]),
            (plan("plus"), [1, 0, 0, 1, 0, 0]),
        ]
    );
    world.renew("2026-05-01");
    assert_eq!(
        stays(world.sub()),
        [upgraded, ("plus".to_owned(), 3_000, at("2026-05-01"))]
    );
    let (mut world, begun) = bought();
    let mut seen = january(Status::Active);
    seen.quantity = 4;
    see(&mut world, &begun, at("2026-01-09"), &seen);
    assert_eq!(
        stays(world.sub()),
        [],
        "as many pieces more are no other price"
    );
    seen.price_ref = "price_team".to_owned();
    see(&mut world, &begun, at("2026-01-10"), &seen);
    assert_eq!(
        stays(world.sub()),
        [("pro".to_owned(), 4_000, at("2026-01-10"))]
    );
}

#[test]
fn of_whoever_changes_all_the_time_the_oldest_prices_are_forgotten() {
    let (mut world, begun) = bought();
    let mut seen = january(Status::Active);
    for hour in 0..=MAX_HELD_BEFORE {
        let prices = ["price_team", "price_pro"];
        seen.price_ref = prices[hour % 2].to_owned();
        let told_at = shifted(
            at("2026-01-02"),
            SignedDuration::from_hours(i64::try_from(hour).unwrap()),
        );
        see(&mut world, &begun, told_at, &seen);
    }
    let held = world.sub();
    assert_eq!(held.held_before.len(), MAX_HELD_BEFORE);
    assert_eq!(held.held_before[0].until, at("2026-01-02T01:00:00Z"));
}

fn life() -> impl Strategy<Value = Subscription> {
    let cents = prop_oneof![1 => Just(0_i64), 3 => 1..3_000_i64];
    let stay = (0..4_usize, 0..3_usize, cents, 0..90_i64, 1..4_u16);
    let ends = proptest::option::of(0..400_i64);
    (0..400_i64, proptest::collection::vec(stay, 1..5), ends).prop_map(|(begun, stays, ends)| {
        let day = |day: i64| shifted(at("2025-05-01"), SignedDuration::from_hours(24 * day));
        let mut held = held("2025-05-01", "pro", "pro");
        held.created_at = day(begun);
        let mut until = begun;
        for (plan, price, cents, lasts, months) in stays {
            until += lasts;
            held.held_before.push(HeldBefore {
                plan: format!("plan-{plan}").parse().unwrap(),
                price: Some(format!("price-{price}").parse().unwrap()),
                interval: Interval::new(Unit::Month, months).unwrap(),
                rate: Money::new(
                    cents,
                    if price == 2 {
                        Currency::EUR
                    } else {
                        Currency::USD
                    },
                ),
                is_free: cents == 0,
                until: day(until).min(at(NOW)),
            });
        }
        if let Some(ends) = ends {
            held.state = State::Lapsed {
                at: day(begun + ends).min(at(NOW)),
            };
        }
        held
    })
}

/// Everything of a flow that parts add up in, amounts by currency.
fn sums(flows: &[&Flow]) -> (Vec<u64>, Vec<Vec<i64>>) {
    let counts: [fn(&Flow) -> u64; 6] = [
        |flow| flow.at_start,
        |flow| flow.new,
        |flow| flow.arrived,
        |flow| flow.left,
        |flow| flow.lost,
        Flow::at_end,
    ];
    let amounts: [fn(&Flow) -> &Vec<Money>; 4] = [
        |flow| &flow.new_recurring,
        |flow| &flow.arrived_recurring,
        |flow| &flow.left_recurring,
        |flow| &flow.lost_recurring,
    ];
    let of = |flow: &Flow, amount: fn(&Flow) -> &Vec<Money>, currency| {
        let alike = amount(flow)
            .iter()
            .filter(|money| money.currency == currency);
        alike.map(|money| money.amount).sum::<i64>()
    };
    let counts = counts.map(|count| flows.iter().map(|flow| count(flow)).sum());
    let amounts = amounts.map(|amount| {
        let both = [Currency::EUR, Currency::USD];
        let both = both.map(|currency| flows.iter().map(|flow| of(flow, amount, currency)).sum());
        both.to_vec()
    });
    (counts.to_vec(), amounts.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_every_month_add_up_to_the_whole(
        all in proptest::collection::vec(life(), 0..25),
        most in 0..6_usize,
        months in 1..16_u16,
    ) {
        let figures = counted(&all);
        let whole = figures.churn(months).unwrap();
        for split in [Split::Plan, Split::Price] {
            let split = figures.churn_by(split, months, most).unwrap();
            for (month, before) in split.iter().skip(1).zip(&split) {
                prop_assert_eq!(month.all.at_start, before.all.at_end());
            }
            for (month, whole) in split.iter().zip(&whole) {
                let parts: Vec<&Flow> = month.parts.iter().map(|(_, flow)| flow).collect();
                prop_assert_eq!(sums(&parts), sums(&[&month.all]));
                prop_assert_eq!(month.all.arrived, month.all.left);
                prop_assert!(parts.len() <= most + 1);
                // Split or not, the same came and the same are gone.
                let unmoved = Flow {
                    arrived: 0,
                    left: 0,
                    arrived_recurring: Vec::new(),
                    left_recurring: Vec::new(),
                    ..month.all.clone()
                };
                prop_assert_eq!(&unmoved, &whole.all);
            }
        }
        // What is held now is what recurs now.
        let now = whole.last().map_or(0, |month| month.all.at_end());
        let recurring = figures.recurring().unwrap();
        prop_assert_eq!(now, recurring.iter().map(|row| row.subscriptions).sum::<u64>());
    }
}
