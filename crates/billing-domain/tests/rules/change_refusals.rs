//! Every refusal by its name, and what it leaves alone.

use billing_domain::catalog::{ChangeKind, Lock, LockEnd};
use billing_domain::decide::{self, CancelWhen, ChangeAsk, Force, ForceRefusal, QuoteRefusal};
use billing_domain::grant::GrantReason;
use billing_domain::ids::SubscriptionId;
use billing_domain::quote::KeptLock;
use billing_domain::subscription::Status;

use crate::common::{World, at, usd};
use crate::shop::{edited, half_way, half_way_in, holding_in, price_of, shop};

fn ask(world: &World) -> ChangeAsk {
    ChangeAsk {
        subscription: world.sub().id,
        plan: None,
        price: None,
        quantity: None,
    }
}

fn refusal(world: &World, ask: &ChangeAsk) -> &'static str {
    world.quoted(ask, None).unwrap_err().code()
}

#[test]
fn what_is_not_there() {
    let mut world = half_way("basic-monthly");
    let other: SubscriptionId = world.drawn();
    let elsewhere = ChangeAsk {
        subscription: other,
        ..ask(&world)
    };
    assert_eq!(refusal(&world, &elsewhere), "not_found");
    assert_eq!(world.refused("no-such-price"), "unknown_target");
    let plan = ChangeAsk {
        plan: Some("no-such-plan".parse().unwrap()),
        ..ask(&world)
    };
    assert_eq!(refusal(&world, &plan), "unknown_target");
    // A price of another plan than the one named.
    let mixed_up = ChangeAsk {
        plan: Some("max".parse().unwrap()),
        price: Some("plus-monthly".parse().unwrap()),
        ..ask(&world)
    };
    assert_eq!(refusal(&world, &mixed_up), "unknown_target");
}

#[test]
fn what_is_no_longer_sold() {
    let shop = edited(|draft| {
        let price = price_of(draft, "plus-monthly");
        price.retired = Some(at("2026-04-16"));
        let peer = draft
            .plans
            .iter_mut()
            .find(|plan| plan.key.as_str() == "max");
        peer.unwrap().retired = Some(at("2026-04-16"));
    });
    let mut world = half_way_in(shop, "basic-monthly", 1);
    assert_eq!(world.refused("plus-monthly"), "target_retired");
    assert_eq!(world.refused("max-monthly"), "target_retired");
    world.go("2026-04-15T23:59:59Z");
    assert_eq!(world.quote("plus-monthly").expires_at, at("2026-04-16"));
    assert_eq!(world.quote("max-monthly").expires_at, at("2026-04-16"));
}

#[test]
fn what_is_outside_of_the_ladder() {
    let world = half_way("basic-monthly");
    assert_eq!(world.refused("extra-monthly"), "unranked_target");
    let world = half_way("extra-monthly");
    assert_eq!(world.refused("basic-monthly"), "unranked_target");
    // An operator may.
    let mut world = half_way("basic-monthly");
    world.force("extra-monthly", Force::Free).unwrap();
    assert_eq!(world.held(), ("extra-monthly", 1));
}

#[test]
fn what_is_held_already() {
    let world = half_way("basic-monthly");
    assert_eq!(world.refused("basic-monthly"), "nothing_changes");
    assert_eq!(refusal(&world, &ask(&world)), "nothing_changes");
    let plan = ChangeAsk {
        plan: Some("basic".parse().unwrap()),
        ..ask(&world)
    };
    assert_eq!(refusal(&world, &plan), "nothing_changes");
    let world = half_way_in(shop(), "seats-monthly", 5);
    assert_eq!(world.resize(5).unwrap_err().code(), "nothing_changes");
}

#[test]
fn what_is_not_sold_in_that_quantity() {
    let world = half_way_in(shop(), "seats-monthly", 5);
    assert_eq!(
        world.resize(51).unwrap_err().code(),
        "quantity_out_of_bounds"
    );
    assert_eq!(
        world.resize(0).unwrap_err().code(),
        "quantity_out_of_bounds"
    );
    let world = half_way("basic-monthly");
    assert_eq!(
        world.resize(2).unwrap_err().code(),
        "quantity_out_of_bounds"
    );
}

