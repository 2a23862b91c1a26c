//! Metered use: periods that follow what is held, and are charged once.

use std::collections::BTreeMap;

use billing_domain::access::{DenyReason, Gate};
use billing_domain::catalog::{Billing, Catalog, CatalogDraft, CatalogRevision, IssueCode};
use billing_domain::decide::{self, CancelWhen};
use billing_domain::effect::Order;
use billing_domain::entitlement::{FeatureKey, Limit};
use billing_domain::fact::Fact;
use billing_domain::ids::UsagePeriodId;
use billing_domain::invoice::{Invoice, InvoiceState, Purpose};
use billing_domain::journal::Event;
use billing_domain::line::LineKind;
use billing_domain::money::{Currency, Money};
use billing_domain::terms::{Seller, Terms};
use billing_domain::time::Interval;
use billing_domain::usage::{Figures, Meter, Metered, Overage, Room, UsagePeriod};
use proptest::prelude::*;

use crate::common::{World, at, provider, usd};

pub(crate) fn key(name: &str) -> FeatureKey {
    name.parse().unwrap()
}

/// Calls beyond 1000 cost 0.50 a hundred, in one plan of two.
pub(crate) fn metered() -> CatalogRevision {
    let monthly = Billing::Recurring(Interval::MONTH);
    let catalog = Catalog::builder("Acme", Currency::USD)
        .count("calls", "Calls")
        .metered("calls", Meter::Sum)
        .bytes("disk", "Disk")
        .metered("disk", Meter::Max)
        .plan("free", "Free", |plan| plan.rank(0).limit("calls", 10))
        .plan("pro", "Pro", |plan| {
            plan.rank(10).limit("calls", 1_000).limit("disk", 50).price(
                "pro-monthly",
                usd(1_000),
                monthly,
                |price| {
                    let overage = Overage {
                        amount: usd(50),
                        per: 100,
                    };
                    price.overage.insert(key("calls"), overage);
                },
            )
        })
        .plan("big", "Big", |plan| {
            plan.rank(20)
                .limit("calls", 5_000)
                .monthly("big-monthly", usd(4_000))
        })
        .newcomer("free")
        .build()
        .unwrap();
    CatalogRevision {
        number: 1,
        catalog,
        applied_at: at("2025-01-01"),
    }
}

pub(crate) fn terms(catalog: &CatalogRevision, price: &str) -> Terms {
    let price = catalog.catalog.price(price).unwrap();
    let plan = catalog.catalog.plan(price.plan.as_str()).unwrap();
    let seller = Seller {
        provider: provider().provider().clone(),
        owns_schedule: false,
    };
    Terms::taken(catalog, plan, price, 1, &seller)
}

/// A subscriber of `pro`, whose use is opened on 1 January.
pub(crate) fn subscriber() -> World {
    let catalog = metered();
    let mut world = World::joined("2026-01-01", catalog.clone());
    world.buy(terms(&catalog, "pro-monthly"));
    open(&mut world);
    world
}

pub(crate) fn open(world: &mut World) {
    let catalog = world.catalog.clone();
    world.decide(|draft| decide::open_usage(draft, &catalog));
}

fn period(world: &World) -> UsagePeriod {
    world.account.customer.usage.periods[0].clone()
}

pub(crate) fn figures(calls: u64) -> Figures {
    [(key("calls"), calls)].into_iter().collect()
}

/// The worker runs at this instant, and is told what was used.
pub(crate) fn close(world: &mut World, text: &str, id: UsagePeriodId, used: &Figures) {
    world.go(text);
    let catalog = world.catalog.clone();
    world.decide(|draft| {
        draft.know_sealed(id, used.clone());
        decide::fall_due(draft, &catalog);
    });
}

pub(crate) fn usage_invoices(world: &World) -> Vec<&Invoice> {
    let invoices = world.account.invoices.iter();
    invoices
        .filter(|invoice| invoice.purpose == Purpose::Usage)
        .collect()
}

