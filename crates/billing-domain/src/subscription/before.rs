//! When a subscription began to be charged, and the prices at which it was held before it had
//! its present one: what reports are told. Decides nothing, and nothing is decided upon it.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};
use crate::subscription::{Schedule, Subscription};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp, shifted};

/// Prices that are remembered of one subscription: two years of a change every month. Of
/// whoever changes more often the oldest are forgotten, so that a row stays small.
pub const MAX_HELD_BEFORE: usize = 24;

/// A price at which it was held, and no longer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBefore {
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None`: the plan has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceKey>,
    /// How often it was charged.
    pub interval: Interval,
    /// What its last cycle at that price cost.
    pub rate: Money,
    /// Whether no cycle of it ever cost anything, so that nothing recurred meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_free: bool,
    /// Since when it is held at another.
    pub until: Timestamp,
}

impl Subscription {
    /// How often `terms` are charged, and what the present cycle costs at them. `None`:
    /// nothing recurs at a price.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when what it costs does not fit.
    pub(crate) fn recurring(
        &self,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Option<(Interval, Money)>, MoneyError> {
        let interval = terms.billing.interval().filter(|_| terms.renews);
        let Some(interval) = interval.filter(|_| !terms.is_free()) else {
            return Ok(None);
        };
        let cycle = match self.schedule {
            Schedule::Engine { cycle, .. } => cycle,
            Schedule::Provider { .. } => terms.number_there(now),
            Schedule::Perpetual => 0,
        };
        Ok(Some((interval, terms.priced(cycle)?.rate)))
    }

    /// When the trial that it was sold with is over: when it was made, if it had none.
    pub(crate) fn trial_over_at(&self) -> Timestamp {
        let trial = self.terms.trial.unwrap_or(SignedDuration::ZERO);
        shifted(self.created_at, trial)
    }

    /// A cycle of it was paid at `at`: the first one after its trial begins it.
    pub(crate) fn begin_paid(&mut self, at: Timestamp) {
        let over = self.trial_over_at();
        let is_first = self.times.paid_through.is_none_or(|until| until <= over);
        if self.terms.trial.is_some() && is_first {
            self.began_at = Some(at.max(over));
        }
    }

    /// Remembers the terms that it was held at until then, where plan or price are others
    /// now. What cannot be priced, or is not charged in cycles, is no figure of any report,
    /// and is not remembered.
    pub(crate) fn remember(&mut self, before: &Terms, until: Timestamp) {
        if before.plan == self.terms.plan && before.price == self.terms.price {
            return;
        }
        let cycles = before.billing.interval().filter(|_| before.renews);
        let (interval, rate, is_free) = match (self.recurring(before, until), cycles) {
            (Ok(Some((interval, rate))), _) => (interval, rate, false),
            (Ok(None), Some(interval)) => (interval, Money::zero(before.unit.currency), true),
            (Ok(None), None) | (Err(_), _) => return,
        };
        let newest = self.held_before.last().map(|held| held.until);
        if self.held_before.len() >= MAX_HELD_BEFORE {
            self.held_before.remove(0);
        }
        self.held_before.push(HeldBefore {
            plan: before.plan.clone(),
            price: before.price.clone(),
            interval,
            rate,
            is_free,
            // A provider tells of a moment; ours ascend.
            until: newest.map_or(until, |newest| newest.max(until)),
        });
    }
}
