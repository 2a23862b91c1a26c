//! Random lives with changes of plan: whatever is quoted, accepted, paid or left
//! unpaid, and whenever anybody looks, no money is made or lost.

use std::collections::BTreeMap;

use billing_domain::Draft;
use billing_domain::catalog::{CatchUp, ChangeKind, ChangeMoney, ChangeRule, PlanKey};
use billing_domain::change::ChangeState;
use billing_domain::decide::{self, CancelWhen, ChangeAsk, Force, QuoteRefusal};
use billing_domain::discount::{Discount, Reduction, WHOLE};
use billing_domain::grant::GrantReason;
use billing_domain::ids::IdSeq;
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::line::sum;
use billing_domain::money::Money;
use billing_domain::quote::Quote;
use billing_domain::subscription::{Segment, State, Subscription, Why};
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, usd};
use crate::ledger::{Ledger, Rates, UNIT, value_of};
use crate::shop::{edited, holding_in, sold_by};

#[derive(Debug, Clone, Copy)]
enum Act {
    Wait {
        seconds: i64,
        micros: i64,
    },
    ToWake,
    Tick,
    Change {
        price: &'static str,
        pieces: Option<u32>,
    },
    Resize {
        pieces: u32,
    },
    PayChange,
    PayRenewal,
    TakeBack,
    Cancel,
    Pause,
    Resume,
    Force {
        price: &'static str,
        pieces: Option<u32>,
        force: Force,
    },
    Grant {
        plan: &'static str,
        days: Option<i64>,
    },
    EndGrants,
}

const PRICES: [(&str, bool); 9] = [
    ("basic-monthly", false),
    ("basic-yearly", false),
    ("basic-30d", false),
    ("seats-monthly", true),
    ("seats-yearly", true),
    ("plus-monthly", false),
    ("plus-yearly", false),
    ("plus-30d", false),
    ("max-monthly", false),
];

/// `given`: an operator may give and force things as well.
fn act(given: bool) -> impl Strategy<Value = Act> {
    let wait = (0i64..40 * 86_400, 0i64..1_000_000);
    let short = (0i64..5 * 86_400, 0i64..1_000_000);
    let wanted = (0..PRICES.len(), 1u32..20).prop_map(|(place, pieces)| {
        let (price, by_the_piece) = PRICES[place];
        (price, by_the_piece.then_some(pieces))
    });
    let change = wanted
        .clone()
        .prop_map(|(price, pieces)| Act::Change { price, pieces });
    let forced = (wanted, any::<bool>()).prop_map(|((price, pieces), free)| Act::Force {
        price,
        pieces,
        force: if free { Force::Free } else { Force::Collected },
    });
    let grant = (0..GRANTED.len(), proptest::option::of(1i64..60));
    let grant = grant.prop_map(|(place, days)| Act::Grant {
        plan: GRANTED[place],
        days,
    });
    let own = prop_oneof![
        2 => wait.prop_map(|(seconds, micros)| Act::Wait { seconds, micros }),
        4 => short.prop_map(|(seconds, micros)| Act::Wait { seconds, micros }),
        3 => Just(Act::ToWake),
        4 => Just(Act::Tick),
        8 => change,
        3 => (1u32..20).prop_map(|pieces| Act::Resize { pieces }),
        7 => Just(Act::PayChange),
        6 => Just(Act::PayRenewal),
        1 => Just(Act::TakeBack),
        1 => Just(Act::Cancel),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
    ];
    let gifts = prop_oneof![
        2 => forced,
        1 => grant,
        1 => Just(Act::EndGrants),
    ];
    // A gift for eleven acts of the buyer's.
    (0u32..12, gifts, own).prop_map(
        move |(turn, gift, own)| {
            if given && turn == 0 { gift } else { own }
        },
    )
}

const GRANTED: [&str; 3] = ["basic", "plus", "max"];

