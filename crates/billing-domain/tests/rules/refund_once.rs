//! What goes back of what was paid once: it undoes what is held for good and
//! nothing else, and what is not kept is no credit for another plan.

use billing_domain::change::ChangeState;
use billing_domain::fact::{
    Fact, Link, Observed, ProviderInvoiceState, RefundSnapshot, RefundState,
};
use billing_domain::invoice::Purpose;
use billing_domain::journal::Event;
use billing_domain::money::Money;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::time::{Period, shifted};
use proptest::prelude::*;

use crate::common::{World, at, sold, usd};
use crate::mirror::january;
use crate::shop::{holding_in, shop};

fn back(of: &str, name: &str, amount: Money, state: RefundState) -> Fact {
    Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: name.to_owned(),
        of: vec![of.to_owned()],
        amount,
        state,
    })
}

fn charged(reference: &str, purpose: Purpose, amount: i64, period: Option<Period>) -> Fact {
    Fact::ProviderInvoiceSeen {
        reference: reference.to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount: usd(amount),
        period,
        state: ProviderInvoiceState::Paid,
        purpose: Some(purpose),
        collected: None,
        opened_at: None,
        tried: None,
    }
}

/// Renewed every month where the provider runs the schedule, and charged for
/// something beside it on 5 January.
fn charged_beside() -> World {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let (bought, seen) = ("2026-01-01T00:01:00Z", january(Status::Active));
    let first = charged("i-1", Purpose::Purchase, 1_000, seen.period);
    for (fact, instant) in [
        (Fact::SubscriptionSeen(seen), bought),
        (first, bought),
        (charged("i-2", Purpose::OneTime, 150, None), "2026-01-05"),
    ] {
        let link = Link {
            checkout: Some(begun.checkout),
            ..Link::default()
        };
        world.observe(&Observed {
            fact,
            at: at(instant),
            link,
        });
    }
    world.go("2026-01-10");
    world.forget();
    world
}

#[test]
fn a_charge_beside_a_subscription_that_goes_back_ends_nothing() {
    let mut world = charged_beside();
    world.tell(back("i-2", "re-1", usd(150), RefundState::Done));
    assert_eq!(world.status(), Status::Active);
    assert!(world.gives_access("2026-01-10"));
    assert_eq!(world.orders, []);
    assert!(world.sub().withheld.is_empty());
    // What it was for, only a person knows.
    assert_eq!(world.events, [Event::InvoiceRefunded, Event::EventParked]);
    assert_eq!(world.parked, [ParkReason::Conflict]);
    // And where it fails after all, nothing was undone.
    world.go("2026-01-11");
    world.tell(back("i-2", "re-1", usd(150), RefundState::Failed));
    assert_eq!(world.parked, [ParkReason::Conflict]);
    assert_eq!(world.status(), Status::Active);
    // Its purchase is undone as ever.
    world.tell(back("i-1", "re-2", usd(1_000), RefundState::Done));
    let refunded = Access::Denied(NoAccess::Refunded);
    assert_eq!(world.sub().access(world.now), refunded);
}

/// Holds life, which cost 25.00.
fn for_good() -> World {
    holding_in(shop(), "2026-04-01", "life-once", 1)
}

fn told(world: &mut World, of: &str, name: &str, amount: i64, state: RefundState) {
    let next = shifted(world.now, jiff::SignedDuration::from_hours(1));
    world.go(&next.to_string());
    world.tell(back(of, name, usd(amount), state));
}

#[test]
fn what_went_back_of_something_held_for_good_is_no_credit() {
    let mut world = for_good();
    told(&mut world, "pay-0", "re-1", 1_000, RefundState::Done);
    assert!(world.gives_access("2026-04-02"));
    // 75.00 less the 15.00 that were kept.
    assert_eq!(world.quote("life-pro-once").owed_now, usd(6_000));
    told(&mut world, "pay-0", "re-2", 400, RefundState::Pending);
    assert_eq!(world.quote("life-pro-once").owed_now, usd(6_000));
    told(&mut world, "pay-0", "re-2", 400, RefundState::Done);
    assert_eq!(world.quote("life-pro-once").owed_now, usd(6_400));
    // Both fail after all.
    told(&mut world, "pay-0", "re-1", 1_000, RefundState::Failed);
    told(&mut world, "pay-0", "re-2", 400, RefundState::Failed);
    assert_eq!(world.quote("life-pro-once").owed_now, usd(5_000));
    assert_eq!(world.sub().short, None);
}

#[test]
fn what_was_quoted_before_it_went_back_is_not_applied() {
    let mut world = for_good();
    let quote = world.quote("life-pro-once");
    let mut accepted = world.clone();
    told(&mut world, "pay-0", "re-1", 1, RefundState::Done);
    assert!(world.try_accept(&quote).is_err());
    let change = accepted.accept(&quote);
    told(&mut accepted, "pay-0", "re-1", 1, RefundState::Done);
    let ChangeState::Canceled { .. } = accepted.state_of(change) else {
        panic!("it was priced from what was paid");
    };
}

#[test]
fn what_a_change_made_up_for_is_credited_again() {
    let shop = crate::shop::edited(|draft| {
        let mut top = draft
            .plans
            .iter()
            .find(|plan| plan.key.as_str() == "life-pro")
            .cloned()
            .unwrap();
        top.key = "life-top".parse().unwrap();
        top.rank = Some(40);
        top.prices[0].key = "life-top-once".parse().unwrap();
        top.prices[0].plan = top.key.clone();
        top.prices[0].amount = usd(10_000);
        draft.plans.push(top);
    });
    let mut world = holding_in(shop, "2026-04-01", "life-once", 1);
    told(&mut world, "pay-0", "re-1", 1_000, RefundState::Done);
    assert_eq!(world.change_paid("life-pro-once").owed_now, usd(6_000));
    // 25.00 - 10.00 + 60.00 were kept: all of its price.
    assert_eq!(world.quote("life-top-once").owed_now, usd(2_500));
    // A part of what the change cost goes back, and of the first payment again.
    let invoice = world.last_change().invoice.unwrap();
    let paid = format!("pay-{invoice}");
    told(&mut world, &paid, "re-2", 500, RefundState::Done);
    assert_eq!(world.quote("life-top-once").owed_now, usd(3_000));
    told(&mut world, "pay-0", "re-3", 200, RefundState::Done);
    assert_eq!(world.quote("life-top-once").owed_now, usd(3_200));
}

proptest! {
    /// However often a part goes back in between, two changes end at their price
    /// less what went back since the last: what was kept is what is credited.
    #[test]
    fn nothing_is_credited_that_was_not_kept(
        first in 0_i64..2_500,
        then in 0_i64..2_500,
    ) {
        let mut world = for_good();
        if first > 0 {
            told(&mut world, "pay-0", "re-1", first, RefundState::Done);
        }
        let more = then.min(2_499 - first.min(2_499));
        if more > 0 {
            told(&mut world, "pay-0", "re-2", more, RefundState::Done);
        }
        let quote = world.change_paid("life-pro-once");
        let kept = 2_500 - first - more;
        prop_assert_eq!(quote.owed_now, usd(7_500 - kept));
        let all: i128 = world.account.invoices.iter().map(|held| held.paid() - held.gone()).sum();
        prop_assert_eq!(all, 7_500);
    }
}
