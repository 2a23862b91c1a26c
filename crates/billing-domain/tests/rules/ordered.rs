//! What a provider sold at a checkout, beside what was ordered.

use billing_domain::catalog::CatalogDraft;
use billing_domain::checkout::CheckoutState;
use billing_domain::decide::Begun;
use billing_domain::discount::{Discount, Reduction};
use billing_domain::fact::{
    CheckoutPayment, Fact, Link, Observed, RefundSnapshot, RefundState, Sold, SoldItem,
};
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;

use crate::common::{World, at, sold, usd};
use crate::mirror::january;

const PAGE: &str = "page-1";

fn of(price: &str, quantity: u32) -> SoldItem {
    SoldItem {
        price_ref: price.to_owned(),
        quantity,
    }
}

/// As it was ordered.
fn as_ordered() -> Sold {
    Sold {
        items: vec![of("lifer-once", 1)],
        listed: Some(usd(9_900)),
        once: true,
        by_payer: false,
    }
}

/// Somebody at the page of what is bought once, where the provider keeps the prices.
fn at_the_page(price: &str) -> (World, Begun) {
    let mut world = World::new();
    let begun = world.begin(sold(price, 1, true), true);
    world.tell(Fact::CheckoutOpened {
        checkout: begun.checkout,
        reference: PAGE.to_owned(),
        url: "https://pay.example.com/".to_owned(),
        expires_at: at("2026-01-02"),
        conversion: None,
        customer_ref: None,
    });
    (world, begun)
}

fn paid(cents: i64) -> CheckoutPayment {
    CheckoutPayment::Paid {
        payment: format!("pay-{cents}"),
        amount: usd(cents),
        conversion: None,
        parts: Vec::new(),
    }
}

fn finishes(
    world: &mut World,
    begun: &Begun,
    page: &str,
    payment: CheckoutPayment,
    sold: Option<Sold>,
) {
    world.tell(Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: page.to_owned(),
        payment,
        customer_ref: Some("c-1".to_owned()),
        email: None,
        sold,
    });
}

#[test]
fn what_was_ordered_is_given_whatever_the_provider_adds_or_takes_off() {
    for payment in [
        paid(9_900),
        paid(11_781),
        paid(4_950),
        CheckoutPayment::NotRequired,
    ] {
        let (mut world, begun) = at_the_page("lifer-once");
        finishes(&mut world, &begun, PAGE, payment, Some(as_ordered()));
        assert_eq!(world.plan(), "lifer");
        assert!(world.parked.is_empty());
    }
    // What does not say what it sold says it by its money.
    for payment in [paid(9_900), paid(11_781)] {
        let (mut world, begun) = at_the_page("lifer-once");
        finishes(&mut world, &begun, PAGE, payment, None);
        assert_eq!(world.plan(), "lifer");
        assert!(world.parked.is_empty());
    }
}

#[test]
fn what_was_not_ordered_gives_nothing_and_is_kept_as_charged_once() {
    let other = |change: fn(&mut Sold)| {
        let mut sold = as_ordered();
        change(&mut sold);
        Some(sold)
    };
    let amount = ParkReason::AmountMismatch;
    for (sold, reason) in [
        (other(|it| it.items = vec![of("price_mug", 1)]), amount),
        (other(|it| it.items = vec![of("lifer-once", 2)]), amount),
        (other(|it| it.items.push(of("price_mug", 1))), amount),
        (other(|it| it.listed = Some(usd(9_899))), amount),
        (other(|it| it.listed = Some(usd(9_901))), amount),
        (
            other(|it| it.listed = Some(Money::new(9_900, Currency::EUR))),
            ParkReason::CurrencyMismatch,
        ),
        (other(|it| it.listed = None), ParkReason::CurrencyMismatch),
        (None, amount),
    ] {
        let (mut world, begun) = at_the_page("lifer-once");
        for _ in 0..3 {
            finishes(&mut world, &begun, PAGE, paid(100), sold.clone());
        }
        let told = format!("{sold:?}");
        assert_eq!(world.plan(), "free", "{told}");
        assert!(world.account.subscriptions.is_empty(), "{told}");
        assert_eq!(world.parked, [reason], "{told}");
        assert!(world.evidence[0].contains("USD 1.00"), "{told}");
        assert_eq!(world.count(Event::CheckoutCompleted), 0, "{told}");
        let checkout = world.account.checkout(begun.checkout).unwrap();
        assert!(matches!(checkout.state, CheckoutState::Canceled { .. }));
        let [kept] = world.account.invoices.as_slice() else {
            panic!("{told}: the money is on the books once");
        };
        assert_eq!((kept.amount, kept.subscription), (usd(100), None));
        // It goes back, and nobody has to look any more.
        world.tell(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "re-1".to_owned(),
            of: vec![PAGE.to_owned(), "pay-100".to_owned()],
            amount: usd(100),
            state: RefundState::Done,
        }));
        assert_eq!(world.account.invoices[0].returned.len(), 1, "{told}");
        assert_eq!(world.parked.len(), 1, "{told}");
    }
}

