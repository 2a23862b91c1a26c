//! Random lives of one engine-run subscription: whatever people, providers and
//! workers do, and whenever, the invariants hold.

use billing_domain::catalog::{CatchUp, OnPastDue, OnPause};
use billing_domain::decide::{CancelWhen, PauseOutcome};
use billing_domain::fact::Fact;
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::subscription::{Schedule, State, Subscription};
use billing_domain::terms::Terms;
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, terms, usd};

#[derive(Debug, Clone, Copy)]
enum Act {
    Wait { hours: i64 },
    Wake,
    Tick,
    Link,
    Pay { hours_ago: i64, again: bool },
    PayShort,
    PayVoided,
    Decline,
    Cancel(CancelWhen),
    Pause,
    Resume,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1i64..30 * 24).prop_map(|hours| Act::Wait { hours }),
        1 => (1i64..120 * 24).prop_map(|hours| Act::Wait { hours }),
        4 => Just(Act::Wake),
        4 => Just(Act::Tick),
        4 => Just(Act::Link),
        6 => (0i64..72, any::<bool>()).prop_map(|(hours_ago, again)| Act::Pay { hours_ago, again }),
        1 => Just(Act::PayShort),
        1 => Just(Act::PayVoided),
        1 => Just(Act::Decline),
        1 => prop_oneof![Just(CancelWhen::PeriodEnd), Just(CancelWhen::AtOnce)].prop_map(Act::Cancel),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
    ]
}

prop_compose! {
    fn agreed()(
        price in prop_oneof![Just("pro-monthly"), Just("pro-daily"), Just("pro-gratis")],
        renews in proptest::bool::weighted(0.9),
        trial in proptest::option::weighted(0.3, 1u16..30),
        grace in 0u16..20,
        lead in 0i64..23,
        cut in any::<bool>(),
        on_pause in prop_oneof![Just(OnPause::Now), Just(OnPause::PeriodEnd)],
    ) -> Terms {
        let mut agreed = terms(price);
        agreed.renews = renews;
        agreed.trial = trial.map(days);
        agreed.grace = days(grace);
        agreed.lead = SignedDuration::from_hours(lead);
        agreed.on_past_due = if cut { OnPastDue::Cut } else { OnPastDue::Grace };
        agreed.on_pause = on_pause;
        agreed
    }
}

fn catch_up() -> impl Strategy<Value = CatchUp> {
    prop_oneof![Just(CatchUp::Current), Just(CatchUp::Each)]
}

fn hours_ago(now: Timestamp, hours: i64) -> Timestamp {
    shifted(now, SignedDuration::from_hours(-hours))
}

fn perform(world: &mut World, act: Act, catch_up: CatchUp) {
    let invoice = world.open_invoice().cloned();
    match (act, invoice) {
        (Act::Wait { hours }, _) => {
            world.now = shifted(world.now, SignedDuration::from_hours(hours));
        }
        (Act::Wake, _) => {
            if let Some(wake) = world.account.wake_at() {
                world.now = world.now.max(wake);
            }
            world.fall_due(catch_up);
        }
        (Act::Tick, _) => world.fall_due(catch_up),
        (Act::Link, Some(_)) => {
            world.link();
        }
        (
            Act::Pay {
                hours_ago: h,
                again,
            },
            Some(invoice),
        ) => {
            let at = hours_ago(world.now, h).max(invoice.opened_at);
            let payment = format!("pay-{}", invoice.id);
            world.pay_as(invoice.id, &payment, invoice.amount, at);
            let account = world.account.clone();
            world.pay_as(invoice.id, &payment, invoice.amount, at);
            assert_eq!(world.account, account, "told again, nothing changes");
            if again {
                world.pay_as(invoice.id, "twice", invoice.amount, at);
            }
        }
        (Act::PayShort, Some(invoice)) => world.pay_as(invoice.id, "short", usd(1), world.now),
        (Act::PayVoided, _) => {
            let voided = |held: &&Invoice| matches!(held.state, InvoiceState::Void { .. });
            if let Some(invoice) = world.account.invoices.iter().find(voided).cloned() {
                let before = world.sub().clone();
                world.pay_as(invoice.id, "voided", invoice.amount, world.now);
                assert_eq!(world.sub(), &before);
            }
        }
        (Act::Decline, Some(invoice)) => {
            world.tell(Fact::PaymentFailed {
                invoice: invoice.id,
                reason: "declined".to_owned(),
            });
        }
        (Act::Cancel(when), _) => {
            world.cancel(when);
        }
        // Refusals are answers too, and change nothing.
        (Act::Pause, _) => {
            let before = world.account.clone();
            if world.pause().is_err() {
                assert_eq!(world.account, before);
            }
        }
        (Act::Resume, _) => {
            let before = world.account.clone();
            match (world.resume(), before.subscriptions[0].state) {
                (Ok(_), State::Paused { since, .. }) => {
                    world.paused = world.paused.saturating_add(world.now.duration_since(since));
                }
                (Ok(PauseOutcome::Done | PauseOutcome::Asked), state) => {
                    panic!("resumed what is {state:?}")
                }
                (Ok(PauseOutcome::Already) | Err(_), _) => assert_eq!(world.account, before),
            }
        }
        (Act::Link | Act::Pay { .. } | Act::PayShort | Act::Decline, None) => {}
    }
}

