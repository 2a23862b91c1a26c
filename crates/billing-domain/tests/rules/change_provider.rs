//! Changes of what a provider runs: it computes, charges and tells; our books
//! follow its word, and its invoices are its own.

use billing_domain::change::{ChangeState, ChangedBy};
use billing_domain::decide::{
    self, Begun, ChangeAsk, Force, ForceRefusal, QuoteRefusal, StepAsk, TakeBackRefusal,
};
use billing_domain::effect::{ChangeWhen, Order, Preview, Resumption};
use billing_domain::fact::{
    Fact, Link, Observed, ProviderInvoiceState, SubscriptionSnapshot, Upcoming,
};
use billing_domain::ids::ChangeId;
use billing_domain::line::{Line, LineKind};
use billing_domain::quote::{Quote, Source, Step};
use billing_domain::subscription::{Scheduled, State, Status, Why};
use billing_domain::time::Period;

use crate::common::{World, at, usd};
use crate::shop::{shop, sold_by};

pub(crate) const APRIL: Period = Period {
    start: jiff::Timestamp::constant(1_775_001_600, 0),
    end: jiff::Timestamp::constant(1_777_593_600, 0),
};

pub(crate) fn see(world: &mut World, begun: &Begun, price: &str, quantity: u32, period: Period) {
    see_as(world, begun, Status::Active, price, quantity, period);
}

pub(crate) fn see_as(
    world: &mut World,
    begun: &Begun,
    status: Status,
    price: &str,
    quantity: u32,
    period: Period,
) {
    let seen = SubscriptionSnapshot {
        reference: "s-1".to_owned(),
        customer_ref: Some("c-1".to_owned()),
        status,
        price_ref: price.to_owned(),
        quantity,
        period: Some(period),
        trial_end: None,
        first_charged_at: None,
        cancel_at: None,
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    };
    let link = Link {
        checkout: Some(begun.checkout),
        ..Link::default()
    };
    world.observe(&Observed {
        fact: Fact::SubscriptionSeen(seen),
        at: world.now,
        link,
    });
}

/// One whose plan a provider runs since 1 April, as it is on 16 April.
pub(crate) fn run(price: &str) -> (World, Begun) {
    let mut world = World::joined("2026-04-01", shop());
    let mut terms = sold_by(&shop(), price, 1);
    terms.on_past_due = billing_domain::catalog::OnPastDue::Keep;
    let begun = world.begin(terms, true);
    see(&mut world, &begun, price, 1, APRIL);
    world.go("2026-04-16");
    world.forget();
    (world, begun)
}

fn ask(world: &World, price: &str) -> ChangeAsk {
    ChangeAsk {
        subscription: world.sub().id,
        plan: None,
        price: Some(price.parse().unwrap()),
        quantity: None,
    }
}

fn planned(world: &World, price: &str) -> Result<decide::Planned, QuoteRefusal> {
    decide::plan_change(
        &world.account,
        &ask(world, price),
        None,
        &world.catalog,
        world.now,
    )
}

/// The quote that carries the provider's preview of 10.01.
pub(crate) fn previewed(world: &mut World, price: &str) -> Quote {
    previewed_as(world, price, true)
}

/// The same, `pinned` to its instant or not.
pub(crate) fn previewed_as(world: &mut World, price: &str, pinned: bool) -> Quote {
    let planned = planned(world, price).unwrap();
    let asked = planned.preview(world.now).unwrap();
    let at_instant = ChangeWhen::Prorated {
        at: world.now,
        quoted: None,
    };
    assert_eq!((asked.price_ref.as_str(), asked.when), (price, at_instant));
    let preview = Preview {
        lines: vec![Line::whole(LineKind::Begins, None, 1, usd(1_001))],
        owed: usd(1_001),
        pinned,
    };
    let id = world.drawn();
    planned
        .quote(
            &world.account,
            Some(&preview),
            &world.catalog,
            id,
            world.now,
        )
        .unwrap()
}

pub(crate) fn accept(world: &mut World, quote: &Quote) -> ChangeId {
    let catalog = world.catalog.clone();
    world
        .decide(|draft| decide::accept(draft, quote, None, ChangedBy::Buyer, &catalog))
        .unwrap()
        .change
}

fn invoiced(world: &mut World, amount: i64, period: Option<Period>) {
    world.tell(Fact::ProviderInvoiceSeen {
        reference: "i-1".to_owned(),
        subscription_ref: Some("s-1".to_owned()),
        amount: usd(amount),
        period,
        state: ProviderInvoiceState::Open,
        purpose: None,
        collected: None,
        opened_at: None,
        tried: None,
    });
}

