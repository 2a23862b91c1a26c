//! The prices at which a subscription was held before it had its present one: what reports
//! by plan and by price are told. Decides nothing, and nothing is decided upon it.

use serde::{Deserialize, Serialize};

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};
use crate::subscription::{Schedule, Subscription};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp};

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

    /// Remembers the terms that it was held at until then, where plan or price are others
    /// now. What cannot be priced is no figure of any report, and is not remembered.
    pub(crate) fn remember(&mut self, before: &Terms, until: Timestamp) {
        if before.plan == self.terms.plan && before.price == self.terms.price {
            return;
        }
        let Ok(Some((interval, rate))) = self.recurring(before, until) else {
            return;
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
            // A provider tells of a moment; ours ascend.
            until: newest.map_or(until, |newest| newest.max(until)),
        });
    }
}
