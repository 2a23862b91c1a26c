//! Reports: what recurs, who came and left, and who stayed, as tables.

use billing_domain::catalog::{Billing, OnPastDue};
use billing_domain::discount::{Discount, Reduction};
use billing_domain::money::{Currency, Money};
use billing_domain::report::{Figures, Month};
use billing_domain::subscription::{
    Cancellation, Schedule, Scheduled, State, Status, Subscription, Why,
};
use billing_domain::time::{Interval, Timestamp, Unit, days, shifted};

use crate::common::{World, at, sold, terms, usd};
use crate::mirror::{january, see};

const NOW: &str = "2026-03-20";

/// A subscription at 10.00 a month that was bought on this day, and stands so.
fn held(day: &str, state: State) -> Subscription {
    let mut held = World::bought(terms("pro-monthly")).sub().clone();
    held.created_at = at(day);
    held.state = state;
    held
}

fn every(mut held: Subscription, unit: Unit, count: u16, cents: i64) -> Subscription {
    held.terms.billing = Billing::Recurring(Interval::new(unit, count).unwrap());
    held.terms.unit = usd(cents);
    held
}

fn counted(all: &[Subscription]) -> Figures {
    let mut figures = Figures::at(at(NOW));
    for held in all {
        figures.count(held).unwrap();
    }
    figures
}

/// What all of these come to in a month, in cents of a dollar.
fn mrr(all: &[Subscription]) -> i64 {
    let rows = counted(all).recurring().unwrap();
    rows.iter().map(|row| row.amount.amount).sum()
}

const fn past_due() -> State {
    State::PastDue {
        since: Timestamp::UNIX_EPOCH,
        no_grace: false,
    }
}

fn trialing() -> State {
    State::Trialing {
        ends_at: at("2026-04-01"),
        noticed: false,
    }
}

#[test]
fn an_interval_is_spread_over_months() {
    let table = [
        (Unit::Month, 1, 1_000, 1, 1_000),
        (Unit::Month, 3, 1_000, 1, 333),
        (Unit::Month, 6, 1_003, 1, 167),
        (Unit::Year, 1, 12_000, 1, 1_000),
        (Unit::Year, 1, 10_000, 1, 833),
        // Summed first, divided once: three times 833.33 is 2500.
        (Unit::Year, 1, 10_000, 3, 2_500),
        (Unit::Year, 2, 24_000, 1, 1_000),
        // 30.436875 days are a month, and 4.348125 weeks.
        (Unit::Day, 1, 100, 1, 3_044),
        (Unit::Day, 30, 1_000, 1, 1_015),
        (Unit::Week, 1, 100, 1, 435),
        (Unit::Week, 1, 100, 1_000, 434_813),
        (Unit::Year, 100, i64::MAX, 1, 7_686_143_364_045_647),
    ];
    for (unit, count, cents, times, monthly) in table {
        let one = every(held("2026-01-01", State::Active), unit, count, cents);
        let all = vec![one; times];
        assert_eq!(mrr(&all), monthly, "{cents} every {count} {unit:?}");
    }
}

#[test]
fn a_sum_beyond_all_money_is_refused() {
    let one = every(held("2026-01-01", State::Active), Unit::Day, 1, i64::MAX);
    assert!(counted(&[one]).recurring().is_err());
}

#[test]
fn what_stands_how_counts_as_what() {
    let later = State::Canceled {
        ends_at: at("2026-03-31"),
    };
    let over = State::Canceled { ends_at: at(NOW) };
    let paused = State::Paused {
        since: at("2026-03-01"),
        access_until: None,
        remaining: days(10),
    };
    // Amount, subscriptions, past due, ending, trialing, paused.
    let table = [
        (State::Active, Some((1_000, 1, 0, 0, 0, 0))),
        (later, Some((1_000, 1, 0, 1, 0, 0))),
        (trialing(), Some((0, 0, 0, 0, 1, 0))),
        (paused, Some((0, 0, 0, 0, 0, 1))),
        (over, None),
        (State::Lapsed { at: at(NOW) }, None),
        (State::Expired { at: at(NOW) }, None),
        (State::Incomplete, None),
    ];
    for (state, wanted) in table {
        let rows = counted(&[held("2026-01-01", state)]).recurring().unwrap();
        let found = rows.first().map(|row| {
            let counts = (row.past_due, row.ending, row.trialing, row.paused);
            let (past_due, ending, trialing, paused) = counts;
            let amount = row.amount.amount;
            (
                amount,
                row.subscriptions,
                past_due,
                ending,
                trialing,
                paused,
            )
        });
        assert_eq!(found, wanted, "{state:?}");
    }
    let mut ends = held("2026-01-01", State::Active);
    ends.cancellation = Some(Cancellation {
        requested_at: at("2026-03-02"),
        ends_at: at("2026-04-01"),
        unconfirmed: false,
        ask_again_at: None,
        asked_again: 0,
        taken_back: None,
    });
    let rows = counted(&[ends]).recurring().unwrap();
    assert_eq!((rows[0].amount, rows[0].ending), (usd(1_000), 1));
}

