//! Subscriptions that the provider runs: its newest word is believed.

use billing_domain::catalog::{CatchUp, OnPastDue, OnPause};
use billing_domain::decide::{
    Begun, CancelAnswer, CancelOutcome, CancelWhen, UncancelOutcome, Verdict,
    cancellation_answered, uncanceled,
};
use billing_domain::effect::Order;
use billing_domain::fact::{
    Fact, Link, Observed, ProviderInvoiceState, SubscriptionSnapshot, Upcoming,
};
use billing_domain::invoice::Purpose;
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::provider::RefKind;
use billing_domain::subscription::{ALARM_AFTER, Access, State, Status};
use billing_domain::terms::Terms;
use billing_domain::time::{Interval, Period, Timestamp, days, shifted};

use crate::common::{World, at, sold, usd};

pub(crate) fn snapshot(status: Status, start: &str, end: &str) -> SubscriptionSnapshot {
    SubscriptionSnapshot {
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
        first_charged_at: None,
        cancel_at: None,
        ended_at: None,
        paid_through: None,
        upcoming: Upcoming::default(),
    }
}

pub(crate) fn january(status: Status) -> SubscriptionSnapshot {
    snapshot(status, "2026-01-01", "2026-02-01")
}

pub(crate) fn february(status: Status) -> SubscriptionSnapshot {
    snapshot(status, "2026-02-01", "2026-03-01")
}

pub(crate) fn see(
    world: &mut World,
    begun: &Begun,
    at: Timestamp,
    seen: &SubscriptionSnapshot,
) -> Verdict {
    let link = Link {
        checkout: Some(begun.checkout),
        ..Link::default()
    };
    world.observe(&Observed {
        fact: Fact::SubscriptionSeen(seen.clone()),
        at,
        link,
    })
}

pub(crate) fn bought_on(agreed: Terms) -> (World, Begun) {
    let mut world = World::new();
    let begun = world.begin(agreed, true);
    let seen = january(Status::Active);
    see(&mut world, &begun, at("2026-01-01T00:01:00Z"), &seen);
    world.forget();
    (world, begun)
}

pub(crate) fn bought() -> (World, Begun) {
    bought_on(sold("pro-monthly", 1, true))
}

#[test]
fn the_engine_never_invoices_it_and_asks_after_three_days_of_silence() {
    let (mut world, _) = bought();
    assert_eq!(world.paid_through(), at("2026-02-01"));
    world.tick("2026-02-01");
    world.tick("2026-02-03T23:59:59Z");
    assert!(world.orders.is_empty());
    assert!(world.gives_access("2026-02-20"));
    assert_eq!(world.account.wake_at(), Some(at("2026-02-04")));
    world.tick("2026-02-04");
    assert!(
        matches!(&world.orders[..], [Order::ReadSubscription { reference, .. }]
        if reference == "s-1")
    );
    assert_eq!(
        world.account.wake_at(),
        Some(shifted(world.now, ALARM_AFTER))
    );
    assert!(world.open_invoice().is_none());
}

#[test]
fn older_and_known_snapshots_change_nothing() {
    let (mut world, begun) = bought();
    let now = at("2026-02-01T01:00:00Z");
    see(&mut world, &begun, now, &february(Status::Active));
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.count(Event::SubscriptionRenewed), 1);
    let before = world.account.clone();
    world.forget();
    let again = see(&mut world, &begun, now, &february(Status::Active));
    let older = at("2026-01-20");
    let old = see(&mut world, &begun, older, &january(Status::Canceled));
    assert_eq!((again, old), (Verdict::Decided, Verdict::Decided));
    assert_eq!(world.account, before);
    assert!(world.events.is_empty());
}

#[test]
fn another_word_of_the_same_instant_is_read_at_the_provider() {
    let (mut world, begun) = bought();
    let before = world.account.clone();
    let same = at("2026-01-01T00:01:00Z");
    let verdict = see(&mut world, &begun, same, &january(Status::PastDue));
    let Verdict::Read(object) = verdict else {
        panic!("decided a contradiction")
    };
    assert_eq!(
        (object.kind, object.id.as_str()),
        (RefKind::Subscription, "s-1")
    );
    assert_eq!(world.account, before);
}

