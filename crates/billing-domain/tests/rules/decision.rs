//! What a decision says: ids that repeat, who did it, who is told, what is set aside.

use billing_domain::Draft;
use billing_domain::decide::{self, CancelWhen};
use billing_domain::effect::Order;
use billing_domain::ids::{EffectId, IdSeq, InvoiceId};
use billing_domain::journal::Event;
use billing_domain::parked::ParkReason;

use crate::common::{World, terms};

#[test]
fn the_same_inputs_make_the_same_decision_to_the_last_id() {
    let world = World::bought(terms("pro-monthly"));
    let id = world.sub().id;
    let decide = |seed| {
        let ids = IdSeq::new(world.now, seed);
        let mut draft = Draft::new(
            world.account.clone(),
            ids,
            world.now,
            Some("ana".to_owned()),
        );
        decide::cancel(&mut draft, id, CancelWhen::PeriodEnd);
        draft.finish(true)
    };
    assert_eq!(decide(7), decide(7));
    assert_eq!(decide(7).account, decide(8).account);
    assert_ne!(decide(7).journal, decide(8).journal, "ids are drawn anew");
}

#[test]
fn ids_repeat_with_their_seed_and_differ_without() {
    let world = World::new();
    let drawn = |seed| -> Vec<InvoiceId> {
        let mut ids = IdSeq::new(world.now, seed);
        (0..5).map(|_| ids.draw()).collect()
    };
    assert_eq!(drawn(1), drawn(1));
    assert!(drawn(1).iter().all(|id| !drawn(2).contains(id)));
}

#[test]
fn listeners_are_told_of_what_happened_and_of_nothing_else() {
    let world = World::bought(terms("pro-monthly"));
    let id = world.sub().id;
    let draft = |seed| {
        let ids = IdSeq::new(world.now, seed);
        Draft::new(
            world.account.clone(),
            ids,
            world.now,
            Some("ana".to_owned()),
        )
    };
    assert!(draft(1).finish(true).effects.is_empty());
    let mut canceled = draft(2);
    decide::cancel(&mut canceled, id, CancelWhen::PeriodEnd);
    assert!(canceled.clone().finish(false).effects.is_empty());
    let decision = canceled.finish(true);
    let [effect] = &decision.effects[..] else {
        panic!("told once")
    };
    assert!(matches!(&effect.order, Order::Notify { entries } if *entries == decision.journal));
    assert_eq!(effect.key.as_str(), format!("notify:{}", effect.id));
    assert_eq!(decision.journal[0].actor.as_deref(), Some("ana"));
    assert_eq!(decision.journal[0].subscription, Some(id));
}

#[test]
fn of_what_is_brought_over_only_a_notice_is_told() {
    let world = World::new();
    let ids = IdSeq::new(world.now, 4);
    let mut draft = Draft::new(world.account.clone(), ids, world.now, None);
    draft.note(Event::SubscriptionCreated, |_| ());
    assert!(draft.clone().finish_untold(true).effects.is_empty());
    draft.note(Event::PriceChangeUpcoming, |_| ());
    assert!(draft.clone().finish_untold(false).effects.is_empty());
    let decision = draft.finish_untold(true);
    assert_eq!(decision.journal.len(), 2, "all of it is kept");
    let [effect] = &decision.effects[..] else {
        panic!("told once")
    };
    let notice = &decision.journal[1..];
    assert!(matches!(&effect.order, Order::Notify { entries } if entries == notice));
}

#[test]
fn what_is_parked_is_noted_and_names_the_effect_that_waits() {
    let world = World::new();
    let mut ids = IdSeq::new(world.now, 3);
    let effect: EffectId = ids.draw();
    let mut draft = Draft::new(world.account.clone(), ids, world.now, None);
    draft.park_effect(ParkReason::ProviderRefused, effect, "it said no".to_owned());
    let decision = draft.finish(false);
    let parked = &decision.parked[0];
    assert_eq!(
        (parked.effect, parked.reason),
        (Some(effect), ParkReason::ProviderRefused)
    );
    assert_eq!(parked.customer, Some(world.account.customer.id));
    assert_eq!(decision.journal[0].event, Event::EventParked);
    assert_eq!(
        decision.journal[0].note.as_deref(),
        Some("provider_refused")
    );
}