#[test]
fn a_period_is_the_cycle_that_is_paid() {
    let world = subscriber();
    let period = period(&world);
    assert_eq!(period.subscription, Some(world.sub().id));
    assert_eq!(period.period.start, at("2026-01-01"));
    assert_eq!(period.period.end, at("2026-02-01"));
    assert_eq!(period.meters[&key("calls")].included, Limit::AtMost(1_000));
    assert!(period.meters[&key("calls")].overage.is_some());
    assert_eq!(period.meters[&key("disk")].overage, None);
    // The renewal is a week off; the use wakes nobody before it is to be charged.
    assert_eq!(
        world.account.customer.usage.wake_at(),
        Some(at("2026-02-01T01:00:00Z"))
    );
}

#[test]
fn without_a_subscription_it_is_the_calendar_month_and_costs_nothing() {
    let catalog = metered();
    let mut world = World::joined("2026-01-17", catalog.clone());
    open(&mut world);
    let free = period(&world);
    assert_eq!(free.subscription, None);
    assert_eq!(free.period.start, at("2026-01-01"));
    assert_eq!(free.period.end, at("2026-02-01"));
    assert_eq!(free.meters[&key("calls")].included, Limit::AtMost(10));
    assert_eq!(free.charge(&figures(500), None), Ok(None));
    // What is bought meanwhile begins a period of its own, and neither overlaps.
    world.go("2026-01-20");
    world.buy(terms(&catalog, "pro-monthly"));
    open(&mut world);
    let periods = &world.account.customer.usage.periods;
    assert_eq!(periods.len(), 2);
    assert_eq!(periods[0].period.end, at("2026-01-20"));
    assert_eq!(periods[1].period.start, at("2026-01-20"));
    assert_eq!(periods[1].period.end, at("2026-02-20"));
    assert_eq!(periods[1].subscription, Some(world.sub().id));
}

#[test]
fn use_beyond_is_charged_once_rounded_up() {
    let mut world = subscriber();
    let id = period(&world).id;
    // 1201 calls: 201 beyond, 2.01 hundreds of 50 cents.
    close(&mut world, "2026-02-01T00:59:59Z", id, &figures(1_201));
    assert_eq!(
        usage_invoices(&world).len(),
        0,
        "late use is still taken in"
    );
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_201));
    let invoices = usage_invoices(&world);
    assert_eq!(invoices.len(), 1);
    let invoice = invoices[0].clone();
    assert_eq!(invoice.amount, usd(101));
    assert_eq!(invoice.lines[0].kind, LineKind::Usage);
    let used = invoice.lines[0].used.clone().unwrap();
    assert_eq!((used.used, used.included, used.over()), (1_201, 1_000, 201));
    let orders = |world: &World| {
        let orders = world.orders.iter();
        orders
            .filter(
                |order| matches!(order, Order::CreateInvoice(order) if order.invoice == invoice.id),
            )
            .count()
    };
    assert_eq!(orders(&world), 1);
    assert_eq!(world.account.customer.usage.periods, []);
    // Again, by a worker that knows nothing of it: the period is gone.
    close(&mut world, "2026-02-01T02:00:00Z", id, &figures(1_201));
    assert_eq!(usage_invoices(&world).len(), 1);
    assert_eq!(orders(&world), 1);
    // Paid, it credits no cycle.
    let paid_through = world.paid_through();
    let amount = invoice.amount;
    world.pay_as(invoice.id, "pay-usage", amount, world.now);
    let settled = world.account.invoice(invoice.id).unwrap();
    assert!(matches!(settled.state, InvoiceState::Settled { .. }));
    assert_eq!(world.paid_through(), paid_through);
    assert_eq!(world.parked, []);
}

#[test]
fn nothing_is_charged_before_the_figures_are_sealed() {
    let mut world = subscriber();
    world.tick("2026-02-02");
    assert_eq!(usage_invoices(&world).len(), 0);
    assert_eq!(world.account.customer.usage.periods.len(), 1);
}

