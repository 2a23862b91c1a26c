//! Refunds and disputes: what goes back of a payment, and what that ends.

use billing_domain::catalog::{ChangeKind, ChangeMoney, ChangeRule, LicenseRule};
use billing_domain::change::ChangeState;
use billing_domain::decide::{ChangeAsk, QuoteRefusal, Verdict, plan_change};
use billing_domain::effect::Order;
use billing_domain::fact::{
    DisputeSnapshot, DisputeState, Fact, Link, Observed, ProviderInvoiceState, RefundSnapshot,
    RefundState, SubscriptionSnapshot, Upcoming,
};
use billing_domain::invoice::{Invoice, Purpose};
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::time::{Period, days};

use crate::common::{World, at, sold, terms, usd};
use crate::shop::{half_way, ruled};

fn refund(of: &str, amount: Money, state: RefundState) -> Fact {
    Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-1".to_owned(),
        of: vec!["unheard-of".to_owned(), of.to_owned()],
        amount,
        state,
    })
}

fn dispute(of: &str, amount: Money, state: DisputeState) -> Fact {
    Fact::DisputeSeen(DisputeSnapshot {
        dispute: "dp-1".to_owned(),
        of: vec![of.to_owned()],
        amount,
        state,
        warning: false,
    })
}

fn warning(of: &str, state: DisputeState) -> Fact {
    let Fact::DisputeSeen(seen) = dispute(of, usd(1_000), state) else {
        panic!("a dispute is one");
    };
    Fact::DisputeSeen(DisputeSnapshot {
        warning: true,
        ..seen
    })
}

/// Bought on 1 January, renewed on 1 February; it is the 10th.
fn renewed() -> (World, String) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    let invoice = world.pay();
    world.go("2026-02-10");
    world.forget();
    (world, format!("at-provider-{invoice}"))
}

fn newest(world: &World) -> &Invoice {
    world.account.invoices.last().unwrap()
}

fn refunded(world: &World) -> bool {
    world.sub().access(world.now) == Access::Denied(NoAccess::Refunded)
}

fn renew_on(world: &mut World, day: &str) {
    world.tick(day);
    world.link();
    world.pay();
}

#[test]
fn a_full_refund_takes_the_time_and_the_next_paid_period_gives_access_again() {
    let (mut world, invoice) = renewed();
    let verdict = world.tell(refund(&invoice, usd(1_000), RefundState::Done));
    assert_eq!(verdict, Verdict::Decided);
    assert_eq!(world.status(), Status::Active);
    assert!(refunded(&world));
    assert_eq!(world.plan(), "free");
    assert_eq!(world.events, [Event::InvoiceRefunded]);
    // Nobody pays for March: no grace follows what nobody paid for.
    let mut unpaid = world.clone();
    unpaid.tick("2026-03-01");
    unpaid.link();
    assert!(!unpaid.gives_access("2026-03-02"));
    // March is paid.
    renew_on(&mut world, "2026-03-01");
    assert_eq!(world.status(), Status::Active);
    assert!(world.gives_access("2026-03-01"));
    assert_eq!(world.plan(), "pro");
}

#[test]
fn the_instant_at_which_access_comes_back_is_told() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(7);
    let mut world = World::bought(lead);
    renew_on(&mut world, "2026-01-25");
    let purchase = world.account.invoices[0].clone();
    assert_eq!(purchase.purpose, Purpose::Purchase);
    renew_on(&mut world, "2026-02-22");
    // February went back, March is paid already.
    let february = world.account.invoices[1].id;
    world.tell(refund(
        &format!("at-provider-{february}"),
        usd(1_000),
        RefundState::Done,
    ));
    assert!(refunded(&world));
    assert_eq!(world.effective().until, Some(at("2026-03-01")));
    assert!(world.gives_access("2026-03-01"));
}

#[test]
fn time_to_come_ends_access_where_it_begins() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(7);
    let mut world = World::bought(lead);
    renew_on(&mut world, "2026-01-25");
    let february = newest(&world).id;
    world.tell(refund(
        &format!("at-provider-{february}"),
        usd(1_000),
        RefundState::Done,
    ));
    assert!(world.gives_access("2026-01-31"));
    assert_eq!(world.effective().until, Some(at("2026-02-01")));
    assert!(!world.gives_access("2026-02-01"));
}

