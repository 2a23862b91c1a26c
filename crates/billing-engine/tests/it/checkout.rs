//! Checking out: the ring in the foreground.

use std::sync::Arc;
use std::time::Duration;

use billing_domain::catalog::{PlanKey, ProviderKey};
use billing_domain::checkout::CheckoutState;
use billing_domain::grant::GrantReason;
use billing_engine::{Billing, CheckoutError, CheckoutRequest, EngineError, Limits, What};
use billing_ports::PaymentProvider;
use billing_ports::mock::MockPaymentProvider;
use billing_testkit::memory::{Call, Fault, RowState};
use billing_testkit::{SeededIds, fixtures};
use jiff::SignedDuration;

use crate::rig::{Act, Rig, ask, paid, price, shop};

#[tokio::test]
async fn the_effect_is_saved_and_leased_before_the_one_call() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let calls = rig.provider.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].key, format!("checkout:{}", opened.id));
    assert_eq!(calls[0].stored, Some(RowState::Waiting));
    let lease_ends = calls[0].at + Limits::default().lease;
    assert_eq!(calls[0].claimable, Some(lease_ends));
    assert_eq!(opened.customer, customer);
    assert_eq!(
        opened.url,
        Some(format!("https://pay.example.com/{}", opened.id))
    );
    assert_eq!(
        opened.expires_at,
        Some(calls[0].at + SignedDuration::from_hours(24))
    );
    let held = rig.billing.get_checkout(opened.id).await.unwrap().unwrap();
    assert_eq!(
        held.success_url,
        format!("https://app.example.com/{}", opened.id)
    );
    assert!(!held.secret_hash.contains(&opened.secret));
    rig.pass(SignedDuration::from_hours(1));
    rig.work().await;
    assert_eq!(
        rig.provider.calls().len(),
        1,
        "the worker asks nothing again"
    );
}