#[test]
fn a_higher_plan_with_fewer_pieces_is_two_changes() {
    let shop = edited(|draft| {
        let per = draft.plans.iter().find_map(|plan| plan.quantity.clone());
        let max = draft
            .plans
            .iter_mut()
            .find(|plan| plan.key.as_str() == "max");
        max.unwrap().quantity = per;
    });
    let world = half_way_in(shop, "seats-monthly", 5);
    let fewer = ChangeAsk {
        price: Some("max-monthly".parse().unwrap()),
        quantity: Some(4),
        ..ask(&world)
    };
    assert_eq!(refusal(&world, &fewer), "mixed_change");
    let as_many = ChangeAsk {
        quantity: Some(5),
        ..fewer
    };
    let quote = world.quoted(&as_many, None).unwrap();
    assert_eq!(quote.kinds, [ChangeKind::Upgrade]);
    // Half of 5 x 75.00 less half of 5 x 3.00.
    assert_eq!(quote.owed_now, usd(18_000));
}

#[test]
fn what_is_priced_in_another_currency() {
    let world = half_way("basic-monthly");
    assert_eq!(world.refused("max-eur"), "currency_mismatch");
}

#[test]
fn what_is_granted_already() {
    let mut world = half_way("basic-monthly");
    world.decide(|draft| {
        let plan = "plus".parse().unwrap();
        decide::add_grant(draft, plan, GrantReason::Comp, None);
    });
    assert_eq!(world.refused("plus-monthly"), "already_granted");
}

#[test]
fn a_cancellation_is_not_moved_by_a_change() {
    let mut world = half_way("plus-monthly");
    world.cancel(CancelWhen::PeriodEnd);
    // Down waits for an end after which nothing comes; longer would move the end.
    assert_eq!(world.refused("basic-monthly"), "cancellation_pending");
    assert_eq!(world.refused("plus-yearly"), "cancellation_pending");
    // Up within the period is fine, and does not take the cancellation back.
    let quote = world.change_paid("max-monthly");
    // Half of 75.00 less half of 30.00.
    assert_eq!(quote.owed_now, usd(2_250));
    assert_eq!(quote.next_charge, None);
    assert_eq!(world.sub().cancellation.unwrap().ends_at, at("2026-05-01"));
    assert_eq!(world.plan(), "max");
    world.tick("2026-05-01");
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.open_invoice(), None);
}

#[test]
fn what_is_not_active() {
    let mut paused = half_way("basic-monthly");
    paused.pause().unwrap();
    let mut canceled = half_way("basic-monthly");
    canceled.cancel(CancelWhen::AtOnce);
    let mut ended = half_way("basic-monthly");
    ended.cancel(CancelWhen::PeriodEnd);
    // No worker has seen the end of it.
    ended.go("2026-05-01");
    let mut lapsed = half_way("basic-monthly");
    lapsed.tick("2026-05-01");
    lapsed.link();
    lapsed.tick("2026-05-08");
    assert_eq!(lapsed.status(), Status::Lapsed);
    for world in [paused, canceled, ended, lapsed] {
        assert_eq!(
            world.refused("plus-monthly"),
            "illegal_transition",
            "{:?}",
            world.status()
        );
    }
}

#[test]
fn nothing_to_collect() {
    let mut world = half_way("plus-monthly");
    let refused = world.force("basic-monthly", Force::Collected).unwrap_err();
    assert_eq!(refused, ForceRefusal::Quote(QuoteRefusal::NothingToCollect));
    assert_eq!(QuoteRefusal::NothingToCollect.code(), "nothing_to_collect");
    assert_eq!(world.balance(), usd(0));
    world.force("basic-monthly", Force::Free).unwrap();
    assert_eq!(
        (world.held(), world.balance()),
        (("basic-monthly", 1), usd(0))
    );
}

#[test]
fn what_the_provider_does_not_sell() {
    let shop = edited(|draft| {
        let refs = &mut price_of(draft, "plus-monthly").provider_refs;
        refs.insert("elsewhere".parse().unwrap(), "price_1".to_owned());
    });
    let world = half_way_in(shop, "basic-monthly", 1);
    assert_eq!(world.refused("plus-monthly"), "not_sold_there");
}

#[test]
fn what_does_not_fit() {
    // A debt of all the money there is, and then more.
    let mut world = half_way("basic-monthly");
    world.account.customer.balances = vec![usd(i64::MIN + 1)];
    assert_eq!(world.refused("plus-monthly"), "amount_out_of_range");
}