#[test]
fn a_partial_refund_is_kept_and_takes_nothing() {
    let (mut world, invoice) = renewed();
    world.tell(refund(&invoice, usd(999), RefundState::Done));
    assert!(world.gives_access("2026-02-10"));
    assert_eq!(world.events, [Event::InvoiceRefunded]);
    assert_eq!(newest(&world).returned.len(), 1);
    // The rest goes back under another name.
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-2".to_owned(),
        of: vec![invoice],
        amount: usd(1),
        state: RefundState::Done,
    }));
    assert!(refunded(&world));
    assert!(world.parked.is_empty());
}

#[test]
fn what_is_pending_takes_nothing_and_what_failed_gives_back() {
    let (mut world, invoice) = renewed();
    world.tell(refund(&invoice, usd(1_000), RefundState::Pending));
    assert!(world.gives_access("2026-02-10"));
    assert!(world.events.is_empty());
    world.go("2026-02-11");
    world.tell(refund(&invoice, usd(1_000), RefundState::Done));
    assert!(refunded(&world));
    world.go("2026-02-12");
    world.tell(refund(&invoice, usd(1_000), RefundState::Failed));
    assert!(world.gives_access("2026-02-12"));
    assert_eq!(
        world.events,
        [Event::InvoiceRefunded, Event::SubscriptionActivated]
    );
    assert!(world.sub().withheld.is_empty());
    assert!(world.parked.is_empty());
}

#[test]
fn a_refunded_purchase_is_undone_at_once() {
    for (price, amount) in [("pro-monthly", 1_000), ("lifer-once", 9_900)] {
        let mut agreed = terms(price);
        agreed.license = Some(LicenseRule { max_machines: 1 });
        let mut world = World::bought(agreed);
        assert!(world.account.licenses[0].revoked_at().is_none());
        world.go("2026-01-10");
        world.tell(refund("pay-0", usd(amount), RefundState::Done));
        assert_eq!(world.status(), Status::Canceled, "{price}");
        assert!(refunded(&world), "{price}");
        assert_eq!(world.account.licenses[0].revoked_at(), Some(world.now));
        assert_eq!(
            world.events,
            [
                Event::InvoiceRefunded,
                Event::SubscriptionCanceled,
                Event::LicenseRevoked
            ]
        );
        // The money stays after all: a person decides, once.
        world.go("2026-01-11");
        world.tell(refund("pay-0", usd(amount), RefundState::Failed));
        world.tell(refund("pay-0", usd(amount), RefundState::Failed));
        assert_eq!(world.parked, [ParkReason::Conflict]);
        assert!(world.evidence[0].contains("re-1"), "{:?}", world.evidence);
        assert!(refunded(&world));
    }
}

#[test]
fn it_is_found_by_the_checkout_it_was_paid_through() {
    let mut world = World::bought(terms("lifer-once"));
    world.tell(refund("page-1", usd(9_900), RefundState::Done));
    assert_eq!(world.status(), Status::Canceled);
}

#[test]
fn what_names_nothing_known_waits() {
    let (mut world, _) = renewed();
    let before = world.account.clone();
    let verdict = world.tell(refund("pay-elsewhere", usd(1_000), RefundState::Done));
    assert_eq!(verdict, Verdict::Unlinked);
    assert_eq!(world.account, before);
}

#[test]
fn a_dispute_is_shown_while_it_is_open_and_a_lost_one_is_a_refund() {
    for (end, word) in [(DisputeState::Won, "won"), (DisputeState::Lost, "lost")] {
        let (mut world, invoice) = renewed();
        world.tell(dispute(&invoice, usd(1_000), DisputeState::Open));
        assert!(world.gives_access("2026-02-10"));
        assert!(newest(&world).is_disputed());
        assert_eq!(world.sub().disputed, [newest(&world).id]);
        world.go("2026-02-20");
        world.tell(dispute(&invoice, usd(1_000), end));
        assert!(world.sub().disputed.is_empty());
        assert_eq!(refunded(&world), end == DisputeState::Lost, "{word}");
        assert_eq!(
            world.events,
            [Event::InvoiceDisputed, Event::InvoiceDisputeClosed]
        );
    }
}

