//! What items cost. Changes nothing but ids.

use billing_domain::time::Period;

use crate::fakes::paddle::amount::{Share, Totals};
use crate::fakes::paddle::things::{Bought, Discount, Line, Off};
use crate::fakes::paddle::world::World;

impl World {
    /// The lines of `items` at their full prices; with `trials`, what has a
    /// trial costs nothing.
    pub(in crate::fakes::paddle) fn lines(
        &mut self,
        items: &[Bought],
        discount: Option<&Discount>,
        trials: bool,
        period: Option<Period>,
    ) -> Vec<Line> {
        let mut flat = match discount.map(|discount| discount.off) {
            Some(Off::Flat(amount)) => amount,
            Some(Off::BasisPoints(_)) | None => 0,
        };
        let mut lines = Vec::with_capacity(items.len());
        for bought in items {
            let id = self.id("txnitm");
            let free = trials && bought.price.trial.is_some();
            let totals = if free {
                Totals::default()
            } else {
                let totals = self.full(bought, discount, flat);
                flat = flat.saturating_sub(totals.discount).max(0);
                totals
            };
            let one = Bought {
                quantity: 1,
                ..bought.clone()
            };
            lines.push(Line {
                id,
                bought: bought.clone(),
                unit: if free {
                    Totals::default()
                } else {
                    self.full(&one, None, 0)
                },
                totals,
                share: period.map(Share::whole),
            });
        }
        lines
    }

    /// What an item costs for a whole period, with at most `flat` taken off
    /// where the discount is an amount.
    pub(in crate::fakes::paddle) fn full(
        &self,
        bought: &Bought,
        discount: Option<&Discount>,
        flat: i64,
    ) -> Totals {
        let units = i64::from(bought.quantity);
        let gross = bought.price.amount.saturating_mul(units);
        let off = match discount.map(|discount| discount.off) {
            None => 0,
            Some(Off::Flat(_)) => flat.min(gross),
            Some(Off::BasisPoints(points)) => {
                let part = i128::from(gross).saturating_mul(i128::from(points));
                // Half up, of ten thousandths.
                let part = part.saturating_add(5000).checked_div(10_000).unwrap_or(0);
                i64::try_from(part).unwrap_or(gross).min(gross)
            }
        };
        Totals::of(gross, off, bought.price.tax_mode, self.rules.tax)
    }
}
