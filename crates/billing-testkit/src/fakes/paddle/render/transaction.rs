//! Transactions, in answers and in events.

use serde_json::{Value, json};

use crate::fakes::paddle::amount::{Totals, period_json, rate_json};
use crate::fakes::paddle::things::{
    Adjustment, AdjustmentAction, Bought, Payment, Transaction, TransactionStatus,
};
use crate::fakes::paddle::world::World;

use super::adjustment::adjustment;
use super::bill::{Sums, bill_details, fee};
use super::catalog::{discount, price};
use super::people::{address, customer};
use super::{code, time};

/// A transaction in an answer.
pub(in crate::fakes::paddle) fn transaction(
    world: &World,
    transaction: &Transaction,
    includes: &[&str],
) -> Value {
    let mut shown = transaction_event(world, transaction);
    // An answer names a price within the item alone, and no share of everything.
    let items = shown["items"].as_array_mut().into_iter().flatten();
    for item in items.filter_map(Value::as_object_mut) {
        item.remove("price_id");
        item.retain(|name, value| name != "proration" || !value.is_null());
    }
    for include in includes {
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        match *include {
            "customer" => {
                let found = world.customers.get(&id(&transaction.customer_id));
                shown["customer"] = found.map_or(Value::Null, customer);
            }
            "address" => {
                let found = world.addresses.get(&id(&transaction.address_id));
                shown["address"] = found.map_or(Value::Null, address);
            }
            "discount" => {
                let found = transaction.discount.as_ref();
                let shape = |found| discount(found, Some(transaction.currency));
                shown["discount"] = found.map_or(Value::Null, shape);
            }
            "adjustments" => {
                let of = |one: &&Adjustment| one.transaction_id == transaction.id;
                let found = world.adjustments.values().filter(of);
                shown["adjustments"] = found.map(adjustment).collect();
            }
            _ => {}
        }
    }
    shown["available_payment_methods"] = json!(["card", "paypal", "apple_pay"]);
    shown
}

/// A transaction in an event.
pub(in crate::fakes::paddle) fn transaction_event(
    world: &World,
    transaction: &Transaction,
) -> Value {
    let checkout = transaction.page.as_ref().map(|page| {
        let mark = if page.contains('?') { '&' } else { '?' };
        format!("{page}{mark}_ptxn={}", transaction.id)
    });
    let (invoice_id, invoice_number) = transaction.invoice.clone().unzip();
    json!({
        "id": transaction.id,
        "status": transaction.status.name(),
        "customer_id": transaction.customer_id,
        "address_id": transaction.address_id,
        "business_id": null,
        "custom_data": transaction.custom_data,
        "origin": transaction.origin.name(),
        "collection_mode": if transaction.manual { "manual" } else { "automatic" },
        "subscription_id": transaction.subscription_id,
        "invoice_id": invoice_id,
        "invoice_number": invoice_number,
        "billing_details": null,
        "billing_period": transaction.period.map(period_json),
        "currency_code": code(transaction.currency),
        "discount_id": transaction.discount.as_ref().map(|discount| &discount.id),
        "created_at": time(transaction.created_at),
        "updated_at": time(transaction.updated_at),
        "billed_at": transaction.billed_at.map(time),
        "revised_at": null,
        "items": items(transaction),
        "details": details(world, transaction),
        "payments": transaction.payments.iter().rev().map(payment).collect::<Vec<_>>(),
        "checkout": {"url": checkout},
    })
}

fn items(transaction: &Transaction) -> Vec<Value> {
    let shown = transaction.items.iter().enumerate();
    shown
        .map(|(place, bought)| {
            let share = transaction.lines.get(place);
            let share = share.and_then(|line| line.share.as_ref());
            let mut shown = self::bought(bought);
            shown["price_id"] = Value::from(bought.price.id.clone());
            shown["proration"] =
                share.map_or(Value::Null, crate::fakes::paddle::amount::Share::json);
            shown
        })
        .collect()
}

fn bought(bought: &Bought) -> Value {
    json!({"price": price(&bought.price), "quantity": bought.quantity})
}

pub(super) fn details(world: &World, transaction: &Transaction) -> Value {
    let totals = transaction.totals();
    let done = transaction.status == TransactionStatus::Completed;
    let captured = transaction.captured();
    let sums = Sums {
        totals,
        credit: transaction.credit,
        credit_to_balance: transaction.credit_to_balance,
        balance: transaction.grand_total().saturating_sub(captured),
        fee: done.then_some(fee(transaction.grand_total())),
    };
    let adjusted = adjusted(world, transaction);
    let mut shown = bill_details(world, &transaction.lines, sums, transaction.currency);
    shown["tax_rates_used"] = json!([{
        "tax_rate": rate_json(transaction.tax),
        "totals": totals.json(),
    }]);
    shown["adjusted_totals"] = json!({
        "subtotal": adjusted.subtotal.to_string(),
        "tax": adjusted.tax.to_string(),
        "total": adjusted.total.to_string(),
        "grand_total": adjusted.total.saturating_sub(transaction.credit).max(0).to_string(),
        "fee": sums.fee.unwrap_or(0).to_string(),
        "retained_fee": "0",
        "earnings": "0",
        "currency_code": code(transaction.currency),
        "grand_total_tax": adjusted.tax.to_string(),
    });
    shown["payout_totals"] = if done {
        let mut payout = sums.json(transaction.currency);
        payout["exchange_rate"] = Value::from("1");
        payout["fee_rate"] = Value::from("0.05");
        payout
    } else {
        Value::Null
    };
    shown["adjusted_payout_totals"] = Value::Null;
    shown
}

/// What is left of a transaction after what was given back of it.
pub(super) fn adjusted(world: &World, transaction: &Transaction) -> Totals {
    let mut left = transaction.totals();
    let all = world.adjustments.values();
    for one in all.filter(|one| one.transaction_id == transaction.id) {
        if !one.status.was_done() {
            continue;
        }
        let totals = one.totals();
        left = match one.action {
            AdjustmentAction::Refund | AdjustmentAction::Credit | AdjustmentAction::Chargeback => {
                Totals {
                    subtotal: left.subtotal.saturating_sub(totals.subtotal),
                    discount: left.discount.saturating_sub(totals.discount),
                    tax: left.tax.saturating_sub(totals.tax),
                    total: left.total.saturating_sub(totals.total),
                }
            }
            AdjustmentAction::ChargebackReverse => left.plus(totals),
            AdjustmentAction::ChargebackWarning | AdjustmentAction::ChargebackWarningReverse => {
                continue;
            }
        };
    }
    left
}

fn payment(payment: &Payment) -> Value {
    json!({
        "payment_attempt_id": payment.id,
        "payment_method_id": null,
        "stored_payment_method_id": payment.id,
        "amount": payment.amount.to_string(),
        "status": if payment.captured { "captured" } else { "error" },
        "error_code": if payment.captured { Value::Null } else { Value::from("declined") },
        "method_details": {"type": "card", "card": {
            "type": "visa", "last4": "4242", "expiry_month": 1, "expiry_year": 2099,
            "cardholder_name": "Sam Miller",
        }},
        "created_at": time(payment.at),
        "captured_at": payment.captured.then(|| time(payment.at)),
    })
}
