//! Promising money back by a link: one at a time, and never more than was paid.

use billing_domain::decide::{
    PromisedRefund, RefundAsk, RefundRefusal, close_promise, promise_refund, take_up_refund,
};
use billing_domain::effect::Order;
use billing_domain::fact::{
    About, CheckoutPayment, Fact, PaymentPart, RefundSnapshot, RefundState,
};
use billing_domain::ids::{CheckoutId, InvoiceId};
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;

use crate::common::{World, at, terms, usd};

/// Bought on 1 January, renewed on 1 February.
fn renewed() -> (World, InvoiceId, Money) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    let invoice = world.pay();
    let paid = world.account.invoice(invoice).unwrap().amount;
    world.forget();
    (world, invoice, paid)
}

fn asks(
    world: &mut World,
    invoice: InvoiceId,
    amount: Option<Money>,
) -> Result<PromisedRefund, RefundRefusal> {
    let ask = RefundAsk {
        invoice,
        amount,
        payment: None,
        reason: None,
        name: None,
    };
    world.decide(|draft| promise_refund(draft, &ask))
}

fn goes_back(world: &mut World, name: &str, amount: Money, state: RefundState) {
    let of = world.account.invoices.last().unwrap().reference.clone();
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: name.to_owned(),
        of: of.into_iter().collect(),
        amount,
        state,
    }));
}

#[test]
fn one_promise_is_open_at_a_time_and_the_same_again_is_the_same() {
    let (mut world, invoice, paid) = renewed();
    let part = usd(100);
    let rest = paid.checked_sub(part).unwrap();
    let before = world.sub().clone();
    let first = asks(&mut world, invoice, Some(part)).unwrap();
    assert_eq!(first.key.to_string(), format!("refund:{invoice}:1"));
    assert_eq!(asks(&mut world, invoice, Some(part)), Ok(first.clone()));
    assert_eq!(asks(&mut world, invoice, None), Ok(first));
    let other = asks(&mut world, invoice, Some(usd(50)));
    assert_eq!(other, Err(RefundRefusal::Open { amount: part }));
    assert_eq!(world.keys.len(), 1);
    assert_eq!(world.events, [Event::InvoiceRefundPromised]);
    assert_eq!(*world.sub(), before, "a promise takes nothing");

    // Claimed in two parts; what is on its way counts.
    goes_back(&mut world, "po-1", usd(40), RefundState::Done);
    let still = asks(&mut world, invoice, Some(part)).unwrap();
    assert_eq!(still.key.to_string(), format!("refund:{invoice}:1"));
    goes_back(&mut world, "po-2", usd(60), RefundState::Pending);
    let next = asks(&mut world, invoice, None).unwrap();
    assert_eq!(next.key.to_string(), format!("refund:{invoice}:2"));
    assert_eq!(next.amount, rest);
    let Some(Order::PromiseRefund(order)) = world.orders.last() else {
        panic!("{:?}", world.orders);
    };
    assert_eq!((order.amount, order.paid), (rest, paid));
    goes_back(&mut world, "po-3", rest, RefundState::Pending);
    let none = asks(&mut world, invoice, None);
    assert_eq!(none, Err(RefundRefusal::NothingLeft));
    // What failed is owed again.
    goes_back(&mut world, "po-3", rest, RefundState::Failed);
    let again = asks(&mut world, invoice, Some(rest)).unwrap();
    assert_eq!(again.key.to_string(), format!("refund:{invoice}:2"));
}

#[test]
fn no_more_is_promised_than_was_paid() {
    let (mut world, invoice, paid) = renewed();
    let more = paid.checked_add(usd(1)).unwrap();
    for (amount, refusal) in [
        (more, RefundRefusal::Beyond { left: paid }),
        (usd(0), RefundRefusal::NotThis(Currency::USD)),
        (usd(-1), RefundRefusal::NotThis(Currency::USD)),
        (
            Money::new(1, Currency::SAT),
            RefundRefusal::NotThis(Currency::USD),
        ),
    ] {
        assert_eq!(asks(&mut world, invoice, Some(amount)), Err(refusal));
    }
    let none: InvoiceId = world.drawn();
    assert_eq!(asks(&mut world, none, None), Err(RefundRefusal::NotFound));
    // What nobody has paid.
    world.tick("2026-03-01");
    let open = world.open_invoice().unwrap().id;
    let refused = asks(&mut world, open, None);
    assert_eq!(refused, Err(RefundRefusal::NothingLeft));
    assert!(!world.events.contains(&Event::InvoiceRefundPromised));
}

