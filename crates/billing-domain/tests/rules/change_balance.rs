//! The balance: credit that later invoices draw on, debts that they charge, and
//! what is given back when one is voided.

use billing_domain::catalog::{CatalogRevision, ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::invoice::InvoiceState;
use billing_domain::line::{LineKind, sum};

use crate::common::{World, at, usd};
use crate::shop::{edited, half_way, half_way_in, leading, ruled};

/// Nothing below so many cents is charged.
fn at_least(cents: i64) -> CatalogRevision {
    edited(|draft| {
        draft
            .rules
            .minimum_charge
            .insert(usd(0).currency, usd(cents));
        let now = ChangeRule::Now(ChangeMoney::Charge);
        draft.rules.changes.rows.insert(ChangeKind::Downgrade, now);
    })
}

fn credited(cents: i64) -> World {
    let mut world = half_way("basic-monthly");
    world.account.customer.balances = vec![usd(cents)];
    world
}

#[test]
fn it_pays_a_change_as_far_as_it_goes() {
    // Owed: half of 30.00 less half of 10.00.
    for (had, owed, left) in [(300, 700, 0), (1_000, 0, 0), (2_500, 0, 1_500)] {
        let mut world = credited(had);
        let quote = world.change_paid("plus-monthly");
        assert_eq!(
            (quote.owed_now, quote.balance_after),
            (usd(owed), usd(left))
        );
        assert_eq!(
            (world.balance(), world.held().0),
            (usd(left), "plus-monthly")
        );
        let drawn = quote.lines.last().unwrap();
        assert_eq!(
            (drawn.kind, drawn.amount),
            (LineKind::Balance, usd(owed - 1_000))
        );
        assert_eq!(world.sub().paid[0].charged, usd(2_000), "whoever paid it");
    }
}

#[test]
fn what_a_change_had_drawn_comes_back_when_it_ends() {
    let ends: [fn(&mut World, billing_domain::ids::ChangeId); 3] = [
        |world, change| world.take_back(change).unwrap(),
        |world, _| world.tick("2026-04-17"),
        |world, _| {
            world.cancel(billing_domain::decide::CancelWhen::PeriodEnd);
        },
    ];
    for end in ends {
        let mut world = credited(300);
        let change = world.change("plus-monthly");
        assert_eq!(world.balance(), usd(0));
        end(&mut world, change);
        assert_eq!(world.balance(), usd(300));
        assert!(world.account.customer.balances.len() == 1);
    }
}

#[test]
fn another_change_has_all_of_it_to_draw_on() {
    // The first had drawn 3.00; the second is quoted after that and voids it.
    let mut world = credited(300);
    world.change("plus-monthly");
    let quote = world.quote("max-monthly");
    // Half of 75.00 less half of 10.00, less 3.00.
    assert_eq!((quote.owed_now, quote.balance_after), (usd(2_950), usd(0)));
    let change = world.accept(&quote);
    assert_eq!(world.balance(), usd(0));
    world.take_back(change).unwrap();
    assert_eq!(world.balance(), usd(300));
    // The same with one that gives something to the balance.
    let mut world = half_way_in(at_least(0), "plus-monthly", 1);
    world.account.customer.balances = vec![usd(300)];
    world.change("max-monthly");
    assert_eq!(world.balance(), usd(0));
    let quote = world.change_paid("basic-monthly");
    assert_eq!(
        (quote.balance_after, world.balance()),
        (usd(1_300), usd(1_300))
    );
}

#[test]
fn a_renewal_draws_on_it_and_gives_it_back_when_voided() {
    let mut world = half_way_in(leading(10), "plus-monthly", 1);
    world.account.customer.balances = vec![usd(400)];
    world.tick("2026-04-21");
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!((invoice.amount, world.balance()), (usd(2_600), usd(0)));
    assert_eq!(sum(&invoice.lines, usd(0).currency).unwrap(), usd(2_600));
    // The next charge of a quote knows of it: 10.00 less 4.00.
    let quote = world.quote("basic-monthly");
    assert_eq!(quote.next_charge.unwrap().amount, usd(600));
    world.accept(&quote);
    assert_eq!(world.balance(), usd(400));
    let voided = world.account.invoice(invoice.id).unwrap();
    assert!(matches!(voided.state, InvoiceState::Void { .. }));
    assert_eq!(world.renew("2026-04-21").amount, usd(600));
    assert_eq!(
        (world.balance(), world.paid_through()),
        (usd(0), at("2026-06-01"))
    );
    // What the cycle cost is its rate, whoever paid it.
    assert_eq!(world.sub().paid[1].charged, usd(1_000));
}

#[test]
fn below_the_least_charge_it_is_carried_and_comes_with_the_next_invoice() {
    let mut world = half_way_in(at_least(50), "basic-monthly", 1);
    // A minute before the end: 20.00 / 43 200 is nothing; six hours: 16.7 cents.
    world.go("2026-04-30T18:00:00Z");
    let quote = world.change_paid("plus-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(-17)));
    assert_eq!(quote.lines.last().unwrap().kind, LineKind::Carried);
    assert_eq!(
        (world.held().0, world.balance()),
        ("plus-monthly", usd(-17))
    );
    let next = quote.next_charge.unwrap();
    assert_eq!(next.amount, usd(3_017));
    assert_eq!(world.renew("2026-05-01").amount, usd(3_017));
    assert_eq!(world.balance(), usd(0));
}

#[test]
fn what_is_carried_counts_toward_the_least_charge() {
    let mut world = half_way_in(at_least(30), "basic-monthly", 1);
    world.go("2026-04-30T18:00:00Z");
    // 20.00 x 6 h / 720 h = 0.1667, carried.
    assert_eq!(world.change_paid("plus-monthly").balance_after, usd(-17));
    // 45.00 x 6 / 720 = 0.375: 0.38 by the whole of it, and 0.17 come along.
    let quote = world.quote("max-monthly");
    assert_eq!(
        (quote.owed_now, quote.balance_after),
        (usd(37 + 17), usd(0))
    );
    // Too little still, and carried together.
    let mut world = half_way_in(at_least(60), "basic-monthly", 1);
    world.go("2026-04-30T18:00:00Z");
    world.change_paid("plus-monthly");
    let quote = world.change_paid("max-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(-54)));
    // Going back down pays the debt.
    let quote = world.change_paid("basic-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(0)));
}

#[test]
fn a_debt_is_given_back_as_a_debt() {
    let mut world = half_way("basic-monthly");
    world.account.customer.balances = vec![usd(-40)];
    let quote = world.quote("plus-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(1_040), usd(0)));
    let change = world.accept(&quote);
    assert_eq!(world.balance(), usd(0));
    world.take_back(change).unwrap();
    assert_eq!(world.balance(), usd(-40));
}

#[test]
fn a_balance_that_pays_the_whole_cycle_asks_no_provider() {
    let rows = [(ChangeKind::Downgrade, ChangeRule::Now(ChangeMoney::Credit))];
    let mut world = half_way_in(ruled(&rows), "max-monthly", 1);
    // Half of 75.00 less half of 10.00.
    let quote = world.change_paid("basic-monthly");
    assert_eq!(quote.balance_after, usd(3_250));
    assert_eq!(quote.next_charge.unwrap().amount, usd(0));
    world.forget();
    for (day, end, left) in [
        ("2026-05-01", "2026-06-01", 2_250),
        ("2026-06-01", "2026-07-01", 1_250),
        // Nobody looked in time.
        ("2026-07-20", "2026-08-01", 250),
    ] {
        world.tick(day);
        assert_eq!(
            (world.paid_through(), world.balance()),
            (at(end), usd(left))
        );
    }
    assert!(world.orders.is_empty());
    assert_eq!(world.renew("2026-08-01").amount, usd(750));
}

#[test]
fn nothing_is_owed_and_nothing_given_where_the_prices_are_alike() {
    let rows = [(ChangeKind::Lateral, ChangeRule::Now(ChangeMoney::Charge))];
    let mut shop = ruled(&rows);
    let mut draft = billing_domain::catalog::CatalogDraft::from(shop.catalog);
    crate::shop::price_of(&mut draft, "peer-monthly").amount = usd(3_000);
    shop.catalog = draft.validate().unwrap();
    let mut world = half_way_in(shop, "plus-monthly", 1);
    let quote = world.change_paid("peer-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(0), usd(0)));
    assert_eq!(world.held(), ("peer-monthly", 1));
    assert_eq!(world.sub().paid[0].charged, usd(3_000));
}
