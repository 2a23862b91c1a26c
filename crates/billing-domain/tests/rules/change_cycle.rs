//! A cycle is judged at its start, however early its invoice is made or however
//! late anybody looks; what is scheduled takes effect by itself.

use billing_domain::catalog::{CatalogDraft, ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::change::ChangeState;
use billing_domain::decide::{CancelWhen, TakeBackRefusal};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::invoice::InvoiceState;
use billing_domain::subscription::{Schedule, Status};

use crate::common::{World, at, usd};
use crate::shop::{half_way, holding_in, leading, sold_by};

/// One whose next month is invoiced ten days ahead, as it is nine days ahead.
fn invoiced_ahead(price: &str) -> World {
    let mut world = holding_in(leading(10), "2026-04-01", price, 1);
    world.tick("2026-04-21");
    world.link();
    world.go("2026-04-22");
    world.forget();
    world
}

/// `None`: it is not ours to run.
fn cycle(world: &World) -> Option<u32> {
    match world.sub().schedule {
        Schedule::Engine { cycle, .. } => Some(cycle),
        Schedule::Provider { .. } | Schedule::Perpetual => None,
    }
}

#[test]
fn a_change_voids_the_next_invoice_and_makes_the_same_cycles_anew() {
    for (price, first, anew) in [
        ("basic-monthly", 3_000, 1_000),
        // At once: the terms are others, and so is the next price.
        ("max-monthly", 3_000, 7_500),
    ] {
        let mut world = invoiced_ahead("plus-monthly");
        let id = world.sub().id;
        let old = world.open_invoice().unwrap().clone();
        assert_eq!(
            (old.amount, old.cycle, old.attempt),
            (usd(first), Some(1), 1)
        );
        let quote = world.change_paid(price);
        let next = quote.next_charge.unwrap();
        assert_eq!((next.at, next.amount), (at("2026-05-01"), usd(anew)));
        let old = world.account.invoice(old.id).unwrap().clone();
        assert!(matches!(old.state, InvoiceState::Void { .. }));
        assert!(
            world
                .orders
                .iter()
                .any(|order| matches!(order, Order::VoidInvoice { .. }))
        );
        assert_eq!(world.account.wake_at(), Some(at("2026-04-21")), "at once");
        world.fall_due(billing_domain::catalog::CatchUp::Current);
        let new = world.open_invoice().unwrap().clone();
        assert_eq!(
            (new.amount, new.cycle, new.attempt),
            (usd(anew), Some(1), 2)
        );
        assert_eq!(new.period, old.period);
        assert!(world.keys.contains(&EffectKey::renewal(id, 1, 2)));
        world.link();
        world.pay();
        assert_eq!(
            (world.paid_through(), cycle(&world)),
            (at("2026-06-01"), Some(1))
        );
        assert_eq!(world.renew("2026-05-22").cycle, Some(2));
        assert_eq!(
            world.account.invoices.last().unwrap().attempt,
            1,
            "a new cycle"
        );
    }
}

#[test]
fn a_change_that_awaits_its_payment_leaves_the_next_invoice_alone() {
    let mut world = invoiced_ahead("basic-monthly");
    world.change("plus-monthly");
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_000));
}

#[test]
fn taking_back_makes_the_same_cycle_anew_once_more() {
    let mut world = invoiced_ahead("plus-monthly");
    let change = world.change("basic-monthly");
    world.tick("2026-04-22");
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_000));
    world.take_back(change).unwrap();
    world.tick("2026-04-22");
    let invoice = world.open_invoice().unwrap();
    assert_eq!(
        (invoice.amount, invoice.cycle, invoice.attempt),
        (usd(3_000), Some(1), 3)
    );
    assert_eq!(world.sub().scheduled, None);
}

#[test]
fn a_cancellation_voids_the_next_invoice_for_good() {
    let mut world = invoiced_ahead("plus-monthly");
    world.cancel(CancelWhen::PeriodEnd);
    world.tick("2026-04-23");
    assert_eq!(world.open_invoice(), None);
    world.tick("2026-05-01");
    assert_eq!(
        (world.status(), world.plan()),
        (Status::Canceled, "free".to_owned())
    );
}

