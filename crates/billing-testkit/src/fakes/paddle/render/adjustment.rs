//! Adjustments, and credits that would become some.

use billing_domain::money::Currency;
use serde_json::{Value, json};

use crate::fakes::paddle::amount::Totals;
use crate::fakes::paddle::things::{Adjustment, AdjustmentAction, Credit};

use super::{code, time};

pub(in crate::fakes::paddle) fn adjustment(adjustment: &Adjustment) -> Value {
    let lines = adjustment.lines.iter().map(|line| {
        json!({
            "id": line.id,
            "item_id": line.line_id,
            "type": line.kind,
            "amount": line.totals.total.to_string(),
            "proration": line.share.as_ref().map(crate::fakes::paddle::amount::Share::json),
            "totals": short(line.totals),
        })
    });
    let mut totals = short(adjustment.totals());
    totals["fee"] = Value::from("0");
    totals["retained_fee"] = Value::from("0");
    totals["earnings"] = Value::from("0");
    totals["currency_code"] = Value::from(code(adjustment.currency));
    json!({
        "id": adjustment.id,
        "action": adjustment.action.name(),
        "type": if adjustment.full { "full" } else { "partial" },
        "transaction_id": adjustment.transaction_id,
        "subscription_id": adjustment.subscription_id,
        "customer_id": adjustment.customer_id,
        "reason": adjustment.reason,
        "credit_applied_to_balance": adjustment.action == AdjustmentAction::Credit,
        "currency_code": code(adjustment.currency),
        "status": adjustment.status.name(),
        "items": lines.collect::<Vec<_>>(),
        "totals": totals,
        "payout_totals": null,
        // Published samples have null here as well as a list.
        "tax_rates_used": null,
        "created_at": time(adjustment.created_at),
        "updated_at": time(adjustment.updated_at),
    })
}

fn short(totals: Totals) -> Value {
    json!({
        "subtotal": totals.subtotal.saturating_sub(totals.discount).to_string(),
        "tax": totals.tax.to_string(),
        "total": totals.total.to_string(),
    })
}

/// Credits of a bill that was not made yet.
pub(in crate::fakes::paddle) fn credits(credits: &[Credit], currency: Currency) -> Vec<Value> {
    let mut shown: Vec<(String, Totals, Vec<Value>)> = Vec::new();
    for credit in credits {
        let line = json!({
            "item_id": credit.line_id,
            "type": "proration",
            "amount": credit.totals.total.to_string(),
            "proration": credit.share.json(),
            "totals": short(credit.totals),
        });
        match shown.iter_mut().find(|one| one.0 == credit.transaction_id) {
            Some((_, sum, lines)) => {
                *sum = sum.plus(credit.totals);
                lines.push(line);
            }
            None => shown.push((credit.transaction_id.clone(), credit.totals, vec![line])),
        }
    }
    let shape = |(id, sum, lines): (String, Totals, Vec<Value>)| {
        let mut totals = short(sum);
        totals["fee"] = Value::from("0");
        totals["retained_fee"] = Value::from("0");
        totals["earnings"] = Value::from("0");
        totals["currency_code"] = Value::from(code(currency));
        json!({"transaction_id": id, "items": lines, "totals": totals})
    };
    shown.into_iter().map(shape).collect()
}