#[test]
fn no_more_than_the_spending_limit_is_charged_and_the_lines_say_so() {
    let mut world = subscriber();
    let set = |limit| {
        move |draft: &mut billing_domain::Draft| {
            decide::set_spending_limit(draft, Currency::USD, limit)
        }
    };
    assert!(world.decide(set(Some(-1))).is_err());
    world.decide(set(Some(200))).unwrap();
    world.decide(set(Some(200))).unwrap();
    assert_eq!(world.count(Event::UsageLimitSet), 1);
    let id = period(&world).id;
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(2_000));
    let invoice = usage_invoices(&world)[0].clone();
    assert_eq!(invoice.amount, usd(200));
    let lines = invoice.lines.iter();
    let lines: Vec<_> = lines.map(|line| (line.kind, line.amount)).collect();
    assert_eq!(
        lines,
        [
            (LineKind::Usage, usd(500)),
            (LineKind::SpendingLimit, usd(-300))
        ]
    );
}

#[test]
fn a_spending_limit_of_nothing_charges_nothing() {
    let mut world = subscriber();
    world
        .decide(|draft| decide::set_spending_limit(draft, Currency::USD, Some(0)))
        .unwrap();
    let id = period(&world).id;
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(2_000));
    let invoice = usage_invoices(&world)[0];
    assert_eq!(invoice.amount, usd(0));
    assert!(!invoice.is_open());
    assert_eq!(world.account.customer.balances, []);
}

#[test]
fn what_the_balance_holds_is_drawn_on() {
    let mut world = subscriber();
    let id = period(&world).id;
    // The renewal has drawn on it before.
    world.tick("2026-02-01");
    world.account.customer.balances = vec![usd(40)];
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    assert_eq!(usage_invoices(&world)[0].amount, usd(60));
    assert_eq!(world.account.customer.balances, []);
}

#[test]
fn what_cannot_be_paid_there_any_more_is_carried_to_the_next_invoice() {
    let mut world = subscriber();
    let id = period(&world).id;
    // The renewal has drawn on it before.
    world.tick("2026-02-01");
    world.account.customer.balances = vec![usd(40)];
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    let invoice = usage_invoices(&world)[0].id;
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: "page".to_owned(),
        pay_url: Some("https://pay.example.com/".to_owned()),
        conversion: None,
    });
    for _ in 0..2 {
        world.tell(Fact::InvoiceClosed {
            invoice,
            reference: "page".to_owned(),
            read_at: None,
        });
        let held = world.account.invoice(invoice).unwrap();
        assert!(matches!(held.state, InvoiceState::Void { .. }));
        assert_eq!(world.account.customer.balances, [usd(-60)]);
    }
}

#[test]
fn what_was_not_collected_and_is_nowhere_to_be_paid_is_carried() {
    let mut world = subscriber();
    let id = period(&world).id;
    world.tick("2026-02-01");
    world.account.customer.balances = vec![usd(40)];
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    let invoice = usage_invoices(&world)[0].id;
    // Of its answer and of its event: once.
    for _ in 0..2 {
        world.tell(Fact::ChargeFailed {
            invoice,
            reason: "card_declined".to_owned(),
        });
        let held = world.account.invoice(invoice).unwrap();
        assert!(matches!(held.state, InvoiceState::Void { .. }));
        assert_eq!(world.account.customer.balances, [usd(-60)]);
    }
    assert_eq!(world.count(Event::InvoicePaymentFailed), 1);
    assert_eq!(world.count(Event::InvoiceVoided), 1);
}

#[test]
fn a_second_one_beside_one_that_is_owed_is_carried() {
    let mut world = subscriber();
    let id = period(&world).id;
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_200));
    world.link();
    world.pay();
    open(&mut world);
    let next = period(&world);
    assert_eq!(next.period.start, at("2026-02-01"));
    close(&mut world, "2026-03-01T01:00:00Z", next.id, &figures(1_400));
    let invoices = usage_invoices(&world);
    assert_eq!(invoices.len(), 2);
    assert_eq!(invoices.iter().filter(|held| held.is_open()).count(), 1);
    assert_eq!(invoices[1].amount, usd(0));
    assert_eq!(invoices[1].lines[1].kind, LineKind::Carried);
    // The renewal that fell due in the same step was opened before it.
    assert_eq!(world.account.customer.balances, [usd(-200)]);
}

