//! How long a quote is good for, and what makes it stale.

use billing_domain::catalog::{CatalogDraft, ChangeKind, ChangeMoney, ChangeRule};
use billing_domain::change::ChangeState;
use billing_domain::decide::{self, AcceptRefusal, CancelWhen, QuoteRefusal};
use billing_domain::grant::GrantReason;

use crate::common::{World, at, usd};
use crate::shop::{edited, half_way, half_way_in, holding_in, leading, price_of, shop, sold_by};

/// A quote to go up by half of the month, and the world that it was made in.
fn quoted() -> (World, billing_domain::quote::Quote) {
    let world = half_way("basic-monthly");
    let quote = world.quote("plus-monthly");
    (world, quote)
}

fn edit(world: &mut World, edit: impl FnOnce(&mut CatalogDraft)) {
    let mut draft = CatalogDraft::from(world.catalog.catalog.clone());
    edit(&mut draft);
    world.catalog.catalog = draft.validate().unwrap();
    world.catalog.number += 1;
}

#[test]
fn it_can_be_accepted_until_its_time_is_over() {
    let (mut world, quote) = quoted();
    assert_eq!(quote.expires_at, at("2026-04-16T00:15:00Z"));
    let mut late = world.clone();
    late.go("2026-04-16T00:15:00Z");
    assert_eq!(late.try_accept(&quote), Err(AcceptRefusal::Expired));
    world.go("2026-04-16T00:14:59Z");
    let change = world.accept(&quote);
    world.pay_change(change);
    // What was quoted, for the instant it was quoted for.
    assert_eq!(world.sub().paid[0].segments[1].from, at("2026-04-16"));
}

#[test]
fn it_ends_when_what_prices_it_changes_by_itself() {
    let mut world = half_way("basic-monthly");
    world.go("2026-04-30T23:50:00Z");
    assert_eq!(
        world.quote("plus-monthly").expires_at,
        at("2026-05-01"),
        "the period"
    );
    let mut world = half_way_in(
        edited(|draft| price_of(draft, "plus-monthly").retired = Some(at("2026-04-16T00:05:00Z"))),
        "basic-monthly",
        1,
    );
    let end = at("2026-04-16T00:05:00Z");
    assert_eq!(world.quote("plus-monthly").expires_at, end, "the price");
    let quote = world.quote("plus-monthly");
    world.go("2026-04-16T00:05:00Z");
    assert_eq!(world.try_accept(&quote), Err(AcceptRefusal::Expired));
    // The shop's own time to live.
    let shop = edited(|draft| draft.rules.quote_ttl = jiff::SignedDuration::from_mins(2));
    let world = half_way_in(shop, "basic-monthly", 1);
    assert_eq!(
        world.quote("plus-monthly").expires_at,
        at("2026-04-16T00:02:00Z")
    );
}

#[test]
fn the_end_of_the_trial_ends_it() {
    let mut terms = sold_by(&shop(), "plus-monthly", 1);
    terms.trial = Some(jiff::SignedDuration::from_hours(1));
    let mut world = World::joined("2026-04-01", shop());
    world.buy(terms);
    world.go("2026-04-01T00:50:00Z");
    assert_eq!(
        world.quote("max-monthly").expires_at,
        at("2026-04-01T01:00:00Z")
    );
}

#[test]
fn nothing_else_about_the_customer_makes_it_stale() {
    let (mut world, quote) = quoted();
    let paying = world.sub().clone();
    world.account.customer.email = Some("new@example.com".to_owned());
    world.decide(|draft| {
        let plan = "max".parse().unwrap();
        decide::add_grant(draft, plan, GrantReason::Comp, None);
    });
    // Another subscription, bought and even changed.
    world.buy(sold_by(&shop(), "seats-monthly", 3));
    world.resize_paid(7);
    world
        .account
        .customer
        .balances
        .push(billing_domain::money::Money::new(
            5,
            billing_domain::money::Currency::EUR,
        ));
    // Another revision of the catalog that sells all this alike.
    edit(&mut world, |draft| {
        price_of(draft, "peer-monthly").amount = usd(1);
    });
    world.go("2026-04-16T00:10:00Z");
    let change = world.try_accept(&quote).unwrap().change;
    let invoice = world.account.change(change).unwrap().invoice.unwrap();
    world.pay_as(invoice, "paid", usd(1_000), world.now);
    let held = world.account.subscription(paying.id).unwrap();
    assert_eq!(held.terms.plan.as_str(), "plus");
}

#[test]
fn the_next_invoice_being_opened_leaves_it_good() {
    // It prices nothing; accepting voids it and makes it anew, as ever.
    let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
    world.go("2026-04-27T23:55:00Z");
    let quote = world.quote("basic-monthly");
    world.tick("2026-04-28");
    assert_eq!(world.open_invoice().unwrap().amount, usd(3_000));
    world.accept(&quote);
    world.tick("2026-04-28");
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_000));
    // Paid, it is another basis: the next month is there to be charged as well.
    let quote = world.quote("max-monthly");
    world.link();
    world.pay();
    assert_eq!(world.try_accept(&quote), Err(AcceptRefusal::Stale));
}