#[tokio::test]
async fn what_is_not_opened_leaves_nothing_half_made() {
    for act in [
        Act::Refuse,
        Act::NotSent,
        Act::Unknown,
        Act::Misconfigured,
        Act::Unsupported,
    ] {
        let rig = Rig::new().await;
        let customer = rig.customer("ana").await;
        rig.provider.next([act]);
        let asked = rig.billing.checkout(ask("ana", "pro-monthly")).await;
        assert_eq!(asked, Err(CheckoutError::Provider), "{act:?}");
        let held = rig.account(customer);
        assert!(
            matches!(held.checkouts[0].state, CheckoutState::Canceled { .. }),
            "{act:?}: {:?}",
            held.checkouts[0].state
        );
        assert_eq!(held.subscriptions, []);
        for _ in 0..5 {
            rig.pass(SignedDuration::from_hours(12));
            rig.work().await;
        }
        assert_eq!(rig.provider.calls().len(), 1, "{act:?}: nobody asks again");
        assert!(rig.store.snapshot().is_quiet());
        let rows = rig.store.snapshot().outbox;
        assert!(
            rows.iter().all(|row| row.state == RowState::Done),
            "{act:?}: a row that nobody may try again is swept in time"
        );
        assert_eq!(rig.parked(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_given_up_after_the_time_out() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    rig.provider.next([Act::Hang]);
    let began = tokio::time::Instant::now();
    let asked = rig.billing.checkout(ask("ana", "pro-monthly")).await;
    assert_eq!(asked, Err(CheckoutError::Provider));
    assert_eq!(
        began.elapsed().as_secs(),
        Limits::default().call_timeout.as_secs()
    );
    let held = rig.account(customer);
    assert!(matches!(
        held.checkouts[0].state,
        CheckoutState::Canceled { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn the_worker_finishes_what_a_dead_process_began() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    rig.provider.next([Act::Hang]);
    {
        let asking = rig.billing.checkout(ask("ana", "pro-monthly"));
        let cut = tokio::time::timeout(Duration::from_secs(1), asking).await;
        assert!(cut.is_err(), "the process dies during the call");
    }
    rig.work().await;
    assert_eq!(rig.provider.calls().len(), 1, "the lease holds");
    rig.pass(Limits::default().lease);
    rig.work().await;
    let keys = rig.provider.keys();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "asked again under the same key");
    let held = rig.account(customer);
    assert!(matches!(
        held.checkouts[0].state,
        CheckoutState::Open { .. }
    ));
}

#[tokio::test]
async fn an_answer_that_could_not_be_kept_is_asked_for_again() {
    for (fault, calls) in [(Fault::Before, 2), (Fault::After, 1)] {
        let rig = Rig::new().await;
        let customer = rig.customer("ana").await;
        rig.provider.next([Act::Forgotten(fault)]);
        let asked = rig.billing.checkout(ask("ana", "pro-monthly")).await;
        assert!(
            matches!(asked, Err(CheckoutError::Engine(EngineError::Store(_)))),
            "{asked:?}"
        );
        rig.pass(Limits::default().lease);
        rig.work().await;
        assert_eq!(rig.provider.calls().len(), calls, "{fault:?}");
        let held = rig.account(customer);
        assert!(
            matches!(held.checkouts[0].state, CheckoutState::Open { .. }),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_checkout_that_was_not_saved_is_not_asked_for() {
    for (fault, written) in [(Fault::Before, 0), (Fault::After, 1)] {
        let rig = Rig::new().await;
        let customer = rig.customer("ana").await;
        rig.store.fail_next(Call::Commit, fault);
        let asked = rig.billing.checkout(ask("ana", "pro-monthly")).await;
        assert!(
            matches!(asked, Err(CheckoutError::Engine(EngineError::Store(_)))),
            "{asked:?}"
        );
        assert_eq!(rig.provider.calls().len(), 0, "{fault:?}");
        rig.pass(Limits::default().lease);
        rig.work().await;
        assert_eq!(rig.account(customer).checkouts.len(), written, "{fault:?}");
        assert_eq!(rig.provider.calls().len(), written, "{fault:?}");
    }
}

#[tokio::test]
async fn what_costs_nothing_asks_no_provider() {
    let mut provider = MockPaymentProvider::new();
    provider
        .expect_account()
        .return_const(fixtures::provider("mock/main"));
    provider
        .expect_capabilities()
        .return_const(billing_domain::provider::Capabilities {
            owns_schedule: true,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: false,
            saved_method: false,
            paused_ends_at_once: false,
        });
    provider.expect_perform().never();
    provider.expect_read().never();
    let rig = Rig::new().await;
    let billing = Billing::builder(
        Arc::new(rig.store.clone()),
        Arc::new(rig.clock.clone()),
        Arc::new(SeededIds::new(9)),
    )
    .provider(Arc::new(provider) as Arc<dyn PaymentProvider>)
    .build()
    .unwrap();
    let customer = rig.customer("ana").await;
    let gift = billing.checkout(ask("ana", "gift-monthly")).await.unwrap();
    assert_eq!((gift.url, gift.expires_at), (None, None));
    assert_eq!(rig.account(customer).subscriptions.len(), 1);
    let plan = What::Plan(PlanKey::new("free").unwrap(), None);
    let free = CheckoutRequest {
        what: plan,
        ..ask("ana", "gift-monthly")
    };
    let begun = billing.checkout(free.clone()).await.unwrap();
    assert_eq!(begun.url, None);
    assert_eq!(rig.account(customer).grants.len(), 1);
    assert_eq!(
        billing.checkout(free).await,
        Err(CheckoutError::AlreadyGranted)
    );
    billing.work_until_idle().await.unwrap();
}

#[tokio::test]
async fn a_guest_becomes_a_customer() {
    let rig = Rig::new().await;
    let guest = CheckoutRequest {
        customer: None,
        email: Some("ben@example.com".to_owned()),
        ..ask("", "pro-monthly")
    };
    let opened = rig.billing.checkout(guest).await.unwrap();
    let held = rig.account(opened.customer);
    assert_eq!(held.customer.external_ref, None);
    assert_eq!(held.customer.email.as_deref(), Some("ben@example.com"));
    rig.tell(vec![paid(&opened, 900, fixtures::start())]).await;
    rig.work().await;
    assert_eq!(rig.account(opened.customer).subscriptions.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_and_writes_nothing() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    rig.work().await;
    let before = rig.store.snapshot();
    let of = |what| CheckoutRequest {
        what,
        ..ask("ana", "pro-monthly")
    };
    let plan = |key: &str, interval| What::Plan(PlanKey::new(key).unwrap(), interval);
    let pieces = |key, quantity| CheckoutRequest {
        quantity: Some(quantity),
        ..ask("ana", key)
    };
    let elsewhere = Some(ProviderKey::new("elsewhere").unwrap());
    let yearly = Some(billing_domain::time::Interval::YEAR);
    let guest = CheckoutRequest {
        customer: None,
        ..ask("", "pro-old")
    };
    let at_elsewhere = CheckoutRequest {
        provider: elsewhere,
        ..ask("ana", "pro-monthly")
    };
    for (asked, refusal) in [
        (ask("nobody", "pro-monthly"), CheckoutError::NoSuchCustomer),
        (of(price("nothing")), CheckoutError::NotSold),
        (of(plan("nothing", None)), CheckoutError::NotSold),
        (of(plan("legacy", None)), CheckoutError::NotSold),
        (of(plan("pro", yearly)), CheckoutError::NotSold),
        (ask("ana", "pro-old"), CheckoutError::NotSold),
        (guest, CheckoutError::NotSold),
        (pieces("pro-monthly", 2), CheckoutError::Quantity),
        (pieces("team-monthly", 1), CheckoutError::Quantity),
        (pieces("team-monthly", 11), CheckoutError::Quantity),
        (ask("ana", "abroad-monthly"), CheckoutError::NoProvider),
        (at_elsewhere, CheckoutError::NoProvider),
    ] {
        let answer = rig.billing.checkout(asked.clone()).await;
        assert_eq!(answer, Err(refusal), "{:?}", asked.what);
    }
    assert_eq!(rig.store.snapshot(), before);
    let team = rig.open("ana", "team-monthly").await;
    let held = rig.account(customer);
    assert_eq!(
        held.checkout(team.id).unwrap().terms.quantity,
        2,
        "the plan's least"
    );
    let pro = PlanKey::new("pro").unwrap();
    let granted = rig
        .billing
        .grant(&customer.into(), &pro, GrantReason::Comp, None, None)
        .await;
    granted.unwrap();
    let asked = rig.billing.checkout(ask("ana", "pro-monthly")).await;
    assert_eq!(asked, Err(CheckoutError::AlreadyGranted));
}

#[tokio::test]
async fn without_a_catalog_nothing_is_sold_and_it_is_said() {
    let store = billing_testkit::MemoryStore::new();
    let clock = billing_testkit::ManualClock::new(fixtures::start());
    let billing = Billing::builder(
        Arc::new(store),
        Arc::new(clock),
        Arc::new(SeededIds::new(1)),
    )
    .build()
    .unwrap();
    let asked = billing.checkout(ask("ana", "pro-monthly")).await;
    assert_eq!(asked, Err(CheckoutError::Engine(EngineError::NoCatalog)));
    let made = billing.ensure_customer("ana", None).await;
    assert_eq!(made, Err(EngineError::NoCatalog));
    billing.apply_catalog(&shop()).await.unwrap();
    assert!(billing.ensure_customer("ana", None).await.is_ok());
}