#[test]
fn a_limit_that_is_reached_is_told_once_until_it_is_raised() {
    let mut world = subscriber();
    let period = period(&world);
    let reached = |used, limit| period.is_reached("calls", &figures(used), limit);
    assert!(!reached(1_000, None));
    assert!(!reached(1_000_000, None));
    assert!(reached(1_000, Some(usd(0))));
    assert!(!reached(1_099, Some(usd(50))));
    assert!(reached(1_100, Some(usd(50))));
    let disk = |used| [(key("disk"), used)].into_iter().collect::<Figures>();
    assert!(!period.is_reached("disk", &disk(49), None));
    assert!(period.is_reached("disk", &disk(50), None));
    for _ in 0..2 {
        world.decide(|draft| decide::note_usage_reached(draft, period.id, &key("calls")));
    }
    assert_eq!(world.count(Event::UsageLimitReached), 1);
    world
        .decide(|draft| decide::set_spending_limit(draft, Currency::USD, Some(900)))
        .unwrap();
    world.decide(|draft| decide::note_usage_reached(draft, period.id, &key("calls")));
    assert_eq!(world.count(Event::UsageLimitReached), 2);
}

#[test]
fn rules_follow_what_is_held_until_the_period_ends() {
    let mut world = subscriber();
    let mut draft = CatalogDraft::from(world.catalog.catalog.clone());
    for plan in &mut draft.plans {
        if plan.key.as_str() == "pro" {
            let more = billing_domain::entitlement::Entitlement::Limit(Limit::AtMost(1_500));
            plan.entitlements.insert(key("calls"), more);
        }
    }
    world.catalog.catalog = draft.validate().unwrap();
    let catalog = world.catalog.clone();
    world.go("2026-02-01");
    world.decide(|draft| decide::follow_usage(draft, &catalog));
    let included = |world: &World| period(world).meters[&key("calls")].included;
    assert_eq!(included(&world), Limit::AtMost(1_000), "it was over");
    world.go("2026-01-31T23:59:59Z");
    world.decide(|draft| decide::follow_usage(draft, &catalog));
    assert_eq!(included(&world), Limit::AtMost(1_500));
}

#[test]
fn a_canceled_subscription_s_last_use_is_charged() {
    let mut world = subscriber();
    world.cancel(CancelWhen::PeriodEnd);
    let id = period(&world).id;
    close(&mut world, "2026-02-01T01:00:00Z", id, &figures(1_100));
    assert_eq!(usage_invoices(&world)[0].amount, usd(50));
}

#[test]
fn the_gate_says_what_is_spent_and_which_plan_has_more() {
    let world = subscriber();
    let period = period(&world);
    let effective = world.effective();
    let gate = |used: u64, value: u64, limit: Option<Money>| {
        let room = period.room("calls", &figures(used), value, limit).unwrap();
        effective.metered(&world.catalog.catalog, "calls", room, value, world.now)
    };
    assert!(matches!(
        gate(999, 1, None),
        Gate::Allowed {
            limit: Some(Limit::AtMost(1_000)),
            ..
        }
    ));
    assert!(matches!(gate(1_000, 1, None), Gate::Allowed { .. }));
    let none = Some(usd(0));
    assert!(matches!(gate(999, 1, none), Gate::Allowed { .. }));
    let Gate::Denied {
        reason,
        plan_held,
        plan_needed,
    } = gate(1_000, 1, none)
    else {
        panic!("it is spent");
    };
    assert_eq!(reason, DenyReason::LimitReached);
    assert_eq!(reason.as_str(), "limit_reached");
    assert_eq!(plan_held.unwrap().as_str(), "pro");
    assert_eq!(plan_needed.unwrap().as_str(), "big");
}

