//! Forecasts: what is foretold is what then happens, when the clock is moved and
//! every invoice is paid when its cycle starts.

use billing_domain::catalog::{Lock, LockEnd};
use billing_domain::change::ChangedBy;
use billing_domain::decide::{self, CancelWhen, ChangeAsk};
use billing_domain::discount::{Discount, Reduction};
use billing_domain::forecast::{Forecast, ForecastEntry, ForecastWhy, Horizon, forecast};
use billing_domain::ids::SubscriptionId;
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::journal::Event;
use billing_domain::money::Money;
use billing_domain::subscription::State;
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, catalog, edited, lock, retired, terms, usd};

fn foretold(world: &World, cycles: u16) -> Forecast {
    let id = world.account.subscriptions[0].id;
    let horizon = Horizon::cycles(cycles);
    forecast(&world.account, &world.catalog, id, horizon, world.now).unwrap()
}

fn told(forecast: &Forecast) -> Vec<(String, i64, &'static str)> {
    let told = |entry: &ForecastEntry| {
        let day = entry.at.to_string()[..10].to_owned();
        (day, entry.amount.amount, entry.why.as_str())
    };
    forecast.entries.iter().map(told).collect()
}

fn entry(day: &str, amount: i64, why: &'static str) -> (String, i64, &'static str) {
    (day.to_owned(), amount, why)
}

#[test]
fn renewals_until_the_lock_ends_and_the_price_after_it() {
    let mut world = World::bought(catalog(), "old");
    let until = LockEnd::Until(at("2026-03-01"));
    world.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(until, Some("new"))),
    );
    let foretold = foretold(&world, 3);
    assert_eq!(
        told(&foretold),
        [
            entry("2026-02-01", 1_000, "renewal"),
            entry("2026-03-01", 2_000, "price_change"),
            entry("2026-04-01", 2_000, "renewal"),
        ]
    );
    assert!(foretold.more);
    let second = &foretold.entries[1];
    assert_eq!(second.price.as_ref().unwrap().as_str(), "new");
    assert_eq!(second.cycle, Some(2));
    assert_eq!(second.period.unwrap().end, at("2026-04-01"));
    assert_eq!(second.lines.len(), 1);
}

#[test]
fn the_balance_is_drawn_on_and_told() {
    let mut world = World::bought(catalog(), "old");
    world.account.customer.balances = vec![usd(1_300)];
    assert_eq!(
        told(&foretold(&world, 3)),
        [
            entry("2026-02-01", 0, "renewal"),
            entry("2026-03-01", 700, "renewal"),
            entry("2026-04-01", 1_000, "renewal"),
        ]
    );
}

#[test]
fn a_cancellation_is_the_last_thing_told() {
    let mut world = World::bought(catalog(), "old");
    world.cancel(CancelWhen::PeriodEnd);
    let foretold = foretold(&world, 3);
    assert_eq!(told(&foretold), [entry("2026-02-01", 0, "ends")]);
    assert!(!foretold.more);
    assert_eq!(foretold.entries[0].why, ForecastWhy::Ends);
}

#[test]
fn a_fixed_term_ends() {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    agreed.renews = false;
    world.buy(agreed);
    assert_eq!(told(&foretold(&world, 3)), [entry("2026-02-01", 0, "ends")]);
}

#[test]
fn an_open_invoice_comes_first() {
    let mut world = World::bought(catalog(), "old");
    world.tick("2026-02-03");
    world.link();
    assert_eq!(
        told(&foretold(&world, 2)),
        [
            entry("2026-02-01", 1_000, "renewal"),
            entry("2026-03-01", 1_000, "renewal"),
        ]
    );
}

#[test]
fn nothing_comes_of_what_is_paused_or_lapsed_by_itself() {
    let mut world = World::bought(catalog(), "old");
    let id = world.sub().id;
    let mut paused = world.clone();
    paused.decide(|draft| decide::pause(draft, id)).unwrap();
    assert!(foretold(&paused, 5).entries.is_empty());
    world.tick("2026-02-01");
    world.link();
    world.tick("2026-03-01");
    assert!(matches!(world.sub().state, State::Lapsed { .. }));
    assert!(foretold(&world, 5).entries.is_empty());
    let nobody: SubscriptionId = world.drawn();
    let horizon = Horizon::cycles(1);
    assert_eq!(
        forecast(&world.account, &world.catalog, nobody, horizon, world.now),
        None
    );
}

#[test]
fn a_horizon_is_an_instant_or_a_number() {
    let world = World::bought(catalog(), "old");
    let id = world.sub().id;
    let until = |day: &str| {
        let horizon = Horizon::until(at(day));
        forecast(&world.account, &world.catalog, id, horizon, world.now).unwrap()
    };
    assert_eq!(until("2026-03-31").entries.len(), 2);
    assert_eq!(until("2026-04-01").entries.len(), 3);
    assert!(until("2026-04-01").more);
    assert_eq!(foretold(&world, 0).entries.len(), 0);
    // However far somebody asks, it ends.
    assert_eq!(until("2999-01-01").entries.len(), 120);
    assert_eq!(foretold(&world, u16::MAX).entries.len(), 120);
}