#[test]
fn a_downgrade_paid_ahead_takes_effect_at_its_instant_and_stands() {
    let mut world = holding_in(leading(10), "2026-04-01", "plus-monthly", 1);
    let change = world.change("basic-monthly");
    assert_eq!(world.renew("2026-04-21").amount, usd(1_000));
    assert_eq!(
        (world.plan(), world.paid_through()),
        ("plus".to_owned(), at("2026-06-01"))
    );
    // What it costs is paid: neither taken back nor replaced, or May would be had
    // at the dearer plan for the price of the cheaper.
    let stands = TakeBackRefusal::NotOpen(ChangeState::Applied {
        at: at("2026-05-01"),
    });
    assert_eq!(world.take_back(change), Err(stands));
    assert_eq!(world.refused("plus-30d"), "change_paid");
    world.tick("2026-05-01");
    assert_eq!(
        (world.plan(), world.paid_through()),
        ("basic".to_owned(), at("2026-06-01"))
    );
}

#[test]
fn an_upgrade_replaces_a_downgrade_that_is_paid_ahead_and_charges_for_it() {
    let mut world = holding_in(leading(10), "2026-04-01", "plus-monthly", 1);
    let down = world.change("basic-monthly");
    world.renew("2026-04-21");
    // A third of April at 75.00 - 30.00, and all of May at 75.00 - 10.00.
    let quote = world.change_paid("max-monthly");
    assert_eq!(quote.owed_now, usd(1_500 + 6_500));
    assert_eq!(
        world.state_of(down),
        ChangeState::Superseded { at: world.now }
    );
    world.tick("2026-05-01");
    assert_eq!(
        (world.plan(), world.paid_through()),
        ("max".to_owned(), at("2026-06-01"))
    );
    assert_eq!(world.renew("2026-05-22").amount, usd(7_500));
    assert_eq!(world.paid_through(), at("2026-07-01"));
}

#[test]
fn a_month_paid_ahead_of_a_year_is_not_charged_a_years_price() {
    // A year ends; the next month of the same plan is paid ahead.
    let mut world = holding_in(leading(10), "2025-05-01", "basic-yearly", 1);
    world.change("basic-monthly");
    assert_eq!(world.renew("2026-04-21").amount, usd(1_000));
    assert_eq!(world.paid_through(), at("2026-06-01"));
    assert_eq!(
        world.sub().next_cycle().unwrap().period.start,
        at("2026-06-01")
    );
    // 10 of 365 days of 100.00 and a month of 10.00 are left: 2.74 + 10.00.
    let quote = world.change_paid("plus-yearly");
    assert_eq!(quote.owed_now, usd(30_000 - 274 - 1_000));
    assert_eq!(world.paid_through(), at("2027-04-21"));
    assert_eq!(quote.next_charge.unwrap().at, at("2027-04-21"));
    assert_eq!(world.renew("2027-04-11").amount, usd(30_000));
    assert_eq!(world.paid_through(), at("2028-04-21"));
}

#[test]
fn months_paid_ahead_of_a_years_end_go_on_as_months() {
    let mut world = holding_in(leading(10), "2025-01-31", "basic-yearly", 1);
    world.change("basic-monthly");
    assert_eq!(world.renew("2026-01-21").amount, usd(1_000));
    assert_eq!(world.paid_through(), at("2026-02-28"));
    world.tick("2026-01-31");
    assert_eq!(world.held(), ("basic-monthly", 1));
    assert_eq!(world.renew("2026-02-18").amount, usd(1_000));
    assert_eq!(world.paid_through(), at("2026-03-31"), "the anchor's day");
    // All of March is left, and five days of February: 20.00 + 20.00 x 5/28.
    world.go("2026-02-23");
    assert_eq!(world.quote("plus-monthly").owed_now, usd(2_000 + 357));
}