/// Owes since this day, with a grace of a week.
fn owing(day: &str, on_past_due: OnPastDue) -> Subscription {
    let mut held = held("2026-01-01", past_due());
    held.terms.on_past_due = on_past_due;
    held.terms.grace = days(7);
    held.times.paid_through = Some(at(day));
    held.times.due_at = Some(at(day));
    held.times.grace_ends_at = Some(shifted(at(day), days(7)));
    held
}

/// Its provider runs the schedule.
fn there() -> Schedule {
    Schedule::Provider {
        reference: "s-1".to_owned(),
        seen_at: at("2026-01-01"),
        seen_digest: 0,
    }
}

#[test]
fn what_is_past_due_counts_until_its_grace_is_over_and_then_as_lost() {
    for (by_provider, on_past_due, day, counts) in [
        (false, OnPastDue::Grace, "2026-03-14", true),
        (false, OnPastDue::Grace, "2026-03-13", false),
        (false, OnPastDue::Cut, "2026-03-14", false),
        (true, OnPastDue::Grace, "2026-03-14", true),
        (true, OnPastDue::Grace, "2026-03-13", false),
        (true, OnPastDue::Cut, "2026-03-14", false),
        // Its provider's word ends it, and nothing before.
        (true, OnPastDue::Keep, "2026-02-01", true),
    ] {
        let row = format!("by its provider {by_provider}, {on_past_due:?} since {day}");
        let mut one = owing(day, on_past_due);
        if by_provider {
            one.schedule = there();
        }
        let figures = counted(&[one]);
        let rows = figures.recurring().unwrap();
        let found = rows.first().map(|row| (row.amount, row.past_due));
        assert_eq!(found, counts.then(|| (usd(1_000), 1)), "{row}");
        let march = &figures.churn(1).unwrap()[0];
        assert_eq!(march.all.lost, u64::from(!counts), "{row}");
    }
}

#[test]
fn what_never_was_paid_at_its_provider_is_neither_new_nor_lost() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    for (instant, status) in [
        ("2026-01-01T00:01:00Z", Status::Incomplete),
        ("2026-01-02T00:01:00Z", Status::Expired),
    ] {
        see(&mut world, &begun, at(instant), &january(status));
        let figures = counted(std::slice::from_ref(world.sub()));
        assert_eq!(figures.recurring().unwrap(), [], "{status:?}");
        let months = figures.churn(12).unwrap();
        let moved = months.iter().any(|row| row.all.new > 0 || row.all.lost > 0);
        assert!(!moved, "{status:?}: {months:?}");
    }
}

#[test]
fn what_is_over_counts_at_the_terms_that_it_ended_with() {
    let mut gone = held(
        "2026-01-01",
        State::Canceled {
            ends_at: at("2026-02-15"),
        },
    );
    gone.schedule = there();
    let mut dearer = gone.terms.clone();
    dearer.unit = usd(9_000);
    gone.scheduled = Some(Scheduled {
        at: at("2026-03-01"),
        terms: Box::new(dearer),
        why: Why::PromiseEnds,
    });
    let months = counted(&[gone]).churn(3).unwrap();
    assert_eq!(months[1].all.lost_recurring, [usd(1_000)]);
}