#[test]
fn it_writes_nothing() {
    let world = World::bought(catalog(), "old");
    let before = world.account.clone();
    foretold(&world, 12);
    assert_eq!(world.account, before);
}

#[derive(Debug, Clone)]
struct Life {
    price: &'static str,
    quantity: u32,
    lead: i64,
    grace: u16,
    trial: Option<u16>,
    discount: Option<Discount>,
    balance: i64,
    minimum: Option<i64>,
    lock: Lock,
    change: Option<(&'static str, Option<u32>)>,
    beside: bool,
    cancels: bool,
    looks_after: i64,
}

prop_compose! {
    fn any_discount()(
        reduction in prop_oneof![
            (1u16..=10_000).prop_map(|basis_points| Reduction::Percent { basis_points }),
            (1i64..1_500).prop_map(|cents| Reduction::Fixed { amount: usd(cents) }),
            (0i64..1_200).prop_map(|cents| Reduction::SetPrice { unit: usd(cents) }),
        ],
        until_cycle in proptest::option::of(1u32..8),
    ) -> Discount {
        Discount { code: None, reduction, until_cycle, ends_at: None }
    }
}

prop_compose! {
    fn any_lock()(
        until in prop_oneof![
            1 => Just(LockEnd::Forever),
            3 => (15u16..300).prop_map(|day| LockEnd::Until(at("2026-01-01") + days(day))),
            3 => (1u32..6).prop_map(LockEnd::Cycles),
        ],
        cheaper in any::<bool>(),
        notice in 0u16..60,
    ) -> (Lock, bool) {
        (Lock { notice: days(notice), ..lock(until, None) }, cheaper)
    }
}

prop_compose! {
    fn any_life()(
        (price, quantity) in prop_oneof![
            2 => Just(("old", 1)),
            1 => (1u32..9).prop_map(|quantity| ("seat-old", quantity)),
        ],
        lead in prop_oneof![Just(0i64), 1i64..27 * 24],
        grace in 1u16..20,
        trial in proptest::option::weighted(0.3, 1u16..40),
        discount in proptest::option::weighted(0.4, any_discount()),
        balance in prop_oneof![2 => Just(0i64), 3 => -900i64..5_000],
        minimum in proptest::option::weighted(0.3, 1i64..700),
        (mut lock, cheaper) in any_lock(),
        changes in 0u8..4,
        beside in proptest::bool::weighted(0.3),
        cancels in proptest::bool::weighted(0.15),
        looks_after in 0i64..150 * 24,
    ) -> Life {
        let seats = price == "seat-old";
        lock.then = lock.until.needs_successor().then(|| {
            match (seats, cheaper) {
                (true, _) => "seat-new",
                (false, true) => "low",
                (false, false) => "new",
            }
            .parse()
            .unwrap()
        });
        let change = match (seats, changes) {
            (true, 0) => Some(("mid", None)),
            (true, 1) => Some(("seat-old", Some(1))),
            (false, 0) => Some(("seat-new", None)),
            _ => None,
        };
        Life {
            price, quantity, lead, grace, trial, discount, balance, minimum, lock, change, beside,
            cancels, looks_after,
        }
    }
}

fn lived(life: &Life) -> World {
    let sold = edited(&catalog(), |draft| {
        if let Some(minimum) = life.minimum {
            let least = usd(minimum);
            draft.rules.minimum_charge.insert(least.currency, least);
        }
    });
    let mut world = World::new(sold.clone());
    let mut agreed = terms(&sold, life.price, life.quantity);
    agreed.lead = SignedDuration::from_hours(life.lead);
    agreed.grace = days(life.grace);
    agreed.trial = life.trial.map(days);
    agreed.discount.clone_from(&life.discount);
    world.buy(agreed);
    if life.beside {
        world.now = at("2026-01-04");
        world.buy(terms(&sold, "older", 1));
    }
    if life.balance != 0 {
        give(&mut world, usd(life.balance));
    }
    world.catalog = retired(&sold, life.price, "2026-01-15", Some(life.lock.clone()));
    let looks = shifted(world.now, SignedDuration::from_hours(life.looks_after));
    world.run_until(looks);
    let id = world.account.subscriptions[0].id;
    if let Some((key, quantity)) = life.change {
        change(&mut world, id, key, quantity);
    }
    if life.cancels {
        world.decide(|draft| decide::cancel(draft, id, CancelWhen::PeriodEnd));
    }
    world
}

/// An operator gives, or takes, and it is told.
fn give(world: &mut World, amount: Money) {
    world.account.customer.balances = vec![amount];
    let mut entry = world.journal[0].clone();
    entry.event = Event::BalanceChanged;
    entry.money = Some(amount);
    world.journal.push(entry);
}

/// Changes it, where that is allowed; refusals change nothing.
fn change(world: &mut World, id: SubscriptionId, key: &str, quantity: Option<u32>) {
    let ask = ChangeAsk {
        subscription: id,
        plan: None,
        price: Some(key.parse().unwrap()),
        quantity,
    };
    let quote_id = world.drawn();
    let (catalog, now) = (world.catalog.clone(), world.now);
    let planned = decide::plan_change(&world.account, &ask, None, &catalog, now);
    let quote =
        planned.and_then(|planned| planned.quote(&world.account, None, &catalog, quote_id, now));
    if let Ok(quote) = quote {
        let by = ChangedBy::Buyer;
        world
            .decide(|draft| decide::accept(draft, &quote, None, by, &catalog))
            .unwrap();
    }
}

/// What was settled of the first subscription since then, and how it ended.
fn happened(world: &World, known: &[Invoice], since: Timestamp) -> Vec<ForecastEntry> {
    let held = &world.account.subscriptions[0];
    let settled_before = |id| {
        let before = known.iter().find(|invoice| invoice.id == id);
        before.is_some_and(|invoice| matches!(invoice.state, InvoiceState::Settled { .. }))
    };
    let renewals = world.account.invoices.iter().filter(|invoice| {
        invoice.is_renewal()
            && invoice.subscription == Some(held.id)
            && matches!(invoice.state, InvoiceState::Settled { .. })
            && !settled_before(invoice.id)
    });
    let mut entries: Vec<_> = renewals
        .map(|invoice| ForecastEntry {
            at: invoice.period.unwrap().start,
            cycle: invoice.cycle,
            period: invoice.period,
            lines: invoice.lines.clone(),
            amount: invoice.amount,
            plan: invoice.lines[0].plan.clone().unwrap(),
            price: None,
            quantity: invoice.lines[0].quantity,
            why: ForecastWhy::Renewal,
        })
        .collect();
    if let State::Canceled { ends_at: at } | State::Expired { at } = held.state
        && at > since
    {
        entries.push(ForecastEntry {
            at,
            cycle: None,
            period: None,
            lines: Vec::new(),
            amount: usd(0),
            plan: held.terms.plan.clone(),
            price: None,
            quantity: held.terms.quantity,
            why: ForecastWhy::Ends,
        });
    }
    entries
}

/// What both can know: why a cycle is as it is, its invoice does not say.
fn comparable(entry: &ForecastEntry) -> ForecastEntry {
    let ends = entry.why == ForecastWhy::Ends;
    ForecastEntry {
        price: None,
        why: if ends {
            ForecastWhy::Ends
        } else {
            ForecastWhy::Renewal
        },
        ..entry.clone()
    }
}

proptest! {
    // Locks, changes, discounts and balances meet in a few hundred lives.
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_foretold_happens(life in any_life(), cycles in 1u16..14) {
        let mut world = lived(&life);
        let foretold = foretold(&world, cycles);
        let (known, since) = (world.account.invoices.clone(), world.now);
        prop_assert!(foretold.entries.len() <= usize::from(cycles));
        let far = shifted(since, days(31 * 16));
        let last = foretold.entries.last().map_or(far, |last| last.at);
        if foretold.more {
            world.run_until(last.max(since));
        } else {
            world.run_until(far.max(last));
        }
        prop_assert_eq!(world.findings(), Vec::<String>::new());
        let happened = happened(&world, &known, since);
        let expected: Vec<_> = foretold.entries.iter().map(comparable).collect();
        // A cycle that owes nothing may be settled ahead of its start.
        prop_assert_eq!(&happened[..expected.len().min(happened.len())], &expected[..]);
        if !foretold.more && expected.len() < usize::from(cycles) {
            prop_assert_eq!(happened.len(), expected.len());
        }
    }
}

/// A year of months, for whoever wants to know how long that takes.
#[test]
#[ignore = "a measurement, to be run by hand in release"]
fn a_year_of_months() {
    const TIMES: u32 = 10_000;
    let plain = World::bought(catalog(), "old");
    let mut locked = World::bought(catalog(), "old");
    locked.catalog = retired(
        &catalog(),
        "old",
        "2026-01-15",
        Some(lock(LockEnd::Cycles(6), Some("new"))),
    );
    locked.keep_promises();
    for (name, world) in [("plain", plain), ("locked", locked)] {
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let begun = std::time::Instant::now();
        for _ in 0..TIMES {
            assert_eq!(foretold(&world, 12).entries.len(), 12);
        }
        eprintln!("{name}: {:?}", begun.elapsed() / TIMES);
    }
}
