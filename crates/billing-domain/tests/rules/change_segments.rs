//! The money of a period by its segments: rounding never accumulates, what is
//! changed and changed back costs nothing, nothing is credited that was not paid.

use billing_domain::catalog::{ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::decide::Force;
use billing_domain::discount::{Discount, Reduction};
use billing_domain::quote::{Loss, Timing};
use billing_domain::subscription::Segment;

use crate::common::{World, at, usd};
use crate::shop::{edited, half_way, half_way_in, holding_in, price_of, ruled, shop, sold_by};

/// Every change at once, charged or credited.
fn both_ways() -> Vec<(ChangeKind, ChangeRule)> {
    let now = ChangeRule::Now(ChangeMoney::Charge);
    ChangeKind::ALL.map(|kind| (kind, now)).to_vec()
}

#[test]
fn several_changes_in_one_period_are_worked_from_all_of_it() {
    let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
    world.go("2026-04-11");
    // 20 of 30 days left: 10.00 x 10/30 + 30.00 x 20/30 = 23.33; 10.00 is charged.
    assert_eq!(world.change_paid("plus-monthly").owed_now, usd(1_333));
    world.go("2026-04-16");
    // 3.333 + 30.00 x 5/30 + 75.00 x 15/30 = 45.83; 23.33 is charged.
    assert_eq!(world.change_paid("max-monthly").owed_now, usd(2_250));
    world.go("2026-04-26");
    // 3.333 + 5.00 + 75.00 x 10/30 + 10.00 x 5/30 = 35.00; 45.83 is charged.
    let quote = world.change_paid("basic-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(1_083)));
    let paid = &world.sub().paid[0];
    assert_eq!(paid.charged, usd(3_500));
    let days = ["2026-04-01", "2026-04-11", "2026-04-16", "2026-04-26"];
    let rates = [1_000, 3_000, 7_500, 1_000];
    let segments = days.into_iter().zip(rates);
    let expected: Vec<_> = segments
        .map(|(from, rate)| Segment {
            from: at(from),
            rate: usd(rate),
        })
        .collect();
    assert_eq!(paid.segments, expected);
    // The balance pays all of the next month.
    let next = quote.next_charge.unwrap();
    assert_eq!((next.at, next.amount), (at("2026-05-01"), usd(0)));
}

#[test]
fn a_change_and_its_inverse_at_one_instant_sum_to_zero() {
    for now in [
        "2026-04-01",
        "2026-04-07T13:11:17.123456Z",
        "2026-04-30T23:59:59.999999Z",
    ] {
        let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
        world.go(now);
        let up = world.change_paid("plus-monthly");
        let down = world.change_paid("basic-monthly");
        assert_eq!(down.balance_after, up.owed_now, "{now}");
        assert_eq!(world.sub().paid[0].charged, usd(1_000));
    }
}

#[test]
fn fractions_of_seconds_lose_nothing() {
    // 30 000.00 a month are more than a cent a second.
    let shop = edited(|draft| {
        draft.rules.changes.rows.extend(both_ways());
        for key in ["peer-monthly", "plus-monthly"] {
            price_of(draft, key).amount = usd(3_000_000);
        }
    });
    let mut world = half_way_in(shop, "plus-monthly", 1);
    for now in [
        "2026-04-16T00:00:00.5Z",
        "2026-04-16T00:00:00.999999Z",
        "2026-04-16T00:00:01.1Z",
    ] {
        world.go(now);
        for price in ["peer-monthly", "plus-monthly"] {
            let quote = world.change_paid(price);
            assert_eq!(
                (quote.owed_now, quote.balance_after),
                (usd(0), usd(0)),
                "{now}"
            );
        }
    }
}

#[test]
fn a_restart_gives_back_what_all_segments_left() {
    let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
    world.go("2026-04-11");
    world.change_paid("plus-monthly");
    world.go("2026-04-21");
    // Used: 3.333 + 30.00 x 10/30 = 13.33 of 23.33: 10.00 are left. 300.00 - 10.00.
    let quote = world.change_paid("plus-yearly");
    assert_eq!(quote.owed_now, usd(29_000));
    let paid = &world.sub().paid;
    assert_eq!((paid.len(), paid[0].charged), (1, usd(30_000)));
    assert_eq!(paid[0].period.end, at("2027-04-21"));
    // And back at once: 300.00 are left, 30.00 are owed, 270.00 go to the balance.
    let quote = world.change_paid("plus-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(27_000)));
    assert_eq!(world.paid_through(), at("2026-05-21"));
}

#[test]
fn a_gift_of_the_operator_is_worth_nothing_when_given_back() {
    let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
    world.force("max-monthly", Force::Free).unwrap();
    assert_eq!(world.held(), ("max-monthly", 1));
    let quote = world.change_paid("basic-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(0)));
    // Nor in another interval: half of the 10.00 that were paid, off 100.00.
    let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
    world.force("max-monthly", Force::Free).unwrap();
    assert_eq!(world.quote("basic-yearly").owed_now, usd(9_500));
}

#[test]
fn a_gift_is_not_given_again_at_renewal() {
    let mut world = half_way("basic-monthly");
    world.force("max-monthly", Force::Free).unwrap();
    assert_eq!(world.renew("2026-05-01").amount, usd(7_500));
    let shop = world.catalog.clone();
    world.change_paid("basic-monthly");
    world.catalog = shop;
    assert_eq!(world.renew("2026-06-01").amount, usd(1_000));
    assert_eq!(world.held(), ("basic-monthly", 1), "applied is applied");
}

#[test]
fn a_gift_between_intervals_is_priced_at_neither_by_the_others_time() {
    let mut world = half_way("basic-monthly");
    world.force("plus-yearly", Force::Free).unwrap();
    assert_eq!(world.paid_through(), at("2026-05-01"));
    // 5.00 are left of the month; the year of 750.00 begins now.
    let quote = world.quote("max-yearly");
    assert_eq!(
        (quote.owed_now, quote.restart.is_some()),
        (usd(74_500), true)
    );
    // Back to a month: a shorter interval waits, and owes nothing.
    let quote = world.quote("plus-monthly");
    assert_eq!((quote.owed_now, quote.timing), (usd(0), Timing::PeriodEnd));
    // Down and back to a month at once: 20.00 a month began at 10.00 for the rest.
    let mut world = half_way_in(ruled(&both_ways()), "basic-monthly", 1);
    world.force("plus-yearly", Force::Free).unwrap();
    assert_eq!(world.quote("max-monthly").owed_now, usd(7_000));
}

#[test]
fn what_is_credited_is_what_was_paid_after_the_discount() {
    let shop = ruled(&both_ways());
    let mut terms = sold_by(&shop, "plus-monthly", 1);
    terms.discount = Some(Discount {
        code: None,
        reduction: Reduction::Percent {
            basis_points: 5_000,
        },
        until_cycle: None,
        ends_at: None,
    });
    let mut world = World::joined("2026-04-01", shop);
    world.buy(terms);
    assert_eq!(world.sub().paid[0].charged, usd(1_500));
    world.go("2026-04-16");
    // 7.50 are left of 15.00, and half of 10.00 begins.
    let quote = world.quote("basic-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(250)));
    assert!(quote.loses.contains(&Loss::Discount));
}

#[test]
fn what_is_held_for_good_is_worth_what_was_paid_for_it() {
    let shop = shop();
    let mut terms = sold_by(&shop, "life-once", 1);
    terms.discount = Some(Discount {
        code: None,
        reduction: Reduction::Fixed { amount: usd(2_400) },
        until_cycle: None,
        ends_at: None,
    });
    let mut world = World::joined("2026-04-01", shop);
    world.buy(terms);
    // 75.00 less the 1.00 that was paid.
    assert_eq!(world.quote("life-pro-once").owed_now, usd(7_400));
}

#[test]
fn a_discount_that_is_over_is_not_lost() {
    let shop = shop();
    let mut terms = sold_by(&shop, "basic-monthly", 1);
    terms.discount = Some(Discount {
        code: None,
        reduction: Reduction::Percent {
            basis_points: 5_000,
        },
        until_cycle: Some(2),
        ends_at: None,
    });
    let mut world = World::joined("2026-04-01", shop);
    world.buy(terms);
    assert_eq!(world.renew("2026-05-01").amount, usd(500));
    assert!(world.quote("plus-monthly").loses.contains(&Loss::Discount));
    assert_eq!(world.renew("2026-06-01").amount, usd(1_000));
    assert_eq!(world.quote("plus-monthly").loses, []);
}

#[test]
fn pieces_given_up_are_named_as_lost() {
    let world = half_way_in(shop(), "seats-monthly", 10);
    let quote = world.resize(3).unwrap();
    assert!(
        matches!(&quote.loses[..], [Loss::Entitlement { feature, .. }] if feature.as_str() == "seats")
    );
    let quote = world.resize(12).unwrap();
    assert_eq!(quote.loses, []);
    // And features of a lower plan.
    let world = half_way("plus-monthly");
    let lost = world.quote("basic-monthly").loses;
    let lost = lost.iter().map(|loss| match loss {
        Loss::Entitlement { feature, .. } => feature.as_str(),
        Loss::PriceLock { .. } | Loss::Discount | Loss::ScheduledChange | Loss::PaidTime { .. } => {
            "?"
        }
    });
    assert_eq!(lost.collect::<Vec<_>>(), ["quota", "sso"]);
}

#[test]
fn a_period_that_is_paid_ahead_is_charged_and_given_back_as_well() {
    let mut world = holding_in(crate::shop::leading(10), "2026-04-01", "basic-monthly", 1);
    assert_eq!(world.renew("2026-04-21").amount, usd(1_000));
    assert_eq!(world.paid_through(), at("2026-06-01"));
    // Ten days are left of April, and all of May: 20.00 / 3 + 20.00.
    let quote = world.change_paid("plus-monthly");
    assert_eq!(quote.owed_now, usd(667 + 2_000));
    assert_eq!(world.sub().paid.len(), 2);
    assert_eq!(world.paid_through(), at("2026-06-01"));
    // To a year: 10.00 of April and 30.00 of May are left.
    let quote = world.change_paid("plus-yearly");
    assert_eq!(quote.owed_now, usd(26_000));
    assert_eq!(world.paid_through(), at("2027-04-21"));
}