/// What was bought, and in what shop.
#[derive(Debug, Clone)]
struct Buyer {
    first: usize,
    pieces: u32,
    lead: i64,
    least: i64,
    rows: BTreeMap<ChangeKind, ChangeRule>,
    discount: Option<Discount>,
}

prop_compose! {
    fn bought_in(rows: impl Strategy<Value = BTreeMap<ChangeKind, ChangeRule>>, given: bool)(
        first in 0..PRICES.len(),
        pieces in 1u32..20,
        lead in 0i64..8,
        least in 0i64..200,
        rows in rows,
        discount in proptest::option::of(discount()),
    ) -> Buyer {
        let discount = discount.filter(|_| given);
        Buyer { first, pieces, lead, least, rows, discount }
    }
}

/// A shop where every change is worth what is paid for it.
fn buyer() -> impl Strategy<Value = Buyer> {
    let kinds = [
        ChangeKind::Downgrade,
        ChangeKind::Shorter,
        ChangeKind::QuantityDown,
        ChangeKind::Lateral,
    ];
    let rows = any::<[bool; 4]>().prop_map(move |at_once| {
        let rows = kinds.into_iter().zip(at_once);
        let rows = rows.filter(|(_, at_once)| *at_once);
        rows.map(|(kind, _)| (kind, ChangeRule::Now(ChangeMoney::Charge)))
            .collect()
    });
    bought_in(rows, false)
}

/// A shop with any rule for every kind of change, and perhaps a discount.
fn favored() -> impl Strategy<Value = Buyer> {
    let rule = prop_oneof![
        3 => Just(ChangeRule::Now(ChangeMoney::Charge)),
        2 => Just(ChangeRule::Now(ChangeMoney::Credit)),
        2 => Just(ChangeRule::Now(ChangeMoney::Full)),
        2 => Just(ChangeRule::Now(ChangeMoney::None)),
        2 => Just(ChangeRule::PeriodEnd),
    ];
    let rules = proptest::collection::vec(rule, ChangeKind::ALL.len());
    let rows = rules.prop_map(|rules| {
        let rows = ChangeKind::ALL.into_iter().zip(rules);
        // No catalog says that: rates of other lengths have no difference.
        let nonsense = |kind, rule| {
            matches!(kind, ChangeKind::Longer | ChangeKind::Shorter)
                && rule == ChangeRule::Now(ChangeMoney::Credit)
        };
        rows.filter(|(kind, rule)| !nonsense(*kind, *rule))
            .collect()
    });
    bought_in(rows, true)
}

fn discount() -> impl Strategy<Value = Discount> {
    let reduction = prop_oneof![
        3 => (1u16..=WHOLE).prop_map(|basis_points| Reduction::Percent { basis_points }),
        1 => Just(Reduction::Percent { basis_points: WHOLE }),
        2 => (1i64..5_000).prop_map(|cents| Reduction::Fixed { amount: usd(cents) }),
        1 => (0i64..5_000).prop_map(|cents| Reduction::SetPrice { unit: usd(cents) }),
    ];
    let until = proptest::option::of(1u32..5);
    (reduction, until).prop_map(|(reduction, until_cycle)| Discount {
        code: Some(IdSeq::new(at("2026-01-01"), 7).draw()),
        reduction,
        until_cycle,
        ends_at: None,
    })
}

fn bought(buyer: &Buyer) -> World {
    let shop = edited(|draft| {
        draft.rules.changes.rows.extend(buyer.rows.clone());
        let least = usd(buyer.least);
        draft.rules.minimum_charge.insert(least.currency, least);
        for price in draft.plans.iter_mut().flat_map(|plan| &mut plan.prices) {
            if price.interval.interval().is_some() {
                price.lead = SignedDuration::from_hours(24 * buyer.lead);
            }
            // Prices that do not divide.
            price.amount.amount = price.amount.amount * 7 / 6 + 1;
        }
    });
    let (price, by_the_piece) = PRICES[buyer.first];
    let pieces = if by_the_piece { buyer.pieces } else { 1 };
    let mut terms = sold_by(&shop, price, pieces);
    terms.discount.clone_from(&buyer.discount);
    let mut world = World::joined("2026-01-31", shop);
    world.buy(terms);
    world
}