#[test]
fn what_is_not_begun_yet_was_told_first_of_one_instant_whatever_comes_first() {
    for told in [Status::Active, Status::Trialing, Status::Expired] {
        let words = [january(Status::Incomplete), january(told)];
        let same = at("2026-01-01T00:01:00Z");
        let mut ends = Vec::new();
        for order in [[0, 1, 0], [1, 0, 1]] {
            let mut world = World::new();
            let begun = world.begin(sold("pro-monthly", 1, true), true);
            for word in order {
                let verdict = see(&mut world, &begun, same, &words[word]);
                assert_eq!(verdict, Verdict::Decided, "{told:?} {order:?}");
            }
            assert_eq!(world.status(), told, "{order:?}");
            ends.push(world.sub().clone());
        }
        assert_eq!(ends[0], ends[1], "{told:?}");
    }
}

#[test]
fn what_has_lapsed_goes_on_having_lapsed_then_however_often_it_is_read() {
    let (mut world, begun) = bought();
    let lapsed = |at| State::Lapsed { at };
    let first = at("2026-02-20");
    see(&mut world, &begun, first, &february(Status::Lapsed));
    assert_eq!(world.sub().state, lapsed(first));
    let march = |status| snapshot(status, "2026-03-01", "2026-04-01");
    let later = at("2026-03-02");
    see(&mut world, &begun, later, &march(Status::Lapsed));
    assert_eq!(world.sub().state, lapsed(first), "read again");
    // Paid in between, it lapses anew.
    see(&mut world, &begun, at("2026-03-10"), &march(Status::Active));
    let anew = at("2026-04-20");
    see(&mut world, &begun, anew, &march(Status::Lapsed));
    assert_eq!(world.sub().state, lapsed(anew));
}

#[test]
fn past_due_over_a_change_takes_no_paid_time() {
    let mut terms = sold("pro-monthly", 1, true);
    terms.on_past_due = OnPastDue::Cut;
    let (mut world, begun) = bought_on(terms);
    let owing = SubscriptionSnapshot {
        paid_through: Some(at("2026-02-01")),
        ..january(Status::PastDue)
    };
    see(&mut world, &begun, at("2026-01-10"), &owing);
    assert_eq!(world.status(), Status::PastDue);
    assert_eq!(world.paid_through(), at("2026-02-01"));
    assert!(world.gives_access("2026-01-31"));
    assert!(!world.gives_access("2026-02-01"));
}

#[test]
fn past_due_gives_access_by_the_plan() {
    let table = [
        (None, true, true),
        (Some(OnPastDue::Keep), true, true),
        (Some(OnPastDue::Grace), true, false),
        (Some(OnPastDue::Cut), false, false),
    ];
    for (on_past_due, in_grace, after) in table {
        let mut agreed = sold("pro-monthly", 1, true);
        if let Some(on_past_due) = on_past_due {
            agreed.on_past_due = on_past_due;
        }
        let (mut world, begun) = bought_on(agreed);
        let seen = february(Status::PastDue);
        see(&mut world, &begun, at("2026-02-01T01:00:00Z"), &seen);
        assert_eq!(world.sub().times.due_at, Some(at("2026-02-01")));
        assert_eq!(world.gives_access("2026-02-07T23:59:59Z"), in_grace);
        assert_eq!(world.gives_access("2026-02-08"), after);
        // Lapsing is the provider's to say.
        world.tick("2026-03-20");
        assert_eq!(world.status(), Status::PastDue);
        let now = world.now;
        world.forget();
        see(&mut world, &begun, now, &february(Status::Active));
        assert_eq!(world.status(), Status::Active);
        assert_eq!(world.count(Event::SubscriptionRenewed), 1);
        // Where access had ended it is given again, and that is told.
        let again = world.count(Event::SubscriptionActivated);
        assert_eq!(again, usize::from(!after));
    }
}

#[test]
fn every_end_falls_back_and_resuming_restores_exactly() {
    for status in [
        Status::Incomplete,
        Status::Lapsed,
        Status::Canceled,
        Status::Expired,
        Status::Paused,
    ] {
        let (mut world, begun) = bought();
        let before = world.effective().entitlements;
        see(&mut world, &begun, at("2026-01-10"), &january(status));
        world.go("2026-01-10");
        assert_eq!(world.plan(), "free", "{status:?}");
        see(
            &mut world,
            &begun,
            at("2026-01-11"),
            &january(Status::Active),
        );
        world.go("2026-01-11");
        assert_eq!(world.effective().entitlements, before, "{status:?}");
    }
}

