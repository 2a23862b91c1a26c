//! Money for the next cycle that is on its way when its holder changes their mind: it
//! buys the cycle that it pays for, and never lies on the balance while that is owed.

use billing_domain::catalog::CatchUp;
use billing_domain::decide::{
    AcceptRefusal, CancelOutcome, CancelWhen, Force, ForceRefusal, PauseRefusal, QuoteRefusal,
    TakeBackRefusal, UncancelOutcome,
};
use billing_domain::effect::Order;
use billing_domain::fact::Fact;
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;

use crate::common::{World, at, usd};
use crate::shop::{holding_in, leading};

/// April is paid, and May is invoiced three days before it, for 30.00.
fn invoiced() -> (World, InvoiceId) {
    let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
    world.tick("2026-04-28");
    let invoice = world.link();
    world.forget();
    (world, invoice)
}

/// It is paid on this day, and not confirmed yet.
fn paying(day: &str) -> (World, InvoiceId) {
    let (mut world, invoice) = invoiced();
    world.tick(day);
    world.tell(pending(invoice));
    (world, invoice)
}

fn pending(invoice: InvoiceId) -> Fact {
    Fact::PaymentPending {
        invoice,
        until: at("2026-05-20"),
        seen: None,
    }
}

/// Its page is open again: the money was spent elsewhere.
fn gone(world: &mut World, invoice: InvoiceId) {
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: format!("at-provider-{invoice}"),
        pay_url: None,
        conversion: None,
    });
}

fn confirmed(world: &mut World) {
    world.pay();
    world.fall_due(CatchUp::Current);
    assert_eq!(world.paid_through(), at("2026-06-01"));
    assert_eq!((world.balance(), &world.parked[..]), (usd(0), &[][..]));
}

fn is_void(world: &World, invoice: InvoiceId) -> bool {
    let held = world.account.invoice(invoice).unwrap();
    matches!(held.state, InvoiceState::Void { .. })
}

#[test]
fn no_change_voids_what_is_being_paid() {
    for price in ["basic-monthly", "max-monthly"] {
        let (mut world, invoice) = invoiced();
        world.go("2026-04-29");
        let quote = world.quote(price);
        world.tell(pending(invoice));
        let on_its_way = QuoteRefusal::MoneyOnItsWay;
        assert_eq!(world.refused(price), "invoice_open");
        assert!(on_its_way.to_string().contains("on its way"));
        assert_eq!(
            world.try_accept(&quote),
            Err(AcceptRefusal::Refused(on_its_way)),
            "quoted before"
        );
        let forced = world.force(price, Force::Free);
        assert!(
            matches!(forced, Err(ForceRefusal::Quote(refused)) if refused == on_its_way),
            "{forced:?}"
        );
        assert_eq!(world.pause(), Err(PauseRefusal::MoneyOnItsWay));
        assert_eq!(world.open_invoice().unwrap().id, invoice);
        // Once it is there, or is not to come, it may be changed.
        let mut paid = world.clone();
        confirmed(&mut paid);
        paid.change(price);
        gone(&mut world, invoice);
        world.change(price);
    }
}

#[test]
fn a_downgrade_that_is_being_paid_for_is_not_taken_back() {
    let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
    world.go("2026-04-15");
    let change = world.change("basic-monthly");
    world.tick("2026-04-28");
    let invoice = world.link();
    assert_eq!(world.open_invoice().unwrap().amount, usd(1_000));
    world.tell(pending(invoice));
    assert_eq!(world.take_back(change), Err(TakeBackRefusal::MoneyOnItsWay));
    let mut paid = world.clone();
    confirmed(&mut paid);
    // Canceled, its cycle is had as it was paid for.
    let ends = CancelOutcome::Ends {
        at: Some(at("2026-06-01")),
    };
    let mut canceled = world.clone();
    assert_eq!(canceled.cancel(CancelWhen::PeriodEnd), ends);
    confirmed(&mut canceled);
    canceled.tick("2026-05-02");
    assert_eq!(canceled.held().0, "basic-monthly");
    gone(&mut world, invoice);
    assert_eq!(world.take_back(change), Ok(()));
}

/// What becomes of the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Money {
    Confirmed,
    Gone,
    /// Nothing is heard of it before its provider stops waiting.
    Silent,
}

