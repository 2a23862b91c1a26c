//! Whether there is room for more use in a period.

use crate::money::{Money, MoneyError};
use crate::usage::{Figures, Meter, UsagePeriod};

/// Whether more may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It is included.
    Included,
    /// It is charged at the period's end, within the spending limit.
    Charged,
    /// It is neither included nor sold, or the spending limit is reached.
    Exhausted,
}

impl UsagePeriod {
    /// Whether `value` more of `feature` may be used, beside what was, when the customer
    /// spends no more than `limit` (`None`: whatever it costs). `None`: it is not
    /// metered here.
    #[must_use]
    pub fn room(
        &self,
        feature: &str,
        figures: &Figures,
        value: u64,
        limit: Option<Money>,
    ) -> Option<Room> {
        let (key, metered) = self.meters.get_key_value(feature)?;
        let used = figures.get(feature).copied().unwrap_or(0);
        let after = metered.meter.add(used, value);
        if metered.over(after) == 0 {
            return Some(Room::Included);
        }
        if metered.overage.is_none() {
            return Some(Room::Exhausted);
        }
        let mut then = figures.clone();
        then.insert(key.clone(), after);
        let room = match (self.whole_cost(&then), limit) {
            (Ok(_), None) => Room::Charged,
            (Ok(Some(cost)), Some(limit)) if cost.checked_sub(limit).is_ok_and(is_within) => {
                Room::Charged
            }
            _ => Room::Exhausted,
        };
        Some(room)
    }

    /// Whether no further piece of `feature` may be used.
    #[must_use]
    pub fn is_reached(&self, feature: &str, figures: &Figures, limit: Option<Money>) -> bool {
        let used = figures.get(feature).copied().unwrap_or(0);
        // The next one of a level counts from what there is.
        let next = used.saturating_add(1);
        let value = match self.meters.get(feature).map(|metered| metered.meter) {
            Some(Meter::Max) => next,
            Some(Meter::Sum | Meter::Unique) => 1,
            None => return false,
        };
        self.room(feature, figures, value, limit) == Some(Room::Exhausted)
    }

    fn whole_cost(&self, figures: &Figures) -> Result<Option<Money>, MoneyError> {
        let charge = self.charge(figures, None)?;
        Ok(charge.map(|charge| charge.amount))
    }
}

const fn is_within(above: Money) -> bool {
    above.amount <= 0
}
