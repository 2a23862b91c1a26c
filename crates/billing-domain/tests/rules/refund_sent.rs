//! Refunds that a provider sends when it is told to: ordered once, told once, in any order.

use billing_domain::decide::{PromisedRefund, RefundAsk, RefundRefusal, hear_refund, send_refund};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{About, Fact, RefundSnapshot, RefundState};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::Invoice;
use billing_domain::journal::Event;
use billing_domain::money::Money;
use billing_domain::parked::ParkReason;

use crate::common::{World, at, terms, usd};

/// Bought on 1 January, renewed on 1 February.
pub(crate) fn renewed() -> (World, InvoiceId, Money) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    let invoice = world.pay();
    let paid = world.account.invoice(invoice).unwrap().amount;
    world.go("2026-02-10");
    world.forget();
    (world, invoice, paid)
}

pub(crate) fn asks(
    world: &mut World,
    invoice: InvoiceId,
    amount: Option<Money>,
) -> Result<PromisedRefund, RefundRefusal> {
    let ask = RefundAsk {
        invoice,
        amount,
        payment: None,
        reason: Some("A day was lost".to_owned()),
        name: None,
    };
    world.decide(|draft| send_refund(draft, &ask))
}

/// A refund as its provider tells of it, with the key of its order.
pub(crate) fn told(
    world: &World,
    name: &str,
    ordered: &PromisedRefund,
    state: RefundState,
) -> Fact {
    let of = world.account.invoices.last().unwrap().reference.clone();
    Fact::RefundSeen(RefundSnapshot {
        refund: name.to_owned(),
        of: of.into_iter().collect(),
        amount: ordered.amount,
        state,
        ordered: Some(ordered.key.clone()),
    })
}

pub(crate) fn held(world: &World, invoice: InvoiceId) -> &Invoice {
    world.account.invoice(invoice).unwrap()
}

#[test]
fn until_it_was_heard_the_same_again_is_the_same_refund() {
    let (mut world, invoice, paid) = renewed();
    let part = usd(100);
    let first = asks(&mut world, invoice, Some(part)).unwrap();
    assert_eq!(first.key, EffectKey::refund(invoice, 1));
    let Some(Order::PromiseRefund(order)) = world.orders.last() else {
        panic!("{:?}", world.orders);
    };
    assert_eq!((order.amount, order.before), (part, Some(usd(0))));
    assert_eq!(asks(&mut world, invoice, Some(part)), Ok(first.clone()));
    let other = asks(&mut world, invoice, Some(usd(50)));
    assert_eq!(other, Err(RefundRefusal::Open { amount: part }));
    // What somebody gives back over there meanwhile is none of it.
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-0".to_owned(),
        of: held(&world, invoice)
            .reference
            .clone()
            .into_iter()
            .collect(),
        amount: part,
        state: RefundState::Done,
    }));
    assert_eq!(asks(&mut world, invoice, Some(part)), Ok(first.clone()));
    let heard = world.decide(|draft| hear_refund(draft, invoice, first.effect));
    assert_eq!(heard, None, "nobody has told");

    // Told, and nobody who asked has heard: a lost answer.
    world.tell(told(&world, "re-1", &first, RefundState::Done));
    let sent = held(&world, invoice).promised[0].sent.clone().unwrap();
    assert_eq!(sent.refund.as_deref(), Some("re-1"));
    assert_eq!(asks(&mut world, invoice, Some(part)), Ok(first.clone()));
    assert_eq!((world.keys.len(), world.orders.len()), (1, 1));
    let heard = world.decide(|draft| hear_refund(draft, invoice, first.effect));
    let heard = heard.unwrap();
    assert_eq!((heard.refund.as_str(), heard.amount), ("re-1", part));
    assert_eq!(heard.state, RefundState::Done);
    assert_eq!(
        world.events,
        [
            Event::InvoiceRefundPromised,
            Event::InvoiceRefunded,
            Event::InvoiceRefunded
        ]
    );

    // Heard, the same amount once more is another.
    let second = asks(&mut world, invoice, Some(part)).unwrap();
    assert_eq!(second.key, EffectKey::refund(invoice, 2));
    world.tell(told(&world, "re-2", &second, RefundState::Pending));
    world.decide(|draft| hear_refund(draft, invoice, second.effect));
    // All the rest: once it is told, nothing is left, and the same again is the same.
    let rest = asks(&mut world, invoice, None).unwrap();
    assert_eq!(rest.amount.amount, paid.amount - 300);
    world.tell(told(&world, "re-3", &rest, RefundState::Done));
    assert_eq!(asks(&mut world, invoice, None), Ok(rest.clone()));
    world.decide(|draft| hear_refund(draft, invoice, rest.effect));
    let none = asks(&mut world, invoice, None);
    assert_eq!(none, Err(RefundRefusal::NothingLeft));
    assert_eq!(world.parked, [] as [ParkReason; 0]);
}

