//! Paying for a change: one awaits its payment, and what comes late, short, over
//! or twice never applies it.

use billing_domain::change::ChangeState;
use billing_domain::decide::{AcceptRefusal, CancelWhen};
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Fact;
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;

use crate::common::{World, at, usd};
use crate::shop::{half_way, holding_in, leading, shop};

fn awaiting() -> (World, billing_domain::ids::ChangeId) {
    let mut world = half_way("basic-monthly");
    let change = world.change("plus-monthly");
    (world, change)
}

#[test]
fn its_invoice_is_exactly_what_was_quoted() {
    let (world, change) = awaiting();
    let quote = &world.last_change().quote;
    let invoice = world.invoice_of(change);
    assert_eq!(
        (invoice.amount, &invoice.lines),
        (quote.owed_now, &quote.lines)
    );
    assert_eq!(invoice.change, Some(change));
    assert_eq!(world.keys, [EffectKey::change(change)]);
    assert_eq!(world.last_change().pay_by, Some(at("2026-04-17")), "a day");
    assert_eq!(world.account.wake_at(), Some(at("2026-04-17")));
}

#[test]
fn exactly_the_amount_applies_it_once() {
    let (mut world, change) = awaiting();
    world.pay_change(change);
    assert_eq!(world.count(Event::PlanChanged), 1);
    let account = world.account.clone();
    // Told again: nothing. Paid again: the money is kept, and nothing applied.
    world.pay_change(change);
    assert_eq!(world.account, account);
    let invoice = world.invoice_of(change).id;
    world.pay_as(invoice, "again", usd(1_000), world.now);
    assert_eq!(
        (world.balance(), &world.parked[..]),
        (usd(1_000), &[ParkReason::LatePayment][..])
    );
    assert_eq!(world.count(Event::PlanChanged), 1);
}

#[test]
fn less_is_set_aside_and_more_applies() {
    let (mut world, change) = awaiting();
    let invoice = world.invoice_of(change).id;
    world.pay_as(invoice, "short", usd(999), world.now);
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert_eq!(world.state_of(change), ChangeState::AwaitingPayment);
    assert_eq!(world.held(), ("basic-monthly", 1));
    world.pay_as(invoice, "over", usd(1_001), world.now);
    assert_eq!(world.held(), ("plus-monthly", 1));
    let parked = [ParkReason::AmountMismatch, ParkReason::AmountMismatch];
    assert_eq!(world.parked, parked, "a cent for a person");
    assert_eq!(world.sub().paid[0].charged, usd(2_000), "what was quoted");
}

#[test]
fn out_of_time_it_is_voided_and_its_money_is_balance() {
    for worker in [true, false] {
        let (mut world, change) = awaiting();
        world.go("2026-04-17");
        if worker {
            world.tick("2026-04-17");
            assert_eq!(
                world.state_of(change),
                ChangeState::Canceled { at: world.now }
            );
            let voided = |order: &Order| matches!(order, Order::VoidInvoice { .. });
            assert!(world.orders.iter().any(voided));
        }
        world.pay_change(change);
        assert_eq!(world.held(), ("basic-monthly", 1), "worker: {worker}");
        assert_eq!(
            (world.balance(), &world.parked[..]),
            (usd(1_000), &[ParkReason::LatePayment][..])
        );
        // What came late pays for the next month.
        world.tick("2026-05-01");
        assert_eq!(world.paid_through(), at("2026-06-01"));
        assert_eq!(
            (world.balance(), world.held()),
            (usd(0), ("basic-monthly", 1))
        );
    }
}

#[test]
fn it_does_not_wait_beyond_the_period_that_it_is_priced_for() {
    let mut world = half_way("basic-monthly");
    world.go("2026-04-30T18:00:00Z");
    let change = world.change("plus-monthly");
    assert_eq!(world.last_change().pay_by, Some(at("2026-05-01")));
    world.go("2026-05-01");
    world.pay_change(change);
    assert_eq!(world.held(), ("basic-monthly", 1));
    assert_eq!(world.parked, [ParkReason::LatePayment]);
}

