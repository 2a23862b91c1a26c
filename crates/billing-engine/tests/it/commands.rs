//! What buyers and operators ask for: decided on what is held, or refused with
//! nothing written.

use std::sync::Arc;

use billing_domain::catalog::PlanKey;
use billing_domain::decide::{CancelWhen, NewCustomer, PauseOutcome, PauseRefusal};
use billing_domain::grant::GrantReason;
use billing_domain::subscription::Status;
use billing_engine::{
    Billing, BuildError, CancelError, Canceled, CreateCustomerError, EngineError, GrantError,
    PauseError,
};
use billing_ports::mock::MockWebhookDecoder;
use billing_ports::store::{Also, Resolution, Ring};
use billing_ports::{DecodeError, PaymentProvider};
use billing_testkit::{MemoryStore, SeededIds, fixtures};
use futures_util::FutureExt;
use jiff::SignedDuration;

use crate::rig::{Meddler, Rig, ask};

fn named(external: &str) -> NewCustomer {
    NewCustomer {
        external_ref: Some(external.to_owned()),
        ..NewCustomer::default()
    }
}

fn plan(key: &str) -> PlanKey {
    PlanKey::new(key).unwrap()
}

/// What another process does: writes the customer named `ana`, once.
fn touch(store: &MemoryStore) {
    let id = store.snapshot().accounts[0].account.customer.id;
    let loaded = store.load(id, &Also::default()).now_or_never();
    let loaded = loaded.unwrap().unwrap().unwrap();
    let same = fixtures::next_commit(&loaded, &loaded.account, fixtures::start());
    assert!(matches!(store.commit(same).now_or_never(), Some(Ok(_))));
}

#[tokio::test]
async fn a_customer_is_made_once() {
    let rig = Rig::new().await;
    let made = rig
        .billing
        .create_customer(named("ana"), Some("op"))
        .await
        .unwrap();
    let with_mail = NewCustomer {
        email: Some("ana@example.com".to_owned()),
        ..named("ana")
    };
    let again = rig.billing.create_customer(with_mail, None).await;
    let held = Box::new(made.customer.clone());
    assert_eq!(again, Err(CreateCustomerError::Exists(held)));
    let ensured = rig
        .billing
        .ensure_customer("ana", Some("ana@example.com"))
        .await;
    assert_eq!(ensured, Ok(made.clone()));
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
    assert_eq!(rig.store.snapshot().journal[0].actor.as_deref(), Some("op"));
    let orphan = NewCustomer {
        member_of: Some(fixtures::Maker::new(3).id()),
        ..named("ben")
    };
    let refused = rig.billing.create_customer(orphan, None).await;
    assert_eq!(refused, Err(CreateCustomerError::NoSuchOwner));
}

#[tokio::test]
async fn of_two_who_make_one_customer_both_get_it() {
    let rig = Rig::new().await;
    let first = rig.billing.clone();
    let late = rig.sibling_with(Meddler::new(7, move || {
        let ensured = first.ensure_customer("ana", None).now_or_never();
        assert!(matches!(ensured, Some(Ok(_))), "{ensured:?}");
    }));
    let made = late.ensure_customer("ana", None).await.unwrap();
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
    assert_eq!(rig.account(made.customer.id), made);
}

#[tokio::test]
async fn who_is_overtaken_decides_anew_and_in_the_end_gives_up() {
    for (overtaken, attempts) in [(4, 5), (5, 5)] {
        let rig = Rig::new().await;
        let ana = rig.customer("ana").await;
        let (store, asked) = (
            rig.store.clone(),
            Arc::new(std::sync::atomic::AtomicUsize::new(0)),
        );
        let count = Arc::clone(&asked);
        let busy = rig.sibling_with(Meddler::new(7, move || {
            let before = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if before < overtaken {
                touch(&store);
            }
        }));
        let granted = busy
            .grant(&ana.into(), &plan("pro"), GrantReason::Comp, None, None)
            .await;
        let gave_up = matches!(granted, Err(GrantError::Engine(EngineError::Contended)));
        assert_eq!(gave_up, overtaken == 5, "{granted:?}");
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), attempts);
        assert_eq!(rig.account(ana).grants.len(), usize::from(!gave_up));
    }
}

#[tokio::test]
async fn canceling_may_be_repeated_and_is_never_anothers() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.customer("ben").await;
    let subscription = rig.subscribe("ana").await;
    let end = rig.account(ana).subscriptions[0].times.paid_through;
    let cancel = |who: &str, when| {
        let (billing, who) = (rig.billing.clone(), who.into());
        async move { billing.cancel(&who, subscription, when, Some("op")).await }
    };
    let period_end = CancelWhen::PeriodEnd;
    assert_eq!(cancel("ben", period_end).await, Err(CancelError::NotFound));
    assert_eq!(
        cancel("nobody", period_end).await,
        Err(CancelError::NotFound)
    );
    let canceled = |already, ends_at| Ok(Canceled { already, ends_at });
    assert_eq!(cancel("ana", period_end).await, canceled(false, end));
    let revision = rig.revision(ana);
    assert_eq!(cancel("ana", period_end).await, canceled(true, end));
    assert_eq!(rig.revision(ana), revision, "nothing new is written");
    let now = Some(fixtures::start());
    assert_eq!(
        cancel("ana", CancelWhen::AtOnce).await,
        canceled(false, now)
    );
    assert_eq!(cancel("ana", CancelWhen::AtOnce).await, canceled(true, now));
    let journal = rig.store.snapshot().journal.into_iter();
    let asked: Vec<_> = journal.filter(|entry| entry.actor.is_some()).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[tokio::test]