#[test]
fn what_the_provider_refused_may_be_asked_for_again() {
    let (mut world, invoice, paid) = renewed();
    let first = asks(&mut world, invoice, None).unwrap();
    let about = About::Invoice(invoice);
    world.tell(Fact::Refused {
        effect: first.effect,
        about,
        code: "missing_permission".to_owned(),
    });
    let held = world.account.invoice(invoice).unwrap();
    let failed = held.promised[0].failed.as_deref();
    assert_eq!(failed, Some("missing_permission"));
    assert_eq!(world.parked, [] as [ParkReason; 0]);
    let second = asks(&mut world, invoice, None).unwrap();
    assert_eq!((second.amount, second.key == first.key), (paid, false));
    // Of what was given up nobody knows: a person looks.
    world.tell(Fact::GivenUp {
        effect: second.effect,
        about,
    });
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    let third = asks(&mut world, invoice, None).unwrap();
    assert_eq!(third.key.to_string(), format!("refund:{invoice}:3"));
}

#[test]
fn what_came_besides_and_went_back_is_none_of_what_can_be_promised() {
    // By the name of the payment, and by that of a transaction that it is made of.
    for name in ["another page", "tx-z"] {
        let (mut world, invoice, paid) = renewed();
        world.tell(Fact::InvoicePaid {
            invoice,
            payment: "another page".to_owned(),
            amount: paid,
            conversion: None,
            parts: vec![PaymentPart {
                id: "tx-z".to_owned(),
                amount: paid,
                at: world.now,
                vouched: false,
            }],
        });
        world.tell(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: "po-1".to_owned(),
            of: vec![name.to_owned()],
            amount: paid,
            state: RefundState::Done,
        }));
        let promised = asks(&mut world, invoice, None).unwrap();
        assert_eq!(promised.amount, paid, "{name}");
    }
}

#[test]
fn a_promise_that_was_closed_makes_room_for_another_of_what_is_left() {
    let (mut world, invoice, paid) = renewed();
    let first = asks(&mut world, invoice, None).unwrap();
    goes_back(&mut world, "po-1", usd(400), RefundState::Done);
    for _ in 0..2 {
        world.decide(|draft| close_promise(draft, invoice, first.effect));
    }
    let second = asks(&mut world, invoice, None).unwrap();
    let left = paid.checked_sub(usd(400)).unwrap();
    assert_eq!(second.amount, left, "what was claimed of it counts");
    assert_eq!(second.key.to_string(), format!("refund:{invoice}:2"));
    // Told late that the first is closed, the second stands.
    world.decide(|draft| close_promise(draft, invoice, first.effect));
    assert_eq!(asks(&mut world, invoice, None), Ok(second.clone()));
    goes_back(&mut world, "po-2", left, RefundState::Done);
    world.decide(|draft| close_promise(draft, invoice, second.effect));
    let none = asks(&mut world, invoice, None);
    assert_eq!(none, Err(RefundRefusal::NothingLeft));
}

