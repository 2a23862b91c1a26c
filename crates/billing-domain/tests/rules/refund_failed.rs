//! Orders to pay back that came to nothing: what a person is shown of them, and that what was
//! given up is never sent beside another.

use billing_domain::decide::{
    self, PromisedRefund, REFUND_ORDERS_MAX, RefundRefusal, forgo_refund, hear_refund,
    park_refused_refund, take_up_refund,
};
use billing_domain::effect::Order;
use billing_domain::fact::{
    About, DisputeSnapshot, DisputeState, Fact, RefundSnapshot, RefundState,
};
use billing_domain::ids::InvoiceId;
use billing_domain::parked::ParkReason;

use crate::common::{World, usd};
use crate::refund_sent::{asks, held, renewed, told};

fn give_up(world: &mut World, invoice: InvoiceId, ordered: &PromisedRefund) {
    world.tell(Fact::GivenUp {
        effect: ordered.effect,
        about: About::Invoice(invoice),
    });
}

fn refuse(world: &mut World, invoice: InvoiceId, ordered: &PromisedRefund, code: &str) {
    world.tell(Fact::Refused {
        effect: ordered.effect,
        about: About::Invoice(invoice),
        code: code.to_owned(),
    });
}

/// A person has it tried again, and a worker takes it up.
fn takes_up(world: &mut World, invoice: InvoiceId, ordered: &PromisedRefund) -> bool {
    world.decide(|draft| take_up_refund(draft, invoice, ordered.effect))
}

fn why(world: &World, invoice: InvoiceId, place: usize) -> Option<&str> {
    held(world, invoice).promised[place].failed.as_deref()
}

#[test]
fn one_that_was_given_up_may_have_been_made() {
    let (mut world, invoice, paid) = renewed();
    let first = asks(&mut world, invoice, None).unwrap();
    give_up(&mut world, invoice, &first);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    assert!(
        world.evidence[0].contains("tried again"),
        "{:?}",
        world.evidence
    );
    assert_eq!(why(&world, invoice, 0), Some("no_answer"));
    // It was made all the same, and a webhook says so: nobody has to look any more.
    world.tell(told(&world, "re-1", &first, RefundState::Done));
    assert_eq!(why(&world, invoice, 0), None);
    assert_eq!(world.solved, 1);
    assert_eq!(held(&world, invoice).gone(), i128::from(paid.amount));
    assert!(!takes_up(&mut world, invoice, &first), "it is known");
    world.decide(|draft| forgo_refund(draft, invoice, first.effect));
    assert_eq!(world.parked.len(), 1, "nothing to tell");
    // Whoever asks again hears of that one.
    assert_eq!(asks(&mut world, invoice, None), Ok(first));
}

#[test]
fn what_was_given_up_stands_again_once_it_is_tried_again() {
    let (mut world, invoice, _) = renewed();
    let part = usd(100);
    let first = asks(&mut world, invoice, Some(part)).unwrap();
    assert!(takes_up(&mut world, invoice, &first), "as it was ordered");
    give_up(&mut world, invoice, &first);
    assert!(takes_up(&mut world, invoice, &first));
    assert!(takes_up(&mut world, invoice, &first), "at every attempt");
    // From then on it is the one that is on its way: no other is ordered beside it.
    assert_eq!(asks(&mut world, invoice, Some(part)), Ok(first.clone()));
    let other = asks(&mut world, invoice, Some(usd(50)));
    assert_eq!(other, Err(RefundRefusal::Open { amount: part }));
    // Given up once more, a person is shown it once more.
    give_up(&mut world, invoice, &first);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted; 2]);
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn what_was_given_up_is_not_tried_again_beside_another() {
    let (mut world, invoice, _) = renewed();
    let part = usd(100);
    let first = asks(&mut world, invoice, Some(part)).unwrap();
    give_up(&mut world, invoice, &first);
    let second = asks(&mut world, invoice, Some(part)).unwrap();
    assert_ne!(first.key, second.key);
    assert_eq!(world.solved, 1, "nothing is left to decide of the first");
    // A person was faster: it had been tried again before the other was ordered.
    for state in [None, Some(RefundState::Done), Some(RefundState::Failed)] {
        if let Some(state) = state {
            world.tell(told(&world, "re-2", &second, state));
        }
        assert!(!takes_up(&mut world, invoice, &first), "{state:?}");
        assert_eq!(why(&world, invoice, 0), Some("no_answer"));
    }
    let before = world.parked.len();
    world.decide(|draft| forgo_refund(draft, invoice, first.effect));
    assert_eq!(world.parked[before..], [ParkReason::Conflict]);
    let said = world.evidence.last().unwrap();
    assert!(said.contains("order it anew"), "{said}");
    assert_eq!(world.orders.len(), 2);
    // And so it is settled.
    let solved = world.solved;
    asks(&mut world, invoice, Some(part)).unwrap();
    assert_eq!(world.solved, solved + 1);
}

