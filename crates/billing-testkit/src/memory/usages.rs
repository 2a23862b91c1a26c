//! Metered use: events counted once, figures, and sealed periods.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::time::Timestamp;
use billing_domain::usage::{Figures, Meter};
use billing_ports::store::{StoreError, Sweep, UsageBatch, UsageEvent, UsageRecorded, Usages};

use super::{Call, MemoryStore};

/// What is kept of metered use.
#[derive(Debug, Default)]
pub(super) struct Meters {
    /// The ids that are known, each with its period.
    events: BTreeMap<(CustomerId, String), UsagePeriodId>,
    names: BTreeSet<(UsagePeriodId, FeatureKey, String)>,
    figures: BTreeMap<UsagePeriodId, Figures>,
    sealed: BTreeMap<UsagePeriodId, Timestamp>,
    /// Sealed ones of which only the figures are kept.
    swept: BTreeSet<UsagePeriodId>,
}

impl Meters {
    fn record(&mut self, batch: &UsageBatch) -> UsageRecorded {
        let mut recorded = UsageRecorded::default();
        for event in &batch.events {
            if self.sealed.contains_key(&event.period) {
                recorded.sealed.insert(event.period);
                continue;
            }
            let known = (batch.reported_of, event.id.clone());
            if let std::collections::btree_map::Entry::Vacant(place) = self.events.entry(known) {
                place.insert(event.period);
                recorded.counted.insert(event.id.clone());
                self.count(event);
            }
            let figures = self.figures.entry(event.period).or_default();
            recorded.figures.insert(event.period, figures.clone());
        }
        recorded
    }

    fn count(&mut self, event: &UsageEvent) {
        let value = match (event.meter, &event.name) {
            (Meter::Sum | Meter::Max, _) => event.value,
            (Meter::Unique, None) => 0,
            (Meter::Unique, Some(name)) => {
                let name = (event.period, event.feature.clone(), name.clone());
                u64::from(self.names.insert(name))
            }
        };
        let figures = self.figures.entry(event.period).or_default();
        let figure = figures.entry(event.feature.clone()).or_default();
        *figure = event.meter.add(*figure, value);
    }

    /// Forgets what of sealed periods only told one event from another; gives how many
    /// rows that were, and of how many periods nothing is left.
    pub(super) fn sweep(&mut self, sweep: Sweep) -> u64 {
        let limit = usize::from(sweep.limit);
        let old = self.sealed.iter();
        let old = old.filter(|(id, at)| **at < sweep.rows_before && !self.swept.contains(*id));
        let old: BTreeSet<_> = old.map(|(id, _)| *id).take(limit).collect();
        let mut events = 0_usize;
        self.events
            .retain(|_, period| !goes(&old, *period, &mut events, limit));
        let mut names = 0_usize;
        self.names
            .retain(|(period, _, _)| !goes(&old, *period, &mut names, limit));
        let removed = events.saturating_add(names);
        let done = if events.max(names) < limit {
            old.len()
        } else {
            0
        };
        self.swept.extend(old.into_iter().take(done));
        u64::try_from(removed.saturating_add(done)).unwrap_or(u64::MAX)
    }
}

/// Whether a row of `period` goes, of which `gone` have.
fn goes(
    old: &BTreeSet<UsagePeriodId>,
    period: UsagePeriodId,
    gone: &mut usize,
    limit: usize,
) -> bool {
    let goes = old.contains(&period) && *gone < limit;
    *gone = gone.saturating_add(usize::from(goes));
    goes
}

#[async_trait]
impl Usages for MemoryStore {
    async fn record_usage(&self, batch: &UsageBatch) -> Result<UsageRecorded, StoreError> {
        self.call(Call::Usage, |state| Ok(state.meters.record(batch)))
    }

    async fn usage_figures(&self, period: UsagePeriodId) -> Result<Figures, StoreError> {
        self.call(Call::Usage, |state| {
            let figures = state.meters.figures.get(&period);
            Ok(figures.cloned().unwrap_or_default())
        })
    }

    async fn seal_usage(
        &self,
        _customer: CustomerId,
        period: UsagePeriodId,
        now: Timestamp,
    ) -> Result<Figures, StoreError> {
        self.call(Call::Usage, |state| {
            state.meters.sealed.entry(period).or_insert(now);
            let figures = state.meters.figures.get(&period);
            Ok(figures.cloned().unwrap_or_default())
        })
    }
}