#[test]
fn a_pause_lasts_by_the_plan() {
    let mut agreed = sold("pro-monthly", 1, true);
    agreed.on_pause = OnPause::PeriodEnd;
    let (mut world, begun) = bought_on(agreed);
    see(
        &mut world,
        &begun,
        at("2026-01-10"),
        &january(Status::Paused),
    );
    assert!(world.gives_access("2026-01-31T23:59:59Z"));
    assert!(!world.gives_access("2026-02-01"));
}

#[test]
fn an_unknown_price_keeps_the_plan_and_is_parked() {
    let (mut world, begun) = bought();
    let mut seen = february(Status::Active);
    seen.price_ref = "price_of_another".to_owned();
    see(&mut world, &begun, at("2026-02-01T01:00:00Z"), &seen);
    assert_eq!(world.plan(), "pro");
    assert_eq!(world.parked, [ParkReason::UnknownPrice]);
    assert_eq!(
        world.paid_through(),
        at("2026-03-01"),
        "the rest is believed"
    );
}

#[test]
fn a_known_price_changes_the_plan_and_the_quantity_follows() {
    let (mut world, begun) = bought();
    let mut seen = january(Status::Active);
    seen.price_ref = "price_team".to_owned();
    seen.quantity = 4;
    see(&mut world, &begun, at("2026-01-10"), &seen);
    assert_eq!(world.plan(), "team");
    assert_eq!(world.sub().terms.quantity, 4);
    assert_eq!(world.count(Event::PlanChanged), 1);
    seen.quantity = 5;
    see(&mut world, &begun, at("2026-01-11"), &seen);
    assert_eq!(world.sub().terms.quantity, 5);
    assert_eq!(world.count(Event::PlanChanged), 1);
}

#[test]
fn one_made_at_the_provider_is_taken_up_when_its_price_is_known() {
    for (price, known) in [("price_pro", true), ("price_none", false)] {
        let mut world = World::new();
        let mut seen = january(Status::Active);
        seen.price_ref = price.to_owned();
        world.tell(Fact::SubscriptionSeen(seen));
        assert_eq!(world.account.subscriptions.len(), usize::from(known));
        assert_eq!(world.plan(), if known { "pro" } else { "free" });
        assert_eq!(world.parked.len(), usize::from(!known));
    }
}

#[test]
fn canceling_is_asked_of_the_provider_and_believed_meanwhile() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    let ends = CancelOutcome::Ends {
        at: Some(at("2026-02-01")),
    };
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends);
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), CancelOutcome::Already);
    assert!(matches!(
        &world.orders[..],
        [Order::CancelSubscription { at_once: false, .. }]
    ));
    assert!(!world.gives_access("2026-02-01"));
    let mut seen = january(Status::Active);
    seen.cancel_at = Some(at("2026-02-01"));
    see(&mut world, &begun, at("2026-01-10T00:00:02Z"), &seen);
    assert_eq!(world.count(Event::SubscriptionCancelScheduled), 1);
    seen.cancel_at = None;
    see(&mut world, &begun, at("2026-01-12"), &seen);
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
    assert!(world.gives_access("2026-02-02"));
}

#[test]
fn what_is_told_while_a_cancellation_is_on_its_way_does_not_take_it_back() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    let on_the_way = january(Status::Active);
    see(&mut world, &begun, at("2026-01-10T00:00:02Z"), &on_the_way);
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 0);
    assert!(!world.gives_access("2026-02-01"));
    assert!(world.parked.is_empty());
}

#[test]
fn a_cancellation_that_came_to_nothing_stands_and_is_asked_for_again() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    let mut seen = january(Status::Active);
    for tried in ["2026-01-10T12:00:00Z", "2026-01-11T12:00:00Z"] {
        world.forget();
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
        // What is told of it meanwhile knows of no end.
        let now = world.now;
        see(&mut world, &begun, now, &seen);
        assert!(world.orders.is_empty(), "{:?}", world.orders);
        assert!(!world.gives_access("2026-02-01"));
        assert_eq!(world.sub().wake_at(None), Some(at(tried)));
        world.tick(tried);
        assert!(
            matches!(&world.orders[..], [Order::CancelSubscription { reference, at_once: false, .. }]
                if reference == "s-1"),
            "{:?}",
            world.orders
        );
        // On its way, it is not asked for once more.
        world.forget();
        world.tick(if tried < "2026-01-11" {
            "2026-01-11"
        } else {
            "2026-01-12"
        });
        assert!(world.orders.is_empty(), "{:?}", world.orders);
    }
    world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
    seen.cancel_at = Some(at("2026-02-01"));
    see(&mut world, &begun, at("2026-01-12T00:00:05Z"), &seen);
    world.forget();
    world.tick("2026-01-20");
    assert!(world.orders.is_empty(), "confirmed otherwise");
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 0);
}

