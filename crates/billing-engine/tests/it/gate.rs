//! The gate: from memory where it can, never stale in its own process, never
//! for long in another.

use billing_domain::access::{DenyReason, Gate, LostReason, Need};
use billing_domain::catalog::PlanKey;
use billing_domain::decide::{CancelWhen, NewCustomer};
use billing_domain::entitlement::Limit;
use billing_domain::grant::GrantReason;
use billing_domain::ids::CustomerId;
use billing_domain::money::Currency;
use billing_domain::time::Timestamp;
use billing_engine::{Billing, EngineError, GateError};
use billing_testkit::fixtures;
use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;

use crate::rig::{Rig, eur, paid};

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_secs(5);

const INSTANT: SignedDuration = SignedDuration::from_micros(1);

async fn sync(billing: &Billing, who: &str) -> Result<Gate, GateError> {
    billing.gate_named(who, "sync", Need::Some).await
}

async fn open(rig: &Rig, who: &str) -> bool {
    matches!(sync(&rig.billing, who).await.unwrap(), Gate::Allowed { .. })
}

fn pro() -> PlanKey {
    PlanKey::new("pro").unwrap()
}

async fn give(billing: &Billing, to: CustomerId, until: Option<Timestamp>) {
    let given = billing
        .grant(&to.into(), &pro(), GrantReason::Comp, until, None)
        .await;
    given.unwrap();
}

#[tokio::test]
async fn it_says_what_is_held_and_which_plan_would_do() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let denied = Gate::Denied {
        reason: DenyReason::NotInPlan,
        plan_held: None,
        plan_needed: Some(pro()),
    };
    assert_eq!(sync(&rig.billing, "ana").await, Ok(denied));
    rig.subscribe("ana").await;
    assert!(open(&rig, "ana").await);
    let team = rig.open("ana", "team-monthly").await;
    rig.tell(vec![paid(&team, 4000, fixtures::start())]).await;
    rig.work().await;
    let seats = |need| rig.billing.gate_named("ana", "seats", need);
    let two = Some(Limit::AtMost(2));
    let answer = seats(Need::Amount(2)).await.unwrap();
    assert!(matches!(answer, Gate::Allowed { limit, .. } if limit == two));
    let answer = seats(Need::Amount(3)).await.unwrap();
    assert!(matches!(answer, Gate::Denied { .. }), "{answer:?}");
    let by_id = rig
        .billing
        .gate(&ana.into(), "seats", Need::Amount(2))
        .await;
    assert_eq!(by_id, seats(Need::Amount(2)).await);
    let unknown = sync(&rig.billing, "nobody").await;
    assert_eq!(unknown, Err(GateError::NoSuchCustomer));
}

#[tokio::test]
async fn it_writes_nothing_calls_nobody_and_answers_from_memory() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.subscribe("ana").await;
    let (before, calls) = (rig.store.snapshot(), rig.provider.calls());
    assert!(open(&rig, "ana").await);
    rig.break_store();
    rig.pass(KEPT - INSTANT);
    assert!(open(&rig, "ana").await);
    let by_id = rig.billing.gate(&ana.into(), "sync", Need::Some).await;
    assert!(by_id.is_ok());
    assert_eq!(rig.store.faults_given(), 0, "the store is not asked");
    rig.pass(INSTANT);
    let late = sync(&rig.billing, "ana").await;
    assert!(
        matches!(late, Err(GateError::Engine(EngineError::Store(_)))),
        "{late:?}"
    );
    rig.mend_store();
    assert!(open(&rig, "ana").await);
    assert_eq!(
        (rig.store.snapshot(), rig.provider.calls()),
        (before, calls)
    );
}

