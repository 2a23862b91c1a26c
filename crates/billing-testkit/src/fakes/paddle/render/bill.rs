//! Sums and lines, of a transaction and of a bill that was not made yet.

use billing_domain::money::Currency;
use billing_domain::time::Period;
use serde_json::{Value, json};

use crate::fakes::paddle::amount::{Totals, period_json, rate_json};
use crate::fakes::paddle::things::{Credit, Line};
use crate::fakes::paddle::world::World;

use super::adjustment::credits;
use super::catalog::product;
use super::code;

/// The sums of what a transaction is, or would be.
#[derive(Debug, Clone, Copy)]
pub(in crate::fakes::paddle) struct Sums {
    pub(in crate::fakes::paddle) totals: Totals,
    pub(in crate::fakes::paddle) credit: i64,
    pub(in crate::fakes::paddle) credit_to_balance: i64,
    pub(in crate::fakes::paddle) balance: i64,
    pub(in crate::fakes::paddle) fee: Option<i64>,
}

impl Sums {
    pub(in crate::fakes::paddle) fn grand_total(self) -> i64 {
        self.totals.total.saturating_sub(self.credit).max(0)
    }

    pub(super) fn json(self, currency: Currency) -> Value {
        let Totals {
            subtotal,
            discount,
            tax,
            total,
        } = self.totals;
        let earnings = |fee: i64| total.saturating_sub(tax).saturating_sub(fee);
        json!({
            "subtotal": subtotal.to_string(),
            "tax": tax.to_string(),
            "discount": discount.to_string(),
            "total": total.to_string(),
            "grand_total": self.grand_total().to_string(),
            "grand_total_tax": tax.to_string(),
            "fee": self.fee.map(|fee| fee.to_string()),
            "credit": self.credit.to_string(),
            "credit_to_balance": self.credit_to_balance.to_string(),
            "balance": self.balance.to_string(),
            "earnings": self.fee.map(|fee| earnings(fee).to_string()),
            "currency_code": code(currency),
        })
    }
}

/// Paddle's share of a sale: five percent and fifty minor units.
pub(super) fn fee(total: i64) -> i64 {
    if total == 0 {
        return 0;
    }
    total.checked_div(20).unwrap_or(0).saturating_add(50)
}

/// The details of a transaction that need no transaction.
pub(super) fn bill_details(world: &World, lines: &[Line], sums: Sums, currency: Currency) -> Value {
    json!({
        "tax_rates_used": [{
            "tax_rate": rate_json(world.rules.tax),
            "totals": sums.totals.json(),
        }],
        "totals": sums.json(currency),
        "line_items": lines.iter().map(|one| line(world, one)).collect::<Vec<_>>(),
    })
}

pub(super) fn line(world: &World, line: &Line) -> Value {
    let sold = &line.bought.price;
    let found = world.products.get(&sold.product_id);
    let mut shown = json!({
        "id": line.id,
        "item_id": null,
        "price_id": sold.id,
        "quantity": line.bought.quantity,
        "totals": line.totals.json(),
        "product": found.map(product),
        "tax_rate": rate_json(world.rules.tax),
        "unit_totals": line.unit.json(),
    });
    if let Some(share) = &line.share {
        shown["proration"] = share.json();
    }
    shown
}

/// The details of a bill that was not made yet: its lines have no ids.
pub(in crate::fakes::paddle) fn planned_details(
    world: &World,
    lines: &[Line],
    sums: Sums,
    currency: Currency,
) -> Value {
    let mut details = bill_details(world, lines, sums, currency);
    details["totals"]["exchange_rate"] = Value::from("1");
    let lines = details["line_items"].as_array_mut().into_iter().flatten();
    for line in lines.filter_map(Value::as_object_mut) {
        line.remove("id");
    }
    details
}

/// A bill that was not made yet.
pub(in crate::fakes::paddle) fn bill(
    world: &World,
    period: Period,
    lines: &[Line],
    sums: Sums,
    credited: &[Credit],
    currency: Currency,
) -> Value {
    json!({
        "billing_period": period_json(period),
        "details": planned_details(world, lines, sums, currency),
        "adjustments": credits(credited, currency),
    })
}