#[test]
fn what_came_to_nothing_is_taken_back_at_once() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
    world.forget();
    let asked = world.uncancel();
    assert!(
        matches!(asked, Ok(UncancelOutcome::Asked(Some(_)))),
        "{asked:?}"
    );
    assert!(matches!(
        &world.orders[..],
        [Order::UndoCancellation { .. }]
    ));
    see(
        &mut world,
        &begun,
        at("2026-01-10T00:00:05Z"),
        &january(Status::Active),
    );
    let id = world.sub().id;
    world.decide(|draft| uncanceled(draft, id));
    // It is looked at, and then it goes on.
    let looked_at = at("2026-01-10T00:00:08Z");
    see(&mut world, &begun, looked_at, &january(Status::Active));
    assert_eq!(world.sub().cancellation, None);
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
    world.forget();
    world.tick("2026-01-11");
    assert!(world.orders.is_empty(), "{:?}", world.orders);
}

#[test]
fn a_taking_back_that_fails_leaves_what_came_to_nothing_to_be_asked_for() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
    world.uncancel().unwrap();
    // While it is being taken back nobody asks for it.
    world.forget();
    world.tick("2026-01-10T13:00:00Z");
    assert!(world.orders.is_empty(), "{:?}", world.orders);
    let id = world.sub().id;
    let effect = billing_domain::ids::IdSeq::new(world.now, 7).draw();
    let about = billing_domain::fact::About::Cancellation(id);
    world.tell(Fact::GivenUp { effect, about });
    world.forget();
    world.tick("2026-01-10T14:00:00Z");
    assert!(
        matches!(&world.orders[..], [Order::CancelSubscription { .. }]),
        "{:?}",
        world.orders
    );
    let now = world.now;
    see(&mut world, &begun, now, &january(Status::Active));
    assert!(!world.gives_access("2026-02-01"), "it ends as was told");
}

#[test]
fn what_comes_to_nothing_each_time_is_asked_for_no_more_after_a_week() {
    let (mut world, _begun) = bought();
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    let mut asked = 0;
    loop {
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
        world.forget();
        let Some(again) = world.sub().cancellation.unwrap().ask_again_at else {
            break;
        };
        world.now = again;
        let now = again.to_string();
        world.tick(&now);
        assert_eq!(world.orders.len(), 1, "{:?}", world.orders);
        asked += 1;
    }
    assert_eq!((asked, world.now), (14, at("2026-01-17")));
    assert!(!world.gives_access("2026-02-01"), "it stands all the same");
}

#[test]
fn what_is_renewed_though_its_cancellation_came_to_nothing_is_for_a_person() {
    let (mut world, begun) = bought();
    world.go("2026-01-31");
    world.cancel(CancelWhen::PeriodEnd);
    world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
    world.forget();
    world.go("2026-02-01T01:00:00Z");
    let mut renewed = january(Status::Active);
    renewed.period = Period::at(at("2026-01-01"), Interval::MONTH, 1).ok();
    see(&mut world, &begun, at("2026-02-01T01:00:00Z"), &renewed);
    assert_eq!(world.parked.len(), 1, "{:?}", world.evidence);
    let ends_at = world.sub().cancellation.map(|to_come| to_come.ends_at);
    assert_eq!(ends_at, Some(at("2026-03-01")));
    world.tick("2026-02-01T12:00:00Z");
    assert!(matches!(
        &world.orders[..],
        [Order::CancelSubscription { at_once: false, .. }]
    ));
}

#[test]
fn what_was_canceled_and_taken_back_there_goes_on_in_any_order_of_the_two() {
    let orders = [[true, false], [false, true]];
    for order in orders {
        let (mut world, begun) = bought();
        world.go("2026-01-10");
        world.cancel(CancelWhen::PeriodEnd);
        for canceled in order {
            let mut seen = january(Status::Active);
            seen.cancel_at = canceled.then(|| at("2026-02-01"));
            let told_at = at(if canceled { "2026-01-10" } else { "2026-01-11" });
            see(&mut world, &begun, told_at, &seen);
        }
        world.orders.clear();
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Done));
        // What is known, and is not what was answered, is looked at.
        if world.sub().cancellation.is_some() {
            assert!(matches!(
                &world.orders[..],
                [Order::ReadSubscription { .. }]
            ));
            let looked_at = at("2026-01-11T00:00:03Z");
            see(&mut world, &begun, looked_at, &january(Status::Active));
        }
        assert_eq!(world.sub().cancellation, None, "{order:?}");
        assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
        assert!(world.gives_access("2026-02-02"));
    }
}

