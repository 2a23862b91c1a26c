//! Plans as they are sold today, with what a longer interval saves.

use billing_domain::catalog::{Billing, Catalog, Plan, Price};
use billing_domain::money::Money;
use billing_domain::time::{Interval, Timestamp, Unit};
use poem_openapi::Object;

use crate::api::views::{EntitlementView, MoneyView, entitlements};

/// A plan on offer.
#[derive(Debug, Object)]
#[oai(rename = "Plan")]
pub(crate) struct PlanView {
    /// Its key, as in `personal`.
    plan: String,
    /// What people read.
    name: String,
    /// A sentence for people; may be empty.
    description: String,
    /// Its place on the ladder, higher is more. Absent: outside the ladder.
    rank: Option<u32>,
    /// Whether it costs nothing.
    free: bool,
    /// Whether customers who hold nothing have it.
    newcomer: bool,
    /// Days before the first charge. Absent: charged at once.
    trial_days: Option<i64>,
    /// How it is sold by quantity. Absent: one piece.
    quantity: Option<QuantityView>,
    /// What holders may do.
    entitlements: Vec<EntitlementView>,
    /// What it costs; empty when it is free.
    prices: Vec<PriceView>,
}

/// How a plan is sold by quantity.
#[derive(Debug, Object)]
#[oai(rename = "Quantity")]
pub(crate) struct QuantityView {
    /// The feature that the quantity buys.
    feature: String,
    /// The smallest quantity.
    min: u32,
    /// The largest quantity.
    max: u32,
    /// Whole steps above the smallest.
    step: u32,
}

/// A price on sale.
#[derive(Debug, Object)]
#[oai(rename = "Price")]
pub(crate) struct PriceView {
    /// Its key, as in `personal-monthly`.
    price: String,
    /// What people read.
    name: String,
    /// What one interval, and one piece, costs.
    amount: MoneyView,
    /// `month`, `year`, `3 months`, `once`.
    interval: String,
    /// What a month costs, rounded half up. Absent unless charged by months or years.
    per_month: Option<MoneyView>,
    /// What it saves against the plan's monthly price in the same currency, in
    /// whole percent, rounded down. Absent: nothing, or there is no such price.
    saving_percent: Option<u32>,
}

/// `plan` as it is sold at `now`.
pub(crate) fn plan(plan: &Plan, catalog: &Catalog, now: Timestamp) -> PlanView {
    let sold: Vec<&Price> = plan
        .prices
        .iter()
        .filter(|price| catalog.is_sold_at(price.key.as_str(), now))
        .collect();
    let newcomer = catalog.newcomer_plan().map(|newcomer| &newcomer.key);
    PlanView {
        plan: plan.key.to_string(),
        name: plan.name.clone(),
        description: plan.description.clone(),
        rank: plan.rank,
        free: plan.is_free(),
        newcomer: newcomer == Some(&plan.key),
        trial_days: plan
            .trial
            .and_then(|trial| trial.as_hours().checked_div(24)),
        quantity: plan.quantity.as_ref().map(|rule| QuantityView {
            feature: rule.feature.to_string(),
            min: rule.min,
            max: rule.max,
            step: rule.step,
        }),
        entitlements: entitlements(&plan.entitlements, catalog),
        prices: sold.iter().map(|price| view(price, plan, &sold)).collect(),
    }
}

fn view(price: &Price, plan: &Plan, sold: &[&Price]) -> PriceView {
    let months = months(price.interval);
    let per_month =
        months.and_then(|months| price.amount.share_half_away_from_zero(1, months).ok());
    let monthly = sold
        .iter()
        .find(|other| {
            other.interval == Billing::Recurring(Interval::MONTH)
                && other.amount.currency == price.amount.currency
        })
        .map(|other| other.amount);
    let saving = match (months, monthly) {
        (Some(months), Some(monthly)) => saving_percent(price.amount, months, monthly),
        _ => None,
    };
    PriceView {
        price: price.key.to_string(),
        name: price.name.clone().unwrap_or_else(|| plan.name.clone()),
        amount: price.amount.into(),
        interval: price.interval.to_string(),
        per_month: per_month.map(MoneyView::from),
        saving_percent: saving,
    }
}

/// How many months an interval is, where it is a whole number of them.
fn months(billing: Billing) -> Option<i64> {
    let interval = billing.interval()?;
    let months = match interval.unit() {
        Unit::Month => 1,
        Unit::Year => 12,
        Unit::Day | Unit::Week => return None,
    };
    i64::from(interval.count()).checked_mul(months)
}

/// What paying `amount` for `months` saves against paying `monthly` each month,
/// in whole percent, rounded down so that no more is promised than is given.
fn saving_percent(amount: Money, months: i64, monthly: Money) -> Option<u32> {
    let full = i128::from(monthly.amount).checked_mul(i128::from(months))?;
    let saved = full.checked_sub(i128::from(amount.amount))?;
    let percent = saved.checked_mul(100)?.checked_div(full)?;
    u32::try_from(percent).ok().filter(|percent| *percent > 0)
}

#[cfg(test)]
mod tests {
    use billing_domain::money::Currency;

    use super::*;

    #[test]
    fn savings_are_rounded_down_and_never_negative() {
        let usd = |amount| Money::new(amount, Currency::USD);
        let table = [
            (5000, 12, 500, Some(16)), // 16.67 %
            (6000, 12, 500, None),     // the same
            (7000, 12, 500, None),     // dearer
            (0, 12, 500, Some(100)),
            (5000, 12, 0, None),   // nothing to save against
            (1199, 12, 100, None), // 0.08 %
            (i64::MAX, 12, i64::MAX, Some(91)),
        ];
        for (amount, months, monthly, expected) in table {
            let saved = saving_percent(usd(amount), months, usd(monthly));
            assert_eq!(saved, expected, "{amount} for {months} against {monthly}");
        }
    }
}
