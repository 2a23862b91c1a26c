//! Refunds and disputes: what goes back of a payment, and what that ends.

use billing_domain::catalog::LicenseRule;
use billing_domain::decide::{ChangeAsk, QuoteRefusal, Verdict, plan_change};
use billing_domain::effect::Order;
use billing_domain::fact::{
    DisputeSnapshot, DisputeState, Fact, Link, Observed, ProviderInvoiceState, RefundSnapshot,
    RefundState, SubscriptionSnapshot,
};
use billing_domain::invoice::{Invoice, Purpose};
use billing_domain::journal::Event;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{Access, NoAccess, Status};
use billing_domain::time::{Period, days};

use crate::common::{World, at, sold, terms, usd};

fn refund(of: &str, amount: Money, state: RefundState) -> Fact {
    Fact::RefundSeen(RefundSnapshot {
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
        assert!(world.account.licenses[0].revoked_at.is_none());
        world.go("2026-01-10");
        world.tell(refund("pay-0", usd(amount), RefundState::Done));
        assert_eq!(world.status(), Status::Canceled, "{price}");
        assert!(refunded(&world), "{price}");
        assert_eq!(world.account.licenses[0].revoked_at, Some(world.now));
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
    world.forget();
    world.tell(refund("pay-twice", usd(1_000), RefundState::Done));
    assert!(world.gives_access("2026-02-10"));
    assert!(world.parked.is_empty());
    drop(invoice);
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
        cancel_at: None,
        ended_at: None,
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