#[tokio::test]
async fn a_commit_of_this_process_is_seen_at_once_and_anothers_soon() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    let other = rig.sibling(9);
    assert!(open(&rig, "ana").await);
    assert!(sync(&other, "ana").await.is_ok());
    let when = CancelWhen::AtOnce;
    let canceled = rig
        .billing
        .cancel(&ana.into(), subscription, when, None)
        .await;
    assert!(canceled.is_ok());
    let lost = Gate::Denied {
        reason: DenyReason::Lost(LostReason::Canceled),
        plan_held: None,
        plan_needed: Some(pro()),
    };
    assert_eq!(sync(&rig.billing, "ana").await, Ok(lost.clone()));
    rig.pass(KEPT - INSTANT);
    assert!(matches!(
        sync(&other, "ana").await,
        Ok(Gate::Allowed { .. })
    ));
    rig.pass(INSTANT);
    assert_eq!(sync(&other, "ana").await, Ok(lost));
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_seen_at_once() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    assert!(!open(&rig, "ana").await);
    rig.store.fail_next(Call::Commit, Fault::After);
    let given = rig
        .billing
        .grant(&ana.into(), &pro(), GrantReason::Comp, None, None)
        .await;
    assert!(given.is_err());
    assert!(open(&rig, "ana").await);
}

#[tokio::test]
async fn an_answer_ends_when_what_is_held_does() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let end = fixtures::start() + SignedDuration::from_secs(2);
    give(&rig.billing, ana, Some(end)).await;
    let allowed = Gate::Allowed {
        limit: None,
        until: Some(end),
    };
    assert_eq!(sync(&rig.billing, "ana").await, Ok(allowed));
    rig.clock.set(end - INSTANT);
    assert!(open(&rig, "ana").await);
    rig.clock.set(end);
    assert!(!open(&rig, "ana").await);
}

#[tokio::test]
async fn a_member_holds_what_its_owner_does() {
    let rig = Rig::new().await;
    let owner = rig.customer("ana").await;
    for name in ["ben", "cleo"] {
        let member = NewCustomer {
            external_ref: Some(name.to_owned()),
            member_of: Some(owner),
            ..NewCustomer::default()
        };
        rig.billing.create_customer(member, None).await.unwrap();
        assert!(!open(&rig, name).await);
    }
    give(&rig.billing, owner, None).await;
    assert!(open(&rig, "ben").await && open(&rig, "cleo").await);
    let held = rig.billing.access(&"ben".into()).await.unwrap().unwrap();
    assert_eq!(held.plan, Some(pro()));
    let grant = rig.account(owner).grants[0].id;
    rig.billing
        .end_grant(&owner.into(), grant, None)
        .await
        .unwrap();
    assert!(!open(&rig, "ben").await && !open(&rig, "cleo").await);
    let ben = rig.billing.account(&"ben".into()).await.unwrap().unwrap();
    give(&rig.billing, ben.customer.id, None).await;
    assert!(open(&rig, "ben").await && !open(&rig, "cleo").await && !open(&rig, "ana").await);
}

#[tokio::test]
async fn a_new_catalog_is_seen_at_once() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    give(&rig.billing, ana, None).await;
    assert!(open(&rig, "ana").await);
    let without = billing_domain::catalog::Catalog::builder("Acme Notes", Currency::EUR)
        .flag("sync", "Sync")
        .plan("pro", "Pro", |plan| {
            plan.rank(1).monthly("pro-monthly", eur(900))
        })
        .build()
        .unwrap();
    rig.billing.apply_catalog(&without).await.unwrap();
    assert!(!open(&rig, "ana").await);
}

#[tokio::test]
async fn switched_off_everything_is_open() {
    let open = Gate::Allowed {
        limit: None,
        until: None,
    };
    assert_eq!(sync(&Billing::disabled(), "anybody").await, Ok(open));
}

#[tokio::test]
async fn a_member_holds_what_its_owner_buys() {
    let rig = Rig::new().await;
    let owner = rig.customer("ana").await;
    let member = NewCustomer {
        external_ref: Some("ben".to_owned()),
        member_of: Some(owner),
        ..NewCustomer::default()
    };
    rig.billing.create_customer(member, None).await.unwrap();
    rig.subscribe("ana").await;
    assert!(open(&rig, "ben").await);
}