#[test]
fn what_was_set_aside_is_promised_by_its_page_and_nobody_waits_once_it_is_gone() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    let invoice = world.open_invoice().unwrap().id;
    let page = world.open_invoice().unwrap().reference.clone().unwrap();
    for (name, part) in [("tx-a", usd(100)), ("tx-b", usd(50))] {
        world.tell(Fact::InvoicePaid {
            invoice,
            payment: name.to_owned(),
            amount: part,
            conversion: None,
            parts: Vec::new(),
        });
    }
    assert_eq!(world.parked, [ParkReason::AmountMismatch; 2]);
    let beyond = asks(&mut world, invoice, Some(usd(151)));
    assert_eq!(beyond, Err(RefundRefusal::Beyond { left: usd(150) }));
    let ask = |payment: &str| RefundAsk {
        invoice,
        amount: None,
        payment: Some(payment.to_owned()),
        reason: None,
        name: None,
    };
    let unknown = world.decide(|draft| promise_refund(draft, &ask("tx-z")));
    assert_eq!(unknown, Err(RefundRefusal::NoSuchPayment));
    let made = asks(&mut world, invoice, None).unwrap();
    assert_eq!((made.amount, &made.reference), (usd(150), &page));
    let again = world.decide(|draft| promise_refund(draft, &ask("tx-b")));
    assert_eq!(again, Ok(made));
    let gone = |world: &mut World, refund: &str, amount, state| {
        world.tell(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: refund.to_owned(),
            of: [&page, "tx-a", "tx-b"].map(str::to_owned).to_vec(),
            amount,
            state,
        }));
    };
    gone(&mut world, "po-1", usd(150), RefundState::Pending);
    assert_eq!(world.solved, 0, "it is on its way");
    let none = asks(&mut world, invoice, None);
    assert_eq!(none, Err(RefundRefusal::NothingLeft));
    gone(&mut world, "po-1", usd(150), RefundState::Done);
    assert_eq!(world.solved, 2);
    gone(&mut world, "po-1", usd(150), RefundState::Done);
    assert_eq!(world.solved, 2, "once");
    // Paid in full all the same, what settled it is what can go back.
    let whole = world.open_invoice().unwrap().amount;
    world.tell(Fact::InvoicePaid {
        invoice,
        payment: "another page".to_owned(),
        amount: whole,
        conversion: None,
        parts: Vec::new(),
    });
    let rest = asks(&mut world, invoice, None).unwrap();
    assert_eq!(
        (rest.amount, rest.reference.as_str()),
        (whole, "another page")
    );
}

#[test]
fn what_was_set_aside_waits_for_a_person_again_where_its_refund_fails() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    let invoice = world.open_invoice().unwrap().id;
    let page = world.open_invoice().unwrap().reference.clone().unwrap();
    for (name, part) in [("tx-a", usd(100)), ("tx-b", usd(50))] {
        world.tell(Fact::InvoicePaid {
            invoice,
            payment: name.to_owned(),
            amount: part,
            conversion: None,
            parts: Vec::new(),
        });
    }
    let made = asks(&mut world, invoice, None).unwrap();
    let tell = |world: &mut World, refund: &str, amount, state| {
        world.tell(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: refund.to_owned(),
            of: [&page, "tx-a", "tx-b"].map(str::to_owned).to_vec(),
            amount,
            state,
        }));
    };
    tell(&mut world, "po-1", usd(120), RefundState::Done);
    tell(&mut world, "po-2", usd(30), RefundState::Done);
    assert_eq!(world.solved, 2);
    world.forget();
    // What the refund that fails had sent of the second is here again.
    for _ in 0..2 {
        tell(&mut world, "po-2", usd(30), RefundState::Failed);
        assert_eq!(world.parked, [ParkReason::Conflict], "once");
    }
    let evidence = world.evidence.last().unwrap();
    assert!(
        evidence.contains("tx-b") && evidence.contains("USD 0.30"),
        "{evidence}"
    );
    let again = asks(&mut world, invoice, None).unwrap();
    assert_eq!(again, made, "it can still be claimed");
    world.decide(|draft| close_promise(draft, invoice, made.effect));
    let anew = asks(&mut world, invoice, None).unwrap();
    assert_eq!((anew.amount, &anew.reference), (usd(30), &page));
    tell(&mut world, "po-3", usd(30), RefundState::Done);
    assert_eq!(world.solved, 3, "nobody waits for it any more");
    tell(&mut world, "po-3", usd(30), RefundState::Failed);
    tell(&mut world, "po-1", usd(120), RefundState::Failed);
    assert_eq!(world.parked, [ParkReason::Conflict; 3], "and so each time");
}

/// What a page tells: transactions that came to it, of so many cents.
fn of_page(cents: &[i64]) -> Vec<PaymentPart> {
    let named = ["tx-a", "tx-b", "tx-c"].into_iter().zip(cents);
    let parts = named.map(|(id, cents)| PaymentPart {
        id: id.to_owned(),
        amount: usd(*cents),
        at: at("2026-02-01"),
        vouched: false,
    });
    parts.collect()
}

/// A renewal, or a purchase, that is not paid yet, with its page.
fn waits_for_money(is_renewal: bool) -> (World, CheckoutId, String) {
    let mut world = World::new();
    let checkout = world.begin(terms("pro-monthly"), false);
    let mut page = "page-of-the-purchase".to_owned();
    if is_renewal {
        let paid = CheckoutPayment::Paid {
            payment: "pay-0".to_owned(),
            amount: usd(1_000),
            conversion: None,
            parts: Vec::new(),
        };
        world.complete(&checkout, paid);
        world.tick("2026-02-01");
        world.link();
        page = world.open_invoice().unwrap().reference.clone().unwrap();
    }
    world.forget();
    (world, checkout.checkout, page)
}

