//! A cycle that was paid in time and given up by a cancellation, before anybody here had
//! heard of the money: it is had as it was paid for, and nothing lies on the balance.

use billing_domain::catalog::{Billing, CatchUp};
use billing_domain::change::ChangeState;
use billing_domain::decide::CancelWhen;
use billing_domain::fact::Fact;
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{State, Status};
use billing_domain::time::{Interval, Unit};

use crate::common::{World, at, usd};
use crate::shop::{edited, holding_in, leading, price_of};

/// April is paid, and May is invoiced three days before it, for 30.00.
fn invoiced() -> (World, InvoiceId) {
    let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
    world.tick("2026-04-28");
    let invoice = world.link();
    world.forget();
    (world, invoice)
}

fn on_its_way(world: &mut World, invoice: InvoiceId, until: &str) {
    world.tell(Fact::PaymentPending {
        invoice,
        until: at(until),
        seen: None,
    });
}

/// What came for it at this instant is heard of now.
fn heard(world: &mut World, invoice: InvoiceId, paid: &str) {
    let owed = world.account.invoice(invoice).unwrap().amount;
    world.pay_as(invoice, "page", owed, at(paid));
    world.fall_due(CatchUp::Current);
}

/// The worker runs once a day until then.
fn days_pass(world: &mut World, until: &str) {
    while world.now < at(until) {
        let next = (world.now + jiff::SignedDuration::from_hours(24)).min(at(until));
        world.tick(&next.to_string());
    }
}

fn is_settled(world: &World, invoice: InvoiceId) -> bool {
    let held = world.account.invoice(invoice).unwrap();
    matches!(held.state, InvoiceState::Settled { .. })
}

#[test]
fn what_was_paid_before_a_cancellation_is_had_whenever_it_is_heard_of() {
    for (paid, known, canceled, told) in [
        // It was known to be on its way, and the wait for it is over on the 20th.
        ("2026-04-29", true, "2026-04-30", "2026-05-21"),
        ("2026-05-02", true, "2026-05-03", "2026-05-21"),
        // In the last hour of the grace.
        (
            "2026-05-07T23:00:00Z",
            true,
            "2026-05-07T23:30:00Z",
            "2026-05-21",
        ),
        // Nobody knew of it.
        ("2026-04-29", false, "2026-04-30", "2026-04-30T12:00:00Z"),
        ("2026-04-29", false, "2026-04-30", "2026-05-03"),
        ("2026-05-02", false, "2026-05-03", "2026-05-03"),
        ("2026-05-02", false, "2026-05-03", "2026-05-21"),
        // It had lapsed meanwhile.
        ("2026-05-02", false, "2026-05-12", "2026-05-13"),
        // The cycle itself is over.
        ("2026-05-02", true, "2026-05-03", "2026-06-03"),
        ("2026-04-29", false, "2026-04-30", "2026-06-03"),
    ] {
        let row = format!("paid {paid}, known {known}, canceled {canceled}, heard {told}");
        let (mut world, invoice) = invoiced();
        world.tick(paid);
        if known {
            on_its_way(&mut world, invoice, "2026-05-20");
        }
        days_pass(&mut world, canceled);
        world.cancel(CancelWhen::PeriodEnd);
        days_pass(&mut world, told);
        assert!(!is_settled(&world, invoice), "{row}");
        world.forget();
        let had = world.gives_access(told);
        heard(&mut world, invoice, paid);
        assert!(is_settled(&world, invoice), "{row}");
        assert_eq!(world.paid_through(), at("2026-06-01"), "{row}");
        assert_eq!(
            (world.balance(), &world.parked[..]),
            (usd(0), &[][..]),
            "{row}"
        );
        assert_eq!(world.open_invoice(), None, "{row}");
        if world.now < at("2026-06-01") {
            let to_come = world.sub().cancellation.unwrap();
            let asked = (to_come.requested_at, to_come.ends_at);
            assert_eq!(asked, (at(canceled), at("2026-06-01")), "{row}");
            assert_eq!(world.status(), Status::Active, "{row}");
            assert!(world.gives_access(told), "{row}");
            let activated = world.count(Event::SubscriptionActivated);
            assert_eq!(activated, usize::from(!had), "{row}");
            assert_eq!(world.count(Event::SubscriptionCancelScheduled), 1, "{row}");
        }
        world.tick("2026-06-04");
        let ended = State::Canceled {
            ends_at: at("2026-06-01"),
        };
        assert_eq!(world.sub().state, ended, "{row}");
        assert!(!world.gives_access("2026-06-01"), "{row}");
        assert_eq!(world.count(Event::SubscriptionRenewed), 1, "{row}");
        assert_eq!(world.count(Event::SubscriptionCanceled), 1, "{row}");
        assert_eq!(world.account.wake_at(), None, "{row}");
        // Told again it is the same, and what comes besides is theirs.
        heard(&mut world, invoice, paid);
        assert_eq!(world.balance(), usd(0), "{row}");
        world.pay_as(invoice, "again", usd(3_000), world.now);
        assert_eq!(world.balance(), usd(3_000), "{row}");
        assert_eq!(world.parked, [ParkReason::LatePayment], "{row}");
    }
}

