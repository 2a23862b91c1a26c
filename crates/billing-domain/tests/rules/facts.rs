//! Facts about checkouts, effects and invoices: duplicates, strangers, refusals.

use std::collections::BTreeSet;

use billing_domain::checkout::CheckoutState;
use billing_domain::decide::{Begun, CancelWhen, Verdict};
use billing_domain::effect::Order;
use billing_domain::fact::{About, CheckoutPayment, Fact};
use billing_domain::ids::IdSeq;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::provider::{ProviderRef, RefKind};

use crate::common::{World, at, terms, usd};

fn begun() -> (World, Begun) {
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    world.forget();
    (world, begun)
}

fn opened(begun: &Begun) -> Fact {
    Fact::CheckoutOpened {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        url: "https://pay.example.com/page-1".to_owned(),
        expires_at: at("2026-01-01T12:00:00Z"),
        conversion: None,
        customer_ref: None,
    }
}

fn ended(begun: &Begun, canceled: bool) -> Fact {
    Fact::CheckoutEnded {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        canceled,
    }
}

#[test]
fn an_opened_page_closes_when_the_provider_says() {
    let (mut world, begun) = begun();
    world.tell(opened(&begun));
    let once = world.account.clone();
    world.tell(opened(&begun));
    assert_eq!(world.account, once);
    assert_eq!(world.account.wake_at(), Some(at("2026-01-01T12:00:00Z")));
    world.tick("2026-01-01T12:00:00Z");
    let checkout = world.account.checkout(begun.checkout).unwrap();
    assert!(
        matches!(checkout.state, CheckoutState::Expired { at: expired, .. }
        if expired == at("2026-01-01T12:00:00Z"))
    );
    assert!(
        matches!(&world.orders[..], [Order::ExpireCheckout { reference, .. }]
        if reference == "page-1")
    );
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn an_ended_checkout_is_ended_once_and_not_reopened_by_a_promise() {
    for (canceled, event) in [
        (true, Event::CheckoutCanceled),
        (false, Event::CheckoutExpired),
    ] {
        let (mut world, begun) = begun();
        world.tell(ended(&begun, canceled));
        let once = world.account.clone();
        world.tell(ended(&begun, canceled));
        world.complete(&begun, CheckoutPayment::Unpaid);
        assert_eq!(world.account.checkouts, once.checkouts);
        assert_eq!(world.count(event), 1);
    }
}

#[test]
fn a_page_whose_time_ran_out_while_its_money_was_on_the_way_goes_on_waiting() {
    let (mut world, begun) = begun();
    world.tell(opened(&begun));
    world.tick("2026-01-01T12:00:01Z");
    let expired = world.account.checkout(begun.checkout).unwrap();
    assert!(matches!(expired.state, CheckoutState::Expired { .. }));
    let unpaid = || Fact::CheckoutCompleted {
        checkout: begun.checkout,
        reference: "page-1".to_owned(),
        payment: CheckoutPayment::Unpaid,
        customer_ref: None,
        email: None,
        sold: None,
    };
    // Told of before: whether it still is, nobody knows.
    world.tell_of(at("2026-01-01T12:00:00Z"), unpaid());
    assert!(!world.account.checkout(begun.checkout).unwrap().is_open());
    world.tell_of(at("2026-01-01T12:00:00.5Z"), unpaid());
    assert!(world.account.checkout(begun.checkout).unwrap().is_open());
    let invoice = world.account.invoices.first().unwrap();
    assert!(invoice.is_open());
}

#[test]
fn owed_for_a_while_before_its_time_ran_out_it_is_owed_again_while_money_comes() {
    let (mut world, begun) = begun();
    world.tell(opened(&begun));
    // Seen, and spent elsewhere.
    world.complete(&begun, CheckoutPayment::Unpaid);
    world.tell(opened(&begun));
    world.tick("2026-01-01T12:00:01Z");
    let owed = |world: &World| world.account.invoices.first().unwrap().is_open();
    assert!(!owed(&world));
    for told in ["2026-01-01T12:00:02Z", "2026-01-01T12:00:03Z"] {
        let unpaid = Fact::CheckoutCompleted {
            checkout: begun.checkout,
            reference: "page-1".to_owned(),
            payment: CheckoutPayment::Unpaid,
            customer_ref: None,
            email: None,
            sold: None,
        };
        world.tell_of(at(told), unpaid);
        assert!(owed(&world), "{told}");
    }
    assert!(world.account.checkout(begun.checkout).unwrap().is_open());
    // That money does not come either.
    let mut vanished = world.clone();
    vanished.tell(ended(&begun, false));
    assert!(!owed(&vanished));
    assert!(vanished.account.subscriptions.is_empty());
    let paid = CheckoutPayment::Paid {
        payment: "pay-1".to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: Vec::new(),
    };
    world.complete(&begun, paid);
    assert_eq!(world.count(Event::SubscriptionActivated), 1);
    assert_eq!(world.account.invoices.len(), 1);
    assert!(world.parked.is_empty());
}

#[test]
fn facts_about_strangers_are_unlinked_and_change_nothing() {
    let (world, _) = begun();
    let mut ids = IdSeq::new(world.now, 777);
    let stranger = Begun {
        checkout: ids.draw(),
        effect: None,
    };
    let invoice = ids.draw();
    let strangers = [
        opened(&stranger),
        ended(&stranger, true),
        Fact::CheckoutCompleted {
            checkout: stranger.checkout,
            reference: "page-2".to_owned(),
            payment: CheckoutPayment::NotRequired,
            customer_ref: None,
            email: None,
            sold: None,
        },
        Fact::InvoiceOpened {
            invoice,
            reference: "i".to_owned(),
            pay_url: Some("https://pay.example.com/".to_owned()),
            conversion: None,
        },
        Fact::InvoicePaid {
            invoice,
            payment: "p".to_owned(),
            amount: usd(1),
            conversion: None,
            parts: Vec::new(),
        },
        Fact::PaymentFailed {
            invoice,
            reason: "declined".to_owned(),
        },
        Fact::Refused {
            effect: ids.draw(),
            about: About::Checkout(stranger.checkout),
            code: "no".to_owned(),
        },
    ];
    for fact in strangers {
        let mut world = world.clone();
        let before = world.account.clone();
        assert_eq!(world.tell(fact.clone()), Verdict::Unlinked, "{fact:?}");
        assert_eq!(world.account, before, "{fact:?}");
        assert!(world.events.is_empty(), "{fact:?}");
    }
}

#[test]
fn what_needs_nothing_changes_nothing() {
    let (mut world, _) = begun();
    let before = world.account.clone();
    let effect = IdSeq::new(world.now, 778).draw();
    assert_eq!(world.tell(Fact::Done { effect }), Verdict::Decided);
    assert_eq!(world.tell(Fact::Irrelevant), Verdict::Decided);
    assert_eq!(world.account, before);
}

#[test]
fn what_could_not_be_read_is_parked_and_changes_nothing() {
    let (mut world, _) = begun();
    let before = world.account.clone();
    let object = ProviderRef {
        account: "sandbox/main".parse().unwrap(),
        kind: RefKind::Subscription,
        id: "s-1".to_owned(),
    };
    let why = "a subscription of an unknown status".to_owned();
    assert_eq!(
        world.tell(Fact::Unreadable { object, why }),
        Verdict::Decided
    );
    assert_eq!(world.parked, [ParkReason::Unreadable]);
    assert_eq!(world.evidence, ["a subscription of an unknown status"]);
    assert_eq!(world.account, before);
}

#[test]
fn a_page_that_was_refused_or_never_made_gives_the_checkout_up() {
    for given_up in [true, false] {
        let (mut world, begun) = begun();
        let (effect, about) = (begun.effect.unwrap(), About::Checkout(begun.checkout));
        let fact = if given_up {
            Fact::GivenUp { effect, about }
        } else {
            Fact::Refused {
                effect,
                about,
                code: "account_closed".to_owned(),
            }
        };
        world.tell(fact.clone());
        world.tell(fact);
        let checkout = world.account.checkout(begun.checkout).unwrap();
        assert!(matches!(checkout.state, CheckoutState::Canceled { .. }));
        assert_eq!(world.count(Event::CheckoutCanceled), 1);
        assert!(world.parked.is_empty());
    }
}

#[test]
fn a_refused_renewal_is_parked_with_its_effect_and_lapses_nobody() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.open_invoice().unwrap().id;
    let effect = IdSeq::new(world.now, 779).draw();
    world.tell(Fact::Refused {
        effect,
        about: About::Invoice(invoice),
        code: "store_closed".to_owned(),
    });
    assert_eq!(world.parked, [ParkReason::ProviderRefused]);
    world.tick("2026-02-28");
    assert_eq!(world.count(Event::SubscriptionLapsed), 0);
    assert!(world.gives_access("2026-03-02T23:59:59Z"));
}

