//! What happened in runs, so that none of it is tested by nobody having tried.

use std::collections::BTreeMap;

use billing_domain::change::{Change, ChangedBy};
use billing_domain::journal::Event;
use billing_domain::quote::{Source, Timing};

use super::world::World;

/// How often a share of the runs has to see each thing: a fault in it is met more
/// than once.
const AT_LEAST: usize = 3;

/// What every share has to see.
const WANTED: [&str; 18] = [
    "applied",
    "applied at once for money",
    "applied at once for nothing",
    "applied at its instant",
    "applied by an operator",
    "applied by the provider",
    "began a period",
    "change.canceled",
    "change.failed",
    "change.scheduled",
    "change.superseded",
    "balance.changed",
    "code used",
    "code refused",
    "accepted twice",
    "price_change.upcoming",
    "plan.changed by itself",
    "never told, and found",
];

/// How often each thing happened.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// What happened in a run.
    pub(super) fn of(world: &World) -> Self {
        let mut tally = Self::default();
        let held = world.store.snapshot();
        for entry in &held.journal {
            tally.count(entry.event.as_str());
            if entry.event == Event::PlanChanged && entry.change.is_none() {
                // A promise that ended, or a price migration.
                tally.count("plan.changed by itself");
            }
        }
        for account in held.accounts.iter().map(|customer| &customer.account) {
            for change in &account.changes {
                for what in said_of(change) {
                    tally.count(what);
                }
            }
            for held in &account.subscriptions {
                if held.terms.discount.is_some() {
                    tally.count("code used");
                }
            }
        }
        for (what, times) in &world.changing.met {
            *tally.0.entry((*what).to_owned()).or_default() += times;
        }
        tally
    }

    pub(super) fn add(&mut self, other: Self) {
        for (what, times) in other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// Refuses runs in which too little happened.
    pub(super) fn assert_rich(&self) {
        let seldom: Vec<_> = WANTED
            .into_iter()
            .filter(|what| self.0.get(*what).is_none_or(|times| *times < AT_LEAST))
            .collect();
        assert_eq!(seldom, [""; 0], "seen too seldom among {:#?}", self.0);
    }

    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }
}

fn said_of(change: &Change) -> Vec<&'static str> {
    let quote = &change.quote;
    if change.applied_at().is_none() {
        return Vec::new();
    }
    let mut said = vec!["applied"];
    said.push(match (quote.timing, quote.owed_now.is_zero()) {
        (Timing::AtOnce, false) => "applied at once for money",
        (Timing::AtOnce, true) => "applied at once for nothing",
        (Timing::PeriodEnd, _) => "applied at its instant",
    });
    if let ChangedBy::Operator { .. } = change.by {
        said.push("applied by an operator");
    }
    if quote.source == Source::Provider {
        said.push("applied by the provider");
    }
    if quote.restart.is_some() {
        said.push("began a period");
    }
    said
}