#[test]
fn what_cannot_be_metered_or_charged_is_no_catalog() {
    let refused = |edit: &dyn Fn(&mut CatalogDraft)| {
        let mut draft = CatalogDraft::from(metered().catalog);
        edit(&mut draft);
        let issues = draft.validate().unwrap_err().0;
        let issues = issues.into_iter();
        let told: Vec<_> = issues
            .map(|issue| (issue.at.to_string(), issue.code))
            .collect();
        told
    };
    let price = "plans.pro.prices.pro-monthly.overage";
    let calls = format!("{price}.calls");
    let unmetered = refused(&|draft| {
        draft.features.get_mut(&key("calls")).unwrap().meter = None;
    });
    assert_eq!(unmetered, [(calls.clone(), IssueCode::Contradiction)]);
    let on_price = |edit: &dyn Fn(&mut billing_domain::catalog::Price)| {
        refused(&|draft| edit(&mut draft.plans[1].prices[0]))
    };
    let of_none = on_price(&|price| {
        price.overage.get_mut(&key("calls")).unwrap().per = 0;
    });
    assert_eq!(of_none, [(format!("{calls}.per"), IssueCode::OutOfRange)]);
    let for_nothing = on_price(&|price| {
        price.overage.get_mut(&key("calls")).unwrap().amount = usd(0);
    });
    assert_eq!(
        for_nothing,
        [(format!("{calls}.amount"), IssueCode::OutOfRange)]
    );
    let once = on_price(&|price| price.interval = Billing::Once);
    assert_eq!(once, [(price.to_owned(), IssueCode::Contradiction)]);
}

fn one_meter(included: u64, amount: i64, per: u64) -> UsagePeriod {
    let mut period = period(&subscriber());
    let metered = Metered {
        meter: Meter::Sum,
        included: Limit::AtMost(included),
        overage: Some(Overage {
            amount: usd(amount),
            per,
        }),
    };
    period.meters = BTreeMap::from([(key("calls"), metered)]);
    period
}

proptest! {
    /// The exact share, and less than one minor unit above it.
    #[test]
    fn a_charge_is_the_exact_share_rounded_up(
        used in 0_u64..1_000_000_000,
        included in 0_u64..1_000_000_000,
        amount in 1_i64..1_000_000,
        per in 1_u64..1_000_000,
    ) {
        let period = one_meter(included, amount, per);
        let charge = period.charge(&figures(used), None).unwrap();
        let charged = charge.map_or(0, |charge| i128::from(charge.amount.amount));
        let over = i128::from(used.saturating_sub(included));
        let exact = over * i128::from(amount);
        let back = charged * i128::from(per);
        prop_assert!(back >= exact && back - exact < i128::from(per));
    }

    /// Never above the limit, and the lines sum to what is charged; more use never
    /// costs less.
    #[test]
    fn no_charge_is_above_the_limit(
        used in 0_u64..1_000_000,
        more in 0_u64..1_000_000,
        limit in 0_i64..10_000,
        amount in 1_i64..1_000,
        per in 1_u64..1_000,
    ) {
        let period = one_meter(1_000, amount, per);
        let cost = |used| {
            let charge = period.charge(&figures(used), Some(usd(limit))).unwrap();
            charge.map_or(0, |charge| {
                let lines: i64 = charge.lines.iter().map(|line| line.amount.amount).sum();
                assert_eq!(lines, charge.amount.amount);
                charge.amount.amount
            })
        };
        prop_assert!(cost(used) <= limit);
        prop_assert!(cost(used) <= cost(used + more));
    }

    /// Whoever is let in pays no more than the limit for it, and whoever is not would.
    #[test]
    fn the_gate_lets_in_what_is_within_the_limit(
        used in 0_u64..3_000,
        value in 0_u64..3_000,
        limit in 0_i64..2_000,
    ) {
        let period = one_meter(1_000, 50, 100);
        let room = period.room("calls", &figures(used), value, Some(usd(limit))).unwrap();
        let whole = period.charge(&figures(used + value), None).unwrap();
        let whole = whole.map_or(0, |charge| charge.amount.amount);
        let expected = match (used + value <= 1_000, whole <= limit) {
            (true, _) => Room::Included,
            (false, true) => Room::Charged,
            (false, false) => Room::Exhausted,
        };
        prop_assert_eq!(room, expected);
    }
}