#[test]
fn what_does_not_renew_at_a_price_does_not_recur() {
    let mut once = held("2026-01-01", State::Active);
    once.terms.billing = Billing::Once;
    let mut fixed = held("2026-01-01", State::Active);
    fixed.terms.renews = false;
    let mut free = held("2026-01-01", State::Active);
    free.terms.unit = usd(0);
    let mut never = held("2026-01-01", State::Active);
    never.times.paid_through = None;
    for held in [once, fixed, free, never] {
        let figures = counted(std::slice::from_ref(&held));
        assert_eq!(figures.recurring().unwrap(), [], "{held:?}");
        let months = figures.churn(12).unwrap();
        assert!(
            months
                .iter()
                .all(|row| row.all.new == 0 && row.all.lost == 0)
        );
    }
}

#[test]
fn a_discount_counts_while_it_covers_the_present_cycle() {
    let off = |until_cycle| Discount {
        code: None,
        reduction: Reduction::Percent {
            basis_points: 2_500,
        },
        until_cycle,
        ends_at: None,
    };
    for (until, cycle, monthly) in [(None, 9, 750), (Some(3), 2, 750), (Some(3), 3, 1_000)] {
        let mut one = held("2026-01-01", State::Active);
        one.terms.discount = Some(off(until));
        if let Schedule::Engine { cycle: at, .. } = &mut one.schedule {
            *at = cycle;
        }
        assert_eq!(mrr(&[one]), monthly, "{until:?} in cycle {cycle}");
    }
    // Everything off for good is free, and everything off for now recurs at nothing.
    let mut gift = held("2026-01-01", State::Active);
    gift.terms.discount = Some(Discount {
        reduction: Reduction::Percent {
            basis_points: 10_000,
        },
        ..off(None)
    });
    assert_eq!(counted(&[gift.clone()]).recurring().unwrap(), []);
    gift.terms.discount.as_mut().unwrap().until_cycle = Some(3);
    let rows = counted(&[gift]).recurring().unwrap();
    assert_eq!((rows[0].amount, rows[0].subscriptions), (usd(0), 1));
}

#[test]
fn pieces_currencies_and_prices_are_kept_apart() {
    let mut seats = held("2026-01-01", State::Active);
    seats.terms.quantity = 7;
    let mut euro = held("2026-01-01", State::Active);
    euro.terms.unit = Money::new(900, Currency::EUR);
    let yearly = every(held("2026-01-01", State::Active), Unit::Year, 1, 6_000);
    let mut other = held("2026-01-01", State::Active);
    other.terms.price = Some("pro-old".parse().unwrap());
    let rows = counted(&[seats, euro, yearly, other]).recurring().unwrap();
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| {
            let price = row.price.as_ref().unwrap().to_string();
            (price, row.interval.to_string(), row.amount.to_string())
        })
        .collect();
    found.sort();
    let row = |price: &str, interval: &str, amount: Money| {
        (price.to_owned(), interval.to_owned(), amount.to_string())
    };
    let mut wanted = vec![
        row("pro-monthly", "month", usd(7_000)),
        row("pro-monthly", "month", Money::new(900, Currency::EUR)),
        row("pro-monthly", "year", usd(500)),
        row("pro-old", "month", usd(1_000)),
    ];
    wanted.sort();
    assert_eq!(found, wanted);
}

/// Bought, and how it ended, if it did.
fn life(day: &str, end: Option<&str>) -> Subscription {
    let state = end.map_or(State::Active, |end| State::Lapsed { at: at(end) });
    held(day, state)
}

fn company() -> Vec<Subscription> {
    vec![
        life("2025-11-30T23:59:59Z", None),
        life("2025-12-01", Some("2026-01-15")),
        life("2025-12-31", None),
        life("2026-01-01", Some("2026-01-31T23:59:59Z")),
        life("2026-01-02", Some("2026-03-01")),
        every(life("2026-02-10", None), Unit::Year, 1, 24_000),
        life("2026-03-05", Some("2026-03-06")),
    ]
}

#[test]
fn each_month_says_who_came_and_who_left() {
    let months = counted(&company()).churn(4).unwrap();
    let found: Vec<_> = months
        .iter()
        .map(|row| {
            let (month, points) = (row.month.to_string(), row.all.basis_points());
            (
                month,
                row.all.at_start,
                row.all.new,
                row.all.lost,
                row.all.at_end(),
                points,
            )
        })
        .collect();
    let row = |month: &str, start, new, lost, end, points| {
        (month.to_owned(), start, new, lost, end, points)
    };
    assert_eq!(
        found,
        [
            row("2025-12", 1, 2, 0, 3, Some(0)),
            row("2026-01", 3, 2, 2, 3, Some(6_666)),
            row("2026-02", 3, 1, 0, 4, Some(0)),
            row("2026-03", 4, 1, 2, 3, Some(5_000)),
        ]
    );
    assert_eq!(months[1].all.lost_recurring, [usd(2_000)]);
    assert_eq!(months[2].all.new_recurring, [usd(2_000)]);
    assert_eq!(months[2].all.lost_recurring, []);
    let first = &counted(&[]).churn(1).unwrap()[0];
    assert_eq!((first.all.at_start, first.all.basis_points()), (0, None));
}