#[test]
fn what_is_canceled_beside_other_word_of_that_second_is_never_said_to_go_on() {
    let ends = Some(at("2026-02-01"));
    // Where what is looked at, or the provider's own word of it, comes first.
    for looked_at in ["2026-01-10T00:00:01Z", "2026-01-10T00:00:04Z"] {
        let (mut world, begun) = bought();
        world.go("2026-01-10");
        world.cancel(CancelWhen::PeriodEnd);
        // Something else happened just before, and is told as newer than the answer.
        let mut seen = january(Status::Active);
        see(&mut world, &begun, at("2026-01-10T00:00:01Z"), &seen);
        seen.cancel_at = ends;
        see(&mut world, &begun, at("2026-01-10"), &seen);
        world.forget();
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Done));
        let held = world.sub().cancellation.map(|to_come| to_come.ends_at);
        assert_eq!(held, ends, "it has not been taken back");
        assert!(matches!(
            &world.orders[..],
            [Order::ReadSubscription { .. }]
        ));
        see(&mut world, &begun, at(looked_at), &seen);
        let held = world.sub().cancellation.map(|to_come| to_come.ends_at);
        assert_eq!(held, ends);
        assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 0);
    }
}

#[test]
fn what_is_renewed_before_its_cancellation_arrived_is_shown_to_a_person_once() {
    let confirmed = [None, Some("2026-03-01")];
    for cancel_at in confirmed {
        let (mut world, begun) = bought();
        world.go("2026-01-31T23:50:00Z");
        world.cancel(CancelWhen::PeriodEnd);
        world.go("2026-02-02");
        let mut renewed = february(Status::Active);
        renewed.cancel_at = cancel_at.map(at);
        see(&mut world, &begun, at("2026-02-01T00:10:00Z"), &renewed);
        let ends = world.sub().cancellation.map(|to_come| to_come.ends_at);
        assert_eq!(ends, Some(at("2026-03-01")), "it ends with what is paid");
        assert!(world.gives_access("2026-02-20"));
        renewed.cancel_at = Some(at("2026-03-01"));
        see(&mut world, &begun, at("2026-02-01T00:20:00Z"), &renewed);
        assert_eq!(world.parked, [ParkReason::Conflict], "once");
        assert!(world.evidence[0].contains("given back"));
        // As agreed from now on.
        assert!(!world.gives_access("2026-03-01"));
    }
}

#[test]
fn canceling_past_due_or_at_once_ends_it_now_and_once() {
    for past_due in [true, false] {
        let (mut world, begun) = bought();
        world.go("2026-02-02");
        let when = if past_due {
            see(
                &mut world,
                &begun,
                at("2026-02-01"),
                &february(Status::PastDue),
            );
            CancelWhen::PeriodEnd
        } else {
            see(
                &mut world,
                &begun,
                at("2026-02-01"),
                &february(Status::Active),
            );
            CancelWhen::AtOnce
        };
        let now = world.now;
        assert_eq!(world.cancel(when), CancelOutcome::Ends { at: Some(now) });
        assert!(!world.sub().gives_access(now));
        world.go("2026-02-03");
        assert_eq!(world.cancel(when), CancelOutcome::Already);
        assert!(matches!(
            &world.orders[..],
            [Order::CancelSubscription { at_once: true, .. }]
        ));
    }
}

#[test]
fn canceling_what_the_provider_gave_up_collecting_ends_it_now() {
    for status in [Status::Lapsed, Status::Incomplete] {
        let (mut world, begun) = bought();
        world.go("2026-02-02");
        see(&mut world, &begun, at("2026-02-01"), &february(status));
        let ends = CancelOutcome::Ends {
            at: Some(world.now),
        };
        assert_eq!(world.cancel(CancelWhen::PeriodEnd), ends);
        assert!(matches!(
            &world.orders[..],
            [Order::CancelSubscription { at_once: true, .. }]
        ));
    }
}

