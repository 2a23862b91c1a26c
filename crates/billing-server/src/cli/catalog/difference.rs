//! What applying a plan file would do: to whom, and to revenue.

use std::collections::BTreeMap;

use billing_domain::catalog::{Catalog as Plans, Holdings, diff, monthly_revenue_effect};
use billing_engine::Billing;
use billing_ports::store::Holding;
use serde_json::{Value, json};

use super::refused;
use crate::cli::failure::Failure;
use crate::cli::out::{Color, Out};

/// What applying would do.
pub(super) struct Difference {
    pub(super) changes: Vec<String>,
    /// Who holds what. `None`: the server that was asked does not tell.
    holdings: Option<Vec<String>>,
    /// By currency. `None`: likewise.
    revenue: Option<Vec<String>>,
    refusals: Vec<String>,
}

impl Difference {
    pub(super) async fn of(billing: &Billing, new: &Plans) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new("compare the catalogs", error);
        let (_, refusals) = billing
            .diff_catalog(new)
            .await
            .map_err(|error| failed(&error))?;
        let store = billing.store();
        let store = store.ok_or_else(|| Failure::failed("billing is switched off"))?;
        let current = store.current_catalog().await;
        let current = current.map_err(|error| failed(&error))?;
        let current = current.map(|revision| revision.catalog);
        let rows = store.holdings().await.map_err(|error| failed(&error))?;
        let changes = diff(current.as_ref(), new).changes;
        let revenue = match &current {
            Some(current) => monthly_revenue_effect(current, new, &gathered(&rows)),
            None => Ok(BTreeMap::new()),
        };
        let revenue = revenue.map_err(|error| failed(&error))?;
        Ok(Self {
            changes: changes.iter().map(ToString::to_string).collect(),
            holdings: Some(rows.iter().map(held).collect()),
            revenue: Some(revenue.values().map(ToString::to_string).collect()),
            refusals,
        })
    }

    /// What a server told.
    pub(super) fn told(said: &Value) -> Self {
        let list = |field: &str| said.get(field).and_then(Value::as_array);
        let lines = |field: &str| {
            let texts = list(field)?.iter().filter_map(Value::as_str);
            Some(texts.map(str::to_owned).collect())
        };
        let changes = list("changes").into_iter().flatten().map(change);
        Self {
            changes: changes.collect(),
            holdings: lines("holdings"),
            revenue: lines("monthly_revenue_effect"),
            refusals: lines("refusals").unwrap_or_default(),
        }
    }

    pub(super) fn show(&self, out: Out) {
        if out.is_json() {
            return out.value(&json!({
                "changes": self.changes,
                "holdings": self.holdings,
                "monthly_revenue_effect": self.revenue,
                "refusals": self.refusals,
            }));
        }
        if self.changes.is_empty() {
            return out.line("No changes: this is what is in force.");
        }
        out.line(&out.paint(Color::Bold, "Changes"));
        for change in &self.changes {
            let color = match change.chars().next() {
                Some('+') => Color::Green,
                Some('-') => Color::Red,
                _ => Color::Yellow,
            };
            out.line(&format!("  {}", out.paint(color, change)));
        }
        let revenue = "Monthly revenue, once every lock that can end has ended";
        section(
            out,
            "Held now",
            self.holdings.as_deref(),
            "nobody holds anything",
        );
        section(out, revenue, self.revenue.as_deref(), "unchanged");
    }

    pub(super) fn refused(&self) -> Option<Failure> {
        (!self.refusals.is_empty()).then(|| refused(&self.refusals))
    }
}

/// One change as a server tells it.
fn change(told: &Value) -> String {
    let text = |field: &str| told.get(field).and_then(Value::as_str);
    let at = text("at").unwrap_or_default();
    match (text("from"), text("to")) {
        (Some(from), Some(to)) => format!("~ {at}: {from} -> {to}"),
        (None, Some(to)) => format!("+ {at}: {to}"),
        (Some(from), None) => format!("- {at}: {from}"),
        (None, None) => at.to_owned(),
    }
}

fn section(out: Out, title: &str, lines: Option<&[String]>, nothing: &str) {
    let Some(lines) = lines else {
        return;
    };
    out.line(&out.paint(Color::Bold, title));
    if lines.is_empty() {
        out.line(&format!("  {nothing}"));
    }
    for line in lines {
        out.line(&format!("  {line}"));
    }
}

fn held(row: &Holding) -> String {
    let what = match &row.price {
        Some(price) => format!("{} at {price}", row.plan),
        None => format!("{} without a price", row.plan),
    };
    format!("{what}: {}", row.holders)
}

fn gathered(rows: &[Holding]) -> Holdings {
    let mut holdings = Holdings::default();
    for row in rows {
        let of_plan = holdings.plans.entry(row.plan.clone()).or_insert(0);
        *of_plan = of_plan.saturating_add(row.holders);
        if let Some(price) = &row.price {
            let of_price = holdings.prices.entry(price.clone()).or_insert(0);
            *of_price = of_price.saturating_add(row.holders);
        }
    }
    holdings
}
