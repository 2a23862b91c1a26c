//! Edits of the catalog that would break a promise are refused, with the edit
//! that works; and contradictions in the change policy are named.

use billing_domain::catalog::{
    CatalogDraft, CatalogRevision, ChangeKind, ChangeMoney, ChangePolicy, ChangeRule,
    EntitlementLock, Holdings, IssueCode, Lock, LockEnd, RefusedEdit, refusals,
};
use billing_domain::time::days;

use crate::common::{at, catalog, edited, lock, price, retired, usd};

fn held(count: u64) -> Holdings {
    let mut held = Holdings::default();
    held.prices.insert("old".parse().unwrap(), count);
    held
}

/// What is refused of an edit from one lock on `old` to another.
fn refused(was: Option<Lock>, is: Option<Lock>) -> Vec<&'static str> {
    let before = retired(&catalog(), "old", "2026-01-15", was);
    let after = retired(&catalog(), "old", "2026-01-15", is);
    fields(&before, &after, 3)
}

fn fields(before: &CatalogRevision, after: &CatalogRevision, count: u64) -> Vec<&'static str> {
    refusals(&before.catalog, &after.catalog, &held(count))
        .into_iter()
        .map(|edit| {
            let RefusedEdit::PromiseWeakened { field, held, .. } = edit else {
                panic!("{edit}");
            };
            assert_eq!(held, count);
            field
        })
        .collect()
}

fn until(day: &str) -> Lock {
    lock(LockEnd::Until(at(day)), Some("new"))
}

fn cycles(count: u32) -> Lock {
    lock(LockEnd::Cycles(count), Some("new"))
}

#[test]
fn a_promise_is_made_better_and_never_worse() {
    let forever = || lock(LockEnd::Forever, None);
    let then = |key: &str| Lock {
        then: Some(key.parse().unwrap()),
        ..until("2027-01-01")
    };
    let table: [(Option<Lock>, Option<Lock>, &[&str]); 17] = [
        (
            Some(until("2027-01-01")),
            Some(until("2026-12-31")),
            &["until"],
        ),
        (Some(until("2027-01-01")), Some(until("2027-01-02")), &[]),
        (Some(cycles(12)), Some(cycles(11)), &["cycles"]),
        (Some(cycles(12)), Some(cycles(13)), &[]),
        (Some(forever()), Some(until("2030-01-01")), &["until"]),
        (None, Some(cycles(99)), &["cycles"]),
        (
            Some(lock(LockEnd::UntilChange, None)),
            Some(cycles(99)),
            &["cycles"],
        ),
        (Some(until("2027-01-01")), Some(forever()), &[]),
        (Some(until("2027-01-01")), None, &[]),
        (Some(until("2027-01-01")), Some(cycles(99)), &["cycles"]),
        (Some(cycles(1)), Some(until("2030-01-01")), &["until"]),
        (Some(then("mid")), Some(then("new")), &["then"]),
        (Some(then("mid")), Some(then("low")), &[]),
        (
            Some(Lock {
                notice: days(30),
                ..forever()
            }),
            Some(Lock {
                notice: days(29),
                ..forever()
            }),
            &["notice"],
        ),
        (
            Some(Lock {
                rejoin: days(60),
                ..forever()
            }),
            // None stated is 30 days.
            None,
            &["rejoin"],
        ),
        (
            Some(Lock {
                entitlements: EntitlementLock::Frozen,
                ..forever()
            }),
            Some(forever()),
            &["entitlements"],
        ),
        (
            Some(forever()),
            Some(Lock {
                quantity_held: true,
                ..forever()
            }),
            &["quantity"],
        ),
    ];
    for (was, is, expected) in table {
        assert_eq!(
            refused(was.clone(), is.clone()),
            expected,
            "{was:?} to {is:?}"
        );
    }
}

#[test]
fn only_what_is_held_and_retired_is_promised() {
    let before = retired(&catalog(), "old", "2026-01-15", Some(until("2027-01-01")));
    let after = retired(&catalog(), "old", "2026-01-15", Some(until("2026-02-01")));
    assert_eq!(fields(&before, &after, 1), ["until"]);
    assert_eq!(fields(&before, &after, 0), Vec::<&str>::new());
    // Retiring is how a promise begins.
    assert_eq!(fields(&catalog(), &after, 5), Vec::<&str>::new());
    // Sold again, it is held on as everything sold is.
    assert_eq!(fields(&before, &catalog(), 5), Vec::<&str>::new());
}

#[test]
fn the_price_that_follows_cannot_become_dearer_meanwhile() {
    let before = retired(&catalog(), "old", "2026-01-15", Some(until("2027-01-01")));
    // Nobody has bought `new`, so its amount can be edited; but it was promised.
    let after = edited(&before, |draft| price(draft, "new").amount = usd(2_100));
    assert_eq!(fields(&before, &after, 1), ["then"]);
}