#[test]
fn a_warning_that_is_withdrawn_undoes_no_chargeback_in_any_order() {
    let (start, invoice) = renewed();
    let chargeback = |state| dispute(&invoice, usd(1_000), state);
    let told = [
        ("2026-02-11", warning(&invoice, DisputeState::Open)),
        ("2026-02-12", chargeback(DisputeState::Lost)),
        ("2026-02-13", warning(&invoice, DisputeState::Won)),
        ("2026-02-14", chargeback(DisputeState::Won)),
    ];
    let ends = |order: &[usize]| {
        let mut world = start.clone();
        world.go("2026-02-20");
        for place in order {
            let (instant, fact) = &told[*place];
            world.tell_of(at(instant), fact.clone());
        }
        assert!(world.sub().disputed.is_empty(), "{order:?}");
        refunded(&world)
    };
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        assert!(ends(&order), "{order:?}: the money is gone");
        for place in 0..=order.len() {
            let mut order = order.to_vec();
            order.insert(place, 3);
            assert!(!ends(&order), "{order:?}: it was given back");
        }
    }
}

#[test]
fn a_warning_kept_without_its_word_is_still_withdrawn() {
    let (mut world, invoice) = renewed();
    world.tell_of(
        at("2026-02-11"),
        dispute(&invoice, usd(1_000), DisputeState::Open),
    );
    world.go("2026-02-20");
    world.tell_of(at("2026-02-13"), warning(&invoice, DisputeState::Won));
    assert!(world.sub().disputed.is_empty());
    assert!(!refunded(&world));
}

#[test]
fn a_lost_part_and_a_refunded_rest_are_all_of_it() {
    let (mut world, invoice) = renewed();
    world.tell(dispute(&invoice, usd(400), DisputeState::Lost));
    assert!(world.gives_access("2026-02-10"));
    world.tell(refund(&invoice, usd(600), RefundState::Done));
    assert!(refunded(&world));
}

#[test]
fn another_currency_and_more_than_was_paid_are_for_a_person() {
    let (mut world, invoice) = renewed();
    let euros = Money::new(1_000, "EUR".parse::<Currency>().unwrap());
    for _ in 0..2 {
        world.tell(refund(&invoice, euros, RefundState::Done));
    }
    assert_eq!(world.parked, [ParkReason::CurrencyMismatch]);
    assert!(world.gives_access("2026-02-10"));
    let (mut world, invoice) = renewed();
    for _ in 0..2 {
        world.tell(refund(&invoice, usd(1_001), RefundState::Done));
    }
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert!(refunded(&world));
    assert_eq!(newest(&world).gone(), 1_001);
}

#[test]
fn a_second_payment_that_goes_back_takes_nothing() {
    let (mut world, invoice) = renewed();
    let id = newest(&world).id;
    world.pay_as(id, "pay-twice", usd(1_000), at("2026-02-09"));
    assert_eq!(world.balance(), usd(1_000));
    world.forget();
    world.tell(refund("pay-twice", usd(1_000), RefundState::Done));
    assert!(world.gives_access("2026-02-10"));
    assert!(world.parked.is_empty());
    assert_eq!(world.balance(), usd(0), "nor does it stay to one's credit");
    let told = [Event::InvoiceRefunded, Event::BalanceChanged];
    assert_eq!(world.events, told);
    // The refund fails after all, and is told twice.
    world.go("2026-02-11");
    for _ in 0..2 {
        world.tell(refund("pay-twice", usd(1_000), RefundState::Failed));
    }
    assert_eq!(world.balance(), usd(1_000));
    // What settled the invoice goes back: that takes its time.
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-2".to_owned(),
        of: vec![invoice],
        amount: usd(1_000),
        state: RefundState::Done,
    }));
    assert!(refunded(&world));
    assert_eq!(world.balance(), usd(1_000));
}

#[test]
fn what_came_late_and_was_spent_becomes_a_debt_when_it_goes_back() {
    let (mut world, _) = renewed();
    let id = newest(&world).id;
    world.pay_as(id, "pay-twice", usd(1_000), at("2026-02-09"));
    // It pays for March.
    world.tick("2026-03-01");
    assert_eq!(world.balance(), usd(0));
    assert_eq!(world.paid_through(), at("2026-04-01"));
    for (name, amount) in [("re-1", 400), ("re-2", 600), ("re-2", 600)] {
        world.tell(Fact::RefundSeen(RefundSnapshot {
            ordered: None,
            refund: name.to_owned(),
            of: vec!["pay-twice".to_owned()],
            amount: usd(amount),
            state: RefundState::Done,
        }));
    }
    assert_eq!(world.balance(), usd(-1_000));
    assert!(world.gives_access("2026-03-02"));
}

