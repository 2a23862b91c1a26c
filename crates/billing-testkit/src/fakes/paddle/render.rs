//! Objects in the shapes that Paddle gives them. Changes nothing.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Period, Timestamp, Unit};
use serde_json::{Value, json};

use super::amount::{Totals, period_json, rate_json};
use super::things::{
    Address, Adjustment, AdjustmentAction, AdjustmentStatus, Bought, Credit, Customer, Destination,
    Discount, Event, Line, Notification, Off, Payment, Price, Product, SubscribedItem,
    Subscription, SubscriptionStatus, Transaction, TransactionStatus,
};
use super::world::World;

/// Paddle's share of a sale: five percent and fifty minor units.
fn fee(total: i64) -> i64 {
    if total == 0 {
        return 0;
    }
    total.checked_div(20).unwrap_or(0).saturating_add(50)
}

/// The code of a currency, as Paddle writes it.
pub(super) fn code(currency: Currency) -> String {
    currency.code().to_ascii_uppercase()
}

pub(super) fn interval_json(interval: Interval) -> Value {
    json!({"interval": unit_name(interval.unit()), "frequency": interval.count()})
}

pub(super) const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}

pub(super) fn product(product: &Product) -> Value {
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

pub(super) fn price(price: &Price) -> Value {
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

pub(super) fn customer(customer: &Customer) -> Value {
    json!({
        "id": customer.id,
        "status": if customer.active { "active" } else { "archived" },
        "custom_data": customer.custom_data,
        "name": customer.name,
        "email": customer.email,
        "marketing_consent": false,
        "locale": customer.locale,
        "import_meta": null,
        "created_at": time(customer.created_at),
        "updated_at": time(customer.updated_at),
    })
}

pub(super) fn address(address: &Address) -> Value {
    json!({
        "id": address.id,
        "customer_id": address.customer_id,
        "description": null,
        "first_line": null,
        "second_line": null,
        "city": null,
        "postal_code": address.postal_code,
        "region": null,
        "country_code": address.country_code,
        "status": "active",
        "custom_data": null,
        "import_meta": null,
        "created_at": time(address.created_at),
        "updated_at": time(address.created_at),
    })
}

pub(super) fn discount(discount: &Discount, currency: Option<Currency>) -> Value {
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

/// A transaction in an answer.
pub(super) fn transaction(world: &World, transaction: &Transaction, includes: &[&str]) -> Value {
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
pub(super) fn transaction_event(world: &World, transaction: &Transaction) -> Value {
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
            shown["proration"] = share.map_or(Value::Null, super::amount::Share::json);
            shown
        })
        .collect()
}

fn bought(bought: &Bought) -> Value {
    json!({"price": price(&bought.price), "quantity": bought.quantity})
}

/// The sums of what a transaction is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) totals: Totals,
    pub(super) credit: i64,
    pub(super) credit_to_balance: i64,
    pub(super) balance: i64,
    pub(super) fee: Option<i64>,
}

impl Sums {
    pub(super) fn grand_total(self) -> i64 {
        self.totals.total.saturating_sub(self.credit).max(0)
    }

    fn json(self, currency: Currency) -> Value {
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

fn details(world: &World, transaction: &Transaction) -> Value {
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

/// The details of a transaction that need no transaction.
fn bill_details(world: &World, lines: &[Line], sums: Sums, currency: Currency) -> Value {
    json!({
        "tax_rates_used": [{
            "tax_rate": rate_json(world.rules.tax),
            "totals": sums.totals.json(),
        }],
        "totals": sums.json(currency),
        "line_items": lines.iter().map(|one| line(world, one)).collect::<Vec<_>>(),
    })
}

fn line(world: &World, line: &Line) -> Value {
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

/// What is left of a transaction after what was given back of it.
fn adjusted(world: &World, transaction: &Transaction) -> Totals {
    let mut left = transaction.totals();
    let all = world.adjustments.values();
    for one in all.filter(|one| one.transaction_id == transaction.id) {
        if one.status != AdjustmentStatus::Approved {
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

/// A subscription in an event: without products, and without links that log
/// people in.
pub(super) fn subscription_event(subscription: &Subscription) -> Value {
    let discount = subscription.discount.as_ref().map(|(discount, _)| {
        json!({
            "id": discount.id,
            "type": match discount.off {
                Off::BasisPoints(_) => "percentage",
                Off::Flat(_) => "flat",
            },
            // Null for a discount that was there from the start.
            "starts_at": null,
            "ends_at": null,
        })
    });
    let scheduled = subscription.scheduled.map(|scheduled| {
        json!({
            "action": scheduled.action.name(),
            "effective_at": time(scheduled.at),
            "resume_at": scheduled.resume_at.map(time),
        })
    });
    json!({
        "id": subscription.id,
        "status": subscription.status.name(),
        "customer_id": subscription.customer_id,
        "address_id": subscription.address_id,
        "business_id": null,
        "currency_code": code(subscription.currency),
        "created_at": time(subscription.created_at),
        "updated_at": time(subscription.updated_at),
        "started_at": time(subscription.started_at),
        "first_billed_at": subscription.first_billed_at.map(time),
        "next_billed_at": subscription.next_billed_at().map(time),
        "paused_at": subscription.paused_at.map(time),
        "canceled_at": subscription.canceled_at.map(time),
        "collection_mode": if subscription.manual { "manual" } else { "automatic" },
        "billing_details": null,
        "current_billing_period": subscription.period.map(period_json),
        "billing_cycle": interval_json(subscription.interval),
        "scheduled_change": scheduled,
        "items": subscription.items.iter()
            .map(|item| subscribed(subscription, item)).collect::<Vec<_>>(),
        "custom_data": subscription.custom_data,
        "discount": discount,
        "import_meta": null,
    })
}

/// A subscription in an answer.
pub(super) fn subscription(world: &World, subscription: &Subscription) -> Value {
    let mut shown = subscription_event(subscription);
    let items = shown["items"].as_array_mut().into_iter().flatten();
    for (item, held) in items.zip(&subscription.items) {
        let found = world.products.get(&held.bought.price.product_id);
        item["product"] = found.map_or(Value::Null, product);
    }
    let link = |what: &str| {
        let id = &subscription.id;
        format!("https://buyer-portal.paddle.com/subscriptions/{id}/{what}")
    };
    shown["management_urls"] = json!({
        "update_payment_method": link("update-payment-method"),
        "cancel": link("cancel"),
    });
    shown
}

fn subscribed(subscription: &Subscription, item: &SubscribedItem) -> Value {
    let trialing = subscription.status == SubscriptionStatus::Trialing;
    let status = match subscription.status {
        SubscriptionStatus::Trialing => "trialing",
        SubscriptionStatus::Active | SubscriptionStatus::PastDue => "active",
        SubscriptionStatus::Paused | SubscriptionStatus::Canceled => "inactive",
    };
    let trial = subscription.trial.filter(|_| trialing);
    json!({
        "status": status,
        "quantity": item.bought.quantity,
        "recurring": true,
        "created_at": time(item.created_at),
        "updated_at": time(item.updated_at),
        "previously_billed_at": item.billed_at.map(time),
        "next_billed_at": subscription.next_billed_at().map(time),
        "trial_dates": trial.map(period_json),
        "price": price(&item.bought.price),
    })
}

pub(super) fn adjustment(adjustment: &Adjustment) -> Value {
    let lines = adjustment.lines.iter().map(|line| {
        json!({
            "id": line.id,
            "item_id": line.line_id,
            "type": line.kind,
            "amount": line.totals.total.to_string(),
            "proration": line.share.as_ref().map(super::amount::Share::json),
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
pub(super) fn credits(credits: &[Credit], currency: Currency) -> Vec<Value> {
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

/// The details of a bill that was not made yet: its lines have no ids.
pub(super) fn planned_details(
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
pub(super) fn bill(
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

pub(super) fn event(event: &Event) -> Value {
    json!({
        "event_id": event.id,
        "event_type": event.kind,
        "occurred_at": time(event.at),
        "data": event.data,
    })
}

/// What is sent to a destination.
pub(super) fn payload(notification: &Notification) -> Value {
    let mut shown = event(&notification.event);
    shown["notification_id"] = Value::from(notification.id.clone());
    shown
}

pub(super) fn notification(notification: &Notification) -> Value {
    json!({
        "id": notification.id,
        "type": notification.event.kind,
        "status": notification.status.name(),
        "payload": payload(notification),
        "occurred_at": time(notification.event.at),
        "delivered_at": notification.delivered_at.map(time),
        "replayed_at": notification.replayed_at.map(time),
        "origin": if notification.replay { "replay" } else { "event" },
        "last_attempt_at": notification.last_attempt_at.map(time),
        "retry_at": null,
        "times_attempted": notification.attempts,
        "notification_setting_id": notification.destination_id,
    })
}

pub(super) fn destination(destination: &Destination) -> Value {
    let events = destination.events.iter();
    let events: Vec<Value> = events.map(|name| json!({"name": name})).collect();
    json!({
        "id": destination.id,
        "description": destination.description,
        "type": "url",
        "destination": destination.url,
        "active": destination.active,
        "api_version": 1,
        "include_sensitive_fields": false,
        "subscribed_events": events,
        "endpoint_secret_key": destination.secret,
        "traffic_source": "all",
    })
}

pub(super) fn time(at: Timestamp) -> String {
    at.to_string()
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
