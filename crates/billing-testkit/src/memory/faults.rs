//! Failing on purpose: a database that is gone before, or after, having written.

use std::collections::{BTreeMap, VecDeque};

use billing_ports::store::StoreError;

use crate::ids::SeededIds;

/// Where in a call the store is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before anything was written.
    Before,
    /// After everything was written: the answer is lost.
    After,
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `find`, `load` and `next_work`.
    Load,
    /// `commit`.
    Commit,
    /// `receive`.
    Receive,
    /// `claim_due`, `claim_inbox`, `claim_outbox`.
    Claim,
    /// `release`.
    Release,
    /// `park_inbox`.
    Park,
    /// `settle_effect` and `settle_inbox`.
    Settle,
    /// `resolve_parked`.
    Resolve,
    /// `sweep`.
    Sweep,
    /// Lists, pages and `ping`.
    Read,
    /// Catalog revisions.
    Catalog,
    /// `put_quote` and `get_quote`.
    Quote,
    /// Discount codes and their uses.
    Code,
    /// Price migrations, and the walks over holders and customers.
    Migration,
    /// Bookmarks.
    Bookmark,
    /// Receivers of events, and what is on its way to them, but for recording a try.
    Endpoint,
    /// `record_attempt`.
    Attempt,
    /// Metered use.
    Usage,
    /// Keys, sessions and idempotency records.
    Credential,
}

/// Failing by chance, the same way under the same seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    /// Where the chances begin.
    pub seed: u64,
    /// Of a thousand calls, how many fail before anything was written.
    pub before_per_mille: u16,
    /// Of a thousand calls, how many fail after everything was written.
    pub after_per_mille: u16,
}

/// What of a thousand is meant by "per mille".
const MILLE: u64 = 1000;

#[derive(Debug, Default)]
pub(super) struct Faults {
    asked: VecDeque<(Call, Fault)>,
    plan: Option<(FaultPlan, SeededIds)>,
    given: u64,
    calls: BTreeMap<Call, u64>,
}

impl Faults {
    pub(super) fn add(&mut self, call: Call, fault: Fault) {
        self.asked.push_back((call, fault));
    }

    pub(super) fn follow(&mut self, plan: Option<FaultPlan>) {
        self.plan = plan.map(|plan| (plan, SeededIds::new(plan.seed)));
    }

    pub(super) fn calls(&self) -> BTreeMap<Call, u64> {
        self.calls.clone()
    }

    pub(super) const fn given(&self) -> u64 {
        self.given
    }

    /// The fault that falls on this call, if one does.
    pub(super) fn draw(&mut self, call: Call) -> Option<Fault> {
        let calls = self.calls.entry(call).or_default();
        *calls = calls.saturating_add(1);
        let asked = self.asked.iter().position(|(held, _)| *held == call);
        let fault = match asked.and_then(|place| self.asked.remove(place)) {
            Some((_, fault)) => Some(fault),
            None => self.by_chance(),
        };
        self.given = self.given.saturating_add(u64::from(fault.is_some()));
        fault
    }

    fn by_chance(&self) -> Option<Fault> {
        let (plan, ids) = self.plan.as_ref()?;
        let drawn = ids.below(MILLE);
        let before = u64::from(plan.before_per_mille);
        let either = before.saturating_add(u64::from(plan.after_per_mille));
        match drawn {
            drawn if drawn < before => Some(Fault::Before),
            drawn if drawn < either => Some(Fault::After),
            _ => None,
        }
    }
}

/// How a fault looks to the caller.
pub(super) fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable(format!("fault on purpose: {what}"))
}