fn ask(world: &World, price: Option<&str>, pieces: Option<u32>) -> ChangeAsk {
    ChangeAsk {
        subscription: world.sub().id,
        plan: None,
        price: price.map(|price| price.parse().unwrap()),
        quantity: pieces,
    }
}

fn perform(world: &mut World, ledger: &mut Ledger, act: Act) {
    match act {
        Act::Wait { seconds, micros } => {
            let wait = SignedDuration::from_secs(seconds) + SignedDuration::from_micros(micros);
            let to = shifted(world.now, wait);
            ledger.pass(world, to);
        }
        Act::ToWake => {
            if let Some(wake) = world.account.wake_at().filter(|wake| *wake > world.now) {
                ledger.pass(world, wake);
            }
            world.fall_due(CatchUp::Current);
        }
        Act::Tick => world.fall_due(CatchUp::Current),
        Act::Change { price, pieces } => {
            if let Ok(quote) = world.quoted(&ask(world, Some(price), pieces), None) {
                accept(world, &quote);
            }
        }
        Act::Resize { pieces } => {
            if let Ok(quote) = world.quoted(&ask(world, None, Some(pieces)), None) {
                accept(world, &quote);
            }
        }
        Act::PayChange => {
            // Whatever has become of it.
            let last = world.account.changes.iter().rev();
            let waits = last
                .filter(|change| change.invoice.is_some())
                .map(|change| change.id);
            if let Some(change) = waits.clone().next() {
                let invoice = world.invoice_of(change).clone();
                ledger.receive(world, &invoice);
            }
        }
        Act::PayRenewal => {
            if let Some(invoice) = world.open_invoice().cloned() {
                world.link();
                ledger.receive(world, &invoice);
            }
        }
        Act::TakeBack => {
            let open = world
                .account
                .changes
                .iter()
                .rev()
                .find(|change| change.state.is_open());
            if let Some(change) = open.map(|change| change.id) {
                let _refused_or_not = world.take_back(change).is_ok();
            }
        }
        Act::Cancel => {
            // What is paused is forgone by canceling.
            let paused = matches!(world.sub().state, State::Paused { .. });
            if !paused {
                world.cancel(CancelWhen::PeriodEnd);
            }
        }
        Act::Pause => {
            // What is paused when a cancellation takes effect is forgone.
            let ends = world.sub().cancellation.is_some();
            if !ends {
                let _refused_or_not = world.pause().is_ok();
            }
        }
        Act::Resume => {
            let _refused_or_not = world.resume().is_ok();
        }
        Act::Force {
            price,
            pieces,
            force,
        } => {
            let (ask, catalog) = (ask(world, Some(price), pieces), world.catalog.clone());
            let force = |draft: &mut Draft| {
                decide::force_change(draft, &ask, force, "asked", None, &catalog)
            };
            let _refused_or_not = world.decide(force).is_ok();
        }
        Act::Grant { plan, days } => {
            let plan: PlanKey = plan.parse().unwrap();
            let ends_at =
                days.map(|days| shifted(world.now, SignedDuration::from_hours(24 * days)));
            world.decide(|draft| decide::add_grant(draft, plan, GrantReason::Comp, ends_at));
        }
        Act::EndGrants => {
            let held: Vec<_> = world.account.grants.iter().map(|held| held.id).collect();
            for grant in held {
                world.decide(|draft| decide::end_grant(draft, grant));
            }
        }
    }
}

fn accept(world: &mut World, quote: &Quote) {
    foresee(world, quote);
    world.accept(quote);
    let account = world.account.clone();
    world.accept(quote);
    assert_eq!(world.account, account, "accepted once");
}

