//! What a subscription gives at an instant: every state, times, plan and schedule.

use billing_domain::catalog::OnPastDue;
use billing_domain::subscription::{
    Access, Cancellation, NoAccess, Schedule, State, Subscription, Times,
};
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::common::{World, at, terms};

/// Where the provider runs the schedule, and where the engine does.
fn schedules() -> [Schedule; 2] {
    [
        Schedule::Engine {
            anchor: at("2026-01-01"),
            next_period: 1,
            cycle: 1,
            failures: 0,
            elapsed_months: 0,
            taken_back: 0,
        },
        Schedule::Provider {
            reference: "s-1".to_owned(),
            seen_at: at("2026-01-01"),
            seen_digest: 0,
        },
    ]
}

/// Paid through February 1st, due when it says, with a week of grace and a
/// stall limit of 30 days.
fn held(schedule: Schedule, state: State, on: OnPastDue, due: Option<&str>) -> Subscription {
    let mut held = World::bought(terms("pro-monthly")).sub().clone();
    held.schedule = schedule;
    held.state = state;
    held.terms.on_past_due = on;
    let due_at = due.map(at);
    held.times = Times {
        paid_through: Some(at("2026-02-01")),
        due_at,
        next_attempt_at: None,
        grace_ends_at: due_at.map(|due_at| shifted(due_at, days(7))),
    };
    held
}

/// The end of access; `None`: none in sight, `Err`: there is none now.
fn end(held: &Subscription, now: &str) -> Result<Option<Timestamp>, NoAccess> {
    match held.access(at(now)) {
        Access::Given { until } => Ok(until),
        Access::Denied(reason) => Err(reason),
    }
}

#[test]
fn what_is_paid_or_owing() {
    let [engine, provider] = schedules();
    let past_due = State::PastDue {
        since: at("2026-02-01"),
        no_grace: false,
    };
    let link = Some("2026-02-01");
    let late_link = Some("2026-02-10");
    let (keep, grace, cut) = (OnPastDue::Keep, OnPastDue::Grace, OnPastDue::Cut);
    let by = |text: &str| Some(at(text));
    let table = [
        // Engine-run: as active until it is paid through, then as past due.
        (&engine, State::Active, grace, None, by("2026-03-03")),
        (&engine, past_due, grace, None, by("2026-03-03")),
        (&engine, past_due, cut, None, by("2026-03-03")),
        (&engine, State::Active, grace, link, by("2026-02-08")),
        (&engine, past_due, grace, link, by("2026-02-08")),
        (&engine, past_due, grace, late_link, by("2026-02-17")),
        (&engine, State::Active, cut, link, by("2026-02-01")),
        (&engine, past_due, cut, late_link, by("2026-02-10")),
        // Whoever has no schedule to keep it open until cannot keep it open.
        (&engine, past_due, keep, link, by("2026-02-08")),
        // Provider-run: until its word says otherwise, except where the plan does.
        (&provider, State::Active, grace, None, None),
        (&provider, State::Active, cut, None, None),
        (&provider, past_due, keep, link, None),
        (&provider, past_due, grace, link, by("2026-02-08")),
        (&provider, past_due, cut, link, by("2026-02-01")),
    ];
    for (schedule, state, on, due, expected) in table {
        let held = held(schedule.clone(), state, on, due);
        let said = format!("{schedule:?} {state:?} {on:?} {due:?}");
        assert_eq!(end(&held, "2026-01-20"), Ok(expected), "{said}");
        if let Some(expected) = expected {
            let before = shifted(expected, SignedDuration::from_micros(-1));
            assert!(held.gives_access(before), "{said}");
            assert_eq!(
                held.access(expected),
                Access::Denied(NoAccess::Unpaid),
                "{said}"
            );
        } else {
            assert!(held.gives_access(at("2036-01-01")), "{said}");
        }
    }
}

#[test]
fn every_other_state_says_why_or_until_when() {
    let (now, soon) = (at("2026-01-10"), at("2026-01-20"));
    let trialing = State::Trialing {
        ends_at: soon,
        noticed: false,
    };
    let paused = |access_until| State::Paused {
        since: now,
        access_until,
        remaining: SignedDuration::ZERO,
    };
    let canceled = |ends_at| State::Canceled { ends_at };
    let no_grace = |since: &str| State::PastDue {
        since: at(since),
        no_grace: true,
    };
    let table = [
        (State::Incomplete, Err(NoAccess::Incomplete)),
        (trialing, Ok((soon, NoAccess::TrialOver))),
        (paused(None), Err(NoAccess::Paused)),
        (paused(Some(soon)), Ok((soon, NoAccess::Paused))),
        (State::Lapsed { at: now }, Err(NoAccess::Unpaid)),
        (canceled(now), Err(NoAccess::Canceled)),
        (canceled(soon), Ok((soon, NoAccess::Canceled))),
        (State::Expired { at: now }, Err(NoAccess::Expired)),
        (no_grace("2026-02-01"), Err(NoAccess::TrialOver)),
        (no_grace("2026-02-02"), Err(NoAccess::Unpaid)),
    ];
    for schedule in schedules() {
        for (state, expected) in table {
            let held = held(schedule.clone(), state, OnPastDue::Grace, None);
            match expected {
                Err(reason) => assert_eq!(held.access(now), Access::Denied(reason)),
                Ok((until, reason)) => {
                    let given = Access::Given { until: Some(until) };
                    assert_eq!(held.access(now), given, "{state:?}");
                    assert_eq!(held.access(until), Access::Denied(reason));
                }
            }
        }
    }
}