#[test]
fn it_does_not_wait_beyond_the_opening_of_the_next_invoice() {
    // Whether or not a worker has opened it in time.
    for worker in [true, false] {
        let mut world = holding_in(leading(3), "2026-04-01", "basic-monthly", 1);
        world.go("2026-04-27T12:00:00Z");
        let change = world.change("plus-monthly");
        world.go("2026-04-28");
        if worker {
            world.tick("2026-04-28");
            assert!(!world.state_of(change).is_open());
        }
        world.pay_change(change);
        assert_eq!(world.held(), ("basic-monthly", 1), "worker: {worker}");
        assert_eq!(world.parked, [ParkReason::LatePayment]);
    }
}

#[test]
fn another_accept_voids_the_one_that_awaits() {
    let (mut world, first) = awaiting();
    let second = world.change("max-monthly");
    assert_eq!(
        world.state_of(first),
        ChangeState::Superseded { at: world.now }
    );
    assert!(matches!(
        world.invoice_of(first).state,
        InvoiceState::Void { .. }
    ));
    world.pay_change(first);
    assert_eq!(
        (world.held(), world.balance()),
        (("basic-monthly", 1), usd(1_000))
    );
    world.pay_change(second);
    assert_eq!(world.held(), ("max-monthly", 1));
    // A downgrade at the period's end voids it as well.
    let (mut world, first) = awaiting();
    world.cancel(CancelWhen::PeriodEnd);
    assert!(!world.state_of(first).is_open(), "as does a cancellation");
}

#[test]
fn two_accepts_of_one_quote_are_one_change() {
    let mut world = half_way("basic-monthly");
    let quote = world.quote("plus-monthly");
    let first = world.try_accept(&quote).unwrap();
    assert!(first.effect.is_some());
    let account = world.account.clone();
    let again = world.try_accept(&quote).unwrap();
    assert_eq!((again.change, again.effect), (first.change, None));
    assert_eq!(world.account, account);
    world.pay_change(first.change);
    // Also when it is applied, and when its time is over.
    world.go("2026-04-20");
    assert_eq!(world.try_accept(&quote).unwrap().change, first.change);
    assert_eq!(world.count(Event::PlanChanged), 1);
    // Somebody else's quote is not found.
    let mut other = half_way("basic-monthly");
    other.account.customer.id = other.drawn();
    assert_eq!(other.try_accept(&quote), Err(AcceptRefusal::NotFound));
}

#[test]
fn an_old_payment_told_again_after_a_downgrade_changes_nothing() {
    let (mut world, change) = awaiting();
    world.pay_change(change);
    world.change("basic-monthly");
    world.renew("2026-05-01");
    assert_eq!(world.held(), ("basic-monthly", 1));
    let account = world.account.clone();
    world.pay_change(change);
    assert_eq!(world.account, account);
}

#[test]
fn the_renewal_paid_first_voids_the_change_that_awaits() {
    // The next month was invoiced ahead; while the change awaits its payment, the
    // buyer pays that. What the change was priced from is then another.
    let mut world = holding_in(leading(10), "2026-04-01", "basic-monthly", 1);
    world.tick("2026-04-21");
    world.link();
    let change = world.change("plus-monthly");
    world.pay();
    assert_eq!(world.paid_through(), at("2026-06-01"));
    world.pay_change(change);
    assert_eq!(world.paid_through(), at("2026-06-01"));
    // Two months are paid at 10.00: the change was priced for the first only.
    let charged: i64 = world
        .sub()
        .paid
        .iter()
        .map(|paid| paid.charged.amount)
        .sum();
    assert_eq!((world.held(), charged), (("basic-monthly", 1), 2_000));
    assert_eq!(
        (world.balance(), &world.parked[..]),
        (usd(667), &[ParkReason::LatePayment][..])
    );
}