#[test]
fn whoever_tells_of_it_first_it_is_told_once() {
    let instants = [
        ("2026-02-10T10:00:00Z", RefundState::Pending),
        ("2026-02-10T11:00:00Z", RefundState::Done),
    ];
    for order in [
        vec![0],
        vec![0, 1],
        vec![1, 0],
        vec![1, 1, 0, 1],
        vec![0, 0, 1],
    ] {
        let (mut world, invoice, paid) = renewed();
        let ordered = asks(&mut world, invoice, None).unwrap();
        for step in &order {
            let (instant, state) = instants[*step];
            let fact = told(&world, "re-1", &ordered, state);
            world.tell_of(at(instant), fact);
        }
        // The answer to the call comes last, or never.
        world.tell(Fact::Refused {
            effect: ordered.effect,
            about: About::Invoice(invoice),
            code: "charge_already_refunded".to_owned(),
        });
        world.tell(Fact::GivenUp {
            effect: ordered.effect,
            about: About::Invoice(invoice),
        });
        let invoice = held(&world, invoice);
        let done = order.contains(&1);
        assert_eq!(invoice.returned.len(), 1, "{order:?}");
        let gone = if done { i128::from(paid.amount) } else { 0 };
        assert_eq!(invoice.gone(), gone, "{order:?}");
        assert_eq!(invoice.promised[0].failed, None, "{order:?}");
        assert_eq!(world.count(Event::InvoiceRefunded), usize::from(done));
        assert_eq!(world.gives_access("2026-02-11"), !done, "{order:?}");
        assert_eq!(world.parked, [] as [ParkReason; 0], "{order:?}");
    }
}

#[test]
fn one_that_fails_over_there_took_nothing_and_is_for_a_person_once() {
    let instants = [
        ("2026-02-10T10:00:00Z", RefundState::Pending),
        ("2026-02-10T11:00:00Z", RefundState::Done),
        ("2026-02-10T12:00:00Z", RefundState::Failed),
    ];
    for order in [
        vec![2],
        vec![0, 2],
        vec![2, 0],
        vec![0, 1, 2],
        vec![2, 1, 0],
        vec![1, 2, 2, 0, 1],
    ] {
        let (mut world, invoice, paid) = renewed();
        let first = asks(&mut world, invoice, None).unwrap();
        for step in &order {
            let (instant, state) = instants[*step];
            let fact = told(&world, "re-1", &first, state);
            world.tell_of(at(instant), fact);
        }
        let failed = held(&world, invoice).promised[0].failed.as_deref();
        assert_eq!(failed, Some("refund_failed"), "{order:?}");
        assert_eq!(held(&world, invoice).gone(), 0, "{order:?}");
        assert!(world.gives_access("2026-02-11"), "{order:?}");
        assert_eq!(world.parked, [ParkReason::ProviderRefused], "{order:?}");
        assert!(
            world.evidence[0].contains("re-1"),
            "names it: {:?}",
            world.evidence
        );
        // It makes room for another, of all of it.
        let second = asks(&mut world, invoice, None).unwrap();
        assert_eq!((second.amount, second.key == first.key), (paid, false));
    }
}

#[test]
fn a_key_that_is_no_order_of_ours_is_a_refund_like_any_other() {
    let (mut world, invoice, paid) = renewed();
    let of = held(&world, invoice).reference.clone();
    for (name, key) in [
        ("re-1", EffectKey::refund(invoice, 7)),
        ("re-2", { EffectKey::from_stored("nonsense".to_owned()) }),
    ] {
        world.tell(Fact::RefundSeen(RefundSnapshot {
            refund: name.to_owned(),
            of: of.iter().cloned().collect(),
            amount: usd(100),
            state: RefundState::Done,
            ordered: Some(key),
        }));
    }
    assert_eq!(held(&world, invoice).gone(), 200);
    let rest = asks(&mut world, invoice, None).unwrap();
    assert_eq!(rest.amount.amount, paid.amount - 200);
}

/// The same under a name, as an `Idempotency-Key` gives one.
fn asks_as(world: &mut World, invoice: InvoiceId, name: &str) -> PromisedRefund {
    let ask = RefundAsk {
        invoice,
        amount: Some(usd(100)),
        payment: None,
        reason: None,
        name: Some(name.to_owned()),
    };
    world.decide(|draft| send_refund(draft, &ask)).unwrap()
}

#[test]
fn a_lost_answer_is_the_same_refund_whatever_was_ordered_since() {
    let (mut world, invoice, _) = renewed();
    let first = asks(&mut world, invoice, Some(usd(100))).unwrap();
    world.tell(told(&world, "re-1", &first, RefundState::Done));
    let other = asks(&mut world, invoice, Some(usd(50))).unwrap();
    world.tell(told(&world, "re-2", &other, RefundState::Done));
    world.decide(|draft| hear_refund(draft, invoice, other.effect));
    assert_eq!(asks(&mut world, invoice, Some(usd(100))), Ok(first));
    assert_eq!(world.orders.len(), 2);
}

#[test]
fn what_is_sent_under_one_name_is_sent_once_whatever_was_heard() {
    let (mut world, invoice, _) = renewed();
    let first = asks_as(&mut world, invoice, "one");
    world.tell(told(&world, "re-1", &first, RefundState::Done));
    for _ in 0..2 {
        let heard = world.decide(|draft| hear_refund(draft, invoice, first.effect));
        assert_eq!(heard.unwrap().refund, "re-1");
        assert_eq!(asks_as(&mut world, invoice, "one"), first);
    }
    let second = asks_as(&mut world, invoice, "two");
    assert_eq!(second.key, EffectKey::refund(invoice, 2));
    // One that did not come about can be ordered once more.
    world.tell(told(&world, "re-2", &second, RefundState::Failed));
    assert_eq!(
        asks_as(&mut world, invoice, "two").key,
        EffectKey::refund(invoice, 3)
    );
}
