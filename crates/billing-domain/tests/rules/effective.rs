//! What a customer may do: merging, newcomers, plankowners, denials, and the
//! truth of `until`.

use billing_domain::access::{DenyReason, Effective, Gate, LostReason, Need};
use billing_domain::decide::{self, CancelWhen, CheckoutRefusal, NewCustomer};
use billing_domain::entitlement::{Entitlement, Limit};
use billing_domain::grant::{EndTold, Grant, GrantReason};
use billing_domain::ids::IdSeq;
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::{Timestamp, days, shifted};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::access::any_subscription;
use crate::common::{World, at, catalog, provider, sold, terms};

fn gate(world: &World, feature: &str, need: Need<'_>) -> Gate {
    let catalog = &world.catalog.catalog;
    world.effective().gate(catalog, feature, need, world.now)
}

/// Denied to who holds `held`.
fn denied(held: &str, reason: DenyReason, plan: Option<&str>) -> Gate {
    Gate::Denied {
        reason,
        plan_held: Some(held.parse().unwrap()),
        plan_needed: plan.map(|plan| plan.parse().unwrap()),
    }
}

fn allowed(gate: &Gate) -> Option<Limit> {
    match gate {
        Gate::Allowed { limit, .. } => *limit,
        Gate::Denied { .. } => panic!("denied: {gate:?}"),
    }
}

#[test]
fn whoever_holds_nothing_has_the_newcomers_plan() {
    let world = World::new();
    assert_eq!(world.plan(), "free");
    assert_eq!(world.effective().until, None);
    assert!(world.effective().lost.is_empty());
    assert_eq!(
        allowed(&gate(&world, "quota", Need::Amount(2))),
        Some(Limit::AtMost(2))
    );
}

#[test]
fn a_denial_says_why_and_names_the_lowest_plan_that_would_do() {
    let world = World::new();
    let not = DenyReason::NotInPlan;
    let unknown = DenyReason::UnknownFeature;
    let table = [
        ("quota", Need::Amount(3), not, Some("early")),
        ("quota", Need::Amount(6), not, Some("pro")),
        ("quota", Need::Amount(11), not, Some("team")),
        ("quota", Need::Amount(101), not, None),
        ("sso", Need::Some, not, Some("pro")),
        ("editor", Need::Some, not, Some("pro")),
        ("editor", Need::Level("write"), not, Some("team")),
        ("editor", Need::Level("admin"), unknown, None),
        ("seats", Need::Amount(50), not, Some("team")),
        ("seats", Need::Amount(51), not, None),
        ("region", Need::Some, not, None),
        ("rockets", Need::Some, unknown, None),
    ];
    for (feature, need, reason, plan) in table {
        let answer = gate(&world, feature, need);
        assert_eq!(answer, denied("free", reason, plan), "{feature} {need:?}");
    }
}

#[test]
fn a_quantity_is_what_was_bought() {
    let world = World::bought(sold("team-monthly", 4, false));
    let seats = |n| gate(&world, "seats", Need::Amount(n));
    assert_eq!(allowed(&seats(4)), Some(Limit::AtMost(4)));
    assert_eq!(
        seats(5),
        denied("team", DenyReason::NotInPlan, Some("team"))
    );
}

#[test]
fn a_plan_given_away_brings_the_smallest_quantity_that_is_sold() {
    let mut world = World::new();
    let team = "team".parse().unwrap();
    world.decide(|draft| decide::add_grant(draft, team, GrantReason::Comp, None));
    assert_eq!(
        allowed(&gate(&world, "seats", Need::Some)),
        Some(Limit::AtMost(2))
    );
}