#[test]
fn counting_from_an_earlier_day_leaves_fewer_cycles() {
    let before = retired(&catalog(), "old", "2026-01-15", Some(cycles(3)));
    let earlier = retired(&catalog(), "old", "2025-01-15", Some(cycles(3)));
    assert_eq!(fields(&before, &earlier, 1), ["retired"]);
    assert_eq!(fields(&earlier, &before, 1), Vec::<&str>::new());
}

#[test]
fn a_refusal_says_where_what_and_what_works() {
    let before = retired(&catalog(), "old", "2026-01-15", Some(cycles(12)));
    let after = retired(&catalog(), "old", "2026-01-15", Some(cycles(6)));
    let told = refusals(&before.catalog, &after.catalog, &held(3))[0].to_string();
    assert_eq!(
        told,
        "plans.pro.prices.old: cycles of its promise changes from 12 cycles to 6 cycles while \
         held (held: 3); restore it, since a promise can only be made better, and let a new \
         price under another key promise less"
    );
}

fn rows(rows: &[(ChangeKind, ChangeRule)]) -> ChangePolicy {
    ChangePolicy {
        rows: rows.iter().copied().collect(),
    }
}

/// Where contradictions are found, once the catalog is edited like this.
fn contradictions(edit: impl FnOnce(&mut CatalogDraft)) -> Vec<String> {
    let mut draft = CatalogDraft::from(catalog().catalog);
    edit(&mut draft);
    let Err(issues) = draft.validate() else {
        return Vec::new();
    };
    issues
        .0
        .iter()
        .map(|issue| {
            assert_eq!(issue.code, IssueCode::Contradiction);
            issue.at.to_string()
        })
        .collect()
}

#[test]
fn another_interval_at_once_has_nothing_to_give_back() {
    for (money, is_allowed) in [
        (ChangeMoney::Charge, true),
        (ChangeMoney::Full, true),
        (ChangeMoney::Credit, false),
        (ChangeMoney::None, true),
    ] {
        for kind in [ChangeKind::Longer, ChangeKind::Shorter] {
            let policy = rows(&[(kind, ChangeRule::Now(money))]);
            let of_all = contradictions(|draft| draft.rules.changes = policy.clone());
            let of_one = contradictions(|draft| draft.plans[1].changes = policy.clone());
            if is_allowed {
                assert!(of_all.is_empty() && of_one.is_empty(), "{kind:?} {money:?}");
            } else {
                assert_eq!(of_all, [format!("rules.changes.{}", kind.name())]);
                assert_eq!(of_one, [format!("plans.pro.changes.{}", kind.name())]);
            }
        }
        // At once in the same interval, every money has a meaning.
        let same = rows(&[(ChangeKind::Upgrade, ChangeRule::Now(money))]);
        assert!(contradictions(|draft| draft.rules.changes = same).is_empty());
    }
}

#[test]
fn a_row_that_can_never_come_to_bear_is_named() {
    let forbid = |kind| rows(&[(kind, ChangeRule::Forbidden)]);
    let found = contradictions(|draft| draft.plans[1].changes = forbid(ChangeKind::QuantityUp));
    assert_eq!(found, ["plans.pro.changes.quantity_up"]);
    // Sold by the piece, it means something; and so it does for all plans.
    let found = contradictions(|draft| draft.plans[2].changes = forbid(ChangeKind::QuantityUp));
    assert_eq!(found, Vec::<String>::new());
    let found = contradictions(|draft| draft.rules.changes = forbid(ChangeKind::QuantityUp));
    assert_eq!(found, Vec::<String>::new());
    let found = contradictions(|draft| draft.plans[0].changes = forbid(ChangeKind::Upgrade));
    assert_eq!(found, ["plans.free.changes.upgrade"]);
    let found = contradictions(|draft| {
        draft.plans[1].rank = None;
        draft.plans[1].changes = forbid(ChangeKind::Downgrade);
    });
    assert_eq!(found, ["plans.pro.changes.downgrade"]);
}

#[test]
fn what_is_held_for_good_has_no_end_to_wait_for() {
    let found = contradictions(|draft| {
        let pro = &mut draft.plans[1];
        pro.prices.truncate(1);
        pro.prices[0].interval = billing_domain::catalog::Billing::Once;
        pro.changes = rows(&[
            (ChangeKind::Upgrade, ChangeRule::PeriodEnd),
            (ChangeKind::Lateral, ChangeRule::Forbidden),
            (ChangeKind::Longer, ChangeRule::Forbidden),
        ]);
    });
    assert_eq!(
        found,
        ["plans.pro.changes.upgrade", "plans.pro.changes.longer"]
    );
}