#[test]
fn what_was_refused_is_not_tried_again() {
    let (mut world, invoice, _) = renewed();
    let first = asks(&mut world, invoice, None).unwrap();
    refuse(&mut world, invoice, &first, "charge_disputed");
    assert!(!takes_up(&mut world, invoice, &first));
    world.decide(|draft| forgo_refund(draft, invoice, first.effect));
    assert_eq!(world.parked, [] as [ParkReason; 0]);
}

#[test]
fn a_refusal_that_nobody_waits_for_is_shown_once_until_it_is_ordered_anew() {
    let (mut world, invoice, paid) = renewed();
    let first = asks(&mut world, invoice, None).unwrap();
    // Nothing was refused yet.
    world.decide(|draft| park_refused_refund(draft, invoice, first.effect));
    refuse(&mut world, invoice, &first, "charge_disputed");
    assert_eq!(world.parked, [] as [ParkReason; 0], "whoever waits is told");
    for _ in 0..2 {
        world.decide(|draft| park_refused_refund(draft, invoice, first.effect));
        assert_eq!(world.parked, [ParkReason::ProviderRefused]);
    }
    let said = &world.evidence[0];
    for word in ["charge_disputed", "order it anew", &paid.to_string()] {
        assert!(said.contains(word), "{said}");
    }
    let second = asks(&mut world, invoice, None).unwrap();
    assert_eq!(world.solved, 1);
    world.tell(told(&world, "re-1", &second, RefundState::Done));
    // What is known at its provider was not refused, whatever is said late.
    world.decide(|draft| park_refused_refund(draft, invoice, second.effect));
    assert_eq!((world.parked.len(), world.solved), (1, 1));
}

#[test]
fn what_a_bank_took_is_no_refund_that_was_made_by_hand() {
    let (mut world, invoice, paid) = renewed();
    let of: Vec<String> = held(&world, invoice)
        .reference
        .clone()
        .into_iter()
        .collect();
    world.tell(Fact::DisputeSeen(DisputeSnapshot {
        dispute: "dp-1".to_owned(),
        of: of.clone(),
        amount: usd(400),
        state: DisputeState::Lost,
        warning: false,
    }));
    world.tell(Fact::RefundSeen(RefundSnapshot {
        refund: "re-0".to_owned(),
        of,
        amount: usd(100),
        state: RefundState::Done,
        ordered: None,
    }));
    let ordered = asks(&mut world, invoice, None).unwrap();
    assert_eq!(ordered.amount.amount, paid.amount - 500, "what is left");
    let Some(Order::PromiseRefund(order)) = world.orders.last() else {
        panic!("{:?}", world.orders);
    };
    assert_eq!(order.before, Some(usd(100)));
    assert!(!order.is_more_gone([usd(100)]));
    // One of which nobody has heard here, though it is less than the bank took.
    assert!(order.is_more_gone([usd(100), usd(1)]));
}

#[test]
fn no_more_are_ordered_of_an_invoice_than_a_person_would() {
    let (mut world, invoice, _) = renewed();
    for _ in 0..REFUND_ORDERS_MAX {
        let ordered = asks(&mut world, invoice, Some(usd(1))).unwrap();
        refuse(&mut world, invoice, &ordered, "charge_disputed");
    }
    let more = asks(&mut world, invoice, Some(usd(1)));
    assert_eq!(more, Err(RefundRefusal::TooMany));
    assert_eq!(held(&world, invoice).promised.len(), REFUND_ORDERS_MAX);
    // What is not there to go back is refused for that reason.
    let beyond = asks(&mut world, invoice, Some(usd(100_000)));
    assert!(
        matches!(beyond, Err(RefundRefusal::Beyond { .. })),
        "{beyond:?}"
    );
}

#[test]
fn the_last_that_can_be_ordered_is_the_same_when_it_is_asked_for_again() {
    let (mut world, invoice, _) = renewed();
    for _ in 1..REFUND_ORDERS_MAX {
        let ordered = asks(&mut world, invoice, Some(usd(1))).unwrap();
        refuse(&mut world, invoice, &ordered, "charge_disputed");
    }
    let last = asks(&mut world, invoice, Some(usd(1))).unwrap();
    assert_eq!(asks(&mut world, invoice, Some(usd(1))), Ok(last.clone()));
    world.tell(told(&world, "re-1", &last, RefundState::Done));
    assert_eq!(asks(&mut world, invoice, Some(usd(1))), Ok(last.clone()));
    let heard = world.decide(|draft| hear_refund(draft, invoice, last.effect));
    assert_eq!(heard.map(|heard| heard.refund).as_deref(), Some("re-1"));
}

#[test]
fn what_is_given_up_of_an_open_invoice_is_the_refund_alone() {
    let mut world = World::bought(crate::common::terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    // A part that paid for nothing, and is to go back.
    world.pay_as(invoice, "pay-part", usd(100), world.now);
    world.forget();
    let ask = decide::RefundAsk {
        invoice,
        amount: None,
        payment: None,
        reason: None,
        name: None,
    };
    let ordered = world
        .decide(|draft| decide::send_refund(draft, &ask))
        .unwrap();
    give_up(&mut world, invoice, &ordered);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    assert_eq!(
        world.events.len(),
        2,
        "promised, and shown: {:?}",
        world.events
    );
}
