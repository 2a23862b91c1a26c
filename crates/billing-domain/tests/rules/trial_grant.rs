//! What newcomers may try: granted when they join, announced to end, once, and over.

use billing_domain::catalog::{CatalogDraft, CatalogRevision, TrialGrant};
use billing_domain::customer::Account;
use billing_domain::decide::{self, NewCustomer};
use billing_domain::grant::GrantReason;
use billing_domain::ids::{CustomerId, IdSeq};
use billing_domain::journal::Event;
use billing_domain::time::days;

use crate::common::{World, at, catalog};

/// Two weeks of `pro` for whoever joins.
fn trying() -> CatalogRevision {
    let mut revision = catalog();
    let mut draft = CatalogDraft::from(revision.catalog);
    draft.defaults.trial = Some(TrialGrant {
        plan: "pro".parse().unwrap(),
        lasts: days(14),
    });
    revision.catalog = draft.validate().unwrap();
    revision
}

/// Who was made of `new` on New Year's Day.
fn made(new: NewCustomer) -> Account {
    let now = at("2026-01-01");
    let ids = IdSeq::new(now, 1);
    decide::create_customer(new, &trying().catalog, ids, now, None).account
}

#[test]
fn whoever_joins_may_try_is_told_two_days_before_the_end_once_and_then_that_it_is_over() {
    let mut world = World::joined("2026-01-01", trying());
    assert_eq!(world.plan(), "pro");
    assert_eq!(world.effective().until, Some(at("2026-01-15")));
    assert_eq!(world.account.wake_at(), Some(at("2026-01-13")));
    world.tick("2026-01-13");
    assert_eq!(world.count(Event::GrantTrialEnding), 1);
    assert_eq!(world.account.wake_at(), Some(at("2026-01-15")));
    world.tick("2026-01-14");
    assert_eq!(world.count(Event::GrantTrialEnding), 1);
    assert_eq!(
        (world.plan().as_str(), world.count(Event::GrantRemoved)),
        ("pro", 0)
    );
    world.go("2026-01-15");
    assert_eq!(world.plan(), "free", "with no job run");
    world.tick("2026-01-15");
    world.tick("2026-01-20");
    assert_eq!(world.count(Event::GrantRemoved), 1);
    assert_eq!(world.account.wake_at(), None);
}

#[test]
fn who_slept_through_the_notice_is_told_the_end_alone() {
    let mut world = World::joined("2026-01-01", trying());
    world.tick("2026-02-01");
    let told = [Event::GrantTrialEnding, Event::GrantRemoved].map(|event| world.count(event));
    assert_eq!(told, [0, 1]);
}

#[test]
fn a_trial_that_is_taken_back_is_told_of_no_more() {
    let mut world = World::joined("2026-01-01", trying());
    let id = world.account.grants[0].id;
    world.go("2026-01-05");
    assert!(world.decide(|draft| decide::end_grant(draft, id)));
    world.tick("2026-02-01");
    let told = [Event::GrantTrialEnding, Event::GrantRemoved].map(|event| world.count(event));
    assert_eq!(told, [0, 1]);
}

#[test]
fn a_gift_ends_without_notice() {
    let mut world = World::new();
    let end = Some(at("2026-01-10"));
    let plan = "pro".parse().unwrap();
    world.decide(|draft| decide::add_grant(draft, plan, GrantReason::Comp, end));
    assert_eq!(world.account.wake_at(), end);
    world.tick("2026-01-10");
    let told = [Event::GrantTrialEnding, Event::GrantRemoved].map(|event| world.count(event));
    assert_eq!(told, [0, 1]);
}

#[test]
fn it_counts_from_the_day_of_joining_and_is_for_who_signs_up() {
    let joined = |day: &str| NewCustomer {
        joined_at: Some(at(day)),
        ..NewCustomer::default()
    };
    let late = made(joined("2025-12-25"));
    assert_eq!(late.grants[0].ends_at, Some(at("2026-01-08")));
    let mut ids = IdSeq::new(at("2026-01-01"), 9);
    let owner: CustomerId = ids.draw();
    for nobody in [
        joined("2025-12-18"),
        NewCustomer {
            guest: true,
            ..NewCustomer::default()
        },
        NewCustomer {
            member_of: Some(owner),
            ..NewCustomer::default()
        },
    ] {
        assert_eq!(made(nobody.clone()).grants, [], "{nobody:?}");
    }
}