#[test]
fn everything_that_gives_access_is_merged_and_the_highest_rank_named() {
    let mut world = World::bought(terms("pro-monthly"));
    let begun = world.begin(sold("team-monthly", 2, false), false);
    let payment = billing_domain::fact::CheckoutPayment::Paid {
        payment: "p".to_owned(),
        amount: crate::common::usd(600),
        conversion: None,
        parts: Vec::new(),
    };
    world.complete(&begun, payment);
    let effective = world.effective();
    assert_eq!(effective.plan.unwrap().as_str(), "team");
    assert_eq!(
        effective.entitlements.get("quota"),
        Some(&Entitlement::Limit(Limit::AtMost(100)))
    );
    // The flag is of the lower plan only.
    assert_eq!(allowed(&gate(&world, "sso", Need::Some)), None);
    assert_eq!(allowed(&gate(&world, "editor", Need::Level("write"))), None);
}

#[test]
fn what_was_lost_says_how() {
    let lost = |world: &World| {
        let Gate::Denied {
            reason: DenyReason::Lost(reason),
            plan_needed,
            ..
        } = gate(world, "sso", Need::Some)
        else {
            panic!("nothing was lost")
        };
        assert_eq!(plan_needed.unwrap().as_str(), "pro");
        reason
    };
    let mut canceled = World::bought(terms("pro-monthly"));
    canceled.cancel(CancelWhen::AtOnce);
    assert_eq!(lost(&canceled), LostReason::Canceled);
    let mut paused = World::bought(terms("pro-monthly"));
    paused.pause().unwrap();
    assert_eq!(lost(&paused), LostReason::Paused);
    let mut unpaid = World::bought(terms("pro-monthly"));
    unpaid.tick("2026-02-01");
    unpaid.link();
    unpaid.go("2026-02-08");
    assert_eq!(lost(&unpaid), LostReason::Unpaid);
    // The newest loss is the one to tell.
    let mut again = canceled;
    let begun = again.begin(terms("pro-monthly"), false);
    let payment = billing_domain::fact::CheckoutPayment::Paid {
        payment: "p".to_owned(),
        amount: crate::common::usd(1_000),
        conversion: None,
        parts: Vec::new(),
    };
    again.complete(&begun, payment);
    again.pause().unwrap();
    assert_eq!(lost(&again), LostReason::Paused);
    // More than was ever held was not lost.
    let quota = gate(&again, "quota", Need::Amount(50));
    assert_eq!(quota, denied("free", DenyReason::NotInPlan, Some("team")));
}

#[test]
fn early_customers_hold_their_plan_buy_a_higher_one_and_fall_back() {
    let revision = catalog();
    let table = [
        (None, Some("2025-05-31T23:59:59Z"), "early"),
        (None, Some("2025-06-01"), "free"),
        (None, None, "free"),
        (Some("did:plc:anna"), None, "early"),
        (Some("did:plc:bert"), None, "free"),
    ];
    for (external_ref, joined, plan) in table {
        let mut world = World::new();
        let new = NewCustomer {
            external_ref: external_ref.map(str::to_owned),
            joined_at: joined.map(at),
            ..NewCustomer::default()
        };
        let ids = IdSeq::new(world.now, 5);
        let draft = decide::create_customer(new, &revision.catalog, ids, world.now, None);
        world.account = draft.finish(false).account;
        assert_eq!(world.plan(), plan, "{external_ref:?} {joined:?}");
        if plan != "early" {
            continue;
        }
        let id: billing_domain::ids::CheckoutId = world.drawn();
        let ask = |price: &str| decide::CheckoutAsk {
            id,
            description: "Acme".to_owned(),
            terms: Some(terms(price)),
            provider: provider(),
            owns_schedule: false,
            success_url: String::new(),
            cancel_url: String::new(),
            secret_hash: String::new(),
        };
        let same = revision.catalog.plan("early").unwrap();
        let refused = world
            .decide(|draft| decide::begin_checkout(draft, same, ask("early-monthly"), &revision));
        assert_eq!(refused.unwrap_err(), CheckoutRefusal::AlreadyGranted);
        let begun = world.begin(terms("pro-monthly"), false);
        let payment = billing_domain::fact::CheckoutPayment::Paid {
            payment: "p".to_owned(),
            amount: crate::common::usd(1_000),
            conversion: None,
            parts: Vec::new(),
        };
        world.complete(&begun, payment);
        assert_eq!(world.plan(), "pro");
        world.cancel(CancelWhen::AtOnce);
        assert_eq!(world.plan(), "early");
    }
}

