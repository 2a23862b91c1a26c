//! What a period comes to, in lines that explain themselves.

use serde::{Deserialize, Serialize};

use crate::entitlement::{FeatureKey, Limit};
use crate::line::{Line, LineKind, sum};
use crate::money::{Money, MoneyError};
use crate::usage::{Figures, Overage, UsagePeriod};

/// What is charged for one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// One line a feature, and what the spending limit takes off.
    pub lines: Vec<Line>,
    /// What they come to; never below zero, never above the spending limit.
    pub amount: Money,
}

/// What a line of use is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// What was used.
    pub feature: FeatureKey,
    /// How much, in pieces or bytes.
    pub used: u64,
    /// How much of that is included.
    pub included: u64,
    /// What is charged beyond.
    pub overage: Overage,
}

impl Used {
    /// How much is charged.
    #[must_use]
    pub const fn over(&self) -> u64 {
        self.used.saturating_sub(self.included)
    }
}

impl UsagePeriod {
    /// What this much use costs, no more than `limit` (`None`: all of it), or than it came
    /// to when the limit was moved. `None`: nothing is charged.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when it does not fit, or the currencies differ.
    pub fn charge(
        &self,
        figures: &Figures,
        limit: Option<Money>,
    ) -> Result<Option<Charge>, MoneyError> {
        let mut lines = Vec::new();
        for (feature, metered) in &self.meters {
            let used = figures.get(feature).copied().unwrap_or(0);
            let (Limit::AtMost(included), Some(overage)) = (metered.included, metered.overage)
            else {
                continue;
            };
            let over = metered.over(used);
            if over == 0 {
                continue;
            }
            let used = Used {
                feature: feature.clone(),
                used,
                included,
                overage,
            };
            let amount = overage.cost(over)?;
            let line = Line::whole(LineKind::Usage, self.plan.clone(), 1, amount);
            lines.push(Line {
                used: Some(used),
                ..line
            });
        }
        let Some(currency) = lines.first().map(|line| line.amount.currency) else {
            return Ok(None);
        };
        let mut amount = sum(&lines, currency)?;
        let floor = self.floor.filter(|floor| floor.currency == currency);
        let limit = limit.map(|limit| match floor {
            Some(floor) if floor.amount > limit.amount => floor,
            _ => limit,
        });
        if let Some(limit) = limit
            && amount.checked_sub(limit)?.amount > 0
        {
            let off = limit.checked_sub(amount)?;
            lines.push(Line::whole(LineKind::SpendingLimit, None, 1, off));
            amount = limit;
        }
        Ok(Some(Charge { lines, amount }))
    }
}
