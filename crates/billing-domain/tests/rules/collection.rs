//! How far the collection of a cycle has come: when it is due, how often it was tried, and
//! who tries again.

use billing_domain::catalog::OnPastDue;
use billing_domain::decide::try_stalled_again;
use billing_domain::fact::{About, Fact, ProviderInvoiceState, SubscriptionSnapshot};
use billing_domain::invoice::{Purpose, Tried};
use billing_domain::subscription::{Collection, NextTry, Status};
use billing_domain::time::days;

use crate::common::{World, at, sold, terms, usd};
use crate::mirror::{bought, february, see};

fn collection(world: &World) -> Option<Collection> {
    let owed = world.account.invoices.iter();
    let owed = owed
        .rev()
        .find(|invoice| invoice.is_open() && invoice.is_renewal());
    world.sub().collection(owed, world.now)
}

#[test]
fn a_cycle_that_the_engine_has_collected_is_paid_by_the_customer_at_its_page() {
    let mut world = World::bought(terms("pro-monthly"));
    assert_eq!(collection(&world), None, "nothing is owed");
    world.tick("2026-02-01");
    let asked = Collection {
        due_at: None,
        grace_ends_at: None,
        asked: Some(1),
        failed: 0,
        next: NextTry::ByEngine,
    };
    assert_eq!(collection(&world), Some(asked), "there is no page yet");
    world.link();
    let invoice = world.account.invoices.last().unwrap().id;
    world.tell(Fact::PaymentFailed {
        invoice,
        reason: "card_declined".to_owned(),
    });
    let held = world.sub();
    let payable = Collection {
        due_at: held.times.due_at,
        grace_ends_at: held.times.grace_ends_at,
        failed: 1,
        next: NextTry::ByCustomer,
        ..asked
    };
    assert!(payable.due_at.is_some() && payable.grace_ends_at > payable.due_at);
    assert_eq!(collection(&world), Some(payable));
}

fn invoice(state: ProviderInvoiceState, tried: Option<(u32, Option<&str>)>) -> Fact {
    Fact::ProviderInvoiceSeen {
        reference: "i-2".to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount: usd(1_000),
        period: None,
        state,
        purpose: Some(Purpose::Renewal),
        collected: None,
        opened_at: None,
        tried: tried.map(|(times, next)| Tried {
            times,
            next_at: next.map(at),
        }),
    }
}

#[test]
fn a_provider_that_collects_says_how_often_it_tried_and_when_it_does_again() {
    use ProviderInvoiceState::{Failed, Open, Paid, Void};
    let next = |at| NextTry::ByProvider { at };
    for (told, failed, tries) in [
        (vec![invoice(Open, None)], 0, next(None)),
        (vec![invoice(Failed, None)], 1, next(None)),
        (
            vec![invoice(Open, Some((0, Some("2026-02-02"))))],
            0,
            next(Some(at("2026-02-02"))),
        ),
        (
            vec![
                invoice(Failed, Some((1, Some("2026-02-04")))),
                invoice(Failed, Some((2, Some("2026-02-07")))),
            ],
            2,
            next(Some(at("2026-02-07"))),
        ),
        (vec![invoice(Failed, Some((4, None)))], 4, next(None)),
        // It was to be tried by now, and nobody has told what came of it.
        (
            vec![invoice(Failed, Some((1, Some("2026-02-01"))))],
            1,
            next(None),
        ),
    ] {
        for reversed in [false, true] {
            let (mut world, begun) = bought();
            world.go("2026-02-01T12:00:00Z");
            let owing: SubscriptionSnapshot = february(Status::PastDue);
            see(&mut world, &begun, at("2026-02-01T01:00:00Z"), &owing);
            let mut told = told.clone();
            if reversed {
                told.reverse();
            }
            for fact in &told {
                world.tell_of(at("2026-02-01T02:00:00Z"), fact.clone());
            }
            let found = collection(&world).unwrap();
            let held = world.sub();
            assert_eq!(
                (found.asked, found.failed, found.next),
                (None, failed, tries),
                "{told:?}"
            );
            assert_eq!(found.due_at, held.times.due_at);
            assert_eq!(found.grace_ends_at, held.times.grace_ends_at);
            assert!(found.due_at.is_some(), "{told:?}");
            for over in [Paid, Void] {
                let mut world = world.clone();
                world.tell_of(at("2026-02-01T03:00:00Z"), invoice(over, None));
                world.tell_of(at("2026-02-01T02:00:00Z"), told[0].clone());
                assert_eq!(world.account.invoices.last().unwrap().tried, None);
            }
        }
    }
}