#[test]
fn a_cancellation_voids_it_and_is_never_refused() {
    let (mut world, change) = awaiting();
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(
        world.state_of(change),
        ChangeState::Canceled { at: world.now }
    );
    assert!(matches!(
        world.invoice_of(change).state,
        InvoiceState::Void { .. }
    ));
    world.pay_change(change);
    assert_eq!(
        (world.held(), world.balance()),
        (("basic-monthly", 1), usd(1_000))
    );
    world.tick("2026-05-01");
    assert_eq!(world.status(), Status::Canceled);
}

#[test]
fn a_change_taken_back_can_be_quoted_and_accepted_anew() {
    let mut world = holding_in(shop(), "2026-04-01", "basic-monthly", 1);
    world.go("2026-04-16");
    let first = world.change("plus-monthly");
    world.take_back(first).unwrap();
    world.take_back(first).unwrap();
    assert_eq!(world.count(Event::ChangeCanceled), 1);
    let second = world.change("plus-monthly");
    assert_ne!(first, second);
    world.pay_change(second);
    assert_eq!(world.held(), ("plus-monthly", 1));
    assert!(world.take_back(second).is_err(), "in effect");
}

#[test]
fn what_was_paid_in_time_and_heard_of_too_late_applies_once() {
    for worker in [true, false] {
        let (mut world, change) = awaiting();
        let invoice = world.invoice_of(change).id;
        let before = world.balance();
        world.go("2026-04-17T00:10:00Z");
        if worker {
            world.tick("2026-04-17T00:10:00Z");
            assert!(!world.state_of(change).is_open());
        }
        for _ in 0..2 {
            world.pay_as(invoice, "page", usd(1_000), at("2026-04-16T23:30:00Z"));
            assert_eq!(world.held(), ("plus-monthly", 1), "worker: {worker}");
            assert_eq!((world.balance(), &world.parked[..]), (before, &[][..]));
        }
        let applied = at("2026-04-16T23:30:00Z");
        assert_eq!(world.state_of(change), ChangeState::Applied { at: applied });
        assert_eq!(world.count(Event::PlanChanged), 1);
        assert_eq!(world.sub().paid[0].charged, usd(2_000), "what was quoted");
        // Paid again, it is kept and applies nothing.
        world.pay_as(invoice, "again", usd(1_000), at("2026-04-16T23:40:00Z"));
        assert_eq!((world.balance(), world.parked.len()), (usd(1_000), 1));
        world.tick("2026-05-01");
        assert_eq!(
            world.open_invoice().unwrap().amount,
            usd(2_000),
            "less what is held"
        );
    }
}

/// Money for it is seen at `when`, and looked for until the 20th.
fn pending(invoice: billing_domain::ids::InvoiceId, when: &str) -> Fact {
    Fact::PaymentPending {
        invoice,
        until: at("2026-04-20"),
        seen: Some(at(when)),
    }
}

#[test]
fn what_was_seen_in_time_is_waited_for_and_applies_once_it_is_there() {
    let seen = "2026-04-16T23:40:00Z";
    for heard in [seen, "2026-04-17T00:05:00Z"] {
        let (mut world, change) = awaiting();
        let invoice = world.invoice_of(change).id;
        world.tick(heard);
        world.tell(pending(invoice, seen));
        world.tick("2026-04-17T00:20:00Z");
        assert_eq!(world.state_of(change).is_open(), heard == seen);
        world.pay_as(invoice, "page", usd(1_000), at(seen));
        assert_eq!(world.held(), ("plus-monthly", 1), "heard {heard}");
        assert_eq!(world.parked, []);
    }
    // Seen when its time was over, it is not waited for.
    let (mut world, change) = awaiting();
    let invoice = world.invoice_of(change).id;
    world.go("2026-04-17");
    world.tell(pending(invoice, "2026-04-17"));
    world.fall_due(billing_domain::catalog::CatchUp::Current);
    assert!(!world.state_of(change).is_open());
}