#[test]
fn a_grant_begins_and_ends_when_it_says_and_is_taken_back_once() {
    let mut world = World::new();
    let plan: billing_domain::catalog::PlanKey = "pro".parse().unwrap();
    let end = Some(at("2026-01-10"));
    let id = world.decide(|draft| decide::add_grant(draft, plan.clone(), GrantReason::Trial, end));
    assert_eq!(world.plan(), "pro");
    assert_eq!(world.effective().until, end);
    let mut over = world.clone();
    over.go("2026-01-10");
    assert_eq!(over.plan(), "free");
    assert!(!over.decide(|draft| decide::end_grant(draft, id)));
    world.go("2026-01-05");
    assert!(world.decide(|draft| decide::end_grant(draft, id)));
    assert_eq!(world.plan(), "free");
    assert!(!world.decide(|draft| decide::end_grant(draft, id)));
    // One to come is announced by `until`.
    let mut ids = IdSeq::new(world.now, 6);
    world.account.put_grant(Grant {
        id: ids.draw(),
        plan,
        reason: GrantReason::Comp,
        starts_at: at("2026-01-07"),
        ends_at: None,
        told: EndTold::Nothing,
    });
    assert_eq!(world.effective().until, Some(at("2026-01-07")));
    world.go("2026-01-07");
    assert_eq!(world.plan(), "pro");
}

#[test]
fn what_is_granted_for_a_while_can_be_bought_before_it_ends() {
    let mut world = World::new();
    let plan: billing_domain::catalog::PlanKey = "pro".parse().unwrap();
    let end = Some(at("2026-01-10"));
    world.decide(|draft| decide::add_grant(draft, plan, GrantReason::Trial, end));
    let begun = world.begin(terms("pro-monthly"), false);
    assert!(begun.effect.is_some());
}

#[test]
fn a_free_plan_is_taken_once() {
    let mut world = World::new();
    let plan = world.catalog.catalog.plan("free").unwrap().clone();
    let id: billing_domain::ids::CheckoutId = world.drawn();
    let revision = world.catalog.clone();
    let ask = || decide::CheckoutAsk {
        id,
        description: String::new(),
        terms: None,
        provider: provider(),
        owns_schedule: true,
        success_url: String::new(),
        cancel_url: String::new(),
        secret_hash: String::new(),
    };
    let begun =
        world.decide(|draft| decide::begin_checkout(draft, &plan, ask(), &revision).unwrap());
    assert_eq!(begun.effect, None);
    assert_eq!(world.account.grants.len(), 1);
    let again = world.decide(|draft| decide::begin_checkout(draft, &plan, ask(), &revision));
    assert_eq!(again.unwrap_err(), CheckoutRefusal::AlreadyGranted);
}

#[test]
fn a_free_plan_that_gives_a_license_is_held_by_a_subscription() {
    let mut world = World::new();
    let mut draft = billing_domain::catalog::CatalogDraft::from(world.catalog.catalog.clone());
    let free = draft
        .plans
        .iter_mut()
        .find(|plan| plan.key.as_str() == "free");
    free.unwrap().license = Some(billing_domain::catalog::LicenseRule { max_machines: 2 });
    world.catalog.catalog = draft.validate().unwrap();
    let plan = world.catalog.catalog.plan("free").unwrap().clone();
    let revision = world.catalog.clone();
    for owns_schedule in [true, false] {
        let mut world = world.clone();
        let id: billing_domain::ids::CheckoutId = world.drawn();
        let ask = || decide::CheckoutAsk {
            id,
            description: String::new(),
            terms: None,
            provider: provider(),
            owns_schedule,
            success_url: String::new(),
            cancel_url: String::new(),
            secret_hash: "hash".to_owned(),
        };
        let begun =
            world.decide(|draft| decide::begin_checkout(draft, &plan, ask(), &revision).unwrap());
        assert_eq!(begun.effect, None);
        // What its secret is exchanged for.
        assert_eq!(world.account.checkout(id).unwrap().secret_hash, "hash");
        let [license] = &world.account.licenses[..] else {
            panic!("{:?}", world.account.licenses);
        };
        assert_eq!(license.subscription, world.sub().id);
        assert_eq!(world.plan(), "free");
        world.tick("2036-01-01");
        assert!(world.gives_access("2036-01-01"), "for good");
        let again = world.decide(|draft| decide::begin_checkout(draft, &plan, ask(), &revision));
        assert_eq!(again.unwrap_err(), CheckoutRefusal::AlreadyGranted);
    }
}