#[test]
fn what_its_provider_would_not_make_waits_for_an_operator_and_for_nobody_else() {
    for is_refused in [true, false] {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        let id = world.open_invoice().unwrap().id;
        let effect = world.drawn();
        let about = About::Invoice(id);
        world.tell(if is_refused {
            let code = "amount_too_small".to_owned();
            Fact::Refused {
                effect,
                about,
                code,
            }
        } else {
            Fact::GivenUp { effect, about }
        });
        let stands = |world: &World| collection(world).unwrap().next;
        assert_eq!(stands(&world), NextTry::ByOperator, "{is_refused}");
        let parked = world.open_invoice().unwrap().stalled.unwrap();
        // Something else that is tried again is not this.
        let other = world.drawn();
        world.decide(|draft| try_stalled_again(draft, other));
        assert_eq!(stands(&world), NextTry::ByOperator);
        let mut again = world.clone();
        again.decide(|draft| try_stalled_again(draft, parked));
        assert_eq!(stands(&again), NextTry::ByEngine);
        // However it came to be made, it can be paid.
        world.link();
        assert_eq!(stands(&world), NextTry::ByCustomer);
        assert_eq!(world.open_invoice().unwrap().stalled, None);
    }
}

#[test]
fn of_as_many_tries_the_newest_word_says_whether_there_is_another() {
    use ProviderInvoiceState::Failed;
    let tried = |times, next| invoice(Failed, Some((times, next)));
    let words = [
        ("2026-02-01T02:00:00Z", tried(1, Some("2026-02-04"))),
        // Stripe was told to try no more, or later.
        ("2026-02-01T03:00:00Z", tried(1, None)),
        ("2026-02-01T04:00:00Z", tried(1, Some("2026-02-03"))),
        ("2026-02-01T05:00:00Z", tried(1, None)),
    ];
    let wanted = [Some("2026-02-04"), None, Some("2026-02-03"), None];
    for told in 1..=words.len() {
        for reversed in [false, true] {
            let (mut world, begun) = bought();
            world.go("2026-02-01T12:00:00Z");
            let owing: SubscriptionSnapshot = february(Status::PastDue);
            see(&mut world, &begun, at("2026-02-01T01:00:00Z"), &owing);
            let mut heard = words[..told].to_vec();
            if reversed {
                heard.reverse();
            }
            for (when, fact) in heard {
                world.tell_of(at(when), fact);
            }
            let next = collection(&world).unwrap().next;
            let wanted = wanted[told - 1].map(at);
            assert_eq!(
                next,
                NextTry::ByProvider { at: wanted },
                "{told} {reversed}"
            );
        }
    }
}

#[test]
fn what_is_past_due_without_an_invoice_that_is_known_is_still_tried_by_its_provider() {
    let mut agreed = sold("pro-monthly", 1, true);
    agreed.grace = days(3);
    agreed.on_past_due = OnPastDue::Grace;
    let (mut world, begun) = crate::mirror::bought_on(agreed);
    see(
        &mut world,
        &begun,
        at("2026-02-01T01:00:00Z"),
        &february(Status::PastDue),
    );
    let found = collection(&world).unwrap();
    assert_eq!((found.asked, found.failed), (None, 0));
    assert_eq!(found.next, NextTry::ByProvider { at: None });
    assert_eq!(found.due_at, Some(at("2026-02-01")));
    assert_eq!(found.grace_ends_at, Some(at("2026-02-04")));
}