#[test]
fn a_call_given_up_after_its_answer_came_otherwise_stalls_nothing() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    let effect = IdSeq::new(world.now, 780).draw();
    world.tell(Fact::GivenUp {
        effect,
        about: About::Invoice(invoice),
    });
    assert_eq!(world.count(Event::SubscriptionRenewalStalled), 0);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
}

#[test]
fn a_decline_of_what_is_paid_already_changes_nothing() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.pay();
    let before = world.account.clone();
    world.tell(Fact::PaymentFailed {
        invoice,
        reason: "declined".to_owned(),
    });
    assert_eq!(world.account, before);
    assert_eq!(world.count(Event::SubscriptionRenewalFailed), 0);
}

#[test]
fn a_payment_told_before_the_link_is_the_same_in_the_end() {
    let mut in_order = World::bought(terms("pro-monthly"));
    in_order.tick("2026-02-01");
    let mut reversed = in_order.clone();
    in_order.link();
    let invoice = in_order.pay();
    reversed.pay();
    reversed.tell(Fact::InvoiceOpened {
        invoice,
        reference: format!("at-provider-{invoice}"),
        pay_url: Some("https://pay.example.com/".to_owned()),
        conversion: None,
    });
    assert_eq!(reversed.account, in_order.account);
}

#[test]
fn the_same_decision_twice_is_the_same() {
    let mut world = World::bought(terms("pro-monthly"));
    let mut again = world.clone();
    for world in [&mut world, &mut again] {
        world.tick("2026-02-01");
        world.link();
        world.pay();
        world.tick("2026-03-01");
    }
    assert_eq!(world.account, again.account);
    assert_eq!(world.orders, again.orders);
    assert_eq!(world.events, again.events);
}

