//! A plan as people read it.

use serde_json::Value;

use super::chart::{self, Effect};
use crate::cli::out::{Color, Out};
use crate::cli::told::{amount, count, list, money, text};

/// The counts, who is kept and why, and each month.
pub(super) fn plan(out: Out, plan: &Value) {
    let (from, to) = (text(plan, "from"), text(plan, "to"));
    let (moves, holders) = (count(plan, "moves"), count(plan, "holders"));
    let head = out.paint(Color::Bold, &format!("{from} -> {to}"));
    out.line(&format!("{head}: {moves} of {holders} subscriptions move"));
    if moves > 0 {
        let (first, last) = (text(plan, "first_move"), text(plan, "last_move"));
        out.line(&format!("  from {first} to {last}"));
    }
    for kept in list(plan, "kept") {
        let reason = text(kept, "reason").replace('_', " ");
        let holders = count(kept, "holders");
        out.line(&format!("  kept: {holders}, {reason}"));
    }
    out.line("");
    let head = ["month", "effect on monthly revenue", "moves", "notices"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(list(plan, "months").iter().map(|month| {
        vec![
            month_of(month).to_owned(),
            amount(month, "effect"),
            count(month, "moves").to_string(),
            count(month, "notices").to_string(),
        ]
    }));
    out.table(&rows);
}

/// The effect as bars.
pub(super) fn bars(out: Out, plan: &Value) {
    out.line("");
    for line in chart::bars(&effects(plan), chart::width()) {
        out.line(&line);
    }
}

/// The command that executes it.
pub(super) fn how_to_execute(out: Out, plan: &Value) {
    let (from, to, digest) = (text(plan, "from"), text(plan, "to"), text(plan, "digest"));
    let bound = match text(plan, "not_before") {
        "" => String::new(),
        not_before => format!(" --not-before {not_before}"),
    };
    out.line("\nTo execute it:");
    out.line(&format!(
        "  billing migrate-prices execute --from {from} --to {to}{bound} --digest {digest}"
    ));
}

/// The effect of each month.
pub(super) fn effects(plan: &Value) -> Vec<Effect> {
    let months = list(plan, "months").iter();
    months
        .map(|month| Effect {
            month: month_of(month).to_owned(),
            amount: money(month, "effect").map_or(0, |effect| effect.amount),
            shown: amount(month, "effect"),
        })
        .collect()
}

/// `2026-03` of the start of a month.
fn month_of(month: &Value) -> &str {
    text(month, "starts").get(..MONTH).unwrap_or_default()
}

/// The bytes of a year and a month.
const MONTH: usize = "2026-03".len();