#[test]
fn more_of_a_retired_price_keeps_it_unless_only_the_pieces_held_are_promised() {
    for held in [false, true] {
        let shop = edited(|draft| {
            let old = price_of(draft, "seats-monthly");
            old.retired = Some(at("2026-04-10"));
            old.lock = Some(Lock {
                quantity_held: held,
                until: LockEnd::Forever,
                ..Lock::default()
            });
            let plan = old.plan.clone();
            let mut new = old.clone();
            new.key = "seats-monthly-2".parse().unwrap();
            (new.amount, new.retired, new.lock) = (usd(500), None, None);
            let plan = draft.plans.iter_mut().find(|held| held.key == plan);
            plan.unwrap().prices.push(new);
        });
        let world = half_way_in(shop, "seats-monthly", 4);
        let quote = world.resize(10).unwrap();
        let (price, owed) = if held {
            // Half of 10 x 5.00 less half of 4 x 3.00.
            ("seats-monthly-2", 1_900)
        } else {
            ("seats-monthly", 900)
        };
        assert_eq!(quote.terms.price.as_ref().unwrap().as_str(), price);
        assert_eq!(quote.owed_now, usd(owed));
        let lost = quote.loses.iter();
        let locks =
            lost.filter(|loss| matches!(loss, billing_domain::quote::Loss::PriceLock { .. }));
        assert_eq!(locks.count(), usize::from(held));
        // Either it is lost, or it is kept; fewer pieces never end it.
        assert_eq!(quote.keeps, (!held).then(|| kept(LockEnd::Forever, None)));
        let fewer = world.resize(2).unwrap();
        assert_eq!(fewer.keeps, Some(kept(LockEnd::Forever, None)));
        assert_eq!(world.quote("max-monthly").keeps, None);
    }
}

/// 3.00 a piece, for so long.
fn kept(lasts: LockEnd, cycles_left: Option<u32>) -> KeptLock {
    KeptLock {
        price: "seats-monthly".parse().unwrap(),
        unit: usd(300),
        lasts,
        cycles_left,
    }
}

#[test]
fn a_quote_says_how_long_what_is_kept_lasts() {
    let retired = at("2026-04-10");
    let (before, after) = (at("2026-04-12"), at("2026-08-01"));
    for (retired, until, expected) in [
        (None, LockEnd::Forever, None),
        // Still sold: there is nothing to be kept yet.
        (Some(at("2026-04-20")), LockEnd::Forever, None),
        (
            Some(retired),
            LockEnd::Forever,
            Some(kept(LockEnd::Forever, None)),
        ),
        (
            Some(retired),
            LockEnd::UntilChange,
            Some(kept(LockEnd::UntilChange, None)),
        ),
        (
            Some(retired),
            LockEnd::Until(after),
            Some(kept(LockEnd::Until(after), None)),
        ),
        // Over.
        (Some(retired), LockEnd::Until(before), None),
        (
            Some(retired),
            LockEnd::Cycles(3),
            Some(kept(LockEnd::Cycles(3), Some(2))),
        ),
    ] {
        let shop = edited(|draft| {
            let old = price_of(draft, "seats-monthly");
            old.retired = retired;
            let then = until.needs_successor();
            old.lock = retired.map(|_| Lock {
                until,
                then: then.then(|| "seats-monthly-2".parse().unwrap()),
                ..Lock::default()
            });
            let plan = old.plan.clone();
            let mut new = old.clone();
            new.key = "seats-monthly-2".parse().unwrap();
            (new.amount, new.retired, new.lock) = (usd(500), None, None);
            let plan = draft.plans.iter_mut().find(|held| held.key == plan);
            plan.unwrap().prices.push(new);
        });
        let mut world = half_way_in(shop, "seats-monthly", 4);
        let mut held = world.sub().clone();
        held.promise.cycles = 1;
        world.account.put_subscription(held);
        for quantity in [10, 2] {
            let keeps = world.resize(quantity).unwrap().keeps;
            assert_eq!(keeps, expected, "{until:?}, {quantity} pieces");
        }
    }
}

#[test]
fn a_refusal_changes_nothing() {
    let mut world = holding_in(shop(), "2026-04-01", "life-pro-once", 1);
    let before = world.account.clone();
    assert!(world.force("plus-monthly", Force::Free).is_err());
    assert_eq!(world.account, before);
    assert!(world.events.is_empty());
}