#[test]
fn the_quote_carries_the_preview_and_the_providers_word_applies_it() {
    let (mut world, begun) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    assert_eq!(
        (quote.source, quote.owed_now),
        (Source::Provider, usd(1_001))
    );
    let next = quote.next_charge.unwrap();
    assert_eq!((next.at, next.amount), (at("2026-05-01"), usd(3_000)));
    let change = accept(&mut world, &quote);
    assert_eq!(world.state_of(change), ChangeState::AwaitingPayment);
    assert_eq!(
        world.account.change(change).unwrap().invoice,
        None,
        "it invoices itself"
    );
    assert_eq!(world.plan(), "basic");
    let Some(Order::ChangeSubscription(order)) = world.orders.last() else {
        panic!("the provider is asked");
    };
    let pinned = ChangeWhen::Prorated {
        at: quote.created_at,
        quoted: Some(usd(1_001)),
    };
    assert_eq!((order.change, order.when), (Some(change), pinned));
    world.go("2026-04-16T00:01:00Z");
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    assert_eq!(
        (world.plan(), world.state_of(change).as_str()),
        ("plus".to_owned(), "applied")
    );
    let account = world.account.clone();
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    assert_eq!(world.account, account, "told again");
}

#[test]
fn a_scheduled_change_leaves_the_providers_invoices_alone() {
    // A draft of May's invoice is seen before May.
    let may = Period {
        start: at("2026-05-01"),
        end: at("2026-06-01"),
    };
    let (mut world, _) = run("plus-monthly");
    invoiced(&mut world, 3_000, Some(may));
    let planned = planned(&world, "basic-monthly").unwrap();
    assert_eq!(planned.preview(world.now), None, "nothing is charged");
    let id = world.drawn();
    let quote = planned
        .quote(&world.account, None, &world.catalog, id, world.now)
        .unwrap();
    assert_eq!(quote.next_charge.unwrap().amount, usd(1_000));
    let change = accept(&mut world, &quote);
    let voided = |order: &Order| matches!(order, Order::VoidInvoice { .. });
    assert!(!world.orders.iter().any(voided));
    assert!(world.open_invoice().is_some());
    world.take_back(change).unwrap();
    assert!(!world.orders.iter().any(voided));
    let of_it = |order: &Order| matches!(order, Order::UndoChange { change: Some(undone), .. } if *undone == change);
    assert!(world.orders.iter().any(of_it));
}

/// A downgrade that is to come, and the period in which its provider resumes it.
fn lowered() -> (World, Begun, ChangeId, Period) {
    let (mut world, begun) = run("plus-monthly");
    let planned = planned(&world, "basic-monthly").unwrap();
    let id = world.drawn();
    let quote = planned
        .quote(&world.account, None, &world.catalog, id, world.now)
        .unwrap();
    let change = accept(&mut world, &quote);
    let resumed = Period {
        start: at("2026-04-20"),
        end: at("2026-05-20"),
    };
    (world, begun, change, resumed)
}

#[test]
fn a_period_that_begins_before_the_day_brings_what_was_scheduled() {
    for paused in [true, false] {
        let (mut world, begun, change, resumed) = lowered();
        // Whether or not anybody told of the pause.
        if paused {
            see_as(&mut world, &begun, Status::Paused, "plus-monthly", 1, APRIL);
        }
        world.go("2026-04-20T00:01:00Z");
        see(&mut world, &begun, "basic-monthly", 1, resumed);
        assert_eq!(world.plan(), "basic", "it is charged so");
        let applied = ChangeState::Applied { at: resumed.start };
        assert_eq!(world.state_of(change), applied);
        assert!(world.sub().scheduled.is_none());
        let account = world.account.clone();
        see(&mut world, &begun, "basic-monthly", 1, resumed);
        assert_eq!(world.account, account, "told again");
    }
}

#[test]
fn within_the_period_that_is_paid_for_it_waits_for_its_day() {
    let (mut world, begun, change, _) = lowered();
    for price in ["plus-monthly", "basic-monthly"] {
        world.go(if price == "plus-monthly" {
            "2026-04-17"
        } else {
            "2026-04-18"
        });
        see(&mut world, &begun, price, 1, APRIL);
        assert_eq!(world.plan(), "plus", "told at {price}");
    }
    assert_eq!(world.state_of(change), ChangeState::Scheduled);
}

#[test]
fn resuming_is_quoted_at_the_plan_that_it_brings() {
    let (mut world, begun, _, resumed) = lowered();
    see_as(&mut world, &begun, Status::Paused, "plus-monthly", 1, APRIL);
    world.go("2026-04-20");
    let ask = StepAsk {
        subscription: world.sub().id,
        step: Step::Resume,
    };
    for (owed, ends_at, plan, next) in [
        (1_000, resumed.end, "basic", 1_000),
        // It goes on in the period that is paid for.
        (0, APRIL.end, "plus", 1_000),
    ] {
        let ends = decide::CancelWhen::PeriodEnd;
        let planned =
            decide::plan_step(&world.account, &ask, ends, &world.catalog, world.now).unwrap();
        let asked = planned.resuming().unwrap();
        assert_eq!(asked.amount, usd(1_000), "the period after this one");
        let said = Resumption {
            charge: Preview {
                lines: vec![Line::whole(LineKind::Plan, None, 1, usd(owed))],
                owed: usd(owed),
                pinned: false,
            },
            ends_at: Some(ends_at),
        };
        let id = world.drawn();
        let quote = planned.quote(Some(&said), &world.catalog, id).unwrap();
        assert_eq!(quote.terms.plan.to_string(), plan);
        let charged = quote.next_charge.unwrap();
        assert_eq!((charged.at, charged.amount), (ends_at, usd(next)));
    }
}