#[test]
fn a_cycle_that_the_balance_pays_ahead_leaves_the_present_one_alone() {
    let mut world = holding_in(leading(10), "2026-04-01", "plus-monthly", 1);
    let down = world.change("basic-monthly");
    world.account.customer.balances = vec![usd(1_000)];
    world.tick("2026-04-21");
    assert_eq!(
        (world.balance(), world.paid_through()),
        (usd(0), at("2026-06-01"))
    );
    assert_eq!(world.plan(), "plus", "until May");
    assert_eq!(world.state_of(down), ChangeState::Scheduled);
    // Both periods are there to be charged: a third of April, and May.
    assert_eq!(world.sub().paid.len(), 2);
    assert_eq!(world.quote("max-monthly").owed_now, usd(1_500 + 6_500));
    world.tick("2026-05-01");
    assert_eq!(world.plan(), "basic");
}

#[test]
fn what_is_scheduled_holds_at_its_instant_with_no_worker_running() {
    let mut world = half_way("plus-monthly");
    let change = world.change("basic-monthly");
    assert_eq!(world.effective().until, Some(at("2026-05-01")));
    world.go("2026-04-30T23:59:59Z");
    assert_eq!(world.plan(), "plus");
    world.go("2026-05-01");
    assert_eq!(world.plan(), "basic");
    let gone = TakeBackRefusal::NotOpen(ChangeState::Applied {
        at: at("2026-05-01"),
    });
    assert_eq!(world.take_back(change), Err(gone));
    // A worker that is late by weeks finds the same.
    world.tick("2026-05-20");
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied {
            at: at("2026-05-01")
        }
    );
    let invoice = world.open_invoice().unwrap();
    assert_eq!(
        (invoice.amount, invoice.period.unwrap().start),
        (usd(1_000), at("2026-05-01"))
    );
}

#[test]
fn downtime_of_several_periods_invoices_the_present_one_at_the_scheduled_price() {
    let mut world = half_way("plus-monthly");
    world.change("basic-monthly");
    world.tick("2026-07-10");
    let invoice = world.open_invoice().unwrap();
    assert_eq!(
        (invoice.amount, invoice.period.unwrap().start),
        (usd(1_000), at("2026-07-01"))
    );
}

#[test]
fn the_anchor_is_kept_where_both_intervals_are_months() {
    // 31 January, 28 February; from there a year at a time, on the anchor's day.
    let rows = [(ChangeKind::Longer, ChangeRule::PeriodEnd)];
    let mut world = holding_in(crate::shop::ruled(&rows), "2023-01-31", "plus-monthly", 1);
    let quote = world.change_paid("plus-yearly");
    assert_eq!(quote.next_charge.unwrap().at, at("2023-02-28"));
    assert_eq!(world.renew("2023-02-28").amount, usd(30_000));
    assert_eq!(world.paid_through(), at("2024-02-29"), "not the 28th");
    // And back to months: 31 March.
    world.change("plus-monthly");
    assert_eq!(world.renew("2024-02-29").amount, usd(3_000));
    assert_eq!(world.paid_through(), at("2024-03-31"));
    // Thirty days keep no day of the month: they hang on the end of March.
    world.change("plus-30d");
    assert_eq!(world.renew("2024-03-31").amount, usd(2_900));
    assert_eq!(world.paid_through(), at("2024-04-30"));
    world.change("plus-monthly");
    assert_eq!(world.renew("2024-04-30").amount, usd(3_000));
    assert_eq!(world.paid_through(), at("2024-05-30"), "a new anchor");
}