#[test]
fn what_was_paid_too_late_or_is_ended_at_once_is_theirs_on_the_balance() {
    for (paid, when) in [
        ("2026-05-03T00:00:01Z", CancelWhen::PeriodEnd),
        ("2026-05-03", CancelWhen::PeriodEnd),
        ("2026-05-02", CancelWhen::AtOnce),
    ] {
        let (mut world, invoice) = invoiced();
        world.tick("2026-05-03");
        world.cancel(when);
        world.tick("2026-05-05");
        heard(&mut world, invoice, paid);
        assert_eq!(world.status(), Status::Canceled, "{paid} {when:?}");
        assert_eq!(world.balance(), usd(3_000), "{paid} {when:?}");
        assert_eq!(world.parked, [ParkReason::LatePayment], "{paid} {when:?}");
    }
}

#[test]
fn what_an_operator_ends_at_once_afterward_is_given_up_for_good() {
    let (mut world, invoice) = invoiced();
    world.tick("2026-04-29");
    world.cancel(CancelWhen::PeriodEnd);
    world.tick("2026-04-30");
    world.cancel(CancelWhen::AtOnce);
    heard(&mut world, invoice, "2026-04-28T12:00:00Z");
    assert_eq!(world.status(), Status::Canceled);
    assert!(!world.gives_access("2026-04-30"));
    assert_eq!(world.balance(), usd(3_000));
}

#[test]
fn what_came_when_its_grace_was_over_is_theirs() {
    for worker_ran in [false, true] {
        let (mut world, invoice) = invoiced();
        world.tick("2026-05-02");
        world.go("2026-05-10");
        if worker_ran {
            world.tick("2026-05-10");
        }
        world.cancel(CancelWhen::PeriodEnd);
        world.tick("2026-05-11");
        heard(&mut world, invoice, "2026-05-09");
        assert_eq!(world.status(), Status::Canceled);
        assert_eq!(world.balance(), usd(3_000));
    }
}

#[test]
fn a_cycle_that_is_invoiced_anew_is_not_credited_by_its_older_invoice() {
    let (mut world, older) = invoiced();
    world.tick("2026-04-29");
    world.cancel(CancelWhen::PeriodEnd);
    world.uncancel().unwrap();
    world.tick("2026-04-30");
    let newer = world.link();
    assert_ne!(newer, older);
    heard(&mut world, older, "2026-04-28T12:00:00Z");
    assert_eq!(world.open_invoice().unwrap().id, newer);
    assert_eq!(world.balance(), usd(3_000));
    // Canceled once more, both were given up, and one cycle is had once.
    world.cancel(CancelWhen::PeriodEnd);
    heard(&mut world, newer, "2026-04-30");
    assert_eq!(
        world.balance(),
        usd(6_000),
        "paid at the instant it was canceled"
    );
}

#[test]
fn a_cycle_is_had_at_the_terms_that_it_was_paid_at() {
    let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
    world.go("2026-04-15");
    let change = world.change("basic-monthly");
    world.tick("2026-04-28");
    let invoice = world.link();
    world.tick("2026-04-30");
    world.cancel(CancelWhen::PeriodEnd);
    assert!(matches!(
        world.state_of(change),
        ChangeState::Superseded { .. }
    ));
    world.tick("2026-05-02");
    heard(&mut world, invoice, "2026-04-29");
    assert_eq!(world.held().0, "basic-monthly");
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied {
            at: at("2026-05-01")
        }
    );
    assert_eq!(world.sub().cancellation.unwrap().ends_at, at("2026-06-01"));
    assert_eq!(world.balance(), usd(0));
}

