//! Own schedule: changes that are refused, and leave no trace.

use billing_domain::effect::{ChangeSubscription, ChangeWhen, EffectKey, Order};
use billing_domain::ids::ChangeId;
use billing_domain::money::{Currency, Money};
use billing_ports::{PaymentProvider, PerformError, Previewed};

use super::change::{MIDDLE, ana};
use super::{Rig, account, at, to_business, usd};
use crate::world::Customer;
use crate::{Fault, Mode, TestCard};

#[tokio::test]
async fn a_declined_card_refuses_the_change_and_nothing_is_changed() {
    for card in [TestCard::PaysOnce, TestCard::Declined] {
        let (mut rig, ana, reference) = ana(TestCard::PaysOnce, MIDDLE).await;
        {
            let mut world = rig.sandbox.world();
            let known = world.find::<Customer>(&ana.to_string()).next().cloned();
            let customer = known.unwrap();
            world.put(Customer {
                card: Some(card),
                ..customer
            });
        }
        let mut before = rig.sandbox.books();
        let change = Order::ChangeSubscription(to_business(&reference, rig.now()));
        assert_eq!(rig.refusal("change", &change).await, "card_declined");
        assert_eq!(
            rig.refusal("change", &change).await,
            "card_declined",
            "again"
        );
        let mut after = rig.sandbox.books();
        before.calls.clear();
        after.calls.clear();
        assert_eq!(after, before, "{card:?}");
        rig.pump().await;
        assert_eq!(rig.told(), [""; 0]);
    }
}

#[tokio::test]
async fn what_differs_from_its_quote_by_a_cent_is_stale() {
    let (mut rig, ana, reference) = ana(TestCard::Pays, MIDDLE).await;
    let quoted_at = |quoted: Money| {
        let when = ChangeWhen::Prorated {
            at: at(MIDDLE),
            quoted: Some(quoted),
        };
        to_business(&reference, when)
    };
    let (dearer, cheaper, foreign, exact) = (
        quoted_at(usd(1501)),
        quoted_at(usd(1499)),
        quoted_at(Money::new(1500, Currency::EUR)),
        quoted_at(usd(1500)),
    );
    for (key, stale) in [
        ("dearer", dearer),
        ("cheaper", cheaper),
        ("foreign", foreign),
    ] {
        match rig.sandbox.preview(&stale).await.unwrap() {
            Previewed::Refused(refusal) => assert_eq!(refusal.code, "quote_stale"),
            Previewed::Costs(preview) => panic!("{preview:?}"),
        }
        let order = Order::ChangeSubscription(stale);
        assert_eq!(rig.refusal(key, &order).await, "quote_stale");
    }
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000)]);
    rig.perform("exact", &Order::ChangeSubscription(exact))
        .await;
    assert_eq!(rig.sandbox.books().charged(ana), [usd(2000), usd(1500)]);
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_alike_by_preview_and_order() {
    let (mut rig, _, reference) = ana(TestCard::Pays, MIDDLE).await;
    let change = to_business(&reference, rig.now());
    let with = |edit: fn(&mut ChangeSubscription)| {
        let mut change = change.clone();
        edit(&mut change);
        change
    };
    let elsewhen = |text: &str| ChangeWhen::Prorated {
        at: at(text),
        quoted: None,
    };
    let early = to_business(&reference, elsewhen("2025-12-31"));
    let late = to_business(&reference, elsewhen("2026-02-02"));
    for (key, (case, code)) in [
        (
            with(|change| change.reference = "sbx_sub_9".to_owned()),
            "no_such_subscription",
        ),
        (
            with(|change| change.amount = Money::new(5000, Currency::EUR)),
            "currency_mismatch",
        ),
        (with(|change| change.amount = usd(-1)), "amount_too_small"),
        (with(|change| change.quantity = 0), "no_quantity"),
        (with(|change| change.interval = None), "not_recurring"),
        (early, "outside_period"),
        (late, "outside_period"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = &format!("change:{key}");
        let before = rig.sandbox.books().subscriptions;
        match rig.sandbox.preview(&case).await.unwrap() {
            Previewed::Refused(refusal) => assert_eq!(refusal.code, code),
            Previewed::Costs(preview) => panic!("{code}: {preview:?}"),
        }
        let order = Order::ChangeSubscription(case);
        assert_eq!(rig.refusal(key, &order).await, code);
        assert_eq!(rig.refusal(key, &order).await, code, "again");
        assert_eq!(rig.sandbox.books().subscriptions, before);
    }
}

#[tokio::test]
async fn only_what_is_active_or_on_trial_is_prorated() {
    let (mut rig, _, reference) = ana(TestCard::PaysOnce, MIDDLE).await;
    let provider = account();
    let pause = Order::PauseSubscription {
        provider: provider.clone(),
        reference: reference.clone(),
        change: None,
    };
    let resume = Order::ResumeSubscription {
        provider: provider.clone(),
        reference: reference.clone(),
        change: None,
        quoted: None,
    };
    rig.perform("pause", &pause).await;
    let paused = Order::ChangeSubscription(to_business(&reference, rig.now()));
    assert_eq!(rig.refusal("paused", &paused).await, "subscription_paused");
    rig.perform("resume", &resume).await;
    rig.until("2026-02-02").await;
    let owing = Order::ChangeSubscription(to_business(&reference, rig.now()));
    assert_eq!(rig.refusal("owing", &owing).await, "subscription_past_due");
    rig.until("2026-03-01").await;
    for when in [
        rig.now(),
        ChangeWhen::Unbilled,
        ChangeWhen::NextPeriod { at: None },
    ] {
        let ended = Order::ChangeSubscription(to_business(&reference, when));
        let key = format!("{when:?}");
        assert_eq!(rig.refusal(&key, &ended).await, "subscription_canceled");
    }
}

#[tokio::test]
async fn subscriptions_are_not_changed_where_the_engine_runs_them() {
    let mut rig = Rig::new(Mode::EngineSchedule { saves_cards: true }, "2026-01-01");
    let change = to_business("sbx_sub_000001", rig.now());
    let asked = rig.sandbox.preview(&change).await;
    assert!(
        matches!(asked, Err(PerformError::Unsupported(_))),
        "{asked:?}"
    );
    let key = EffectKey::change(rig.ids.draw::<ChangeId>());
    let order = Order::ChangeSubscription(change);
    let done = rig.try_perform(&key, &order).await;
    assert!(
        matches!(done, Err(PerformError::Unsupported(_))),
        "{done:?}"
    );
    assert!(!rig.sandbox.capabilities().prorates);
}

#[tokio::test]
async fn a_preview_may_fail_on_demand_and_knows_its_account() {
    let (rig, _, reference) = ana(TestCard::Pays, MIDDLE).await;
    let mut change = to_business(&reference, rig.now());
    rig.sandbox.inject(Fault::NotReached);
    let asked = rig.sandbox.preview(&change).await;
    assert!(matches!(asked, Err(PerformError::NotSent(_))), "{asked:?}");
    rig.sandbox.inject(Fault::TimeOutBefore);
    let asked = rig.sandbox.preview(&change).await;
    assert!(matches!(asked, Err(PerformError::Unknown(_))), "{asked:?}");
    change.provider = "sandbox/other".parse().unwrap();
    let asked = rig.sandbox.preview(&change).await;
    assert!(
        matches!(asked, Err(PerformError::Misconfigured(_))),
        "{asked:?}"
    );
}