#[test]
fn a_page_that_the_payer_names_ours_is_believed_where_it_is() {
    let claimed = Sold {
        by_payer: true,
        ..as_ordered()
    };
    let (mut world, begun) = at_the_page("lifer-once");
    for _ in 0..2 {
        finishes(
            &mut world,
            &begun,
            "page-of-theirs",
            paid(9_900),
            Some(claimed.clone()),
        );
    }
    assert_eq!(world.plan(), "free");
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert!(
        world.account.customer.at_providers.is_empty(),
        "it teaches nothing"
    );
    assert!(world.account.checkout(begun.checkout).unwrap().is_open());
    finishes(&mut world, &begun, PAGE, paid(9_900), Some(claimed));
    assert_eq!(world.plan(), "lifer");
    assert_eq!(world.parked.len(), 1);
}

#[test]
fn a_page_of_another_checkout_says_nothing_of_who_bought_this_one() {
    let (mut world, begun) = at_the_page("lifer-once");
    finishes(&mut world, &begun, PAGE, paid(9_900), Some(as_ordered()));
    let bought = world.account.customer.clone();
    assert_eq!(bought.at_providers[0].reference, "c-1");
    world.go("2026-01-03");
    world.tell(Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: "page-rewritten".to_owned(),
        payment: paid(100),
        customer_ref: Some("c-of-another".to_owned()),
        email: None,
        sold: Some(as_ordered()),
    });
    assert_eq!(world.account.customer.at_providers, bought.at_providers);
}

#[test]
fn what_is_paid_once_is_no_subscription_and_the_other_way_round() {
    let mug = Sold {
        items: vec![of("price_mug", 1)],
        listed: Some(usd(100)),
        ..as_ordered()
    };
    let (mut world, begun) = at_the_page("pro-monthly");
    finishes(&mut world, &begun, PAGE, paid(100), Some(mug));
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert_eq!(world.count(Event::CheckoutCompleted), 0);

    let recurs = Sold {
        items: vec![of("price_pro", 1)],
        listed: Some(usd(1_000)),
        once: false,
        by_payer: false,
    };
    let (mut world, begun) = at_the_page("lifer-once");
    finishes(&mut world, &begun, PAGE, paid(1_000), Some(recurs));
    assert_eq!(world.plan(), "free", "its own word makes it");
    assert!(world.parked.is_empty());
    seen(&mut world, &begun, "price_pro", 1, Status::Active);
    assert_eq!(world.plan(), "pro");
}

fn seen(world: &mut World, begun: &Begun, price: &str, quantity: u32, status: Status) {
    let mut snapshot = january(status);
    snapshot.price_ref = price.to_owned();
    snapshot.quantity = quantity;
    snapshot.trial_end = (status == Status::Trialing).then(|| at("2026-02-01"));
    world.observe(&Observed {
        fact: Fact::SubscriptionSeen(snapshot),
        at: at("2026-01-01T00:01:00Z"),
        link: Link {
            checkout: Some(begun.checkout),
            ..Link::default()
        },
    });
}

#[test]
fn a_price_that_was_put_in_is_held_where_anybody_could_have_ordered_it() {
    let retire = |world: &mut World| {
        let mut draft = CatalogDraft::from(world.catalog.catalog.clone());
        for plan in &mut draft.plans {
            for price in &mut plan.prices {
                if price.key.as_str() == "team-monthly" {
                    price.retired = Some(at("2025-12-01"));
                }
            }
        }
        world.catalog.catalog = draft.validate().unwrap();
    };
    let active = Status::Active;
    for (retired, (price, quantity, status), plan) in [
        (false, ("price_team", 3, active), Some("team")),
        (false, ("price_pro", 1, active), Some("pro")),
        (true, ("price_team", 3, active), None),
        (false, ("price_team", 1, active), None),
        (false, ("price_of_nobody", 1, active), None),
        (false, ("price_team", 3, Status::Trialing), None),
    ] {
        for ordered in ["pro-monthly", "lifer-once"] {
            let (mut world, begun) = at_the_page(ordered);
            if retired {
                retire(&mut world);
            }
            seen(&mut world, &begun, price, quantity, status);
            let told = format!("{ordered} {price} {quantity} {retired}");
            assert_eq!(world.plan(), plan.unwrap_or("free"), "{told}");
            if plan.is_some() {
                let held = &world.account.subscriptions[0];
                assert_eq!(held.terms.quantity, quantity, "{told}");
                assert_eq!(held.terms.price_ref.as_deref(), Some(price), "{told}");
                assert!(world.parked.is_empty(), "{told}");
            } else {
                assert!(world.account.subscriptions.is_empty(), "{told}");
                assert_eq!(world.parked, [ParkReason::UnknownPrice], "{told}");
            }
        }
    }
}

#[test]
fn a_code_buys_what_was_ordered_with_it_and_nothing_else() {
    for (price, quantity, plan) in [
        ("price_pro", 1, Some("pro")),
        ("price_pro", 2, None),
        ("price_team", 3, None),
    ] {
        let mut terms = sold("pro-monthly", 1, true);
        terms.discount = Some(Discount {
            code: None,
            reduction: Reduction::Percent {
                basis_points: 9_000,
            },
            until_cycle: Some(1),
            ends_at: None,
        });
        let mut world = World::new();
        let begun = world.begin(terms, true);
        seen(&mut world, &begun, price, quantity, Status::Active);
        assert_eq!(
            world.plan(),
            plan.unwrap_or("free"),
            "{quantity} of {price}"
        );
        let parked: &[_] = match plan {
            Some(_) => &[],
            None => &[ParkReason::UnknownPrice],
        };
        assert_eq!(world.parked, parked, "{quantity} of {price}");
    }
}