#[test]
fn what_the_balance_paid_stays_paid() {
    let mut world = World::bought(terms("pro-monthly"));
    world.account.customer.balances = vec![usd(900)];
    world.tick("2026-02-01");
    world.link();
    let invoice = world.pay();
    assert_eq!(newest(&world).amount, usd(100));
    world.go("2026-02-10");
    let name = format!("at-provider-{invoice}");
    world.tell(refund(&name, usd(100), RefundState::Done));
    assert!(world.gives_access("2026-02-10"));
    assert!(newest(&world).returned_since().is_none());
    assert!(world.sub().withheld.is_empty());
}

#[test]
fn a_purchase_that_is_over_is_a_period_like_any_other() {
    let mut agreed = terms("pro-monthly");
    agreed.license = Some(LicenseRule { max_machines: 1 });
    let mut world = World::bought(agreed);
    renew_on(&mut world, "2026-02-01");
    renew_on(&mut world, "2026-03-01");
    world.go("2026-03-10");
    world.forget();
    world.tell(refund("pay-0", usd(1_000), RefundState::Done));
    assert_eq!(world.status(), Status::Active);
    assert!(world.gives_access("2026-03-10"));
    assert!(world.account.licenses[0].revoked_at().is_none());
    assert_eq!(world.events, [Event::InvoiceRefunded]);
    assert!(world.parked.is_empty());
    // And stays so once the money came back to us.
    world.go("2026-03-11");
    world.tell(refund("pay-0", usd(1_000), RefundState::Failed));
    assert!(world.sub().withheld.is_empty());
    assert!(world.parked.is_empty());
    renew_on(&mut world, "2026-04-01");
    assert!(world.gives_access("2026-04-02"));
}

#[test]
fn a_purchase_whose_next_period_is_paid_already_takes_only_its_own() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(7);
    let mut world = World::bought(lead);
    renew_on(&mut world, "2026-01-25");
    world.tell(refund("pay-0", usd(1_000), RefundState::Done));
    assert_eq!(world.status(), Status::Active);
    assert!(refunded(&world));
    assert!(world.gives_access("2026-02-01"));
}

#[test]
fn a_pause_does_not_end_the_period_of_a_purchase() {
    for resumed in [false, true] {
        let mut world = World::bought(terms("pro-monthly"));
        world.go("2026-01-15");
        world.pause().unwrap();
        world.go("2026-02-20");
        if resumed {
            world.resume().unwrap();
        }
        world.tell(refund("pay-0", usd(1_000), RefundState::Done));
        assert_eq!(world.status(), Status::Canceled, "resumed: {resumed}");
    }
}

#[test]
fn a_pause_gives_no_time_back_that_nobody_paid_for() {
    for first in ["refund", "pause"] {
        let (mut world, invoice) = renewed();
        let returned = refund(&invoice, usd(1_000), RefundState::Done);
        if first == "refund" {
            world.tell(returned.clone());
        }
        world.go("2026-02-15");
        world.pause().unwrap();
        world.go("2026-04-15");
        world.resume().unwrap();
        world.go("2026-04-16");
        world.tell(returned);
        assert!(refunded(&world), "{first}");
        let end = world.paid_through();
        assert!(end > at("2026-04-16"));
        renew_on(&mut world, &end.to_string());
        assert!(world.sub().gives_access(end), "{first}");
    }
}

#[test]
fn time_that_nobody_paid_for_is_no_credit_for_another_plan() {
    let (mut world, invoice) = renewed();
    let ask = ChangeAsk {
        subscription: world.sub().id,
        plan: Some("team".parse().unwrap()),
        price: None,
        quantity: Some(2),
    };
    let plan = |world: &World| {
        plan_change(&world.account, &ask, None, &world.catalog, world.now).map(drop)
    };
    assert_eq!(plan(&world), Ok(()));
    world.tell(refund(&invoice, usd(1_000), RefundState::Done));
    assert_eq!(plan(&world), Err(QuoteRefusal::PaymentReturned));
}

