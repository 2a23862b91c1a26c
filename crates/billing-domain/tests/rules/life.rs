//! The life of a subscription whose schedule the engine runs.

use billing_domain::catalog::OnPastDue;
use billing_domain::effect::Order;
use billing_domain::fact::{About, Fact};
use billing_domain::invoice::InvoiceState;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{NoAccess, Schedule, State, Status};
use billing_domain::time::days;

use crate::common::{World, at, terms, usd};

#[test]
fn a_purchase_is_paid_through_its_first_period() {
    let world = World::bought(terms("pro-monthly"));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.paid_through(), at("2026-02-01"));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-01")));
    assert_eq!(world.plan(), "pro");
    assert_eq!(world.account.invoices.len(), 1);
    assert_eq!(world.account.invoices[0].cycle, Some(0));
}

#[test]
fn a_renewal_opens_at_the_end_of_the_period_and_extends_by_one() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-01-31T23:59:59Z");
    assert!(world.open_invoice().is_none());
    world.tick("2026-02-01");
    assert_eq!(world.status(), Status::PastDue);
    let invoice = world.open_invoice().unwrap().clone();
    assert_eq!((invoice.cycle, invoice.amount), (Some(1), usd(1_000)));
    assert!(
        matches!(&world.orders[..], [Order::CreateInvoice(order)] if order.cycle == Some(1) && order.amount == usd(1_000))
    );
    world.link();
    world.pay();
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.sub().times.due_at, None);
    assert_eq!(world.account.wake_at(), Some(at("2026-03-01")));
    assert_eq!(world.count(Event::SubscriptionRenewed), 1);
    assert!(world.parked.is_empty());
}

#[test]
fn with_lead_the_invoice_comes_early_and_nothing_is_past_due() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(3);
    let mut world = World::bought(lead);
    world.tick("2026-01-29");
    assert_eq!(world.status(), Status::Active);
    world.link();
    // Paid early, it is still due at the period's end.
    assert_eq!(world.sub().times.due_at, Some(at("2026-02-01")));
    // The reminder of its due date comes first.
    assert_eq!(world.account.wake_at(), Some(at("2026-01-31")));
    world.go("2026-01-30");
    world.pay();
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-26")));
    world.tick("2026-02-01");
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.count(Event::SubscriptionPastDue), 0);
}

#[test]
fn month_ends_stay_on_the_anchor() {
    let mut world = World::new();
    world.go("2026-01-31");
    let begun = world.begin(terms("pro-monthly"), false);
    let paid = billing_domain::fact::CheckoutPayment::Paid {
        payment: "pay-0".to_owned(),
        amount: usd(1_000),
        conversion: None,
        parts: Vec::new(),
    };
    world.complete(&begun, paid);
    let mut ends = vec![world.paid_through()];
    for day in ["2026-02-28", "2026-03-31", "2026-04-30"] {
        world.tick(day);
        world.link();
        world.pay();
        ends.push(world.paid_through());
    }
    let expected = ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"].map(at);
    assert_eq!(ends, expected);
}

#[test]
fn a_declined_card_counts_and_leaves_grace() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.tell(Fact::PaymentFailed {
        invoice,
        reason: "card_declined".to_owned(),
    });
    assert!(matches!(
        world.sub().schedule,
        Schedule::Engine { failures: 1, .. }
    ));
    assert_eq!(world.count(Event::SubscriptionRenewalFailed), 1);
    assert!(world.gives_access("2026-02-07T23:59:59Z"));
    world.go("2026-02-05");
    world.pay();
    assert!(matches!(
        world.sub().schedule,
        Schedule::Engine { failures: 0, .. }
    ));
    // Late within grace: the period does not move.
    assert_eq!(world.paid_through(), at("2026-03-01"));
}

#[test]
fn access_ends_at_the_very_second_of_the_grace_end_with_no_worker() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.go("2026-02-01T00:00:05Z");
    world.link();
    assert_eq!(
        world.sub().times.grace_ends_at,
        Some(at("2026-02-08T00:00:05Z"))
    );
    assert!(world.gives_access("2026-02-08T00:00:04Z"));
    assert!(!world.gives_access("2026-02-08T00:00:05Z"));
    // The worker late, or at the second: the same state.
    let mut late = world.clone();
    late.tick("2026-02-20");
    world.tick("2026-02-08T00:00:05Z");
    let lapsed = State::Lapsed {
        at: at("2026-02-08T00:00:05Z"),
    };
    assert_eq!(world.sub().state, lapsed);
    assert_eq!(late.sub(), world.sub());
    assert_eq!(world.count(Event::SubscriptionLapsed), 1);
    assert_eq!(world.plan(), "free");
}

