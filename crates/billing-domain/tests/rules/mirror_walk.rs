//! Random lives of one provider-run subscription: whatever the provider says,
//! in whatever order, and whatever people ask meanwhile.

use std::collections::BTreeSet;

use billing_domain::catalog::{CatchUp, OnPastDue, OnPause};
use billing_domain::decide::{Begun, CancelWhen};
use billing_domain::fact::{Fact, Link, Observed, SubscriptionSnapshot, Upcoming};
use billing_domain::subscription::{Schedule, Status};
use billing_domain::time::{Interval, Period, Timestamp, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, sold};

#[derive(Debug, Clone, Copy)]
enum Act {
    Wait { hours: i64 },
    Wake,
    See(Told),
    Cancel(CancelWhen),
    Pause,
    Resume,
}

/// What the provider says of an instant that lies some hours back.
#[derive(Debug, Clone, Copy)]
struct Told {
    status: Status,
    hours_ago: i64,
    month: u32,
    canceling: bool,
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        1 => Just(Status::Incomplete),
        2 => Just(Status::Trialing),
        5 => Just(Status::Active),
        3 => Just(Status::PastDue),
        3 => Just(Status::Paused),
        1 => Just(Status::Lapsed),
        1 => Just(Status::Canceled),
        1 => Just(Status::Expired),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    (status(), 0i64..200, 0u32..5, any::<bool>()).prop_map(
        |(status, hours_ago, month, canceling)| Told {
            status,
            hours_ago,
            month,
            canceling,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1i64..60 * 24).prop_map(|hours| Act::Wait { hours }),
        4 => Just(Act::Wake),
        6 => told().prop_map(Act::See),
        1 => prop_oneof![Just(CancelWhen::PeriodEnd), Just(CancelWhen::AtOnce)].prop_map(Act::Cancel),
        1 => Just(Act::Pause),
        1 => Just(Act::Resume),
    ]
}

fn observed(begun: &Begun, now: Timestamp, told: Told) -> Observed {
    let start = at("2026-01-01");
    let period = Period::at(start, Interval::MONTH, told.month).expect("a month of this year");
    let snapshot = SubscriptionSnapshot {
        reference: "s-1".to_owned(),
        customer_ref: None,
        status: told.status,
        price_ref: "price_pro".to_owned(),
        quantity: 1,
        period: Some(period),
        trial_end: Some(period.end).filter(|_| told.status == Status::Trialing),
        first_charged_at: None,
        cancel_at: Some(period.end).filter(|_| told.canceling),
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    };
    Observed {
        fact: Fact::SubscriptionSeen(snapshot),
        at: shifted(now, SignedDuration::from_hours(-told.hours_ago)),
        link: Link {
            checkout: Some(begun.checkout),
            ..Link::default()
        },
    }
}

fn perform(world: &mut World, begun: &Begun, act: Act) {
    let held = !world.account.subscriptions.is_empty();
    match act {
        Act::Wait { hours } => {
            world.now = shifted(world.now, SignedDuration::from_hours(hours));
        }
        Act::Wake => {
            if let Some(wake) = world.account.wake_at() {
                world.now = world.now.max(wake);
            }
            world.fall_due(CatchUp::Current);
        }
        Act::See(told) => {
            let before = world.account.clone();
            let observed = observed(begun, world.now, told);
            let known = before.subscriptions.first().map(|held| &held.schedule);
            let stale = matches!(known, Some(Schedule::Provider { seen_at, .. })
                if observed.at < *seen_at);
            world.observe(&observed);
            if stale {
                assert_eq!(world.account, before, "an older word changes nothing");
            }
        }
        Act::Cancel(when) if held => {
            world.cancel(when);
        }
        // Refusals are answers too.
        Act::Pause if held => drop(world.pause()),
        Act::Resume if held => drop(world.resume()),
        Act::Cancel(_) | Act::Pause | Act::Resume => {}
    }
    // Nobody asks twice at one instant.
    world.now = shifted(world.now, SignedDuration::from_secs(1));
}

proptest! {
    // 500 lives of up to 30 acts take a few seconds.
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_due_settles_down_and_asks_each_thing_once(
        acts in proptest::collection::vec(act(), 1..30),
        on_past_due in prop_oneof![Just(OnPastDue::Keep), Just(OnPastDue::Grace), Just(OnPastDue::Cut)],
        on_pause in prop_oneof![Just(OnPause::Now), Just(OnPause::PeriodEnd)],
    ) {
        let mut world = World::new();
        let mut agreed = sold("pro-monthly", 1, true);
        agreed.on_past_due = on_past_due;
        agreed.on_pause = on_pause;
        let begun = world.begin(agreed, true);
        for act in acts {
            perform(&mut world, &begun, act);
            let before = world.effective();
            let mut later = world.clone();
            later.fall_due(CatchUp::Current);
            let wake = later.account.wake_at();
            prop_assert!(wake.is_none_or(|wake| wake > later.now), "{:#?}", later.account);
            prop_assert_eq!(later.effective().plan, before.plan, "access is of rows and now alone");
            prop_assert!(later.account.invoices.is_empty(), "the engine never invoices it");
            prop_assert!(later.account.subscriptions.len() <= 1);
            let keys: BTreeSet<_> = later.keys.iter().collect();
            prop_assert_eq!(keys.len(), later.keys.len(), "every order has a key of its own");
        }
    }
}
