//! Terms negotiated with one customer, and changing them.

use billing_domain::catalog::{Billing, ChangeKind, QuantityRule};
use billing_domain::decide::ChangeAsk;
use billing_domain::negotiated::Negotiated;
use billing_domain::quote::Timing;
use billing_domain::terms::{Seller, Terms, TermsError};
use billing_domain::time::Interval;

use crate::common::{World, at, provider, usd};
use crate::shop::shop;

/// 2.00 a piece, the first month 1.00, from 10 to 500 pieces.
fn agreed(world: &mut World) -> Negotiated {
    Negotiated {
        id: world.drawn(),
        plan: "seats".parse().unwrap(),
        unit: usd(200),
        billing: Billing::Recurring(Interval::MONTH),
        first_cycle: Some(usd(100)),
        quantity: Some(QuantityRule {
            feature: "seats".parse().unwrap(),
            min: 10,
            max: 500,
            step: 10,
        }),
        provider: None,
        expires_at: Some(at("2026-05-01")),
        created_at: world.now,
    }
}

fn terms(world: &World, agreed: &Negotiated, pieces: u32) -> Result<Terms, TermsError> {
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule: false,
    };
    let plan = world.catalog.catalog.plan("seats").unwrap();
    Terms::negotiated(&world.catalog, plan, agreed, pieces, &seller)
}

fn holding(pieces: u32) -> World {
    let mut world = World::joined("2026-04-01", shop());
    let agreed = agreed(&mut world);
    let terms = terms(&world, &agreed, pieces).unwrap();
    world.buy(terms);
    world.go("2026-04-16");
    world
}

fn ask(world: &World, price: Option<&str>, quantity: Option<u32>) -> ChangeAsk {
    ChangeAsk {
        subscription: world.sub().id,
        plan: None,
        price: price.map(|price| price.parse().unwrap()),
        quantity,
    }
}

#[test]
fn it_is_open_until_its_end_and_sold_in_its_own_quantities() {
    let mut world = World::joined("2026-04-01", shop());
    let agreed = agreed(&mut world);
    assert!(agreed.is_open(at("2026-04-30T23:59:59Z")) && !agreed.is_open(at("2026-05-01")));
    for pieces in [1, 15, 510] {
        assert_eq!(terms(&world, &agreed, pieces), Err(TermsError::Quantity));
    }
    let terms = terms(&world, &agreed, 100).unwrap();
    assert_eq!(
        (terms.price, terms.price_ref),
        (None, Some(agreed.id.to_string()))
    );
}

#[test]
fn the_first_cycle_has_its_price_and_the_others_theirs() {
    let mut world = holding(10);
    assert_eq!(world.account.invoices[0].amount, usd(1_000));
    assert_eq!(world.renew("2026-05-01").amount, usd(2_000));
    assert_eq!(world.renew("2026-06-01").amount, usd(2_000));
}

#[test]
fn more_pieces_are_had_at_the_negotiated_price() {
    let mut world = holding(10);
    for pieces in [15, 510, 0] {
        let refused = world.quoted(&ask(&world, None, Some(pieces)), None);
        assert_eq!(refused.unwrap_err().code(), "quantity_out_of_bounds");
    }
    // Beyond what the catalog sells: 90 more at 1.00 for half of the first month.
    let quote = world.resize_paid(100);
    assert_eq!((quote.owed_now, quote.timing), (usd(4_500), Timing::AtOnce));
    assert_eq!(quote.next_charge.unwrap().amount, usd(20_000));
    assert_eq!(world.sub().terms.price, None);
    assert_eq!(world.renew("2026-05-01").amount, usd(20_000));
}

#[test]
fn leaving_it_gives_back_what_was_charged() {
    let mut world = holding(10);
    // Half of 30.00 less half of the 10.00 of the first month.
    let quote = world
        .quoted(&ask(&world, Some("plus-monthly"), None), None)
        .unwrap();
    assert_eq!(
        (quote.owed_now, &quote.kinds[..]),
        (usd(1_000), &[ChangeKind::Upgrade][..])
    );
    let change = world.accept(&quote);
    world.pay_change(change);
    assert_eq!(world.held(), ("plus-monthly", 1));
    // To the public price of the same plan and as many pieces: another price,
    // charged alike, which the catalog would have to allow.
    let world = holding(10);
    let public = world.quoted(&ask(&world, Some("seats-monthly"), Some(10)), None);
    assert_eq!(public.unwrap_err().code(), "change_forbidden");
}