#[test]
fn unpaid_for_four_cycles_is_one_open_invoice_and_one_lapse() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.link();
    for day in ["2026-02-08", "2026-03-01", "2026-04-01", "2026-05-01"] {
        world.tick(day);
    }
    let open = world.account.invoices.iter().filter(|held| held.is_open());
    assert_eq!(open.count(), 1);
    assert_eq!(world.count(Event::SubscriptionLapsed), 1);
    assert_eq!(world.count(Event::InvoiceOpened), 1);
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn settled_after_the_lapse_it_begins_anew_with_the_payment() {
    for worker in [true, false] {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        world.link();
        if worker {
            world.tick("2026-02-08");
        }
        world.go("2026-02-20T10:00:00Z");
        world.pay();
        assert_eq!(world.status(), Status::Active);
        assert_eq!(world.paid_through(), at("2026-03-20T10:00:00Z"));
        let settled = world.account.invoices.last().unwrap();
        assert_eq!(settled.period.unwrap().start, at("2026-02-20T10:00:00Z"));
        assert_eq!(world.account.subscriptions.len(), 1);
        assert_eq!(world.count(Event::SubscriptionActivated), 1, "{worker}");
        world.tick("2026-03-20T10:00:00Z");
        assert_eq!(world.open_invoice().unwrap().cycle, Some(2));
    }
}

#[test]
fn settled_beyond_rejoin_it_is_parked_once() {
    for worker in [true, false] {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        let invoice = world.link();
        if worker {
            world.tick("2026-02-08");
        }
        // Lapsed on the 8th; 30 days later is the last chance.
        world.go("2026-03-10T00:00:01Z");
        world.pay_as(invoice, "late", usd(1_000), world.now);
        world.pay_as(invoice, "late", usd(1_000), world.now);
        assert_eq!(world.parked, [ParkReason::LatePayment]);
        assert!(!world.sub().gives_access(world.now));
        assert_eq!(world.count(Event::SubscriptionRenewed), 0);
    }
}

#[test]
fn a_payment_made_before_the_lapse_and_told_after_it_is_in_time() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    world.tick("2026-02-08");
    assert_eq!(world.status(), Status::Lapsed);
    world.go("2026-02-09");
    world.pay_as(invoice, "in-time", usd(1_000), at("2026-02-07T23:59:59Z"));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert!(world.parked.is_empty());
}

#[test]
fn the_last_second_of_grace_and_of_rejoining() {
    // Grace ends on the 8th at midnight, and rejoining 30 days later.
    let table = [
        ("2026-02-07T23:59:59Z", Some("2026-03-01")),
        ("2026-02-08", Some("2026-03-08")),
        ("2026-03-10", Some("2026-04-10")),
        ("2026-03-10T00:00:01Z", None),
    ];
    for worker in [true, false] {
        for (paid, through) in table {
            let mut world = World::bought(terms("pro-monthly"));
            world.tick("2026-02-01");
            let invoice = world.link();
            world.go("2026-03-11");
            if worker {
                world.tick("2026-03-11");
            }
            world.pay_as(invoice, "p", usd(1_000), at(paid));
            let paid_through = through.map_or(at("2026-02-01"), at);
            assert_eq!(world.paid_through(), paid_through, "{paid} {worker}");
            assert_eq!(world.parked.is_empty(), through.is_some(), "{paid}");
        }
    }
}

#[test]
fn without_a_pay_link_access_goes_on_until_the_stall_limit() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let Some(order) = world.orders.last() else {
        panic!("nothing ordered")
    };
    let about = order.about();
    let invoice = world.open_invoice().unwrap().id;
    assert_eq!(about, About::Invoice(invoice));
    let effect = billing_domain::ids::IdSeq::new(world.now, 99).draw();
    world.go("2026-02-02");
    world.tell(Fact::GivenUp { effect, about });
    assert_eq!(world.count(Event::SubscriptionRenewalStalled), 1);
    assert_eq!(world.parked, [ParkReason::AttemptsExhausted]);
    world.tick("2026-02-20");
    assert_eq!(world.status(), Status::PastDue);
    assert!(world.gives_access("2026-03-02T23:59:59Z"));
    assert!(!world.gives_access("2026-03-03"));
    // The link at last: its instant is when the cycle is due, and grace begins.
    world.go("2026-02-25");
    world.link();
    assert_eq!(world.sub().times.due_at, Some(at("2026-02-25")));
    assert!(world.gives_access("2026-03-03T23:59:59Z"));
    assert!(!world.gives_access("2026-03-04"));
}

