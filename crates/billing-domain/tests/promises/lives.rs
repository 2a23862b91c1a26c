//! Random lives under random locks, with catalogs that are edited and clocks that
//! move as they like: no cycle is charged dearer than the promise allows, nor
//! before a notice that is old enough.

use billing_domain::catalog::{CatalogRevision, Lock, LockEnd};
use billing_domain::decide::{self, CancelWhen};
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::journal::Event;
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, catalog, lock, retired, terms};

#[derive(Debug, Clone)]
enum Act {
    Wait(i64),
    Wake,
    Tick,
    Link,
    Pay,
    Pause,
    Resume,
    Cancel,
    Edit(Lock),
}

const RETIRED: &str = "2026-01-15";

prop_compose! {
    fn any_lock(notice: u16)(
        until in prop_oneof![
            1 => Just(LockEnd::Forever),
            4 => (15u16..300).prop_map(|day| LockEnd::Until(at("2026-01-01") + days(day))),
            4 => (1u32..6).prop_map(LockEnd::Cycles),
        ],
        then in prop_oneof![Just("new"), Just("mid"), Just("low")],
    ) -> Lock {
        let then = until.needs_successor().then_some(then);
        Lock { notice: days(notice), ..lock(until, then) }
    }
}

fn act(notice: u16, edits: u32) -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1i64..40 * 24).prop_map(Act::Wait),
        6 => Just(Act::Wake),
        3 => Just(Act::Tick),
        6 => Just(Act::Link),
        8 => Just(Act::Pay),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        1 => Just(Act::Cancel),
        edits => any_lock(notice).prop_map(Act::Edit),
    ]
}

fn perform(world: &mut World, act: Act) {
    let id = world.sub().id;
    match act {
        Act::Wait(hours) => world.now = shifted(world.now, SignedDuration::from_hours(hours)),
        Act::Wake => {
            if let Some(wake) = world.account.wake_at() {
                world.now = world.now.max(wake);
            }
            world.fall_due();
        }
        Act::Tick => world.fall_due(),
        Act::Link => world.link(),
        Act::Pay => {
            if let Some(invoice) = world.account.open_invoice(id).map(|open| open.id) {
                world.pay(invoice);
            }
        }
        // Refusals change nothing.
        Act::Pause => drop(world.decide(|draft| decide::pause(draft, id))),
        Act::Resume => drop(world.decide(|draft| decide::resume(draft, id))),
        Act::Cancel => world.cancel(CancelWhen::PeriodEnd),
        Act::Edit(lock) => world.catalog = retired(&catalog(), "old", RETIRED, Some(lock)),
    }
}

/// What an invoice charges for a piece, and since when its cycle runs.
fn charges(invoice: &Invoice) -> (Timestamp, i64) {
    (invoice.period.unwrap().start, invoice.lines[0].base.amount)
}

fn key_of(amount: i64) -> &'static str {
    match amount {
        500 => "low",
        1_000 => "old",
        1_500 => "mid",
        2_000 => "new",
        _ => panic!("no price of {amount}"),
    }
}

/// Every settled cycle that is dearer than the one before was announced in time.
fn check_notices(world: &World, notice: SignedDuration) {
    let mut before = 1_000;
    for invoice in &world.account.invoices {
        if !invoice.is_renewal() || !matches!(invoice.state, InvoiceState::Settled { .. }) {
            continue;
        }
        let (start, amount) = charges(invoice);
        if amount > before {
            let told = world.journal.iter().any(|entry| {
                entry.event == Event::PriceChangeUpcoming
                    && shifted(entry.at, notice) <= start
                    && entry.note.as_ref().unwrap().starts_with(key_of(amount))
            });
            assert!(told, "{amount} from {start}");
        }
        before = amount;
    }
}

/// Every cycle that the lock covers costs what was promised, and none after it
/// unless its notice was late.
fn check_coverage(world: &World, lock: &Lock) {
    let mut counted = 0;
    for invoice in &world.account.invoices {
        if !invoice.is_renewal() || !matches!(invoice.state, InvoiceState::Settled { .. }) {
            continue;
        }
        let (start, amount) = charges(invoice);
        let covered = match lock.until {
            LockEnd::Until(end) => start < end,
            LockEnd::Cycles(cycles) => start < at(RETIRED) || counted < cycles,
            LockEnd::Forever | LockEnd::UntilChange => true,
        };
        if covered {
            assert_eq!(amount, 1_000, "the cycle of {start} is promised");
        }
        counted += u32::from(start >= at(RETIRED));
    }
}

fn life(lead: i64, first: &CatalogRevision) -> World {
    let mut world = World::new(catalog());
    let mut agreed = terms(&catalog(), "old", 1);
    agreed.lead = SignedDuration::from_hours(lead);
    world.buy(agreed);
    world.catalog = first.clone();
    world
}

proptest! {
    // Enough for pauses, lapses and edits to meet; each life takes some milliseconds.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_rise_comes_unannounced(
        (notice, first, acts) in (1u16..60).prop_flat_map(|notice| (
            Just(notice),
            any_lock(notice),
            proptest::collection::vec(act(notice, 1), 1..60),
        )),
        lead in 0i64..27 * 24,
    ) {
        let first = retired(&catalog(), "old", RETIRED, Some(first));
        let mut world = life(lead, &first);
        for act in acts {
            perform(&mut world, act);
            check_notices(&world, days(notice));
        }
    }

    #[test]
    fn what_is_promised_is_kept(
        (first, acts) in (1u16..60).prop_flat_map(|notice| (
            any_lock(notice),
            proptest::collection::vec(act(notice, 0), 1..60),
        )),
        lead in 0i64..27 * 24,
    ) {
        let catalog = retired(&catalog(), "old", RETIRED, Some(first.clone()));
        let mut world = life(lead, &catalog);
        for act in acts {
            perform(&mut world, act);
            check_coverage(&world, &first);
            prop_assert_eq!(world.findings(), Vec::<String>::new());
        }
    }
}