#[test]
fn a_cancellation_to_come_ends_it_sooner_and_never_later() {
    let cancellation = |ends_at: &str| {
        Some(Cancellation {
            requested_at: at("2026-01-02"),
            ends_at: at(ends_at),
            unconfirmed: false,
            ask_again_at: None,
            asked_again: 0,
            taken_back: None,
        })
    };
    for schedule in schedules() {
        let mut held = held(schedule, State::Active, OnPastDue::Grace, None);
        held.cancellation = cancellation("2026-02-01");
        assert_eq!(end(&held, "2026-01-20"), Ok(Some(at("2026-02-01"))));
        assert_eq!(end(&held, "2026-02-01"), Err(NoAccess::Canceled));
    }
    let trialing = State::Trialing {
        ends_at: at("2026-01-15"),
        noticed: true,
    };
    let [engine, _] = schedules();
    let mut held = held(engine, trialing, OnPastDue::Grace, None);
    held.cancellation = cancellation("2026-02-01");
    assert_eq!(end(&held, "2026-01-10"), Ok(Some(at("2026-01-15"))));
    assert_eq!(end(&held, "2026-01-15"), Err(NoAccess::TrialOver));
}

#[test]
fn what_is_held_for_ever_has_no_end() {
    let mut held = held(Schedule::Perpetual, State::Active, OnPastDue::Cut, None);
    held.times = Times::default();
    assert_eq!(end(&held, "2099-01-01"), Ok(None));
}

fn day() -> impl Strategy<Value = Timestamp> {
    (0i64..200).prop_map(|day| shifted(at("2026-01-01"), SignedDuration::from_hours(day * 12)))
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Incomplete),
        Just(State::Active),
        (day(), any::<bool>()).prop_map(|(ends_at, noticed)| State::Trialing { ends_at, noticed }),
        (day(), any::<bool>()).prop_map(|(since, no_grace)| State::PastDue { since, no_grace }),
        (day(), proptest::option::of(day())).prop_map(|(since, access_until)| State::Paused {
            since,
            access_until,
            remaining: SignedDuration::ZERO
        }),
        day().prop_map(|at| State::Lapsed { at }),
        day().prop_map(|ends_at| State::Canceled { ends_at }),
        day().prop_map(|at| State::Expired { at }),
    ]
}

prop_compose! {
    pub(crate) fn any_subscription()(
        state in any_state(),
        schedule in 0usize..3,
        on in prop_oneof![Just(OnPastDue::Keep), Just(OnPastDue::Grace), Just(OnPastDue::Cut)],
        renews in any::<bool>(),
        paid_through in proptest::option::of(day()),
        due_at in proptest::option::of(day()),
        cancellation in proptest::option::of(day()),
    ) -> Subscription {
        let [engine, provider] = schedules();
        let schedule = match schedule {
            0 => engine,
            1 => provider,
            _ => Schedule::Perpetual,
        };
        let mut held = held(schedule, state, on, None);
        held.terms.renews = renews;
        let due_at = due_at.map(|due| paid_through.map_or(due, |end| end.max(due)));
        held.times.paid_through = paid_through;
        held.times.due_at = due_at;
        held.times.grace_ends_at = due_at.map(|due| shifted(due, held.terms.grace));
        held.cancellation = cancellation.map(|ends_at| Cancellation {
            requested_at: at("2026-01-01"),
            ends_at,
            unconfirmed: false,
            ask_again_at: None,
asked_again: 0,
        taken_back: None,
        });
        held
    }
}

proptest! {
    /// Access that has ended never comes back by time alone, and ends exactly
    /// when it was said to.
    #[test]
    fn time_alone_only_ends_access_and_when_it_was_said(held in any_subscription(), now in day(), later in day()) {
        let (now, later) = (now.min(later), now.max(later));
        match held.access(now) {
            Access::Given { until } => {
                let over = until.is_some_and(|until| until <= later);
                prop_assert_eq!(held.gives_access(later), !over);
                if !over {
                    prop_assert_eq!(held.access(later), Access::Given { until });
                }
            }
            denied @ Access::Denied(_) => prop_assert_eq!(held.access(later), denied),
        }
    }

    /// Never beyond what was paid, graced, stalled or on trial, where the engine runs it.
    #[test]
    fn access_never_outlives_its_reasons(held in any_subscription(), now in day()) {
        let [engine, _] = schedules();
        let mut held = held;
        held.schedule = engine;
        held.times.paid_through.get_or_insert(at("2026-02-01"));
        let reasons = [
            held.times.paid_through.map(|end| shifted(end, held.terms.stall_limit)).filter(|_| held.times.due_at.is_none()),
            held.times.grace_ends_at,
            held.times.paid_through,
            match held.state {
                State::Trialing { ends_at, .. } | State::Canceled { ends_at } => Some(ends_at),
                State::Paused { access_until, .. } => access_until,
                State::Incomplete | State::Active | State::PastDue { .. } | State::Lapsed { .. } | State::Expired { .. } => None,
            },
        ];
        let latest = reasons.into_iter().flatten().max().unwrap();
        prop_assert!(!held.gives_access(now) || now < latest);
    }

    /// Never before the end of what was paid, except by an act of somebody.
    #[test]
    fn access_never_ends_before_what_is_paid(held in any_subscription(), now in day()) {
        let paid = held.times.paid_through.is_some_and(|end| now < end);
        let by_nobody = held.cancellation.is_none()
            && matches!(held.state, State::Active | State::PastDue { no_grace: false, .. });
        if paid && by_nobody {
            prop_assert!(held.gives_access(now));
        }
    }
}