fn cycle(world: &World) -> u32 {
    match world.sub().schedule {
        Schedule::Engine { cycle, .. } => cycle,
        Schedule::Provider { .. } | Schedule::Perpetual => panic!("not engine-run"),
    }
}

/// The end of what was paid for, from the money alone: the latest period that a
/// settled invoice names, or the trial, and the time that pauses gave back.
fn paid_for(world: &World) -> Timestamp {
    let sub = world.sub();
    let settled = |held: &&Invoice| matches!(held.state, InvoiceState::Settled { .. });
    let periods = world.account.invoices.iter().filter(settled);
    let trial = sub.terms.trial.map(|trial| shifted(sub.created_at, trial));
    let ends = periods.filter_map(|held| Some(held.period?.end));
    let end = ends.chain(trial).max().unwrap_or(sub.created_at);
    shifted(end, world.paused)
}

/// Access never outlives what was paid, but for the grace of a due date or,
/// without one, the stall limit.
fn check_against_money(world: &World) {
    let (sub, paid_for) = (world.sub(), paid_for(world));
    let times = sub.times;
    assert!(
        times.paid_through.is_none_or(|end| end <= paid_for),
        "paid for until {paid_for}: {sub:#?}"
    );
    let tolerated = match times.due_at {
        Some(due) => shifted(due, sub.terms.grace),
        None if sub.terms.renews => shifted(paid_for, sub.terms.stall_limit),
        None => paid_for,
    };
    assert!(
        !sub.gives_access(world.now) || world.now < tolerated.max(paid_for),
        "at {}, paid for until {paid_for}: {sub:#?}",
        world.now
    );
}

/// What always holds of a life, at any instant of it.
fn check(world: &World) {
    let sub = world.sub();
    let open = |held: &&Invoice| held.is_open();
    assert!(world.account.invoices.iter().filter(open).count() <= 1);
    assert_eq!(world.account.subscriptions.len(), 1);
    let times = sub.times;
    // No due date without the invoice that is due; grace hangs on it.
    assert!(times.due_at.is_none() || world.open_invoice().is_some());
    let grace_end = times.due_at.map(|due| shifted(due, sub.terms.grace));
    assert_eq!(times.grace_ends_at, grace_end);
    assert!(times.due_at.is_none() || times.due_at >= times.paid_through);
    // Each credited cycle once, with a number and an end of its own.
    let mut cycles = Vec::new();
    for invoice in &world.account.invoices {
        let credited: Vec<_> = invoice
            .payments
            .iter()
            .filter(|paid| paid.credited)
            .collect();
        match invoice.state {
            InvoiceState::Settled { .. } => {
                assert_eq!(credited.len(), usize::from(!invoice.amount.is_zero()));
                assert!(credited.iter().all(|paid| paid.amount == invoice.amount));
                cycles.push(invoice.cycle.unwrap());
            }
            InvoiceState::Open | InvoiceState::Void { .. } => assert!(credited.is_empty()),
        }
    }
    assert!(
        cycles.windows(2).all(|pair| pair[0] < pair[1]),
        "{cycles:?}"
    );
    assert!(cycles.last().is_none_or(|last| *last <= cycle(world)));
    if !sub.terms.unit.is_zero() {
        check_against_money(world);
    }
    // What is paid is given.
    let paid = times.paid_through.is_some_and(|end| world.now < end);
    let running = matches!(sub.state, State::Active | State::Trialing { .. });
    if paid && running {
        assert!(sub.gives_access(world.now), "{sub:#?} at {}", world.now);
    }
}

