//! A purchase that is collected in another currency, against what its page was ordered at.

use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::decide::Begun;
use billing_domain::fact::{CheckoutPayment, Fact};
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;

use crate::common::{World, at, terms, usd};

fn satoshi(amount: i64) -> Money {
    Money::new(amount, Currency::SAT)
}

/// The ten dollars of the tests, collected as so many satoshi.
fn rate(collected: i64) -> Conversion {
    Conversion {
        listed: usd(1_000),
        collected: satoshi(collected),
        rate: 5_000_000,
        source: "pin".to_owned(),
        at: at("2026-01-01"),
    }
}

fn opens(begun: &Begun, page: &str, conversion: Option<Conversion>) -> Fact {
    Fact::CheckoutOpened {
        checkout: begun.checkout,
        reference: page.to_owned(),
        url: format!("https://pay.example.com/{page}"),
        expires_at: at("2026-01-01T12:00:00Z"),
        conversion,
        customer_ref: None,
    }
}

fn pays(begun: &Begun, page: &str, paid: i64, conversion: Option<Conversion>) -> Fact {
    Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: page.to_owned(),
        payment: CheckoutPayment::Paid {
            payment: page.to_owned(),
            amount: satoshi(paid),
            conversion,
            parts: Vec::new(),
        },
        customer_ref: None,
        email: None,
        sold: None,
    }
}

fn begun() -> (World, Begun) {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    (world, begun)
}

/// A page that was ordered at 20 000 satoshi.
fn ordered() -> (World, Begun) {
    let (mut world, begun) = begun();
    world.tell(opens(&begun, "page", Some(rate(20_000))));
    world.forget();
    (world, begun)
}

fn checkout<'a>(world: &'a World, begun: &Begun) -> &'a Checkout {
    world.account.checkout(begun.checkout).unwrap()
}

#[test]
fn a_purchase_is_paid_as_its_page_was_ordered() {
    for told in [Some(rate(20_000)), Some(rate(1)), None] {
        let (mut world, begun) = ordered();
        world.tell(pays(&begun, "page", 20_000, told));
        assert_eq!(world.status(), Status::Active);
        assert_eq!(world.parked, []);
        let invoice = &world.account.invoices[0];
        assert_eq!(invoice.conversion, Some(rate(20_000)));
    }
}

#[test]
fn what_is_told_of_the_rate_grants_no_purchase_for_less() {
    let for_less = |listed| Conversion { listed, ..rate(1) };
    for (page, paid, told, reason) in [
        ("page", 1, rate(1), ParkReason::AmountMismatch),
        ("page", 19_999, rate(19_999), ParkReason::AmountMismatch),
        ("copy", 1, rate(1), ParkReason::CurrencyMismatch),
        ("copy", 1_999, rate(1_999), ParkReason::CurrencyMismatch),
        ("copy", 1, for_less(usd(1)), ParkReason::CurrencyMismatch),
    ] {
        let (mut world, begun) = ordered();
        for _ in 0..2 {
            world.tell(pays(&begun, page, paid, Some(told.clone())));
        }
        assert!(world.account.subscriptions.is_empty(), "{page} {paid}");
        assert_eq!(world.parked, [reason], "{page} {paid}");
        let evidence = &world.evidence[0];
        assert!(evidence.contains(&satoshi(paid).to_string()), "{evidence}");
    }
}

#[test]
fn a_price_in_satoshi_is_converted_into_no_fewer() {
    let mut sold = terms("pro-monthly");
    sold.unit = satoshi(50_000);
    for opened_before in [true, false] {
        let mut world = World::new();
        let begun = world.begin(sold.clone(), false);
        if opened_before {
            world.tell(opens(&begun, "page", None));
        }
        let told = Conversion {
            listed: satoshi(50_000),
            ..rate(1)
        };
        world.tell(pays(&begun, "page", 1, Some(told)));
        assert!(world.account.subscriptions.is_empty());
        assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    }
}

#[test]
fn money_at_a_page_that_nobody_ordered_leaves_the_one_that_was() {
    let (mut world, begun) = ordered();
    let before = checkout(&world, &begun).state.clone();
    world.tell(pays(&begun, "copy", 1, None));
    assert_eq!(checkout(&world, &begun).state, before);
    assert!(matches!(before, CheckoutState::Open { .. }));
    world.tell(pays(&begun, "page", 20_000, None));
    assert_eq!(world.status(), Status::Active);
}

#[test]
fn paid_before_its_page_was_told_of_it_counts_as_its_provider_vouches() {
    let mut ends = Vec::new();
    for opened_first in [true, false] {
        let (mut world, begun) = begun();
        let mut facts = [
            opens(&begun, "page", Some(rate(20_000))),
            pays(&begun, "page", 20_000, Some(rate(20_000))),
        ];
        if !opened_first {
            facts.reverse();
        }
        for fact in facts {
            world.tell(fact);
        }
        assert_eq!(world.status(), Status::Active);
        let kept = checkout(&world, &begun);
        assert_eq!(kept.conversion, Some(rate(20_000)));
        ends.push((world.account.invoices.clone(), kept.state.clone()));
    }
    assert_eq!(ends[0], ends[1]);
    // Nobody vouches for it: so many satoshi are no dollars.
    let (mut world, begun) = begun();
    world.tell(pays(&begun, "page", 20_000, None));
    assert!(world.account.subscriptions.is_empty());
    assert_eq!(world.parked, [ParkReason::CurrencyMismatch]);
}

#[test]
fn what_was_ordered_first_is_not_ordered_again_for_less() {
    let (mut world, begun) = ordered();
    world.tell(opens(&begun, "page", Some(rate(1))));
    world.tell(opens(&begun, "copy", Some(rate(1))));
    let held = checkout(&world, &begun);
    assert_eq!(held.conversion, Some(rate(20_000)));
    assert_eq!(held.reference(), Some("page"));
}

#[test]
fn a_checkout_of_older_books_reads() {
    let (world, begun) = ordered();
    let mut kept = serde_json::to_value(checkout(&world, &begun)).unwrap();
    kept.as_object_mut().unwrap().remove("conversion").unwrap();
    let read: Checkout = serde_json::from_value(kept).unwrap();
    assert_eq!(read.conversion, None);
    let mut fact = serde_json::to_value(opens(&begun, "page", Some(rate(1)))).unwrap();
    fact.as_object_mut().unwrap().remove("conversion").unwrap();
    let fact: Fact = serde_json::from_value(fact).unwrap();
    assert_eq!(fact, opens(&begun, "page", None));
}