/// Accepted and paid at once, the next invoice is the one that the quote foresaw.
fn foresee(world: &World, quote: &Quote) {
    let mut later = world.clone();
    let change = later.accept(quote);
    if later.state_of(change) == ChangeState::AwaitingPayment {
        later.pay_change(change);
    }
    let known: Vec<_> = later
        .account
        .invoices
        .iter()
        .map(|invoice| invoice.id)
        .collect();
    let next = loop {
        let made = later
            .account
            .invoices
            .iter()
            .find(|invoice| !known.contains(&invoice.id));
        if let Some(made) = made {
            break Some((made.period.unwrap().start, made.amount));
        }
        let wake = later.account.wake_at();
        let Some(wake) = wake.filter(|wake| *wake <= later.now.max(later.paid_through())) else {
            break None;
        };
        later.now = later.now.max(wake);
        later.fall_due(CatchUp::Current);
    };
    let foreseen = quote.next_charge.map(|next| (next.at, next.amount));
    assert_eq!(next, foreseen, "{quote:#?}");
}

/// What always holds.
fn check(world: &World, ledger: &Ledger) {
    let (sub, account) = (world.sub(), &world.account);
    let open: Vec<&Invoice> = account
        .invoices
        .iter()
        .filter(|held| held.is_open())
        .collect();
    assert!(open.iter().filter(|held| held.is_renewal()).count() <= 1);
    let mut keys = world.keys.clone();
    keys.sort();
    keys.dedup();
    assert_eq!(
        keys.len(),
        world.keys.len(),
        "each order under a key of its own"
    );
    let settled = |held: &&Invoice| matches!(held.state, InvoiceState::Settled { .. });
    let cycles: Vec<_> = account
        .invoices
        .iter()
        .filter(settled)
        .filter_map(|held| held.cycle)
        .collect();
    assert!(
        cycles.windows(2).all(|pair| pair[0] < pair[1]),
        "{cycles:?}"
    );
    // A change awaits its payment while its invoice is open, and is scheduled
    // while the subscription says so.
    let mut awaiting = 0;
    for change in &account.changes {
        let owed = change.invoice.and_then(|id| account.invoice(id));
        let waits = change.state == ChangeState::AwaitingPayment;
        awaiting += usize::from(waits);
        assert_eq!(waits, owed.is_some_and(Invoice::is_open), "{change:#?}");
        let why = sub.scheduled.as_ref().map(|to_come| to_come.why);
        let to_come = why == Some(Why::Change { change: change.id });
        assert_eq!(
            change.state == ChangeState::Scheduled,
            to_come,
            "{change:#?}"
        );
    }
    assert!(awaiting <= 1);
    for invoice in account
        .invoices
        .iter()
        .filter(|held| !held.lines.is_empty())
    {
        let total = sum(&invoice.lines, invoice.amount.currency).unwrap();
        assert_eq!(total, invoice.amount, "{invoice:#?}");
    }
    for paid in &sub.paid {
        assert!(paid.charged.amount >= 0);
        // What was charged is what its segments are worth, rounded once.
        let parts = paid.covered();
        let worth: i128 = parts
            .map(|(part, rate)| value_of(rate, part, paid.period))
            .sum();
        let charged = i128::from(paid.charged.amount) * UNIT;
        assert!((worth - charged).abs() <= UNIT / 2 + 1_000, "{paid:#?}");
        assert_eq!(paid.segments[0].from, paid.period.start);
    }
    assert!(
        sub.paid
            .windows(2)
            .all(|pair| pair[0].period.end == pair[1].period.start)
    );
    if let (State::Active, Some(last)) = (sub.state, sub.paid.last()) {
        assert_eq!(Some(last.period.end), sub.times.paid_through);
    }
    ledger.check(world);
}