#[test]
fn cycle_numbers_only_grow_whatever_happens_to_the_interval() {
    let mut world = half_way("plus-monthly");
    world.change_paid("plus-yearly");
    assert_eq!(cycle(&world), Some(0), "the same cycle goes on");
    world.change("plus-monthly");
    let cycles: Vec<_> = ["2027-04-16", "2027-05-16", "2027-06-16"]
        .into_iter()
        .map(|day| world.renew(day).cycle)
        .collect();
    assert_eq!(cycles, [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_discount_counts_the_cycle_that_is_paid_for() {
    use billing_domain::discount::{Discount, Reduction};
    // Two cycles at half price; the second is invoiced ahead when pieces are added.
    let shop = leading(10);
    let mut terms = sold_by(&shop, "seats-monthly", 2);
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
    assert_eq!(world.sub().paid[0].charged, usd(300));
    world.tick("2026-04-21");
    assert_eq!(world.open_invoice().unwrap().amount, usd(300));
    // Two more at 1.50 for a third of the month.
    let quote = world.resize_paid(4);
    assert_eq!(quote.owed_now, usd(100));
    assert_eq!(quote.next_charge.unwrap().amount, usd(600));
    assert_eq!(world.renew("2026-04-21").amount, usd(600));
    // Paid ahead: a third of April and all of May, both at half price.
    let quote = world.resize_paid(6);
    assert_eq!(quote.owed_now, usd(100 + 300));
    assert_eq!(quote.next_charge.unwrap().amount, usd(1_800));
    assert_eq!(
        world.renew("2026-05-22").amount,
        usd(1_800),
        "the third in full"
    );
    assert_eq!(world.renew("2026-06-21").cycle, Some(3));
}

/// One who goes down from May on, and has paid May at the lower plan already.
fn down_paid_ahead() -> World {
    let mut world = holding_in(leading(10), "2026-04-01", "plus-monthly", 1);
    world.change("basic-monthly");
    assert_eq!(world.renew("2026-04-21").amount, usd(1_000));
    world
}

#[test]
fn a_cancellation_leaves_a_downgrade_that_is_paid_ahead() {
    let mut world = down_paid_ahead();
    world.cancel(CancelWhen::PeriodEnd);
    world.tick("2026-05-01");
    assert_eq!(world.plan(), "basic", "as it was paid");
    world.tick("2026-06-01");
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.plan(), "free");
}

#[test]
fn a_pause_moves_a_downgrade_that_is_paid_ahead_with_the_time() {
    // Paused for five days before the downgrade: both come five days later.
    let mut world = down_paid_ahead();
    world.pause().unwrap();
    world.go("2026-04-26");
    world.resume().unwrap();
    assert_eq!(world.paid_through(), at("2026-06-06"));
    world.go("2026-05-05T23:59:59Z");
    assert_eq!(world.plan(), "plus");
    world.go("2026-05-06");
    assert_eq!(world.plan(), "basic");
    world.tick("2026-05-06");
    assert_eq!(world.renew("2026-06-06").amount, usd(1_000));
    // Where access goes on until the period's end, nothing moves.
    let mut world = down_paid_ahead();
    world.account.subscriptions[0].terms.on_pause = billing_domain::catalog::OnPause::PeriodEnd;
    world.pause().unwrap();
    world.go("2026-04-26");
    world.resume().unwrap();
    assert_eq!(world.paid_through(), at("2026-06-01"));
    world.tick("2026-05-01");
    assert_eq!(world.plan(), "basic");
}

#[test]
fn what_is_paid_ahead_is_not_charged_again_where_another_change_takes_its_place() {
    let shop = {
        let mut shop = leading(10);
        let mut draft = CatalogDraft::from(shop.catalog);
        draft.rules.changes.rows.extend([
            (ChangeKind::Upgrade, ChangeRule::PeriodEnd),
            (ChangeKind::QuantityUp, ChangeRule::Now(ChangeMoney::None)),
        ]);
        shop.catalog = draft.validate().unwrap();
        shop
    };
    let mut world = holding_in(shop, "2026-04-01", "seats-monthly", 1);
    world.change("plus-yearly");
    // The year is paid before it begins.
    assert_eq!(world.renew("2026-04-21").amount, usd(30_000));
    assert_eq!(world.paid_through(), at("2027-05-01"));
    world.go("2026-04-22");
    let quote = world.resize_paid(2);
    let next = quote.next_charge.unwrap();
    assert_eq!((next.at, next.amount), (at("2027-05-01"), usd(600)));
    assert_eq!(world.held(), ("seats-monthly", 2));
    world.forget();
    for day in ["2026-05-01", "2026-06-01", "2027-04-20"] {
        world.tick(day);
        assert_eq!(world.open_invoice(), None, "{day}");
    }
    let next = world.renew("2027-04-21");
    assert_eq!(
        (next.amount, next.period.unwrap().start),
        (usd(600), at("2027-05-01"))
    );
}
