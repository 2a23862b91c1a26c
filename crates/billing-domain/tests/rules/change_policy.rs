//! A catalog's own rows of the table of changes: when, and with what money.

use billing_domain::catalog::{ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::quote::Timing;

use crate::common::{at, usd};
use crate::shop::{edited, half_way_in, ruled, shop};

fn now(money: ChangeMoney) -> ChangeRule {
    ChangeRule::Now(money)
}

/// What a change costs under one row for its kind, half of the month being left:
/// owed, balance, whether the period starts anew.
fn cost(kind: ChangeKind, rule: ChangeRule, from: &str, to: &str) -> (i64, i64, bool) {
    let mut world = half_way_in(ruled(&[(kind, rule)]), from, 1);
    let quote = world.change_paid(to);
    assert_eq!(world.held(), (to, 1));
    assert_eq!(world.balance(), quote.balance_after);
    let restarted = world.paid_through() != at("2026-05-01");
    (quote.owed_now.amount, quote.balance_after.amount, restarted)
}

#[test]
fn an_upgrade_with_each_money() {
    let up = |money| {
        cost(
            ChangeKind::Upgrade,
            now(money),
            "basic-monthly",
            "plus-monthly",
        )
    };
    // Half of 30.00 less half of 10.00.
    assert_eq!(up(ChangeMoney::Charge), (1_000, 0, false));
    // Nothing is charged, and there is nothing to give back.
    assert_eq!(up(ChangeMoney::Credit), (0, 0, false));
    assert_eq!(up(ChangeMoney::None), (0, 0, false));
    // A whole new period, and nothing for what is left of the old.
    assert_eq!(up(ChangeMoney::Full), (3_000, 0, true));
}

#[test]
fn a_downgrade_with_each_money() {
    let down = |money| {
        cost(
            ChangeKind::Downgrade,
            now(money),
            "plus-monthly",
            "basic-monthly",
        )
    };
    // Half of 10.00 less half of 30.00 goes to the balance.
    assert_eq!(down(ChangeMoney::Charge), (0, 1_000, false));
    assert_eq!(down(ChangeMoney::Credit), (0, 1_000, false));
    assert_eq!(down(ChangeMoney::None), (0, 0, false));
    assert_eq!(down(ChangeMoney::Full), (1_000, 0, true));
}

#[test]
fn a_longer_interval_with_each_money() {
    let longer = |money| {
        cost(
            ChangeKind::Longer,
            now(money),
            "plus-monthly",
            "plus-yearly",
        )
    };
    // 300.00 - half of 30.00.
    assert_eq!(longer(ChangeMoney::Charge), (28_500, 0, true));
    assert_eq!(longer(ChangeMoney::Full), (30_000, 0, true));
    // No money: the month that is paid ends, and then the first year is charged.
    assert_eq!(longer(ChangeMoney::None), (0, 0, false));
}

#[test]
fn every_kind_can_be_forbidden_and_any_of_them_forbids() {
    for (kind, from, to) in [
        (ChangeKind::Upgrade, "basic-monthly", "plus-monthly"),
        (ChangeKind::Downgrade, "plus-monthly", "basic-monthly"),
        (ChangeKind::Lateral, "plus-monthly", "peer-monthly"),
        (ChangeKind::Longer, "plus-monthly", "plus-yearly"),
        (ChangeKind::Shorter, "plus-yearly", "plus-monthly"),
        (ChangeKind::Longer, "basic-monthly", "plus-yearly"),
        (ChangeKind::Shorter, "basic-yearly", "plus-monthly"),
    ] {
        let world = half_way_in(ruled(&[(kind, ChangeRule::Forbidden)]), from, 1);
        let expected = if kind == ChangeKind::Downgrade {
            "downgrade_forbidden"
        } else {
            "change_forbidden"
        };
        assert_eq!(world.refused(to), expected, "{kind:?}");
    }
    for (kind, quantity) in [(ChangeKind::QuantityUp, 9), (ChangeKind::QuantityDown, 2)] {
        let world = half_way_in(ruled(&[(kind, ChangeRule::Forbidden)]), "seats-monthly", 5);
        assert_eq!(
            world.resize(quantity).unwrap_err().code(),
            "change_forbidden"
        );
    }
}

#[test]
fn every_kind_can_wait_for_the_periods_end() {
    for (kind, from, to) in [
        (ChangeKind::Upgrade, "basic-monthly", "plus-monthly"),
        (ChangeKind::Lateral, "plus-monthly", "peer-monthly"),
        (ChangeKind::Longer, "plus-monthly", "plus-yearly"),
    ] {
        let mut world = half_way_in(ruled(&[(kind, ChangeRule::PeriodEnd)]), from, 1);
        let quote = world.change_paid(to);
        assert_eq!((quote.timing, quote.owed_now), (Timing::PeriodEnd, usd(0)));
        assert_eq!(world.held(), (from, 1));
        let next = quote.next_charge.unwrap();
        assert_eq!((next.at, next.amount), (at("2026-05-01"), quote.terms.unit));
        assert_eq!(world.renew("2026-05-01").amount, quote.terms.unit);
        assert_eq!(world.held(), (to, 1));
    }
}

#[test]
fn a_smaller_quantity_at_once_goes_to_the_balance() {
    let rows = [(ChangeKind::QuantityDown, now(ChangeMoney::Credit))];
    let mut world = half_way_in(ruled(&rows), "seats-monthly", 10);
    // Eight pieces less, for half of the month: 24.00 / 2.
    let quote = world.resize_paid(2);
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(1_200)));
    assert_eq!(world.held(), ("seats-monthly", 2));
}