async fn a_grant_is_given_and_taken_back() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let now = fixtures::start();
    let soon = now + SignedDuration::from_micros(1);
    let grant = |who: &str, key: &str, end| {
        let (billing, who, key) = (rig.billing.clone(), who.into(), plan(key));
        async move {
            billing
                .grant(&who, &key, GrantReason::Comp, end, None)
                .await
        }
    };
    for (refused, why) in [
        (
            grant("nobody", "pro", None).await,
            GrantError::NoSuchCustomer,
        ),
        (grant("ana", "nothing", None).await, GrantError::NoSuchPlan),
        (
            grant("ana", "pro", Some(now)).await,
            GrantError::EndsBeforeItBegins,
        ),
    ] {
        assert_eq!(refused, Err(why));
    }
    assert_eq!(rig.revision(ana), 1);
    let given = grant("ana", "pro", Some(soon)).await.unwrap();
    assert_eq!((given.starts_at, given.ends_at), (now, Some(soon)));
    assert_eq!(rig.account(ana).grants, std::slice::from_ref(&given));
    let end = |who: &str| {
        let (billing, who) = (rig.billing.clone(), who.into());
        async move { billing.end_grant(&who, given.id, None).await }
    };
    assert_eq!(end("nobody").await, Err(GrantError::NoSuchCustomer));
    assert_eq!(end("ana").await, Ok(()));
    assert_eq!(end("ana").await, Err(GrantError::NoSuchGrant));
    assert_eq!(rig.account(ana).grants[0].ends_at, Some(now));
}

#[tokio::test]
async fn a_subscription_is_paused_and_resumed() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    let (billing, who) = (&rig.billing, ana.into());
    let nobody = billing.pause(&"nobody".into(), subscription, None).await;
    assert_eq!(nobody, Err(PauseError::Refused(PauseRefusal::NotFound)));
    let early = billing.resume(&who, subscription, None).await;
    assert_eq!(early, Ok(PauseOutcome::Already));
    for outcome in [PauseOutcome::Done, PauseOutcome::Already] {
        assert_eq!(billing.pause(&who, subscription, None).await, Ok(outcome));
    }
    assert_eq!(rig.account(ana).subscriptions[0].status(), Status::Paused);
    let resumed = billing.resume(&who, subscription, None).await;
    assert_eq!(resumed, Ok(PauseOutcome::Done));
    assert_eq!(rig.account(ana).subscriptions[0].status(), Status::Active);
}

#[tokio::test]
async fn switched_off_every_command_says_so() {
    let off = Billing::disabled();
    assert!(!off.is_enabled() && off.store().is_none() && off.clock().is_none());
    let made = off.ensure_customer("ana", None).await;
    assert_eq!(made, Err(EngineError::Disabled));
    let worked = off.work_until_idle().await;
    assert_eq!(worked, Err(EngineError::Disabled));
    let asked = off.checkout(ask("ana", "pro-monthly")).await;
    assert_eq!(asked, Err(EngineError::Disabled.into()));
    let resolved = off.resolve_parked(fixtures::Maker::new(1).id(), Resolution::Replay);
    assert_eq!(resolved.await, Err(EngineError::Disabled));
}

#[tokio::test]
async fn what_is_not_parked_is_not_resolved() {
    let rig = Rig::new().await;
    let id = fixtures::Maker::new(1).id();
    assert_eq!(
        rig.billing.resolve_parked(id, Resolution::Replay).await,
        Ok(false)
    );
}

#[tokio::test]
async fn an_engine_of_doubled_or_half_accounts_is_not_built() {
    let rig = Rig::new().await;
    let builder = || {
        Billing::builder(
            Arc::new(rig.store.clone()),
            Arc::new(rig.clock.clone()),
            Arc::new(SeededIds::new(1)),
        )
    };
    let provider = || Arc::clone(&rig.provider) as Arc<dyn PaymentProvider>;
    let decoder = || {
        let mut decoder = MockWebhookDecoder::new();
        decoder
            .expect_account()
            .return_const(fixtures::provider("sandbox/main"));
        decoder
            .expect_decode()
            .never()
            .returning(|_, _| Err(DecodeError));
        Arc::new(decoder)
    };
    let account = fixtures::provider("sandbox/main");
    let twice = builder().provider(provider()).provider(provider()).build();
    assert_eq!(twice.err(), Some(BuildError::Twice(account.clone())));
    let twice = builder()
        .provider(provider())
        .webhooks(decoder())
        .webhooks(decoder())
        .build();
    assert_eq!(twice.err(), Some(BuildError::Twice(account.clone())));
    let alone = builder().webhooks(decoder()).build();
    assert_eq!(alone.err(), Some(BuildError::DecoderAlone(account.clone())));
    let whole = builder().provider(provider()).webhooks(decoder()).build();
    assert_eq!(whole.unwrap().provider_accounts(), [account]);
}

#[tokio::test]
async fn a_secret_is_told_once_and_never_shown() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let shown = format!("{opened:?}");
    assert!(
        shown.contains(&opened.id.to_string()) || shown.contains("id:"),
        "{shown}"
    );
    assert!(!shown.contains(&opened.secret), "{shown}");
    assert!(!shown.contains("pay.example.com"), "{shown}");
    let snapshot = format!("{:?}", rig.store.snapshot());
    assert!(!snapshot.contains(&opened.secret));
}