/// What is held is the same whether or not a worker has run.
fn check_reading(world: &World, later: Timestamp) {
    // What the balance pays is paid by whoever looks, and what an invoice has drawn
    // on it comes back when somebody looks.
    let invoices = world.account.invoices.iter().filter(|held| held.is_open());
    let mut lines = invoices.flat_map(|held| &held.lines);
    if !world.account.customer.balances.is_empty() || lines.any(|line| line.kind.is_of_balance()) {
        return;
    }
    let mut asleep = world.clone();
    asleep.now = later;
    let mut awake = world.clone();
    for _ in 0..200 {
        let Some(wake) = awake.account.wake_at().filter(|wake| *wake <= later) else {
            break;
        };
        awake.now = awake.now.max(wake);
        awake.fall_due(CatchUp::Current);
    }
    awake.now = later;
    // So is what a discount makes free.
    let known = world.account.invoices.len();
    let mut since = awake.account.invoices.iter().skip(known);
    let free = since.any(|made| made.amount.is_zero());
    if free || !awake.account.customer.balances.is_empty() {
        return;
    }
    let (slept, woke) = (asleep.effective(), awake.effective());
    assert_eq!(
        (slept.plan, slept.entitlements),
        (woke.plan, woke.entitlements),
        "{:#?}",
        world.sub()
    );
    for (price, by_the_piece) in PRICES {
        let pieces = by_the_piece.then_some(5);
        let told = |world: &World| {
            let quote = world.quoted(&ask(world, Some(price), pieces), None);
            quote
                .map(|quote| {
                    (
                        quote.lines,
                        quote.owed_now,
                        quote.effective_at,
                        quote.next_charge,
                        quote.loses,
                    )
                })
                .map_err(QuoteRefusal::code)
        };
        let (slept, woke) = (told(&asleep), told(&awake));
        // Ended, it is refused by another word before anybody has seen the end.
        if slept.is_ok() || woke.is_ok() {
            assert_eq!(slept, woke, "{price} at {later}: {:#?}", world.sub());
        }
    }
}

/// Lives through `acts`, and holds what came in against what it was worth.
fn lives(buyer: &Buyer, acts: Vec<Act>, rates: Rates) -> World {
    let mut world = bought(buyer);
    let mut ledger = Ledger::new(&world, rates);
    check(&world, &ledger);
    for act in acts {
        let before = world.clone();
        perform(&mut world, &mut ledger, act);
        ledger.follow(&before, &world);
        check(&world, &ledger);
    }
    world
}

proptest! {
    // 300 lives of up to 60 acts take a few seconds; defects showed within the first 100.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where all is charged by its price, time is worth the price of what is held.
    #[test]
    fn no_money_is_made_or_lost(
        buyer in buyer(),
        acts in proptest::collection::vec(act(false), 1..60),
        later in 0i64..40,
    ) {
        let world = lives(&buyer, acts, Rates::Held);
        check_reading(&world, shifted(world.now, SignedDuration::from_hours(18 * later)));
    }

    /// Whatever the rows of the table say, with discounts, gifts and grants:
    /// nothing is given back that was not paid.
    #[test]
    fn no_policy_makes_or_loses_money(
        buyer in favored(),
        acts in proptest::collection::vec(act(true), 1..60),
        later in 0i64..40,
    ) {
        let world = lives(&buyer, acts, Rates::Paid);
        check_reading(&world, shifted(world.now, SignedDuration::from_hours(18 * later)));
    }
}

#[test]
fn the_ledger_sees_money_that_is_made() {
    // The check itself is checked: a cent more on the balance, or a plan for less.
    let world = holding_in(crate::shop::shop(), "2026-01-31", "plus-monthly", 1);
    let ledger = Ledger::new(&world, Rates::Held);
    check(&world, &ledger);
    let fails = |world: World| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.check(&world))).is_err()
    };
    let mut richer = world.clone();
    richer.account.customer.balances = vec![Money::new(2, usd(0).currency)];
    assert!(fails(richer));
    let mut cheaper = world;
    let held: &mut Subscription = &mut cheaper.account.subscriptions[0];
    held.paid[0].segments = vec![Segment {
        from: held.paid[0].period.start,
        rate: usd(2_998),
    }];
    assert!(fails(cheaper));
}