/// What is due settles down, and changes nothing that time had not changed.
fn check_falling_due(world: &World, catch_up: CatchUp) {
    let mut later = world.clone();
    let before = later.effective();
    for _ in 0..50 {
        let wake = later.account.wake_at();
        if wake.is_none_or(|wake| wake > later.now) {
            break;
        }
        let account = later.account.clone();
        later.fall_due(catch_up);
        assert!(
            later.account != account || later.account.wake_at() > wake,
            "a hot loop: {:#?}",
            later.sub()
        );
        check(&later);
    }
    assert!(later.account.wake_at().is_none_or(|wake| wake > later.now));
    // What is free, or paid from the balance, is paid by whoever looks.
    if !world.sub().terms.unit.is_zero() && world.account.customer.balances.is_empty() {
        let after = later.effective();
        assert_eq!(before.plan, after.plan, "{:#?}", world.sub());
        assert_eq!(before.entitlements, after.entitlements);
    }
}

proptest! {
    // 500 lives of up to 40 acts take a few seconds; defects showed within the first 50.
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_in_every_life(
        agreed in agreed(),
        acts in proptest::collection::vec(act(), 1..40),
        catch_up in catch_up(),
    ) {
        let mut world = World::bought(agreed);
        check(&world);
        for act in acts {
            let (before, over) = (cycle(&world), world.sub().is_over());
            perform(&mut world, act, catch_up);
            check(&world);
            check_falling_due(&world, catch_up);
            // A cycle whose invoice is taken back is the next one once more.
            prop_assert!(cycle(&world) + 1 >= before);
            prop_assert!(!over || world.sub().is_over());
        }
    }

    /// A worker that is on time and one that comes late decide the same, where
    /// nobody does anything in between that only the first could know.
    #[test]
    fn a_late_worker_decides_the_same_lapse(agreed in agreed(), late in 1i64..200, at_link in 0i64..48) {
        let agreed = Terms {
            unit: usd(700),
            renews: true,
            trial: None,
            ..agreed
        };
        let mut on_time = World::bought(agreed);
        on_time.now = on_time.account.wake_at().unwrap();
        on_time.fall_due(CatchUp::Current);
        on_time.now = shifted(on_time.now, SignedDuration::from_hours(at_link));
        on_time.link();
        let mut sleeper = on_time.clone();
        let end = on_time.sub().times.grace_ends_at.unwrap();
        while let Some(wake) = on_time.account.wake_at() {
            on_time.now = on_time.now.max(wake);
            on_time.fall_due(CatchUp::Current);
        }
        sleeper.now = shifted(end.max(sleeper.now), SignedDuration::from_hours(late));
        sleeper.fall_due(CatchUp::Current);
        prop_assert_eq!(sleeper.sub().state, State::Lapsed { at: end });
        // But for what was told, which helps nobody any more.
        let untold = |held: &Subscription| Subscription { reminded: None, ..held.clone() };
        prop_assert_eq!(untold(sleeper.sub()), untold(on_time.sub()));
    }

    /// It is woken no later than it changes by time: a period that ends, grace
    /// that ends, a trial, a cancellation.
    #[test]
    fn it_is_woken_when_its_status_is_to_change(
        agreed in agreed(),
        acts in proptest::collection::vec(act(), 1..25),
    ) {
        let mut world = World::bought(agreed);
        for act in acts {
            perform(&mut world, act, CatchUp::Current);
            let sub = world.sub();
            let wake = world.account.wake_at();
            let changes = match sub.state {
                State::Trialing { ends_at, .. } => Some(ends_at),
                State::Active => sub.times.paid_through,
                State::PastDue { .. } => sub.times.grace_ends_at,
                State::Paused { .. } => sub.cancellation.map(|to_come| to_come.ends_at),
                State::Incomplete | State::Lapsed { .. } | State::Canceled { .. } | State::Expired { .. } => None,
            };
            if let Some(change) = changes {
                prop_assert!(wake.is_some_and(|wake| wake <= change.max(world.now)), "{:?} after {change}: {sub:#?}", wake);
            }
        }
    }
}

#[test]
fn a_life_by_the_calendar() {
    // One life that the walk could take, spelled out so that the walk itself is checked.
    let mut world = World::bought(terms("pro-monthly"));
    perform(&mut world, Act::Wake, CatchUp::Current);
    assert_eq!(world.now, at("2026-02-01"));
    perform(&mut world, Act::Link, CatchUp::Current);
    let paying = Act::Pay {
        hours_ago: 0,
        again: true,
    };
    perform(&mut world, paying, CatchUp::Current);
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.parked.len(), 1, "the second payment");
    assert_eq!(cycle(&world), 1);
}