/// Half of April is left, of a plan of 30.00; then so much of it went back.
fn part_back(name: &str, amount: i64) -> World {
    let mut world = half_way("plus-monthly");
    world.tell(refund(name, usd(amount), RefundState::Done));
    world
}

#[test]
fn what_went_back_in_part_is_no_credit_for_another_plan() {
    let full = ruled(&[(ChangeKind::Downgrade, ChangeRule::Now(ChangeMoney::Credit))]);
    for price in ["max-monthly", "max-yearly", "basic-monthly"] {
        let mut world = part_back("pay-0", 1_500);
        world.catalog = full.clone();
        assert!(world.gives_access("2026-04-16"));
        assert_eq!(world.refused(price), "payment_returned", "{price}");
        // The refund fails after all.
        world.go("2026-04-17");
        world.tell(refund("pay-0", usd(1_500), RefundState::Failed));
        world.quote(price);
        // And what was paid for the next period is all there.
        world.tell_of(at("2026-04-18"), refund("pay-0", usd(1), RefundState::Done));
        assert_eq!(world.refused(price), "payment_returned", "{price}");
        world.renew("2026-05-01");
        world.go("2026-05-10");
        world.quote(price);
    }
}

#[test]
fn what_was_quoted_before_a_part_went_back_is_not_applied() {
    let mut world = half_way("plus-monthly");
    let quote = world.quote("max-monthly");
    let mut accepted = world.clone();
    world.tell(refund("pay-0", usd(1), RefundState::Done));
    assert!(world.try_accept(&quote).is_err());
    let change = accepted.accept(&quote);
    accepted.tell(refund("pay-0", usd(1), RefundState::Done));
    let ChangeState::Canceled { .. } = accepted.state_of(change) else {
        panic!("it was priced from what was paid");
    };
}

#[test]
fn what_a_change_charged_and_gave_back_is_no_credit() {
    for to in ["max-monthly", "max-yearly"] {
        let mut world = half_way("plus-monthly");
        let quote = world.change_paid(to);
        let change = world.last_change().id;
        let invoice = world.invoice_of(change).id;
        world.go("2026-04-20");
        assert!(world.resize(1).is_err());
        let back = usd(quote.owed_now.amount / 2);
        world.tell(refund(&format!("pay-{invoice}"), back, RefundState::Done));
        let next = if to == "max-monthly" {
            "max-yearly"
        } else {
            "max-monthly"
        };
        let charges = ruled(&[(ChangeKind::Shorter, ChangeRule::Now(ChangeMoney::Charge))]);
        world.catalog = charges;
        assert_eq!(world.refused(next), "payment_returned");
    }
}

#[test]
fn what_was_paid_before_a_restart_is_in_what_follows_it() {
    let mut world = half_way("plus-monthly");
    world.change_paid("max-yearly");
    // Its own month is over, and its rest is in the year.
    world.go("2026-05-10");
    world.tell(refund("pay-0", usd(1_000), RefundState::Done));
    assert!(world.sub().paid[0].is_returned());
    assert!(world.sub().withheld.is_empty());
}

#[test]
fn an_excess_that_goes_back_leaves_what_was_charged() {
    let mut world = half_way("basic-monthly");
    let change = world.change("plus-monthly");
    let invoice = world.invoice_of(change).id;
    world.pay_as(invoice, "over", usd(1_100), world.now);
    world.tell(refund("over", usd(100), RefundState::Done));
    world.quote("max-monthly");
    world.tell(Fact::RefundSeen(RefundSnapshot {
        ordered: None,
        refund: "re-2".to_owned(),
        of: vec!["over".to_owned()],
        amount: usd(1),
        state: RefundState::Done,
    }));
    assert_eq!(world.refused("max-monthly"), "payment_returned");
}

fn seen(status: Status, start: &str, end: &str) -> Fact {
    Fact::SubscriptionSeen(SubscriptionSnapshot {
        reference: "s-1".to_owned(),
        customer_ref: Some("c-1".to_owned()),
        status,
        price_ref: "price_pro".to_owned(),
        quantity: 1,
        period: Some(Period {
            start: at(start),
            end: at(end),
        }),
        trial_end: None,
        first_charged_at: None,
        cancel_at: None,
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    })
}

