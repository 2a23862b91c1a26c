//! Calls that fail on demand.

use billing_domain::effect::{EffectKey, Order};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::{Answer, PaymentProvider, PerformError};

use super::{Rig, account};
use crate::{Fault, FaultPlan, FaultRates, Mode};

const SAVING: Mode = Mode::EngineSchedule { saves_cards: true };

fn key() -> EffectKey {
    EffectKey::from_stored("checkout:1".to_owned())
}

#[tokio::test]
async fn a_lost_answer_is_found_again_under_its_key() {
    let mut rig = Rig::new(SAVING, "2026-01-01");
    let ana = rig.customer();
    let order = Order::OpenCheckout(rig.checkout(ana));
    rig.sandbox.inject(Fault::LoseAnswer);
    let lost = rig.try_perform(&key(), &order).await;
    assert!(matches!(lost, Err(PerformError::Unknown(_))));
    assert_eq!(
        rig.sandbox.books().calls["checkout:1"].times,
        1,
        "it was done"
    );
    let facts = rig.perform("checkout:1", &order).await;
    assert_eq!(facts[0].link.refs[0].id, "sbx_chk_000001");
    assert_eq!(rig.sandbox.books().calls["checkout:1"].times, 2);
}

#[tokio::test]
async fn what_did_not_arrive_or_was_cut_short_did_nothing() {
    for fault in [Fault::NotReached, Fault::TimeOutBefore] {
        let mut rig = Rig::new(SAVING, "2026-01-01");
        let ana = rig.customer();
        let order = Order::OpenCheckout(rig.checkout(ana));
        rig.sandbox.inject(fault.clone());
        let answer = rig.try_perform(&key(), &order).await;
        match fault {
            Fault::NotReached => assert!(matches!(answer, Err(PerformError::NotSent(_)))),
            _ => assert!(matches!(answer, Err(PerformError::Unknown(_)))),
        }
        assert!(rig.sandbox.books().calls.is_empty());
        assert!(matches!(
            rig.try_perform(&key(), &order).await,
            Ok(Answer::Done(_))
        ));
    }
}

#[tokio::test]
async fn a_refusal_on_demand_stays_one_and_never_unmakes_what_was_done() {
    let mut rig = Rig::new(SAVING, "2026-01-01");
    let ana = rig.customer();
    let order = Order::OpenCheckout(rig.checkout(ana));
    let refuse = Fault::Refuse {
        code: "account_frozen".to_owned(),
    };
    rig.sandbox.inject(refuse.clone());
    assert_eq!(rig.refusal("checkout:1", &order).await, "account_frozen");
    assert_eq!(rig.refusal("checkout:1", &order).await, "account_frozen");
    let done = rig.perform("checkout:2", &order).await;
    rig.sandbox.inject(refuse);
    assert_eq!(rig.perform("checkout:2", &order).await, done);
}

#[tokio::test]
async fn reads_fail_on_demand_too() {
    let rig = Rig::new(SAVING, "2026-01-01");
    let object = ProviderRef {
        account: account(),
        kind: RefKind::Checkout,
        id: "sbx_chk_000001".to_owned(),
    };
    rig.sandbox.set_faults(FaultPlan::of([
        Fault::NotReached,
        Fault::TimeOutBefore,
        Fault::LoseAnswer,
    ]));
    let read = async || rig.sandbox.read(&object).await;
    assert!(matches!(read().await, Err(PerformError::NotSent(_))));
    assert!(matches!(read().await, Err(PerformError::Unknown(_))));
    assert!(matches!(read().await, Err(PerformError::Unknown(_))));
    assert_eq!(read().await, Ok(Vec::new()));
}

#[tokio::test]
async fn however_often_answers_are_lost_a_key_makes_one_object() {
    let mut rig = Rig::new(SAVING, "2026-01-01");
    let ana = rig.customer();
    let rates = FaultRates {
        not_reached: 200,
        time_out_before: 200,
        lose_answer: 300,
        ..FaultRates::default()
    };
    rig.sandbox.set_faults(FaultPlan::seeded(11, rates));
    for place in 0..50 {
        let order = Order::OpenCheckout(rig.checkout(ana));
        let key = EffectKey::from_stored(format!("checkout:{place}"));
        let mut answered = false;
        for _ in 0..100 {
            if rig.try_perform(&key, &order).await.is_ok() {
                answered = true;
                break;
            }
        }
        assert!(answered, "a hundred attempts at three in ten");
    }
    let books = rig.sandbox.books();
    assert_eq!(books.calls.len(), 50);
    assert!(books.calls.values().any(|call| call.times > 1));
    let next = Order::OpenCheckout(rig.checkout(ana));
    rig.sandbox.set_faults(FaultPlan::none());
    let facts = rig.perform("checkout:next", &next).await;
    assert_eq!(facts[0].link.refs[0].id, "sbx_chk_000051");
}