#[test]
fn an_open_invoice_of_the_provider_that_is_due_refuses_changes() {
    for period in [None, Some(APRIL)] {
        let (mut world, _) = run("basic-monthly");
        invoiced(&mut world, 1_000, period);
        let refused = planned(&world, "plus-monthly").unwrap_err();
        assert_eq!(refused.code(), "invoice_open", "{period:?}");
    }
}

#[test]
fn nobody_who_answers_is_looked_at_and_ends_it_after_another_day() {
    let (mut world, _) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    let change = accept(&mut world, &quote);
    world.forget();
    world.tick("2026-04-17");
    assert_eq!(world.state_of(change), ChangeState::AwaitingPayment);
    let looked = |order: &Order| matches!(order, Order::ReadSubscription { .. });
    assert_eq!(world.orders.iter().filter(|order| looked(order)).count(), 1);
    assert_eq!(world.last_change().pay_by, Some(at("2026-04-18")));
    world.tick("2026-04-18");
    assert_eq!(
        world.state_of(change),
        ChangeState::Canceled { at: world.now }
    );
    assert_eq!(world.plan(), "basic");
    assert_eq!(world.orders.iter().filter(|order| looked(order)).count(), 1);
}

#[test]
fn what_a_provider_was_asked_for_is_not_taken_back() {
    let (mut world, begun) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    let change = accept(&mut world, &quote);
    let catalog = world.catalog.clone();
    let taken = world.decide(|draft| decide::take_back(draft, change, &catalog));
    let refused = TakeBackRefusal::NotOpen(ChangeState::AwaitingPayment);
    assert_eq!(taken, Err(refused));
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
}

#[test]
fn what_was_to_come_by_itself_may_be_asked_for_now() {
    let (mut world, begun) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    let mut held = world.sub().clone();
    held.scheduled = Some(Scheduled {
        at: APRIL.end,
        terms: Box::new(quote.terms),
        why: Why::PromiseEnds,
    });
    world.account.put_subscription(held);
    let quote = previewed(&mut world, "plus-monthly");
    let change = accept(&mut world, &quote);
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(world.plan(), "plus");
}

#[test]
fn what_was_done_and_told_to_nobody_is_applied_when_it_is_seen() {
    let (mut world, begun) = run("basic-monthly");
    let quote = previewed(&mut world, "plus-monthly");
    let change = accept(&mut world, &quote);
    // Nobody has looked for days.
    world.tick("2026-04-20");
    see(&mut world, &begun, "plus-monthly", 1, APRIL);
    assert_eq!(
        world.state_of(change),
        ChangeState::Applied { at: world.now }
    );
    assert_eq!(world.plan(), "plus");
}

#[test]
fn our_balance_has_no_say_where_the_provider_keeps_its_own() {
    let (mut world, _) = run("basic-monthly");
    world.account.customer.balances = vec![usd(500)];
    let quote = previewed(&mut world, "plus-monthly");
    assert_eq!((quote.owed_now, quote.balance_after), (usd(1_001), usd(0)));
    accept(&mut world, &quote);
    assert_eq!(world.balance(), usd(500));
}

#[test]
fn nothing_is_changed_for_nothing_where_the_provider_charges_all_the_same() {
    for (from, to, refused) in [
        ("basic-monthly", "plus-yearly", true),
        ("plus-yearly", "basic-monthly", true),
        ("basic-monthly", "plus-monthly", false),
    ] {
        let (mut world, _) = run(from);
        let forced = world.force(to, Force::Free);
        let said = forced.map(|_| ()).map_err(|refusal| match refusal {
            ForceRefusal::Quote(refusal) => refusal.code(),
            ForceRefusal::Accept(_) => "accepted not",
        });
        let expected = if refused {
            Err("charged_by_provider")
        } else {
            Ok(())
        };
        assert_eq!(said, expected, "{from} to {to}");
        assert_eq!(world.orders.is_empty(), refused, "{from} to {to}");
    }
}

#[test]
fn a_trial_moves_to_another_interval_for_nothing() {
    let mut world = World::joined("2026-04-01", shop());
    let begun = world.begin(sold_by(&shop(), "basic-monthly", 1), true);
    see(&mut world, &begun, "basic-monthly", 1, APRIL);
    let mut held = world.sub().clone();
    held.state = State::Trialing {
        ends_at: APRIL.end,
        noticed: false,
    };
    world.account.put_subscription(held);
    world.go("2026-04-16");
    world.force("plus-yearly", Force::Free).unwrap();
}