#[test]
fn a_plans_own_row_comes_before_the_catalogs() {
    let shop = edited(|draft| {
        let everywhere = (ChangeKind::Upgrade, ChangeRule::Forbidden);
        draft.rules.changes.rows.extend([everywhere]);
        let basic = draft
            .plans
            .iter_mut()
            .find(|plan| plan.key.as_str() == "basic");
        let row = (ChangeKind::Upgrade, now(ChangeMoney::None));
        basic.unwrap().changes.rows.extend([row]);
    });
    let world = half_way_in(shop.clone(), "basic-monthly", 1);
    assert_eq!(world.quote("plus-monthly").owed_now, usd(0));
    let world = half_way_in(shop, "plus-monthly", 1);
    assert_eq!(world.refused("max-monthly"), "change_forbidden");
}

#[test]
fn rank_decides_before_interval_and_interval_before_quantity() {
    // Down in rank and longer: at the period's end, as the rank says.
    let world = half_way_in(shop(), "plus-monthly", 1);
    let quote = world.quote("basic-yearly");
    assert_eq!(quote.kinds, [ChangeKind::Downgrade, ChangeKind::Longer]);
    assert_eq!(quote.timing, Timing::PeriodEnd);
    // Longer and fewer: at once, as the interval says. 2 x 30.00 for the year,
    // less half of 10 x 3.00.
    let world = half_way_in(shop(), "seats-monthly", 10);
    let ask = billing_domain::decide::ChangeAsk {
        subscription: world.sub().id,
        plan: None,
        price: Some("seats-yearly".parse().unwrap()),
        quantity: Some(2),
    };
    let quote = world.quoted(&ask, None).unwrap();
    assert_eq!(quote.kinds, [ChangeKind::Longer, ChangeKind::QuantityDown]);
    assert_eq!((quote.timing, quote.owed_now), (Timing::AtOnce, usd(4_500)));
}

#[test]
fn a_change_without_money_keeps_the_old_rate_in_the_segments() {
    // An upgrade as a gift; going back down for credit brings nothing back.
    let rows = [
        (ChangeKind::Upgrade, now(ChangeMoney::None)),
        (ChangeKind::Downgrade, now(ChangeMoney::Credit)),
    ];
    let mut world = half_way_in(ruled(&rows), "basic-monthly", 1);
    world.change_paid("max-monthly");
    let quote = world.change_paid("basic-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(0)));
    // What is paid for the period stays 10.00.
    assert_eq!(world.sub().paid[0].charged, usd(1_000));
}

#[test]
fn what_was_given_to_another_interval_is_never_priced_by_it() {
    // A month is paid, and the subscription was moved to a year without money.
    let rows = [(ChangeKind::Longer, now(ChangeMoney::None))];
    let mut world = half_way_in(ruled(&rows), "plus-monthly", 1);
    world.change_paid("plus-yearly");
    assert_eq!(world.paid_through(), at("2026-05-01"));
    // 750.00 a year, less half of the month at 30.00: the year begins now.
    let quote = world.change_paid("max-yearly");
    assert_eq!(quote.owed_now, usd(73_500));
    assert_eq!(world.paid_through(), at("2027-04-16"));
}

#[test]
fn what_was_given_to_another_interval_is_charged_for_it_from_its_end() {
    let rows = [(ChangeKind::Longer, now(ChangeMoney::None))];
    let mut world = half_way_in(ruled(&rows), "plus-monthly", 1);
    world.change_paid("plus-yearly");
    assert_eq!(world.renew("2026-05-01").amount, usd(30_000));
    assert_eq!(world.paid_through(), at("2027-05-01"));
}
