//! Taking a cancellation back: until its instant, once, and by the provider's word
//! where that runs the schedule.

use billing_domain::catalog::LicenseRule;
use billing_domain::decide::{
    Begun, CancelAnswer, CancelOutcome, CancelWhen, UncancelOutcome, UncancelRefusal,
    cancellation_answered, cancellation_forgone, uncancel_overtaken, uncanceled,
};
use billing_domain::effect::Order;
use billing_domain::fact::{About, Fact, Link, Observed};
use billing_domain::ids::{EffectId, Id, IdSeq};
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;
use billing_domain::subscription::{State, Status};
use billing_domain::time::{Period, Timestamp, days};

use crate::common::{World, at, sold, terms};
use crate::mirror::january;

fn nothing_is_ordered(world: &World) -> bool {
    world.orders.is_empty()
}

#[test]
fn it_goes_on_as_if_nobody_had_canceled_it() {
    let mut licensed = terms("pro-monthly");
    licensed.license = Some(LicenseRule { max_machines: 1 });
    let mut world = World::bought(licensed);
    world.go("2026-01-10");
    let before = world.account.clone();
    world.cancel(CancelWhen::PeriodEnd);
    world.go("2026-01-12");
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    let again = world.account.clone();
    assert_eq!(world.account.subscriptions, before.subscriptions);
    assert_eq!(world.account.wake_at(), before.wake_at());
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
    // What was signed while it was to end is signed anew.
    let serial = |account: &billing_domain::customer::Account| account.licenses[0].serial;
    assert_eq!(serial(&world.account), serial(&before) + 1);
    assert_eq!(world.count(Event::LicenseReissued), 1);
    // Again, it was so before.
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Already));
    assert_eq!(world.account, again);
    world.tick("2026-02-01");
    assert!(world.open_invoice().is_some(), "it is renewed");
}

#[test]
fn what_was_never_canceled_goes_on_already() {
    let mut world = World::bought(terms("pro-monthly"));
    let before = world.account.clone();
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Already));
    assert_eq!(world.account, before);
    let mut once = World::bought(terms("lifer-once"));
    assert_eq!(once.uncancel(), Err(UncancelRefusal::NothingRecurs));
}

#[test]
fn until_the_instant_of_its_end_whether_or_not_anybody_looked() {
    let mut world = World::bought(terms("pro-monthly"));
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    let mut just_before = world.clone();
    just_before.go("2026-01-31T23:59:59Z");
    assert_eq!(just_before.uncancel(), Ok(UncancelOutcome::Done));
    let ended = Err(UncancelRefusal::Ended(Status::Canceled));
    let mut unseen = world.clone();
    unseen.go("2026-02-01");
    let before = unseen.account.clone();
    assert_eq!(unseen.uncancel(), ended);
    assert_eq!(unseen.account, before);
    world.tick("2026-02-01");
    assert_eq!(world.status(), Status::Canceled);
    assert_eq!(world.uncancel(), ended);
    let mut at_once = World::bought(terms("pro-monthly"));
    at_once.cancel(CancelWhen::AtOnce);
    assert_eq!(at_once.uncancel(), ended);
}

#[test]
fn within_its_lead_the_next_cycle_is_invoiced_anew() {
    let mut lead = terms("pro-monthly");
    lead.lead = days(3);
    let mut world = World::bought(lead);
    world.tick("2026-01-29");
    world.link();
    let first = world.open_invoice().unwrap().clone();
    world.go("2026-01-30");
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    world.tick("2026-01-30");
    let anew = world.open_invoice().unwrap().clone();
    assert_ne!(anew.id, first.id);
    assert_eq!((anew.cycle, anew.amount), (first.cycle, first.amount));
    world.link();
    world.pay();
    assert_eq!(world.paid_through(), at("2026-03-01"));
    assert_eq!(world.parked, <[ParkReason; 0]>::default());
}

#[test]
fn a_trial_is_charged_at_its_end_after_all() {
    let mut trial = terms("pro-monthly");
    trial.trial = Some(days(14));
    let mut world = World::bought(trial);
    let before = world.sub().clone();
    world.go("2026-01-05");
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    assert_eq!(world.sub(), &before);
    world.tick("2026-01-15");
    assert!(world.open_invoice().is_some());
}

#[test]
fn a_paused_one_stays_paused() {
    let mut until_the_end = terms("pro-monthly");
    until_the_end.on_pause = billing_domain::catalog::OnPause::PeriodEnd;
    let mut world = World::bought(until_the_end);
    world.go("2026-01-10");
    world.pause().unwrap();
    let before = world.sub().clone();
    assert!(matches!(before.state, State::Paused { .. }));
    world.cancel(CancelWhen::PeriodEnd);
    assert!(world.sub().cancellation.is_some());
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Done));
    assert_eq!(world.sub(), &before);
}