#[test]
fn silence_without_anybody_to_ask_never_makes_a_hot_loop() {
    let (mut world, _) = bought();
    world.tick("2026-01-02");
    let mut orphan = world.sub().clone();
    orphan.provider = None;
    world.account.put_subscription(orphan);
    world.tick("2026-02-04");
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn canceling_while_the_renewal_is_on_its_way_takes_nothing_away() {
    // The provider charges an hour into the period; its word is still out.
    let (mut world, _) = bought();
    world.go("2026-02-01T00:30:00Z");
    let outcome = world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(outcome, CancelOutcome::Ends { at: None });
    assert!(world.sub().gives_access(world.now));
}

#[test]
fn a_pause_pays_for_no_period_that_begins_in_it() {
    let (mut world, begun) = bought();
    for (day, seen, paid_through) in [
        ("2026-01-10", january(Status::Paused), "2026-02-01"),
        ("2026-02-01", february(Status::Paused), "2026-02-01"),
        ("2026-02-10", february(Status::Paused), "2026-02-01"),
        ("2026-02-20", february(Status::Active), "2026-03-01"),
        ("2026-02-21", february(Status::Paused), "2026-03-01"),
    ] {
        world.go(day);
        assert_eq!(
            see(&mut world, &begun, at(day), &seen),
            Verdict::Decided,
            "{day}"
        );
        assert_eq!(world.paid_through(), at(paid_through), "{day}");
    }
}

#[test]
fn pausing_and_resuming_are_asked_of_the_provider() {
    let (mut world, begun) = bought();
    world.go("2026-01-10");
    let before = world.account.clone();
    world.pause().unwrap();
    assert_eq!(world.account, before, "its word will tell");
    assert!(matches!(
        &world.orders[..],
        [Order::PauseSubscription { .. }]
    ));
    let now = world.now;
    see(&mut world, &begun, now, &january(Status::Paused));
    world.resume().unwrap();
    assert!(matches!(
        world.orders.last(),
        Some(Order::ResumeSubscription { .. })
    ));
}

#[test]
fn a_trial_becomes_paid_without_a_second_welcome() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let mut seen = snapshot(Status::Trialing, "2026-01-01", "2026-01-15");
    seen.trial_end = Some(at("2026-01-15"));
    see(&mut world, &begun, at("2026-01-01"), &seen);
    assert_eq!(
        world.sub().access(world.now),
        Access::Given {
            until: Some(at("2026-01-15"))
        }
    );
    let paid = snapshot(Status::Active, "2026-01-15", "2026-02-15");
    see(&mut world, &begun, at("2026-01-15T00:00:01Z"), &paid);
    assert_eq!(world.count(Event::SubscriptionActivated), 1);
    assert_eq!(world.count(Event::SubscriptionRenewed), 1);
}