#[test]
fn an_invoice_made_after_it_was_voided_is_taken_back() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.open_invoice().unwrap().id;
    world.cancel(CancelWhen::AtOnce);
    // The provider is asked to void what it has not made yet, and then makes it.
    let link = Fact::InvoiceOpened {
        invoice,
        reference: "i-1".to_owned(),
        pay_url: Some("https://pay.example.com/".to_owned()),
        conversion: None,
    };
    world.tell(link.clone());
    world.tell(link);
    let voids = world.orders.iter().filter_map(|order| {
        let Order::VoidInvoice { reference, .. } = order else {
            return None;
        };
        Some(reference.as_deref())
    });
    assert_eq!(voids.collect::<Vec<_>>(), [None, Some("i-1")]);
    assert_eq!(world.keys.len(), world.orders.len());
    assert_eq!(
        world.keys.iter().collect::<BTreeSet<_>>().len(),
        world.keys.len(),
        "every order has a key of its own"
    );
}

#[test]
fn a_page_that_cannot_be_closed_is_for_a_person_once() {
    let (mut world, begun) = begun();
    world.tell(opened(&begun));
    world.tick("2026-01-02");
    let given_up = Fact::GivenUp {
        effect: IdSeq::new(world.now, 780).draw(),
        about: About::Checkout(begun.checkout),
    };
    world.tell(given_up);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    assert!(world.evidence[0].contains("page-1"), "{:?}", world.evidence);
    // One that was never made is nothing to close.
    let (mut world, begun) = self::begun();
    let effect = begun.effect.unwrap();
    world.tell(Fact::GivenUp {
        effect,
        about: About::Checkout(begun.checkout),
    });
    assert_eq!(world.parked, []);
}

#[test]
fn a_page_made_after_its_checkout_ended_is_closed() {
    for given_up in [true, false] {
        let (mut world, begun) = begun();
        if given_up {
            world.tell(Fact::GivenUp {
                effect: begun.effect.unwrap(),
                about: About::Checkout(begun.checkout),
            });
        } else {
            world.tick("2026-01-02");
        }
        assert!(world.orders.is_empty(), "there is no page to close yet");
        world.tell(opened(&begun));
        world.tell(opened(&begun));
        assert!(
            matches!(&world.orders[..], [Order::ExpireCheckout { reference, .. }]
            if reference == "page-1")
        );
        let checkout = world.account.checkout(begun.checkout).unwrap();
        assert!(!checkout.is_open());
        assert_eq!(checkout.reference(), Some("page-1"));
    }
}

#[test]
fn the_customer_that_the_newest_checkout_tells_counts() {
    let told = |world: &mut World, begun: &Begun, when: &str, reference: &str, opened: bool| {
        let customer_ref = Some(reference.to_owned());
        let fact = if opened {
            Fact::CheckoutOpened {
                checkout: begun.checkout,
                reference: "page-1".to_owned(),
                url: "https://pay.example.com/page-1".to_owned(),
                expires_at: at("2026-01-01T12:00:00Z"),
                conversion: None,
                customer_ref,
            }
        } else {
            Fact::CheckoutCompleted {
                checkout: begun.checkout,
                reference: "page-1".to_owned(),
                payment: CheckoutPayment::Unpaid,
                customer_ref,
                email: None,
                sold: None,
            }
        };
        world.tell_of(at(when), fact);
    };
    let (early, late) = ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z");
    for opened in [true, false] {
        for (first, second, known) in [(early, late, "c-2"), (late, early, "c-1")] {
            let (mut world, begun) = begun();
            told(&mut world, &begun, first, "c-1", opened);
            told(&mut world, &begun, second, "c-2", opened);
            let held = &world.account.customer.at_providers;
            let held: Vec<&str> = held.iter().map(|held| held.reference.as_str()).collect();
            assert_eq!(held, [known], "{opened} {first} {second}");
        }
    }
}