fn see(world: &mut World, begun: &Begun, told_at: &str, cancel_at: Option<&str>) {
    let mut seen = january(Status::Active);
    seen.cancel_at = cancel_at.map(at);
    let link = Link {
        checkout: Some(begun.checkout),
        ..Link::default()
    };
    world.observe(&Observed {
        fact: Fact::SubscriptionSeen(seen),
        at: at(told_at),
        link,
    });
}

/// Run by the provider, and canceled on 10 January; the provider has said so.
fn canceled() -> (World, Begun) {
    let mut world = World::new();
    let mut agreed = sold("pro-monthly", 1, true);
    agreed.license = Some(LicenseRule { max_machines: 1 });
    let begun = world.begin(agreed, true);
    see(&mut world, &begun, "2026-01-01T00:01:00Z", None);
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    let (told_at, ends) = ("2026-01-10T00:00:02Z", Some("2026-02-01"));
    see(&mut world, &begun, told_at, ends);
    world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Done));
    world.go("2026-01-12");
    world.forget();
    (world, begun)
}

fn refused(world: &mut World, given_up: bool) {
    let (effect, about) = (
        EffectId::from_seed(world),
        About::Cancellation(world.sub().id),
    );
    world.tell(if given_up {
        Fact::GivenUp { effect, about }
    } else {
        Fact::Refused {
            effect,
            about,
            code: "too_late".to_owned(),
        }
    });
}

trait Drawn {
    fn from_seed(world: &World) -> Self;
}

impl<T: Id> Drawn for T {
    fn from_seed(world: &World) -> Self {
        IdSeq::new(world.now, 77).draw()
    }
}

fn ends(world: &World) -> Option<Timestamp> {
    world.sub().cancellation.map(|to_come| to_come.ends_at)
}

#[test]
fn the_provider_is_asked_once_and_its_cancellation_stands_until_it_says_otherwise() {
    let (mut world, begun) = canceled();
    let serial = world.account.licenses[0].serial;
    let asked = world.uncancel();
    assert!(
        matches!(asked, Ok(UncancelOutcome::Asked(Some(_)))),
        "{asked:?}"
    );
    let subscription = world.sub().id;
    assert!(
        matches!(&world.orders[..], [Order::UndoCancellation { reference, subscription: of, .. }]
            if reference == "s-1" && *of == subscription)
    );
    assert!(!world.gives_access("2026-02-01"), "it has said nothing yet");
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Asked(None)));
    // What was under way tells of the end again, and takes nothing back.
    see(&mut world, &begun, "2026-01-11", Some("2026-02-01"));
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Asked(None)));
    assert_eq!(world.orders.len(), 1);
    see(&mut world, &begun, "2026-01-12T00:00:02Z", None);
    world.decide(|draft| uncanceled(draft, subscription));
    assert_eq!(ends(&world), None);
    assert!(world.gives_access("2026-02-01"));
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
    assert_eq!(world.account.licenses[0].serial, serial + 1);
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Already));
    assert_eq!(world.orders.len(), 1);
}

#[test]
fn refused_or_given_up_it_ends_as_was_told_and_may_be_asked_for_again() {
    for given_up in [false, true] {
        let (mut world, _) = canceled();
        world.uncancel().unwrap();
        world.forget();
        refused(&mut world, given_up);
        assert_eq!(ends(&world), Some(at("2026-02-01")));
        assert_eq!(world.events, {
            let mut told = vec![Event::SubscriptionCancelUpheld];
            told.extend(given_up.then_some(Event::EventParked));
            told
        });
        let parked: &[_] = if given_up {
            &[ParkReason::AttemptsExhausted]
        } else {
            &[]
        };
        assert_eq!(world.parked, parked);
        world.go("2026-01-13");
        let again = world.uncancel();
        assert!(
            matches!(again, Ok(UncancelOutcome::Asked(Some(_)))),
            "{again:?}"
        );
    }
}

#[test]
fn an_answer_that_nobody_needs_any_more_changes_nothing() {
    let (mut world, begun) = canceled();
    world.uncancel().unwrap();
    // The webhook was quicker.
    see(&mut world, &begun, "2026-01-12T00:00:02Z", None);
    let before = world.account.clone();
    world.forget();
    let id = world.sub().id;
    world.decide(|draft| uncancel_overtaken(draft, id));
    world.decide(|draft| uncanceled(draft, id));
    assert_eq!(world.account, before);
    assert!(nothing_is_ordered(&world));
}

#[test]
fn done_and_still_told_to_end_it_is_looked_at() {
    let (mut world, _) = canceled();
    world.uncancel().unwrap();
    world.forget();
    let id = world.sub().id;
    world.decide(|draft| uncanceled(draft, id));
    assert_eq!(ends(&world), Some(at("2026-02-01")));
    assert!(matches!(
        &world.orders[..],
        [Order::ReadSubscription { .. }]
    ));
}