#[test]
fn a_plan_that_left_the_catalog_grants_nothing_and_breaks_nothing() {
    let mut world = World::bought(terms("pro-monthly"));
    let mut held: Subscription = world.sub().clone();
    held.terms.plan = "gone".parse().unwrap();
    held.state = State::Active;
    world.account.put_subscription(held);
    assert_eq!(
        allowed(&gate(&world, "quota", Need::Some)),
        Some(Limit::AtMost(2))
    );
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let plan = prop_oneof![Just("free"), Just("early"), Just("pro"), Just("team")];
    (
        plan,
        0i64..100,
        proptest::option::of(0i64..100),
        any::<u64>(),
    )
        .prop_map(|(plan, starts, lasts, seed)| {
            let starts_at = shifted(at("2026-01-01"), SignedDuration::from_hours(starts * 24));
            Grant {
                id: IdSeq::new(starts_at, seed).draw(),
                plan: plan.parse().unwrap(),
                reason: GrantReason::Comp,
                starts_at,
                ends_at: lasts
                    .map(|days| shifted(starts_at, SignedDuration::from_hours(days * 24))),
                told: EndTold::Nothing,
            }
        })
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0i64..150).prop_map(|day| shifted(at("2026-01-01"), SignedDuration::from_hours(day * 24)))
}

proptest! {
    /// Asked at any instant before `until`, the answer is the same.
    #[test]
    fn until_is_truthful(
        subscriptions in proptest::collection::vec(any_subscription(), 0..3),
        grants in proptest::collection::vec(any_grant(), 0..3),
        now in instant(),
        shares in proptest::collection::vec(0i32..1_000, 4),
    ) {
        let mut world = World::new();
        world.account.subscriptions = subscriptions;
        world.account.grants = grants;
        let catalog = &world.catalog.catalog;
        let here = Effective::of(&world.account, catalog, now);
        let horizon = here.until.unwrap_or(shifted(now, days(4_000)));
        prop_assert!(now < horizon);
        let length = horizon.duration_since(now);
        for share in shares {
            let between = shifted(now, length * share / 1_000);
            prop_assert_eq!(&Effective::of(&world.account, catalog, between), &here);
        }
        let last = shifted(horizon, SignedDuration::from_micros(-1));
        prop_assert_eq!(&Effective::of(&world.account, catalog, last), &here);
    }

    /// Whoever holds more never may do less.
    #[test]
    fn holding_more_never_allows_less(grants in proptest::collection::vec(any_grant(), 1..5), now in instant()) {
        let mut world = World::new();
        world.account.grants = grants;
        let catalog = world.catalog.catalog.clone();
        let all = Effective::of(&world.account, &catalog, now);
        world.account.grants.pop();
        let fewer = Effective::of(&world.account, &catalog, now);
        for (feature, held) in fewer.entitlements.iter() {
            prop_assert!(all.entitlements.get(feature.as_str()).unwrap().allows(held));
        }
        let rank = |effective: &Effective| {
            effective.plan.as_ref().and_then(|plan| catalog.plan(plan.as_str())).and_then(|plan| plan.rank)
        };
        prop_assert!(rank(&all) >= rank(&fewer));
    }
}