#[test]
fn silence_never_makes_a_hot_loop() {
    let (mut world, _) = bought();
    world.tick("2026-01-02");
    world.forget();
    let mut wakes = Vec::new();
    for _ in 0..5 {
        world.now = world.account.wake_at().unwrap();
        world.fall_due(CatchUp::Current);
        wakes.push(world.account.wake_at().unwrap());
        assert!(world.account.wake_at().unwrap() >= shifted(world.now, days(3)));
    }
    assert!(wakes.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(world.orders.len(), 5);
}

/// A provider that is asked answers with what happened long ago: that is an
/// answer, and no reason to ask again at once.
#[test]
fn an_answer_about_long_ago_ends_the_silence() {
    let (mut world, begun) = bought();
    let long_ago = at("2026-02-01T01:00:00Z");
    for day in ["2026-02-10", "2026-02-20"] {
        world.tick(day);
        see(&mut world, &begun, long_ago, &january(Status::PastDue));
        let again = shifted(at(day), ALARM_AFTER);
        assert_eq!(world.account.wake_at(), Some(again));
    }
}

#[test]
fn canceled_while_paused_at_the_provider_it_asks_and_never_makes_a_hot_loop() {
    for at_provider in [true, false] {
        let (mut world, begun) = bought();
        world.go("2026-01-10");
        let mut paused = january(Status::Paused);
        if at_provider {
            paused.cancel_at = Some(at("2026-02-01"));
        }
        see(&mut world, &begun, at("2026-01-10"), &paused);
        if !at_provider {
            world.cancel(CancelWhen::PeriodEnd);
        }
        world.forget();
        // The cancellation's instant comes, and no word of the provider.
        world.tick("2026-02-01");
        assert!(world.orders.is_empty());
        for _ in 0..3 {
            world.now = world.account.wake_at().unwrap();
            world.fall_due(CatchUp::Current);
            assert!(world.account.wake_at().unwrap() >= shifted(world.now, days(3)));
        }
        assert_eq!(world.orders.len(), 3, "asked once every three days");
    }
}

#[test]
fn a_second_subscription_that_was_never_paid_is_no_duplicate() {
    let (mut world, _) = bought();
    let second = world.begin(sold("pro-monthly", 1, true), true);
    let told = |status| SubscriptionSnapshot {
        reference: "s-2".to_owned(),
        ..january(status)
    };
    see(
        &mut world,
        &second,
        at("2026-01-02"),
        &told(Status::Incomplete),
    );
    assert!(world.parked.is_empty());
    let mut paid = world.clone();
    see(
        &mut world,
        &second,
        at("2026-01-03"),
        &told(Status::Expired),
    );
    assert!(world.parked.is_empty());
    // Once it is paid it is one, and said so once.
    see(&mut paid, &second, at("2026-01-03"), &told(Status::Active));
    see(&mut paid, &second, at("2026-01-04"), &told(Status::PastDue));
    see(&mut paid, &second, at("2026-01-05"), &told(Status::Active));
    assert_eq!(paid.parked, [ParkReason::Duplicate]);
}

#[test]
fn two_subscriptions_that_name_one_checkout_stay_two() {
    let (mut world, begun) = bought();
    let second = SubscriptionSnapshot {
        reference: "s-2".to_owned(),
        ..january(Status::Active)
    };
    see(&mut world, &begun, at("2026-01-02"), &second);
    let ended = SubscriptionSnapshot {
        reference: "s-2".to_owned(),
        ..january(Status::Canceled)
    };
    see(&mut world, &begun, at("2026-01-03"), &ended);
    see(
        &mut world,
        &begun,
        at("2026-01-04"),
        &january(Status::Active),
    );
    assert_eq!(world.account.subscriptions.len(), 2);
    assert_eq!(world.parked, [ParkReason::Duplicate]);
    assert_eq!(
        world.plan(),
        "pro",
        "the first goes on when the second ends"
    );
}

#[test]
fn a_purchase_whose_payment_was_never_told_is_asked_about() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    let seen = january(Status::Incomplete);
    see(&mut world, &begun, at("2026-01-01T00:01:00Z"), &seen);
    world.tick("2026-01-02");
    world.forget();
    world.tick("2026-01-04T00:01:00Z");
    assert!(matches!(world.orders[..], [Order::ReadSubscription { .. }]));
    let expired = january(Status::Expired);
    see(&mut world, &begun, at("2026-01-04T00:02:00Z"), &expired);
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn a_providers_invoice_fails_once_until_it_is_paid() {
    for (purpose, event) in [
        (Purpose::Renewal, Event::SubscriptionRenewalFailed),
        (Purpose::Purchase, Event::InvoicePaymentFailed),
        (Purpose::OneTime, Event::InvoicePaymentFailed),
    ] {
        let (mut world, _begun) = bought();
        let told = |world: &mut World, when: &str, state| {
            let fact = Fact::ProviderInvoiceSeen {
                reference: "i-2".to_owned(),
                subscription_ref: Some("s-1".to_owned()),
                amount: usd(1_000),
                collected: None,
                opened_at: None,
                tried: None,
                period: None,
                state,
                purpose: Some(purpose),
            };
            world.tell_of(at(when), fact);
        };
        for when in ["2026-02-01", "2026-02-02", "2026-02-03"] {
            told(&mut world, when, ProviderInvoiceState::Failed);
        }
        assert_eq!(world.count(event), 1, "{purpose:?}");
        assert!(world.account.invoices.iter().any(|held| held.failed));
        told(&mut world, "2026-02-04", ProviderInvoiceState::Paid);
        told(&mut world, "2026-02-03", ProviderInvoiceState::Failed);
        assert!(!world.account.invoices.iter().any(|held| held.failed));
        let of_failure = [
            Event::SubscriptionRenewalFailed,
            Event::InvoicePaymentFailed,
        ];
        let told: usize = of_failure.map(|event| world.count(event)).iter().sum();
        assert_eq!(told, 1, "{purpose:?}");
    }
}