#[test]
fn while_the_cancellation_is_on_its_way_it_is_answered_first() {
    for (done, told) in [(true, true), (true, false), (false, false)] {
        let mut world = World::new();
        let begun = world.begin(sold("pro-monthly", 1, true), true);
        see(&mut world, &begun, "2026-01-01T00:01:00Z", None);
        world.go("2026-01-10");
        world.cancel(CancelWhen::PeriodEnd);
        world.forget();
        assert_eq!(world.uncancel(), Ok(UncancelOutcome::Asked(None)));
        assert!(nothing_is_ordered(&world));
        if told {
            see(
                &mut world,
                &begun,
                "2026-01-10T00:00:02Z",
                Some("2026-02-01"),
            );
        }
        let answer = if done {
            CancelAnswer::Done
        } else {
            CancelAnswer::Nothing
        };
        world.decide(|draft| cancellation_answered(draft, "s-1", answer));
        assert!(
            matches!(&world.orders[..], [Order::UndoCancellation { .. }]),
            "{done} {told}"
        );
        see(&mut world, &begun, "2026-01-10T00:00:05Z", None);
        assert_eq!(ends(&world), None);
        assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 1);
    }
}

#[test]
fn a_cancellation_that_nobody_needs_to_hear_of_is_asked_back_all_the_same() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    see(&mut world, &begun, "2026-01-01T00:01:00Z", None);
    world.go("2026-01-10");
    world.cancel(CancelWhen::PeriodEnd);
    world.forget();
    // While it is wanted it is not forgone.
    let before = world.account.clone();
    world.decide(|draft| cancellation_forgone(draft, "s-1"));
    assert_eq!(world.account, before);
    assert!(nothing_is_ordered(&world));
    world.uncancel().unwrap();
    world.decide(|draft| cancellation_forgone(draft, "s-1"));
    assert!(matches!(
        &world.orders[..],
        [Order::UndoCancellation { .. }]
    ));
    see(&mut world, &begun, "2026-01-10T00:00:05Z", None);
    assert_eq!(ends(&world), None);
}

#[test]
fn asked_at_one_instant_each_request_is_another() {
    let (mut world, _) = canceled();
    world.keys.clear();
    for _ in 0..2 {
        world.uncancel().unwrap();
        // The first answer is here, the clock stands still.
        world.cancel(CancelWhen::PeriodEnd);
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Nothing));
    }
    let keys: std::collections::BTreeSet<_> = world.keys.iter().collect();
    assert_eq!((world.keys.len(), keys.len()), (4, 4));
}

#[test]
fn what_was_renewed_before_either_arrived_goes_on_and_concerns_nobody() {
    let mut world = World::new();
    let begun = world.begin(sold("pro-monthly", 1, true), true);
    see(&mut world, &begun, "2026-01-01T00:01:00Z", None);
    world.go("2026-01-31T23:50:00Z");
    world.cancel(CancelWhen::PeriodEnd);
    assert_eq!(world.uncancel(), Ok(UncancelOutcome::Asked(None)));
    let mut renewed = january(Status::Active);
    renewed.period = Some(Period {
        start: at("2026-02-01"),
        end: at("2026-03-01"),
    });
    let link = Link {
        checkout: Some(begun.checkout),
        ..Link::default()
    };
    let told = Observed {
        fact: Fact::SubscriptionSeen(renewed),
        at: at("2026-02-01T00:10:00Z"),
        link,
    };
    world.go("2026-02-01T00:11:00Z");
    world.observe(&told);
    assert_eq!(world.parked, <[ParkReason; 0]>::default());
    assert!(world.gives_access("2026-02-02"));
}

#[test]
fn canceled_anew_it_stays_so_whichever_of_the_orders_arrives_last() {
    for answered_first in [false, true] {
        canceled_anew(answered_first);
    }
}

fn canceled_anew(answered_first: bool) {
    let (mut world, begun) = canceled();
    world.uncancel().unwrap();
    let id = world.sub().id;
    world.go("2026-01-12T00:00:01Z");
    let again = CancelOutcome::Ends {
        at: Some(at("2026-02-01")),
    };
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), again);
    assert_eq!(world.cancel(CancelWhen::PeriodEnd), CancelOutcome::Already);
    world.forget();
    if answered_first {
        // The cancellation is done there before the undo is, and known here.
        world.go("2026-01-12T00:00:02Z");
        see(
            &mut world,
            &begun,
            "2026-01-12T00:00:01Z",
            Some("2026-02-01"),
        );
        world.decide(|draft| cancellation_answered(draft, "s-1", CancelAnswer::Done));
        world.forget();
    }
    // The undo was under way, and is done there.
    world.go("2026-01-12T00:00:03Z");
    world.decide(|draft| uncancel_overtaken(draft, id));
    see(&mut world, &begun, "2026-01-12T00:00:02Z", None);
    world.decide(|draft| uncanceled(draft, id));
    assert_eq!(ends(&world), Some(at("2026-02-01")));
    assert!(matches!(
        &world.orders[..],
        [Order::CancelSubscription { at_once: false, .. }]
    ));
    assert_eq!(world.count(Event::SubscriptionCancelUnscheduled), 0);
}