#[test]
fn what_was_seen_and_does_not_come_is_waited_for_no_longer() {
    for closes in [true, false] {
        let (mut world, change) = awaiting();
        let invoice = world.invoice_of(change).id;
        let page = || "page".to_owned();
        world.tell(Fact::InvoiceOpened {
            invoice,
            reference: page(),
            pay_url: None,
            conversion: None,
        });
        world.tell(pending(invoice, "2026-04-16T12:00:00Z"));
        world.tick("2026-04-17T12:00:00Z");
        assert!(world.state_of(change).is_open());
        world.tell(if closes {
            Fact::InvoiceClosed {
                invoice,
                reference: page(),
                read_at: None,
            }
        } else {
            Fact::InvoiceOpened {
                invoice,
                reference: page(),
                pay_url: None,
                conversion: None,
            }
        });
        world.tick("2026-04-17T12:00:00Z");
        assert!(!world.state_of(change).is_open());
        assert_eq!(world.held(), ("basic-monthly", 1));
    }
    // Nobody waits for ever.
    let (mut world, change) = awaiting();
    let invoice = world.invoice_of(change).id;
    world.tell(pending(invoice, "2026-04-16T12:00:00Z"));
    world.tick("2026-04-19T23:59:59Z");
    assert!(world.state_of(change).is_open());
    world.tick("2026-04-20");
    assert!(!world.state_of(change).is_open());
}

#[test]
fn what_was_paid_in_time_for_a_change_that_no_longer_fits_is_balance() {
    // The renewal was paid, it was canceled, or other terms hold since.
    let meanwhile: [fn(&mut World); 3] = [
        |world| {
            world.renew("2026-05-01");
        },
        |world| {
            world.cancel(CancelWhen::PeriodEnd);
        },
        |world| {
            world.change_paid("max-monthly");
        },
    ];
    for act in meanwhile {
        let (mut world, change) = awaiting();
        let invoice = world.invoice_of(change).id;
        world.tick("2026-04-17");
        act(&mut world);
        let held = world.held().0.to_owned();
        let before = world.balance();
        world.pay_as(invoice, "page", usd(1_000), at("2026-04-16T23:30:00Z"));
        assert_eq!(world.held().0, held);
        assert_eq!(world.balance(), before.checked_add(usd(1_000)).unwrap());
        assert_eq!(world.parked, [ParkReason::LatePayment]);
    }
}

#[test]
fn what_waits_beyond_the_period_applies_to_what_was_paid_when_it_comes() {
    for price in ["plus-monthly", "plus-yearly"] {
        let mut world = half_way("basic-monthly");
        world.go("2026-04-30T18:00:00Z");
        let change = world.change(price);
        let invoice = world.invoice_of(change).clone();
        let seen = Fact::PaymentPending {
            invoice: invoice.id,
            until: at("2026-05-04"),
            seen: Some(at("2026-04-30T23:40:00Z")),
        };
        world.go("2026-04-30T23:41:00Z");
        world.tell(seen);
        world.tick("2026-05-01T00:20:00Z");
        assert_eq!(world.status(), Status::PastDue);
        world.link();
        world.tick("2026-05-01T00:20:00Z");
        world.pay_as(
            invoice.id,
            "page",
            invoice.amount,
            at("2026-04-30T23:40:00Z"),
        );
        world.tick("2026-05-01T00:20:00Z");
        assert_eq!(world.parked, []);
        assert_eq!(world.held().0, price);
        assert!(world.gives_access("2026-05-01T00:20:00Z"));
        if price == "plus-yearly" {
            assert_eq!(world.status(), Status::Active);
            assert!(world.paid_through() > at("2027-04-01"));
            assert!(world.open_invoice().is_none());
        } else {
            assert_eq!(
                world.open_invoice().unwrap().amount,
                usd(3_000),
                "of its plan"
            );
        }
    }
}
