//! Every row of the table of changes, with its figures worked by hand.

use billing_domain::catalog::{CatalogDraft, ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::change::ChangeState;
use billing_domain::decide::Force;
use billing_domain::line::LineKind;
use billing_domain::quote::{NextCharge, Quote, Timing};
use billing_domain::subscription::Status;
use billing_domain::time::days;

use crate::common::{World, at, usd};
use crate::shop::{half_way, half_way_in, holding_in, ruled, shop, sold_by};

/// What a quote comes to: owed now, the balance after it, when, and what next.
fn terse(quote: &Quote) -> (i64, i64, Timing, Option<(String, i64)>) {
    let next = quote
        .next_charge
        .map(|NextCharge { at, amount }| (at.to_string()[..10].to_owned(), amount.amount));
    let (owed, balance) = (quote.owed_now.amount, quote.balance_after.amount);
    (owed, balance, quote.timing, next)
}

fn next(day: &str, amount: i64) -> (String, i64) {
    (day.to_owned(), amount)
}

#[test]
fn up_in_rank_at_the_same_interval_owes_the_difference_of_the_unused_time() {
    let mut world = half_way("basic-monthly");
    let quote = world.quote("plus-monthly");
    // Half of 30.00 less half of 10.00.
    let expected = (1_000, 0, Timing::AtOnce, Some(next("2026-05-01", 3_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::Upgrade]);
    assert_eq!(quote.effective_at, at("2026-04-16"));
    // 10.00 x 15/30 - 10.00 is given back, 30.00 x 15/30 begins.
    let lines: Vec<_> = quote
        .lines
        .iter()
        .map(|line| (line.kind, line.amount))
        .collect();
    let given = (LineKind::Unused, usd(-500));
    assert_eq!(lines, [given, (LineKind::Begins, usd(1_500))]);
    let change = world.accept(&quote);
    assert_eq!(
        world.held(),
        ("basic-monthly", 1),
        "nothing before it is paid"
    );
    world.pay_change(change);
    assert_eq!(world.held(), ("plus-monthly", 1));
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(world.paid_through(), at("2026-05-01"), "the period goes on");
    assert_eq!(world.renew("2026-05-01").amount, usd(3_000));
    assert_eq!(world.paid_through(), at("2026-06-01"));
}

#[test]
fn up_in_rank_at_a_longer_interval_restarts_the_period() {
    // K-04: 25.00 a month, 15 of 30 days left, to 750.00 a year.
    let mut shop = shop();
    let mut draft = CatalogDraft::from(shop.catalog);
    crate::shop::price_of(&mut draft, "basic-monthly").amount = usd(2_500);
    shop.catalog = draft.validate().unwrap();
    let mut world = half_way_in(shop, "basic-monthly", 1);
    let quote = world.quote("max-yearly");
    // 750.00 - 12.50, once.
    let expected = (73_750, 0, Timing::AtOnce, Some(next("2027-04-16", 75_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::Upgrade, ChangeKind::Longer]);
    world.change_paid("max-yearly");
    assert_eq!(world.paid_through(), at("2027-04-16"), "a new anchor");
    assert_eq!(world.open_invoice(), None);
    assert_eq!(world.renew("2027-04-16").amount, usd(75_000));
    assert_eq!(world.paid_through(), at("2028-04-16"));
}

#[test]
fn the_same_plan_at_a_longer_interval_restarts_as_well() {
    let mut world = half_way("plus-monthly");
    // 300.00 - half of 30.00.
    let quote = world.change_paid("plus-yearly");
    let expected = (28_500, 0, Timing::AtOnce, Some(next("2027-04-16", 30_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::Longer]);
    assert_eq!(world.paid_through(), at("2027-04-16"));
}

#[test]
fn a_month_is_longer_than_thirty_days() {
    let world = half_way("plus-30d");
    let quote = world.quote("plus-monthly");
    assert_eq!(quote.kinds, [ChangeKind::Longer]);
    // The 30 days end on 1 May: 15 are left, half of 29.00. 30.00 - 14.50.
    assert_eq!(quote.owed_now, usd(1_550));
    let world = half_way("plus-monthly");
    assert_eq!(world.quote("plus-30d").kinds, [ChangeKind::Shorter]);
    // Twelve months are a year: neither longer nor shorter.
    let world = half_way("plus-yearly");
    assert_eq!(world.refused("plus-12m"), "change_forbidden");
}

#[test]
fn up_in_rank_at_a_shorter_interval_goes_to_the_balance() {
    let mut world = holding_in(shop(), "2025-04-16", "basic-yearly", 1);
    world.go("2025-09-15");
    // 152 of 365 days are used: 213/365 of 100.00 = 58.356 are left, so the used
    // part is 41.64 and 58.36 are given back. 75.00 - 58.36.
    let quote = world.quote("max-monthly");
    let expected = (1_664, 0, Timing::AtOnce, Some(next("2025-10-15", 7_500)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::Upgrade, ChangeKind::Shorter]);
    // To 30.00 a month, 28.36 are left over, and pay most of the next month.
    let quote = world.change_paid("plus-monthly");
    let expected = (0, 2_836, Timing::AtOnce, Some(next("2025-10-15", 164)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(world.balance(), usd(2_836));
    assert_eq!(world.paid_through(), at("2025-10-15"));
    assert_eq!(world.renew("2025-10-15").amount, usd(164));
    assert_eq!(world.balance(), usd(0));
}

#[test]
fn down_in_rank_waits_for_the_end_of_the_period() {
    let mut world = half_way("plus-monthly");
    let quote = world.quote("basic-monthly");
    let expected = (0, 0, Timing::PeriodEnd, Some(next("2026-05-01", 1_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.effective_at, at("2026-05-01"));
    assert_eq!(quote.kinds, [ChangeKind::Downgrade]);
    assert!(quote.lines.is_empty());
    let change = world.accept(&quote);
    assert_eq!(world.state_of(change), ChangeState::Scheduled);
    assert_eq!(world.open_invoice(), None);
    assert_eq!(world.plan(), "plus");
    assert_eq!(world.renew("2026-05-01").amount, usd(1_000));
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied {
            at: at("2026-05-01")
        }
    );
    assert_eq!(world.plan(), "basic");
}

#[test]
fn a_shorter_interval_waits_for_the_end_of_the_period() {
    let mut world = holding_in(shop(), "2026-01-31", "plus-yearly", 1);
    world.go("2026-04-16");
    let quote = world.change_paid("plus-monthly");
    let expected = (0, 0, Timing::PeriodEnd, Some(next("2027-01-31", 3_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::Shorter]);
    assert_eq!(world.renew("2027-01-31").amount, usd(3_000));
    assert_eq!(world.paid_through(), at("2027-02-28"));
    assert_eq!(world.renew("2027-02-28").amount, usd(3_000));
    assert_eq!(world.paid_through(), at("2027-03-31"), "the anchor is kept");
}

#[test]
fn quantity_up_is_charged_at_once_and_down_waits() {
    let mut world = half_way_in(shop(), "seats-monthly", 4);
    // Six more at 3.00 for half of the month: 30.00/2 - 12.00/2.
    let quote = world.resize_paid(10);
    let expected = (900, 0, Timing::AtOnce, Some(next("2026-05-01", 3_000)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::QuantityUp]);
    assert_eq!(world.held(), ("seats-monthly", 10));
    let quote = world.resize_paid(2);
    let expected = (0, 0, Timing::PeriodEnd, Some(next("2026-05-01", 600)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(quote.kinds, [ChangeKind::QuantityDown]);
    assert_eq!(world.held(), ("seats-monthly", 10));
    assert_eq!(world.renew("2026-05-01").amount, usd(600));
    assert_eq!(world.held(), ("seats-monthly", 2));
}

#[test]
fn during_a_trial_it_changes_at_once_and_costs_nothing() {
    for (price, kind, first) in [
        ("max-monthly", ChangeKind::Upgrade, 7_500),
        ("basic-monthly", ChangeKind::Downgrade, 1_000),
        ("plus-yearly", ChangeKind::Longer, 30_000),
    ] {
        let mut terms = sold_by(&shop(), "plus-monthly", 1);
        terms.trial = Some(days(14));
        let mut world = World::joined("2026-04-01", shop());
        world.buy(terms);
        world.go("2026-04-08");
        let quote = world.quote(price);
        let expected = (0, 0, Timing::AtOnce, Some(next("2026-04-15", first)));
        assert_eq!(terse(&quote), expected, "{price}");
        assert_eq!(quote.kinds, [kind]);
        world.accept(&quote);
        assert_eq!(world.status(), Status::Trialing);
        assert_eq!(world.held(), (price, 1));
        assert_eq!(
            world.paid_through(),
            at("2026-04-15"),
            "the trial's end stays"
        );
        assert_eq!(world.renew("2026-04-15").amount, usd(first));
        assert_eq!(world.status(), Status::Active);
    }
}

#[test]
fn a_trial_that_is_over_owes_its_first_invoice() {
    let mut terms = sold_by(&shop(), "plus-monthly", 1);
    terms.trial = Some(days(14));
    let mut world = World::joined("2026-04-01", shop());
    world.buy(terms);
    world.go("2026-04-15");
    assert_eq!(world.refused("max-monthly"), "invoice_open");
}

#[test]
fn perpetual_up_owes_the_difference_of_the_prices() {
    // K-03: 25.00 to 75.00 owes 50.00, at any time.
    for day in ["2026-04-02", "2031-04-02"] {
        let mut world = holding_in(shop(), "2026-04-01", "life-once", 1);
        world.go(day);
        let quote = world.change_paid("life-pro-once");
        assert_eq!(terse(&quote), (5_000, 0, Timing::AtOnce, None));
        assert_eq!(world.held(), ("life-pro-once", 1));
        assert_eq!(world.plan(), "life-pro");
        assert_eq!(world.sub().times.paid_through, None);
    }
}

#[test]
fn a_dearer_plan_held_for_good_never_owes_below_zero() {
    // Up in rank, and cheaper: nothing is owed, and nothing is given back.
    let shop = crate::shop::edited(|draft| {
        crate::shop::price_of(draft, "life-pro-once").amount = usd(2_000);
    });
    let mut world = holding_in(shop, "2026-04-01", "life-once", 1);
    let quote = world.change_paid("life-pro-once");
    assert_eq!(terse(&quote), (0, 0, Timing::AtOnce, None));
    assert_eq!(world.balance(), usd(0));
    assert_eq!(world.held(), ("life-pro-once", 1));
}

#[test]
fn perpetual_down_is_forbidden_unless_the_catalog_says_how() {
    let world = holding_in(shop(), "2026-04-01", "life-pro-once", 1);
    assert_eq!(world.refused("life-once"), "downgrade_forbidden");
    let rows = [(ChangeKind::Downgrade, ChangeRule::PeriodEnd)];
    let mut world = holding_in(ruled(&rows), "2026-04-01", "life-pro-once", 1);
    // What never ends has no end to wait for.
    let quote = world.change_paid("life-once");
    assert_eq!(terse(&quote), (0, 0, Timing::AtOnce, None));
    assert_eq!(world.plan(), "life");
}

#[test]
fn what_is_bought_for_good_or_free_becomes_recurring_by_buying() {
    let world = holding_in(shop(), "2026-04-01", "life-once", 1);
    assert_eq!(world.refused("plus-monthly"), "is_purchase");
    let world = holding_in(shop(), "2026-04-01", "plus-gratis", 1);
    assert_eq!(world.refused("max-monthly"), "is_purchase");
    // And the other way: a purchase, after which the old one is canceled.
    let world = half_way("plus-monthly");
    assert_eq!(world.refused("life-pro-once"), "is_purchase");
}

#[test]
fn lateral_is_forbidden_unless_the_catalog_allows_it() {
    let world = half_way("plus-monthly");
    assert_eq!(world.refused("peer-monthly"), "change_forbidden");
    let rows = [(ChangeKind::Lateral, ChangeRule::Now(ChangeMoney::Charge))];
    let mut world = half_way_in(ruled(&rows), "plus-monthly", 1);
    // Half of 20.00 less half of 30.00 goes to the balance, and pays the half of
    // the next month.
    let quote = world.change_paid("peer-monthly");
    let expected = (0, 500, Timing::AtOnce, Some(next("2026-05-01", 1_500)));
    assert_eq!(terse(&quote), expected);
    assert_eq!(world.held(), ("peer-monthly", 1));
    assert_eq!(world.balance(), usd(500));
}

#[test]
fn past_due_is_refused_until_the_open_invoice_is_settled() {
    let mut world = half_way("basic-monthly");
    world.go("2026-05-01");
    assert_eq!(
        world.refused("plus-monthly"),
        "invoice_open",
        "no worker yet"
    );
    world.tick("2026-05-01");
    world.link();
    world.tick("2026-05-02");
    assert_eq!(world.status(), Status::PastDue);
    for price in ["plus-monthly", "basic-yearly"] {
        assert_eq!(world.refused(price), "invoice_open");
    }
    let refused = world.force("plus-monthly", Force::Free).unwrap_err();
    let open = billing_domain::decide::QuoteRefusal::InvoiceOpen;
    assert_eq!(refused, billing_domain::decide::ForceRefusal::Quote(open));
    world.pay();
    assert_eq!(world.quote("plus-monthly").timing, Timing::AtOnce);
}