#[test]
fn each_cohort_says_who_stayed() {
    let cohorts = counted(&company()).cohorts(4);
    let found: Vec<_> = cohorts
        .iter()
        .map(|row| (row.month.to_string(), row.began, row.left.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("2025-12".to_owned(), 2, vec![2, 1, 1, 1]),
            ("2026-01".to_owned(), 2, vec![1, 1, 0]),
            ("2026-02".to_owned(), 1, vec![1, 1]),
            ("2026-03".to_owned(), 1, vec![0]),
        ]
    );
}

#[test]
fn a_trial_begins_when_it_is_over_and_paid() {
    let on_trial = |state, paid_through: &str| {
        let mut one = held("2026-01-25", state);
        one.terms.trial = Some(days(14));
        one.times.paid_through = Some(at(paid_through));
        one
    };
    let ended = State::Lapsed {
        at: at("2026-02-10"),
    };
    let began = |held: Subscription| {
        let months = counted(&[held]).churn(3).unwrap();
        let new: Vec<_> = months.iter().map(|row| row.all.new).collect();
        let lost: Vec<_> = months.iter().map(|row| row.all.lost).collect();
        (new, lost)
    };
    let nothing = (vec![0, 0, 0], vec![0, 0, 0]);
    // It ends on 8 February.
    assert_eq!(began(on_trial(trialing(), "2026-02-08")), nothing);
    assert_eq!(began(on_trial(ended, "2026-02-08")), nothing);
    assert_eq!(began(on_trial(ended, "2026-02-09")), nothing, "begun late");
    let paid = on_trial(State::Active, "2026-03-08");
    assert_eq!(began(paid), (vec![0, 1, 0], vec![0, 0, 0]));
    let canceled = State::Canceled {
        ends_at: at("2026-03-08"),
    };
    let paid = on_trial(canceled, "2026-03-08");
    assert_eq!(began(paid), (vec![0, 1, 0], vec![0, 0, 1]));
}

#[test]
fn what_came_back_was_never_lost_and_what_ends_later_is_not_yet() {
    let back = life("2026-01-02", None);
    let later = held(
        "2026-01-02",
        State::Canceled {
            ends_at: shifted(at(NOW), days(1)),
        },
    );
    for held in [back, later] {
        let months = counted(&[held]).churn(3).unwrap();
        assert!(months.iter().all(|row| row.all.lost == 0));
        assert_eq!(months[2].all.at_end(), 1);
    }
}

#[test]
fn months_are_utc_and_go_back_over_years() {
    let march = Month::of(at("2026-03-31T23:59:59.999999Z"));
    assert_eq!(march.to_string(), "2026-03");
    assert_eq!(Month::of(at("2026-04-01")).back(1), march);
    assert_eq!(march.back(3).to_string(), "2025-12");
    assert_eq!(march.back(2 * 12 + 2).to_string(), "2024-01");
}

#[test]
fn the_engine_s_own_walk_is_what_is_counted() {
    let mut world = World::bought(terms("pro-monthly"));
    let mut figures = Figures::at(at("2026-01-15"));
    figures.count(world.sub()).unwrap();
    assert_eq!(figures.recurring().unwrap()[0].amount, usd(1_000));
    world.tick("2026-02-01");
    world.link();
    world.go("2026-03-01");
    world.tick("2026-03-01");
    let mut figures = Figures::at(at("2026-03-01"));
    figures.count(world.sub()).unwrap();
    assert_eq!(figures.recurring().unwrap(), [], "lapsed unpaid");
    let months = figures.churn(3).unwrap();
    let lost: u64 = months.iter().map(|row| row.all.lost).sum();
    assert_eq!((months[0].all.new, lost), (1, 1));
}