#[test]
fn due_at_is_set_once() {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    let invoice = world.link();
    let but_for_looks = |world: &World| {
        let mut account = world.account.clone();
        for invoice in &mut account.invoices {
            *invoice = invoice.but_for_looks();
        }
        account
    };
    let before = but_for_looks(&world);
    world.go("2026-02-05");
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: "another".to_owned(),
        pay_url: Some("https://pay.example.com/again".to_owned()),
        conversion: None,
    });
    assert_eq!(but_for_looks(&world), before);
    // Quoted anew, under another name of the provider's: due when it was.
    let mut quoted = world.account.invoice(invoice).unwrap().clone();
    quoted.reference = None;
    quoted.attempt = 2;
    world.account.put_invoice(quoted);
    world.link();
    assert_eq!(world.sub().times, before.subscriptions[0].times);
}

#[test]
fn cut_ends_access_when_due_and_leaves_grace_to_pay_in() {
    let mut cut = terms("pro-monthly");
    cut.on_past_due = OnPastDue::Cut;
    let mut world = World::bought(cut);
    world.tick("2026-02-01");
    world.go("2026-02-01T00:00:05Z");
    world.link();
    world.tick("2026-02-03");
    assert_eq!(world.status(), Status::PastDue, "status is not access");
    assert!(!world.gives_access("2026-02-01T00:00:05Z"));
    world.pay();
    // Not lapsed, so the anchor stands.
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.count(Event::SubscriptionLapsed), 0);
}

#[test]
fn a_fixed_term_ends_without_grace_and_without_an_invoice() {
    let mut fixed = terms("pro-monthly");
    fixed.renews = false;
    fixed.lead = days(3);
    let mut world = World::bought(fixed);
    world.tick("2026-01-30");
    assert!(world.gives_access("2026-01-31T23:59:59Z"));
    assert!(!world.gives_access("2026-02-01"));
    let mut late = world.clone();
    world.tick("2026-02-01");
    late.tick("2026-05-01");
    let expired = State::Expired {
        at: at("2026-02-01"),
    };
    assert_eq!((world.sub().state, late.sub().state), (expired, expired));
    assert_eq!(world.count(Event::InvoiceOpened), 0);
    assert_eq!(world.account.wake_at(), None);
    assert_eq!(
        world.sub().access(world.now),
        billing_domain::subscription::Access::Denied(NoAccess::Expired)
    );
}

#[test]
fn a_fixed_term_after_a_trial_is_invoiced_once() {
    let mut fixed = terms("pro-monthly");
    fixed.renews = false;
    fixed.lead = days(3);
    fixed.trial = Some(days(14));
    let mut world = World::bought(fixed);
    world.tick("2026-01-15");
    world.link();
    world.pay();
    world.tick("2026-02-13");
    assert!(world.open_invoice().is_none());
    world.tick("2026-02-15");
    assert_eq!(world.status(), Status::Expired);
    assert_eq!(world.count(Event::InvoiceOpened), 1);
}

#[test]
fn bought_once_it_is_held_for_ever() {
    let mut world = World::bought(terms("lifer-once"));
    assert_eq!(world.account.wake_at(), None);
    assert_eq!(world.effective().until, None);
    world.tick("2090-01-01");
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.plan(), "lifer");
    assert_eq!(world.sub().times.paid_through, None);
}

#[test]
fn what_costs_nothing_renews_and_asks_no_provider() {
    let mut world = World::bought(terms("pro-gratis"));
    assert_eq!(world.status(), Status::Active);
    for day in ["2026-02-01", "2026-03-01", "2026-04-01"] {
        world.tick(day);
    }
    assert_eq!(world.paid_through(), at("2026-05-01"));
    assert!(world.orders.is_empty());
    assert_eq!(world.count(Event::SubscriptionPastDue), 0);
    assert!(
        world
            .account
            .invoices
            .iter()
            .all(|held| matches!(held.state, InvoiceState::Settled { .. }))
    );
}

#[test]
fn what_costs_nothing_is_run_here_whoever_sells_it() {
    let mut world = World::new();
    let begun = world.begin(terms("pro-gratis"), true);
    assert_eq!(begun.effect, None);
    let checkout = world.account.checkout(begun.checkout).unwrap();
    assert!(!checkout.owns_schedule && checkout.provider.is_none());
    assert!(!checkout.is_open());
    assert_eq!(world.plan(), "pro");
    world.tick("2026-02-01");
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert!(world.orders.is_empty());
}

#[test]
fn what_costs_something_and_has_no_provider_is_parked_and_never_given_away() {
    let mut world = World::bought(terms("pro-monthly"));
    let mut orphan = world.sub().clone();
    orphan.provider = None;
    world.account.put_subscription(orphan);
    world.tick("2026-02-01");
    assert_eq!(world.parked, [ParkReason::Conflict]);
    assert_eq!(world.paid_through(), at("2026-02-01"));
    assert!(!world.gives_access("2026-03-03"));
}
