//! Edits that weaken a promise to the holders of a retired price. A promise that
//! was made can be made better, and never worse.
//!
//! Deliberately knows nothing of who holds what, and of any instant: a promise is
//! made when the catalog says since when the price is retired.

use super::{Catalog, EntitlementLock, Lock, LockEnd, Price};

/// What is promised less than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weakened {
    /// The key of the file.
    pub(super) field: &'static str,
    /// What was promised.
    pub(super) from: String,
    /// What would be.
    pub(super) to: String,
}

/// What `after` promises less than `before` did, if that is retired.
pub(super) fn weakened(
    (old, before): (&Catalog, &Price),
    (new, after): (&Catalog, &Price),
) -> Vec<Weakened> {
    let Some(since) = old.retired_at(before) else {
        return Vec::new();
    };
    // What is sold again makes no promise, and is held on as anything sold is.
    let Some(still) = new.retired_at(after) else {
        return Vec::new();
    };
    let (was, is) = (before.effective_lock(), after.effective_lock());
    let mut less = Vec::new();
    let mut find = |field, from: String, to: String| less.push(Weakened { field, from, to });
    if !lasts_as_long(was.until, is.until) {
        find(field_of(is.until), says(was.until), says(is.until));
    }
    if matches!(is.until, LockEnd::Cycles(_)) && still < since {
        find("retired", since.to_string(), still.to_string());
    }
    if is.until.needs_successor()
        && let (Some(followed), Some(follows)) = (successor(old, &was), successor(new, &is))
        && follows.amount.amount > followed.amount.amount
    {
        let told = |price: &Price| format!("{}, {}", price.key, price.amount);
        find("then", told(followed), told(follows));
    }
    for (field, was, is) in [
        ("notice", was.notice, is.notice),
        ("rejoin", was.rejoin, is.rejoin),
    ] {
        if is < was {
            find(field, format!("{was:#}"), format!("{is:#}"));
        }
    }
    let frozen = |lock: &Lock| lock.entitlements == EntitlementLock::Frozen;
    if frozen(&was) && !frozen(&is) {
        find("entitlements", "frozen".to_owned(), "follow".to_owned());
    }
    if !was.quantity_held && is.quantity_held {
        find("quantity", "any".to_owned(), "held".to_owned());
    }
    less
}

fn successor<'a>(catalog: &'a Catalog, lock: &Lock) -> Option<&'a Price> {
    catalog.price(lock.then.as_ref()?.as_str())
}

/// Whether a promise until `is` covers all that one until `was` does. Ends of
/// different kinds do not compare.
fn lasts_as_long(was: LockEnd, is: LockEnd) -> bool {
    match (was, is) {
        // A change of plan ends every promise.
        (_, LockEnd::Forever | LockEnd::UntilChange) => true,
        (LockEnd::Until(was), LockEnd::Until(is)) => was <= is,
        (LockEnd::Cycles(was), LockEnd::Cycles(is)) => was <= is,
        (LockEnd::Forever | LockEnd::UntilChange, LockEnd::Until(_) | LockEnd::Cycles(_))
        | (LockEnd::Until(_), LockEnd::Cycles(_))
        | (LockEnd::Cycles(_), LockEnd::Until(_)) => false,
    }
}

const fn field_of(until: LockEnd) -> &'static str {
    match until {
        LockEnd::Cycles(_) => "cycles",
        LockEnd::Until(_) | LockEnd::Forever | LockEnd::UntilChange => "until",
    }
}

fn says(until: LockEnd) -> String {
    match until {
        LockEnd::Forever => "for ever".to_owned(),
        LockEnd::UntilChange => "until a change of plan".to_owned(),
        LockEnd::Until(end) => format!("until {end}"),
        LockEnd::Cycles(count) => format!("{count} cycles"),
    }
}