#[test]
fn what_it_had_drawn_from_the_balance_is_drawn_again() {
    for spent in [false, true] {
        let mut world = holding_in(leading(3), "2026-04-01", "plus-monthly", 1);
        world.account.customer.balances = vec![usd(1_000)];
        world.tick("2026-04-28");
        let invoice = world.link();
        assert_eq!(world.open_invoice().unwrap().amount, usd(2_000));
        world.tick("2026-05-03");
        world.cancel(CancelWhen::PeriodEnd);
        assert_eq!(world.balance(), usd(1_000), "given back");
        if spent {
            world.account.customer.balances.clear();
        }
        heard(&mut world, invoice, "2026-05-02");
        let expected = if spent {
            (Status::Canceled, usd(2_000))
        } else {
            (Status::Active, usd(0))
        };
        assert_eq!((world.status(), world.balance()), expected);
    }
}

#[test]
fn money_that_takes_longer_than_a_short_cycle_pays_for_it() {
    for (unit, length, next) in [
        (Unit::Day, 1, "2026-04-03"),
        (Unit::Week, 7, "2026-04-15"),
        (Unit::Day, 3, "2026-04-07"),
    ] {
        let count = if unit == Unit::Week { 1 } else { length };
        let shop = edited(|draft| {
            let price = price_of(draft, "plus-monthly");
            price.interval = Billing::Recurring(Interval::new(unit, count).unwrap());
        });
        let days = jiff::SignedDuration::from_hours(24 * i64::from(length));
        let begins = at("2026-04-01") + days;
        let ends = begins + days;
        assert_eq!(ends, at(next));
        // Longer than what is left of the cycle; confirmed at last, or never.
        for (confirmed_after, canceled_after) in [
            (Some(30), 6),
            (Some(24 * i64::from(length) + 30), 6),
            // Canceled when the cycle that is being paid is over itself.
            (
                Some(24 * i64::from(length) + 30),
                24 * i64::from(length) + 5,
            ),
            (None, 6),
        ] {
            let row = format!("{length} days, {confirmed_after:?}, canceled {canceled_after}");
            let hours = jiff::SignedDuration::from_hours;
            let mut world = holding_in(shop.clone(), "2026-04-01", "plus-monthly", 1);
            world.tick(&begins.to_string());
            let invoice = world.link();
            let paid = begins + hours(5);
            world.tick(&paid.to_string());
            let until = begins + days + hours(24 * 6);
            on_its_way(&mut world, invoice, &until.to_string());
            let canceled = begins + hours(canceled_after);
            days_pass(&mut world, &canceled.to_string());
            world.forget();
            world.cancel(CancelWhen::PeriodEnd);
            let over = ends.max(canceled);
            if canceled < ends {
                let to_come = world.sub().cancellation.unwrap();
                assert_eq!(to_come.ends_at, ends, "{row}");
            }
            let told = confirmed_after.map_or(until + hours(1), |after| begins + hours(after));
            days_pass(&mut world, &told.to_string());
            if confirmed_after.is_some() {
                heard(&mut world, invoice, &paid.to_string());
                assert!(is_settled(&world, invoice), "{row}");
                assert_eq!(world.paid_through(), ends, "{row}");
            } else {
                assert!(!is_settled(&world, invoice), "{row}");
                assert_eq!(world.paid_through(), begins, "{row}");
            }
            days_pass(&mut world, &(told + days).to_string());
            assert_eq!(
                world.sub().state,
                State::Canceled { ends_at: over },
                "{row}"
            );
            assert_eq!(world.count(Event::SubscriptionCanceled), 1, "{row}");
            assert_eq!(world.count(Event::SubscriptionActivated), 0, "{row}");
            assert_eq!(world.count(Event::SubscriptionLapsed), 0, "{row}");
            assert_eq!(
                (world.balance(), &world.parked[..]),
                (usd(0), &[][..]),
                "{row}"
            );
            assert_eq!(world.account.wake_at(), None, "{row}");
        }
    }
}
