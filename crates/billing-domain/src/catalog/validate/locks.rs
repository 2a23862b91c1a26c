//! Rules of locks: what may follow a retired price.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Checker, quoted};
use crate::catalog::{
    Billing, CatalogIssue, IssueCode, Lock, LockEnd, Path, Plan, Price, PriceKey,
};

impl<'a> Checker<'a> {
    pub(super) fn locks(&mut self) {
        for plan in &self.draft.plans {
            for price in &plan.prices {
                if let Some(lock) = &price.lock {
                    self.lock(plan, price, lock);
                }
            }
        }
    }

    fn lock(&mut self, plan: &Plan, price: &'a Price, lock: &'a Lock) {
        let at = place(price).child("lock");
        self.duration(at.child("notice"), lock.notice, SignedDuration::ZERO);
        self.duration(at.child("rejoin"), lock.rejoin, SignedDuration::ZERO);
        let retired = price.retired.or(plan.retired);
        if price.interval == Billing::Once {
            let expected = "no lock: a price paid once never renews";
            self.report(
                at,
                IssueCode::BadLock,
                "a lock on a price paid once",
                expected,
            );
            return;
        }
        if retired.is_none() {
            self.report(
                at.clone(),
                IssueCode::BadLock,
                "a lock on a price that is not retired",
                "`retired` beside it: a lock is the promise of a retired price",
            );
        }
        match lock.until {
            LockEnd::Until(end) if retired.is_some_and(|retired| end < retired) => {
                self.report(
                    at.child("until"),
                    IssueCode::BadLock,
                    format!("a lock that ends at {end}, before the price is retired"),
                    "an end after `retired`",
                );
            }
            LockEnd::Cycles(0) => {
                let expected = "at least one cycle";
                self.report(at.child("cycles"), IssueCode::BadLock, "0", expected);
            }
            LockEnd::Until(_) | LockEnd::Cycles(_) | LockEnd::Forever | LockEnd::UntilChange => {}
        }
        match (&lock.then, lock.until.needs_successor()) {
            (Some(then), true) => self.then(price, then, at.child("then")),
            (None, true) => {
                let found = "a lock that ends without `then`";
                let expected = "`then`, the price that follows";
                self.report(at, IssueCode::BadLock, found, expected);
            }
            (Some(_), false) => {
                let found = "`then` on a lock that never ends by itself";
                let expected = "`until` a date or `cycles`, or no `then`";
                self.report(at.child("then"), IssueCode::BadLock, found, expected);
            }
            (None, false) => {}
        }
    }

    fn then(&mut self, price: &'a Price, then: &'a PriceKey, at: Path) {
        let Some(next) = self.prices.get(then.as_str()).copied() else {
            self.unknown_price(at, then.as_str());
            return;
        };
        let same = next.amount.currency == price.amount.currency && next.interval == price.interval;
        if next.key != price.key && !same {
            let found = format!(
                "{}, in {} every {}",
                quoted(then.as_str()),
                next.amount.currency,
                next.interval
            );
            let expected = format!(
                "a price in {} every {}, as this one",
                price.amount.currency, price.interval
            );
            self.issues.push(CatalogIssue {
                at: at.clone(),
                code: IssueCode::BadLock,
                found,
                expected,
                related: vec![place(price), place(next)],
            });
        }
        if self.comes_back(price) {
            self.report(
                at,
                IssueCode::LockCircle,
                format!("{}, which leads back to this price", quoted(then.as_str())),
                "prices that follow each other to one without `then`",
            );
        }
    }

    /// Whether following `then` from `start` leads back to it.
    fn comes_back(&self, start: &'a Price) -> bool {
        let mut seen = BTreeSet::new();
        let mut here = start;
        // Every step visits a new price, so the walk ends.
        while seen.insert(&here.key) {
            let then = here.lock.as_ref().and_then(|lock| lock.then.as_ref());
            match then.and_then(|key| self.prices.get(key.as_str()).copied()) {
                Some(next) if next.key == start.key => return true,
                Some(next) => here = next,
                None => return false,
            }
        }
        false
    }
}

fn place(price: &Price) -> Path {
    Path::of(["plans", price.plan.as_str(), "prices", price.key.as_str()])
}