#[test]
fn a_cancellation_ends_with_the_cycle_that_is_being_paid() {
    use Money::{Confirmed, Gone, Silent};
    for (canceled, money, heard, ends) in [
        // In advance, and past due.
        ("2026-04-29", Confirmed, "2026-04-30", "2026-06-01"),
        ("2026-04-29", Confirmed, "2026-05-03", "2026-06-01"),
        ("2026-05-02", Confirmed, "2026-05-03", "2026-06-01"),
        ("2026-05-02", Confirmed, "2026-05-19", "2026-06-01"),
        // Gone, it ends as it would have: with what was paid, or at once.
        ("2026-04-29", Gone, "2026-04-30", "2026-05-01"),
        ("2026-04-29", Gone, "2026-05-03", "2026-05-03"),
        ("2026-05-02", Gone, "2026-05-03", "2026-05-03"),
        // Nobody waits for ever.
        ("2026-04-29", Silent, "2026-05-20", "2026-05-20"),
        ("2026-05-02", Silent, "2026-05-20", "2026-05-20"),
    ] {
        let row = format!("{canceled} {money:?} {heard}");
        let (mut world, invoice) = paying(canceled);
        let outcome = CancelOutcome::Ends {
            at: Some(at("2026-06-01")),
        };
        assert_eq!(world.cancel(CancelWhen::PeriodEnd), outcome, "{row}");
        let again = world.cancel(CancelWhen::PeriodEnd);
        assert_eq!(again, CancelOutcome::Already, "{row}");
        assert_eq!(world.open_invoice().unwrap().id, invoice, "{row}");
        world.tick(heard);
        assert_eq!(world.gives_access(heard), money != Silent, "{row}");
        match money {
            Confirmed => confirmed(&mut world),
            Gone => gone(&mut world, invoice),
            Silent => {}
        }
        world.fall_due(CatchUp::Current);
        assert_eq!(is_void(&world, invoice), money != Confirmed, "{row}");
        assert_eq!(world.open_invoice(), None, "{row}");
        if at(ends) > world.now {
            let to_come = world.sub().cancellation.unwrap();
            assert_eq!(to_come.requested_at, at(canceled), "{row}");
            assert_eq!(to_come.ends_at, at(ends), "{row}");
            assert_eq!(world.status(), Status::Active, "{row}");
            assert!(world.gives_access(heard), "{row}");
            world.tick(ends);
        }
        assert_eq!(world.status(), Status::Canceled, "{row}");
        assert!(!world.gives_access(ends), "{row}");
        assert_eq!(world.count(Event::SubscriptionCanceled), 1, "{row}");
        assert_eq!(world.count(Event::SubscriptionLapsed), 0, "{row}");
        let wake = world.account.wake_at();
        assert!(wake.is_none_or(|wake| wake > world.now), "{row}");
        // What comes after all is theirs.
        if money != Confirmed {
            world.pay_as(invoice, "pay-late", usd(3_000), world.now);
            assert_eq!(world.balance(), usd(3_000), "{row}");
            assert_eq!(world.parked, [ParkReason::LatePayment], "{row}");
        }
    }
}

#[test]
fn an_operator_who_ends_it_at_once_waits_for_no_money() {
    for day in ["2026-04-29", "2026-05-02"] {
        let (mut world, invoice) = paying(day);
        world.cancel(CancelWhen::PeriodEnd);
        world.cancel(CancelWhen::AtOnce);
        assert_eq!(world.status(), Status::Canceled);
        assert!(is_void(&world, invoice));
    }
}

#[test]
fn a_cancellation_that_waits_is_taken_back_without_another_invoice() {
    for day in ["2026-04-29", "2026-05-02"] {
        let (mut world, invoice) = paying(day);
        world.cancel(CancelWhen::PeriodEnd);
        assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
        world.tick("2026-05-03");
        assert_eq!(world.open_invoice().unwrap().id, invoice);
        confirmed(&mut world);
        world.tick("2026-05-29");
        let next = world.open_invoice().unwrap();
        assert_eq!(next.period.unwrap().start, at("2026-06-01"), "it goes on");
    }
}

#[test]
fn no_other_page_is_made_for_what_is_canceled() {
    let (mut world, invoice) = invoiced();
    let first = format!("at-provider-{invoice}");
    let closed = |page: &str| Fact::InvoiceClosed {
        invoice,
        reference: page.to_owned(),
        read_at: None,
    };
    world.go("2026-04-29");
    world.tell(pending(invoice));
    world.cancel(CancelWhen::PeriodEnd);
    world.forget();
    world.tell(closed(&first));
    world.fall_due(CatchUp::Current);
    assert!(is_void(&world, invoice), "gone with its page");
    let made = |order: &Order| matches!(order, Order::CreateInvoice(_));
    assert!(!world.orders.iter().any(made));
    let to_come = world.sub().cancellation.unwrap();
    assert_eq!(to_come.ends_at, at("2026-05-01"));
}