fn charged(reference: &str, purpose: Purpose, start: &str, end: &str) -> Fact {
    Fact::ProviderInvoiceSeen {
        reference: reference.to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount: usd(1_000),
        period: Some(Period {
            start: at(start),
            end: at(end),
        }),
        state: ProviderInvoiceState::Paid,
        purpose: Some(purpose),
        collected: None,
        opened_at: None,
        tried: None,
    }
}

/// Bought on 1 January where the provider runs the schedule.
fn bought_there() -> World {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    for fact in [
        seen(Status::Active, "2026-01-01", "2026-02-01"),
        charged("i-1", Purpose::Purchase, "2026-01-01", "2026-02-01"),
    ] {
        let link = Link {
            checkout: Some(begun.checkout),
            ..Link::default()
        };
        world.observe(&Observed {
            fact,
            at: at("2026-01-01T00:01:00Z"),
            link,
        });
    }
    world.forget();
    world
}

#[test]
fn a_purchase_that_a_provider_runs_is_ended_there() {
    let mut world = bought_there();
    world.go("2026-01-10");
    world.tell(refund("i-1", usd(1_000), RefundState::Done));
    assert!(refunded(&world));
    assert!(matches!(
        &world.orders[..],
        [Order::CancelSubscription { at_once: true, .. }]
    ));
    // Whatever the provider tells before it has heard of that, and after.
    world.go("2026-01-11");
    world.tell(seen(Status::Active, "2026-01-01", "2026-02-01"));
    assert!(refunded(&world));
    world.go("2026-01-12");
    world.tell(seen(Status::Canceled, "2026-01-01", "2026-02-01"));
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn what_goes_back_is_told_of_what_was_taken_with_tax() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let mut invoice = charged("i-1", Purpose::Purchase, "2026-01-01", "2026-02-01");
    if let Fact::ProviderInvoiceSeen { collected, .. } = &mut invoice {
        *collected = Some(usd(1_200));
    }
    for fact in [seen(Status::Active, "2026-01-01", "2026-02-01"), invoice] {
        let link = Link {
            checkout: Some(begun.checkout),
            ..Link::default()
        };
        world.observe(&Observed {
            fact,
            at: at("2026-01-01T00:01:00Z"),
            link,
        });
    }
    world.go("2026-01-10");
    world.tell(refund("i-1", usd(1_000), RefundState::Done));
    assert!(!refunded(&world), "a part of it went back");
    world.tell(refund("i-1", usd(1_200), RefundState::Done));
    assert!(refunded(&world), "all of it went back");
}

#[test]
fn any_order_of_tellings_leaves_the_same() {
    let march = ("2026-02-01", "2026-03-01");
    let facts = [
        (
            "2026-02-01T00:00:01Z",
            charged("i-2", Purpose::Renewal, march.0, march.1),
        ),
        (
            "2026-02-01T00:00:01Z",
            seen(Status::Active, march.0, march.1),
        ),
        (
            "2026-02-05",
            refund("i-2", usd(1_000), RefundState::Pending),
        ),
        ("2026-02-06", refund("i-2", usd(1_000), RefundState::Done)),
        ("2026-02-07", dispute("i-2", usd(1_000), DisputeState::Open)),
    ];
    let mut ends = Vec::new();
    for order in [
        [0, 1, 2, 3, 4],
        [0, 1, 3, 2, 4],
        [4, 3, 2, 1, 0],
        [1, 3, 0, 4, 2],
        [2, 0, 4, 1, 3],
    ] {
        let mut world = bought_there();
        world.go("2026-02-20");
        let mut waiting: Vec<_> = order.iter().map(|place| facts[*place].clone()).collect();
        // What is about nothing known is told again, as it is once that is known.
        while !waiting.is_empty() {
            waiting.retain(|(instant, fact)| {
                world.tell_of(at(instant), fact.clone());
                world.tell_of(at(instant), fact.clone()) == Verdict::Unlinked
            });
        }
        assert!(refunded(&world), "{order:?}");
        let returned = newest(&world).returned.clone();
        let mut withheld = world.sub().withheld.clone();
        withheld[0].invoice = world.account.invoices[0].id;
        assert_eq!(world.count(Event::InvoiceRefunded), 1);
        ends.push((
            returned,
            withheld.remove(0).since,
            world.sub().disputed.len(),
        ));
    }
    ends.dedup();
    assert_eq!(ends.len(), 1);
}
