//! What a customer uses of what is metered, against what is included, in the period that lasts.

use billing_domain::catalog::Catalog;
use billing_domain::entitlement::{FeatureKey, FeatureKind, Limit};
use billing_domain::usage::{Metered, UsagePeriod};
use billing_engine::UsageStanding;
use maud::{Markup, html};

use super::visitor::Visitor;
use crate::api::usage::refused;
use crate::pages::describe;
use crate::problem::Problem;

/// What `visitor` uses.
///
/// # Errors
///
/// 401 where the session is of a customer that is not there; 503.
pub(super) async fn used(visitor: &Visitor<'_>) -> Result<UsageStanding, Problem> {
    let used = visitor.billing().usage(&visitor.reference()).await;
    used.map_err(refused)
}

/// The section of use. Nothing where nothing that is held is metered.
pub(super) fn section(catalog: &Catalog, standing: &UsageStanding) -> Markup {
    let Some(period) = &standing.period else {
        return html! {};
    };
    let currency = period.currency();
    let limits = standing.spending_limits.iter();
    let limit = limits.copied().find(|held| Some(held.currency) == currency);
    html! {
        section class="card" aria-labelledby="used" {
            h2 id="used" { "What you use" }
            p {
                "From " (describe::minute(period.period.start))
                " to " (describe::minute(period.period.end)) "."
            }
            ul class="uses" {
                @for (key, metered) in &period.meters {
                    @let used = standing.figures.get(key).copied().unwrap_or(0);
                    @let reached = period.is_reached(key.as_str(), &standing.figures, limit);
                    li { (figure(catalog, key, metered, used, reached)) }
                }
            }
            (money(period, standing))
        }
    }
}

fn figure(
    catalog: &Catalog,
    key: &FeatureKey,
    metered: &Metered,
    used: u64,
    reached: bool,
) -> Markup {
    let feature = catalog.features().get(key.as_str());
    // What is in no catalog any more goes by its key.
    let name = feature.map_or(key.as_str(), |feature| feature.name.as_str());
    let of_bytes = feature.is_some_and(|feature| feature.kind == FeatureKind::Bytes);
    let shown = |amount| describe::amount(amount, of_bytes);
    let over = metered.over(used);
    html! {
        div class="head" {
            h3 { bdi { (name) } }
            @if reached { span class="badge due" { "Limit reached" } }
        }
        p {
            strong { (shown(used)) }
            @match metered.included {
                Limit::AtMost(included) => { " used of " (shown(included)) " included" }
                Limit::Unlimited => " used, as much as you like is included",
            }
            @if over > 0 { ", " strong { (shown(over)) } " beyond" }
            "."
            @if let Some(overage) = metered.overage {
                " Beyond what is included, " (shown(overage.per)) " cost "
                (describe::money(overage.amount)) "."
            }
        }
        @if let Limit::AtMost(included) = metered.included {
            // Without a measure there is none to fill.
            meter aria-label=(name) min="0" max=(included.max(1)) value=(used.min(included.max(1))) {}
        }
    }
}

/// What it comes to, and how much it may.
fn money(period: &UsagePeriod, standing: &UsageStanding) -> Markup {
    let currency = period.currency();
    let mut limits = standing.spending_limits.iter();
    let limit = limits.find(|held| Some(held.currency) == currency);
    html! {
        @if let Some(cost) = standing.cost {
            p {
                "So far " strong { (describe::money(cost)) }
                " is charged for it when this time is over."
            }
        }
        @if let Some(limit) = limit {
            p { "No more than " strong { (describe::money(*limit)) } " is charged, as you wished." }
        }
    }
}