#[test]
fn what_prices_it_makes_it_stale() {
    type Edit = fn(&mut World);
    let edits: [(&str, Edit); 7] = [
        ("price", |world| {
            edit(world, |draft| {
                price_of(draft, "plus-monthly").amount = usd(3_001);
            });
        }),
        ("rule", |world| {
            edit(world, |draft| {
                let rule = ChangeRule::Now(ChangeMoney::Full);
                draft.rules.changes.rows.insert(ChangeKind::Upgrade, rule);
            });
        }),
        ("minimum", |world| {
            edit(world, |draft| {
                let least = usd(5);
                draft.rules.minimum_charge.insert(least.currency, least);
            });
        }),
        ("balance", |world| {
            world.account.customer.balances = vec![usd(1)];
        }),
        ("plan", |world| {
            world.change_paid("peer-monthly");
        }),
        ("scheduled", |world| {
            world.change("life-year");
        }),
        ("period", |world| {
            world.pause().unwrap();
            world.go("2026-04-16T00:00:01Z");
            world.resume().unwrap();
        }),
    ];
    for (what, change) in edits {
        let shop = edited(|draft| {
            let mut low = draft.plans[1].clone();
            (low.key, low.rank) = ("low".parse().unwrap(), Some(5));
            low.prices.truncate(1);
            low.prices[0].key = "life-year".parse().unwrap();
            low.prices[0].plan = low.key.clone();
            draft.plans.push(low);
        });
        let mut world = half_way_in(shop, "basic-monthly", 1);
        let quote = world.quote("plus-monthly");
        change(&mut world);
        let refused = world.try_accept(&quote).unwrap_err();
        assert_eq!(refused, AcceptRefusal::Stale, "{what}");
    }
}

#[test]
fn a_lock_that_has_come_to_count_makes_it_stale() {
    let (mut world, quote) = quoted();
    world.account.subscriptions[0].promise.cycles = 1;
    assert_eq!(world.try_accept(&quote), Err(AcceptRefusal::Stale));
}

#[test]
fn what_can_no_longer_be_changed_is_refused_by_name() {
    let (mut world, quote) = quoted();
    world.cancel(CancelWhen::AtOnce);
    let refused = world.try_accept(&quote).unwrap_err();
    let expected = QuoteRefusal::NotActive(billing_domain::subscription::Status::Canceled);
    assert_eq!(refused, AcceptRefusal::Refused(expected));
}

#[test]
fn applying_reads_the_quote_and_not_the_catalog() {
    let (mut world, quote) = quoted();
    let change = world.accept(&quote);
    edit(&mut world, |draft| {
        price_of(draft, "plus-monthly").retired = Some(at("2026-04-01"));
        let plus = draft
            .plans
            .iter_mut()
            .find(|plan| plan.key.as_str() == "plus");
        plus.unwrap().rank = Some(1);
        draft
            .rules
            .changes
            .rows
            .insert(ChangeKind::Upgrade, ChangeRule::Forbidden);
    });
    world.go("2026-04-16T20:00:00Z");
    world.pay_change(change);
    assert_eq!(world.sub().terms, quote.terms);
    // And by the change's invoice, from now on.
    let invoice = world.last_change().invoice;
    let paid = quote.paid.iter().cloned();
    let paid: Vec<_> = paid.map(|paid| paid.paid_by(invoice)).collect();
    assert_eq!(world.sub().paid, paid);
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
    // The retired price goes on renewing.
    assert_eq!(world.renew("2026-05-01").amount, usd(3_000));
}

#[test]
fn a_scheduled_change_reads_its_quote_as_well() {
    let mut world = half_way("plus-monthly");
    let quote = world.quote("basic-monthly");
    world.accept(&quote);
    edit(&mut world, |draft| {
        price_of(draft, "basic-monthly").retired = Some(at("2026-04-01"));
    });
    assert_eq!(world.renew("2026-05-01").amount, usd(1_000));
    assert_eq!(world.sub().terms, quote.terms);
}

#[test]
fn the_same_quote_is_good_while_another_awaits_its_payment() {
    // Both were priced from the same; accepting the second voids the first.
    let mut world = half_way("basic-monthly");
    world.account.customer.balances = vec![usd(400)];
    let (plus, max) = (world.quote("plus-monthly"), world.quote("max-monthly"));
    world.accept(&plus);
    assert_eq!(world.balance(), usd(0), "drawn");
    let change = world.try_accept(&max).unwrap().change;
    world.pay_change(change);
    // Half of 75.00 less half of 10.00, less 4.00.
    assert_eq!((max.owed_now, world.balance()), (usd(2_850), usd(0)));
    assert_eq!(world.held(), ("max-monthly", 1));
}

#[test]
fn what_took_effect_by_itself_is_what_is_changed() {
    // The next month is paid ahead at the lower plan. At its start no worker has
    // run; the next quote is of what holds.
    for worker in [true, false] {
        let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
        let down = world.change("basic-monthly");
        assert_eq!(world.renew("2026-04-28").amount, usd(1_000));
        world.go("2026-05-01");
        if worker {
            world.tick("2026-05-01");
        }
        let quote = world.change_paid("max-monthly");
        // All of 75.00 less all of 10.00.
        assert_eq!(quote.owed_now, usd(6_500), "worker: {worker}");
        assert_eq!(quote.loses, [], "worker: {worker}");
        assert_eq!(quote.lines[0].plan.as_ref().unwrap().as_str(), "basic");
        assert_eq!(
            world.state_of(down),
            ChangeState::Applied {
                at: at("2026-05-01")
            }
        );
        assert_eq!(world.held(), ("max-monthly", 1));
    }
}
