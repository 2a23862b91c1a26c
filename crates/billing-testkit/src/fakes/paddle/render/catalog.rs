//! Products, prices, discounts.

use billing_domain::money::Currency;
use serde_json::{Value, json};

use crate::fakes::paddle::things::{Discount, Off, Price, Product};

use super::{code, interval_json, time};

pub(in crate::fakes::paddle) fn product(product: &Product) -> Value {
    json!({
        "id": product.id,
        "name": product.name,
        "type": "standard",
        "tax_category": "standard",
        "description": null,
        "image_url": null,
        "custom_data": product.custom_data,
        "status": "active",
        "import_meta": null,
        "created_at": time(product.created_at),
        "updated_at": time(product.created_at),
    })
}

pub(in crate::fakes::paddle) fn price(price: &Price) -> Value {
    let trial = price.trial.map(|trial| {
        let mut shown = interval_json(trial);
        shown["requires_payment_method"] = Value::Bool(true);
        shown["unit_price"] = Value::Null;
        shown["unit_price_overrides"] = json!([]);
        shown
    });
    json!({
        "id": price.id,
        "product_id": price.product_id,
        "type": if price.catalog { "standard" } else { "custom" },
        "description": price.description,
        "name": null,
        "billing_cycle": price.interval.map(interval_json),
        "trial_period": trial,
        "tax_mode": price.tax_mode.name(),
        "unit_price": {"amount": price.amount.to_string(), "currency_code": code(price.currency)},
        "unit_price_overrides": [],
        "custom_data": price.custom_data,
        "quantity": {"minimum": price.quantity.0, "maximum": price.quantity.1},
        "status": if price.active { "active" } else { "archived" },
        "import_meta": null,
        "created_at": time(price.created_at),
        "updated_at": time(price.updated_at),
    })
}

pub(in crate::fakes::paddle) fn discount(discount: &Discount, currency: Option<Currency>) -> Value {
    let (kind, amount) = match discount.off {
        Off::BasisPoints(points) => ("percentage", percent(points)),
        Off::Flat(amount) => ("flat", amount.to_string()),
    };
    json!({
        "id": discount.id,
        "status": "active",
        "description": discount.description,
        "enabled_for_checkout": discount.code.is_some(),
        "code": discount.code,
        "type": kind,
        "mode": "standard",
        "amount": amount,
        "currency_code": currency.map(code),
        "recur": discount.recur,
        "maximum_recurring_intervals": discount.intervals,
        "usage_limit": null,
        "restrict_to": null,
        "expires_at": null,
        "times_used": 0,
        "custom_data": null,
        "created_at": time(discount.created_at),
        "updated_at": time(discount.created_at),
    })
}

/// Hundredths of a percent as a percentage: `12.5`.
fn percent(points: u32) -> String {
    let whole = points.checked_div(100).unwrap_or(0);
    match points.checked_rem(100).unwrap_or(0) {
        0 => whole.to_string(),
        part => format!("{whole}.{part:02}")
            .trim_end_matches('0')
            .to_owned(),
    }
}