/// What becomes of a link for a part before the rest comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Unclaimed,
    Claimed,
    Sent,
    Archived,
}

#[test]
fn a_part_that_goes_back_pays_for_nothing_when_the_rest_comes() {
    for (link, whole, pays) in [
        (Link::Unclaimed, &[400, 600][..], false),
        (Link::Claimed, &[400, 600], false),
        (Link::Sent, &[400, 600], false),
        (Link::Archived, &[400, 600], true),
        // As much came again as goes back.
        (Link::Unclaimed, &[400, 600, 400], true),
        (Link::Sent, &[400, 600, 400], true),
    ] {
        for is_renewal in [true, false] {
            let (mut world, checkout, page) = waits_for_money(is_renewal);
            let tell = |world: &mut World, payment: &str, cents: &[i64]| {
                let (payment, amount) = (payment.to_owned(), usd(cents.iter().sum()));
                let parts = of_page(cents);
                if is_renewal {
                    let invoice = world.account.invoices.last().unwrap().id;
                    world.tell(Fact::InvoicePaid {
                        invoice,
                        payment,
                        amount,
                        conversion: None,
                        parts,
                    });
                } else {
                    let paid = CheckoutPayment::Paid {
                        payment,
                        amount,
                        conversion: None,
                        parts,
                    };
                    world.tell(Fact::CheckoutCompleted {
                        checkout,
                        reference: page.clone(),
                        payment: paid,
                        customer_ref: None,
                        email: None,
                        sold: None,
                    });
                }
            };
            let told = format!("{link:?} {whole:?} {is_renewal}");
            tell(&mut world, "tx-a", &[400]);
            assert_eq!(world.parked, [ParkReason::AmountMismatch], "{told}");
            let invoice = world.account.invoices.last().unwrap().id;
            let made = asks(&mut world, invoice, None).unwrap();
            assert_eq!((made.amount, &made.reference), (usd(400), &page));
            let state = match link {
                Link::Unclaimed => None,
                Link::Claimed => Some(RefundState::Pending),
                Link::Sent => Some(RefundState::Done),
                Link::Archived => {
                    world.decide(|draft| close_promise(draft, invoice, made.effect));
                    None
                }
            };
            if let Some(state) = state {
                world.tell(Fact::RefundSeen(RefundSnapshot {
                    ordered: None,
                    refund: "po-1".to_owned(),
                    of: vec![page.clone(), "tx-a".to_owned()],
                    amount: usd(400),
                    state,
                }));
            }
            world.forget();
            for _ in 0..2 {
                tell(&mut world, &page, whole);
            }
            let held = world.account.invoice(invoice).unwrap();
            let credited = held.payments.iter().any(|paid| paid.credited);
            assert_eq!((credited, held.is_open()), (pays, !pays), "{told}");
            let parked: &[ParkReason] = if pays {
                &[]
            } else {
                &[ParkReason::AmountMismatch]
            };
            assert_eq!(world.parked, parked, "{told} {:?}", world.evidence);
            assert_eq!(held.promised.len(), 1, "{told}");
            assert_eq!(held.returned.len(), usize::from(state.is_some()), "{told}");
            let mut active = world.account.subscriptions.iter();
            let active = active.any(|held| held.status() == Status::Active);
            assert_eq!(active, pays, "{told}");
        }
    }
}

#[test]
fn one_that_was_given_up_is_tried_again_where_the_next_was_refused_for_it() {
    let (mut world, invoice, _) = renewed();
    let tell = |world: &mut World, fact: Fact| world.tell(fact);
    let first = asks(&mut world, invoice, None).unwrap();
    let about = About::Invoice(invoice);
    let effect = first.effect;
    tell(&mut world, Fact::GivenUp { effect, about });
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    let second = asks(&mut world, invoice, None).unwrap();
    assert_eq!(
        world.solved, 0,
        "it may have been made, and is tried again by this"
    );
    tell(
        &mut world,
        Fact::Refused {
            effect: second.effect,
            about,
            code: "promised_already".to_owned(),
        },
    );
    assert!(world.decide(|draft| take_up_refund(draft, invoice, effect)));
}
