//! Rendering in the pinned version.

use billing_domain::money::Currency;
use billing_domain::time::Unit;
use serde_json::{Value, json};

use super::options::BillingMode;
use super::thing::{
    Charge, Coupon, CouponLasts, CouponOff, Customer, Discount, Dispute, Intent, Invoice, Item,
    Line, Metadata, Phase, Price, Product, Refund, Schedule, Session, Subscription,
};
use super::world::{Endpoint, World};

/// A list that is complete.
pub(super) fn list(data: &[Value], url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": false, "url": url })
}

pub(super) fn product(world: &World, product: &Product) -> Value {
    json!({
        "id": product.id, "object": "product", "active": product.active, "name": product.name,
        "created": product.created, "livemode": world.rules.livemode,
        "metadata": product.metadata, "type": "service",
    })
}

pub(super) fn price(world: &World, price: &Price) -> Value {
    let recurring = price.interval.map(|interval| {
        json!({
            "interval": unit(interval.unit()), "interval_count": interval.count(),
            "meter": null, "trial_period_days": null, "usage_type": "licensed",
        })
    });
    json!({
        "id": price.id, "object": "price", "active": price.active,
        "billing_scheme": "per_unit", "created": price.created, "currency": code(price.currency),
        "livemode": world.rules.livemode, "lookup_key": price.lookup_key,
        "metadata": price.metadata, "nickname": null, "product": price.product,
        "recurring": recurring, "tax_behavior": "unspecified", "tiers_mode": null,
        "type": if recurring.is_some() { "recurring" } else { "one_time" },
        "unit_amount": price.unit_amount, "unit_amount_decimal": price.unit_amount.to_string(),
    })
}

pub(super) fn customer(world: &World, customer: &Customer) -> Value {
    if customer.deleted {
        return json!({ "id": customer.id, "object": "customer", "deleted": true });
    }
    json!({
        "id": customer.id, "object": "customer", "balance": customer.balance,
        "created": customer.created, "currency": null, "delinquent": false,
        "description": null, "email": customer.email, "livemode": world.rules.livemode,
        "metadata": customer.metadata, "name": customer.name,
        "invoice_settings": { "default_payment_method": customer.card.map(|_| "pm_1FakeCard") },
    })
}

pub(super) fn coupon(world: &World, coupon: &Coupon) -> Value {
    let (percent, amount, currency) = match coupon.off {
        CouponOff::BasisPoints(points) => (Some(percent(points)), None, None),
        CouponOff::Amount(amount, currency) => (None, Some(amount), Some(code(currency))),
    };
    let (duration, months) = match coupon.lasts {
        CouponLasts::Once => ("once", None),
        CouponLasts::Months(months) => ("repeating", Some(months)),
        CouponLasts::Forever => ("forever", None),
    };
    json!({
        "id": coupon.id, "object": "coupon", "amount_off": amount, "created": coupon.created,
        "currency": currency, "duration": duration, "duration_in_months": months,
        "livemode": world.rules.livemode, "metadata": coupon.metadata, "name": coupon.name,
        "percent_off": percent, "times_redeemed": 0, "valid": true,
    })
}

/// Hundredths of a percent as the number that the wire has: 12.5, 20.
fn percent(points: u16) -> Value {
    let text = format!("{}.{:02}", points.div_euclid(100), points.rem_euclid(100));
    serde_json::from_str(&text).unwrap_or_default()
}

fn discount(world: &World, subscription: &str, discount: &Discount) -> Value {
    let held = world.coupons.get(&discount.coupon);
    json!({
        "id": discount.id, "object": "discount", "start": discount.start, "end": discount.end,
        "subscription": subscription,
        "source": { "type": "coupon", "coupon": held.map(|held| coupon(world, held)) },
    })
}

/// A checkout session.
pub(super) fn session(world: &World, session: &Session) -> Value {
    let open = session.status == super::thing::SessionStatus::Open;
    let url = world.link(&format!("pay/{}", session.id));
    let discounts: Vec<Value> = session
        .coupon
        .iter()
        .map(|coupon| json!({ "coupon": coupon, "promotion_code": null }))
        .collect();
    json!({
        "id": session.id, "object": "checkout.session", "amount_subtotal": session.amount_subtotal,
        "amount_total": session.amount_total, "cancel_url": session.cancel_url,
        "client_reference_id": session.client_reference_id, "created": session.created,
        "currency": session.currency, "customer": session.customer,
        "customer_details": details(world, session),
        "customer_email": session.customer_email, "discounts": discounts,
        "expires_at": session.expires_at, "invoice": session.invoice,
        "livemode": world.rules.livemode, "metadata": session.metadata,
        "mode": session.mode.word(), "payment_intent": session.intent,
        "payment_status": session.pay.word(), "status": session.status.word(),
        "subscription": session.subscription, "success_url": session.success_url,
        "url": open.then_some(url),
        "payment_method_collection": if session.terms.method_if_required { "if_required" } else { "always" },
    })
}

/// What the buyer has told of itself, once there is one.
fn details(world: &World, session: &Session) -> Option<Value> {
    if session.status != super::thing::SessionStatus::Complete {
        return None;
    }
    let customer = session
        .customer
        .as_ref()
        .and_then(|id| world.customers.get(id));
    let known = customer.and_then(|customer| customer.email.clone());
    let filled_in = session.customer_email.clone();
    let email = filled_in.or(known).or_else(|| session.given_email.clone());
    Some(
        json!({ "address": null, "email": email, "name": null, "phone": null, "tax_exempt": "none", "tax_ids": [] }),
    )
}

/// What a session sells.
pub(super) fn session_lines(world: &World, session: &Session) -> Vec<Value> {
    let lines = session.lines.iter().filter_map(|(id, quantity)| {
        let held = world.prices.get(id)?;
        let amount = held.unit_amount.saturating_mul(i64::from(*quantity));
        Some(json!({
            "id": format!("li_{id}"), "object": "item", "amount_subtotal": amount,
            "amount_total": amount, "currency": code(held.currency),
            "price": price(world, held), "quantity": quantity,
        }))
    });
    lines.collect()
}

fn item(world: &World, of: &Subscription, item: &Item) -> Value {
    let held = world.prices.get(&item.price);
    json!({
        "id": item.id, "object": "subscription_item", "created": item.created,
        "current_period_start": of.period.start, "current_period_end": of.period.end,
        "discounts": [], "metadata": item.metadata,
        "price": held.map(|held| price(world, held)),
        "quantity": item.quantity, "subscription": of.id,
    })
}

/// A subscription.
pub(super) fn subscription(world: &World, of: &Subscription) -> Value {
    let items: Vec<Value> = of.items.iter().map(|one| item(world, of, one)).collect();
    let first = of
        .items
        .first()
        .and_then(|one| world.prices.get(&one.price));
    let mode = match world.rules.billing_mode {
        BillingMode::Classic => "classic",
        BillingMode::Flexible => "flexible",
    };
    let pending = of.pending_update.as_ref().map(|pending| {
        let items: Vec<Value> = pending
            .items
            .iter()
            .map(|one| item(world, of, one))
            .collect();
        json!({
            "expires_at": pending.expires_at, "subscription_items": items,
            "billing_cycle_anchor": pending.restart.map(|(anchor, _)| anchor),
            "trial_end": null, "trial_from_plan": false,
        })
    });
    let pause = of
        .pause_collection
        .map(|pause| json!({ "behavior": pause.behavior, "resumes_at": pause.resumes_at }));
    let discounts: Vec<&str> = of.discounts.iter().map(|one| one.id.as_str()).collect();
    let paused = of
        .paused_at
        .map(|at| json!({ "subscription": { "paused_at": at } }));
    json!({
        "id": of.id, "object": "subscription", "billing_cycle_anchor": of.anchor,
        "billing_mode": { "type": mode }, "cancel_at": of.cancel_at,
        "cancel_at_period_end": of.cancel_at_period_end, "canceled_at": of.canceled_at,
        "cancellation_details": { "comment": null, "feedback": null, "reason": of.cancel_reason },
        "collection_method": "charge_automatically", "created": of.created,
        "currency": first.map(|first| code(first.currency)), "customer": of.customer,
        "default_payment_method": of.card.map(|_| "pm_1FakeCard"),
        "description": of.description, "discounts": discounts, "ended_at": of.ended_at,
        "items": list(&items, &format!("/v1/subscription_items?subscription={}", of.id)),
        "latest_invoice": of.latest_invoice, "livemode": world.rules.livemode,
        "metadata": of.metadata, "pause_collection": pause, "pending_update": pending,
        "schedule": of.schedule, "start_date": of.created, "status": of.status.word(),
        "status_details": { "paused": paused },
        "trial_start": of.trial.map(|trial| trial.start),
        "trial_end": of.trial.map(|trial| trial.end),
        "trial_settings": { "end_behavior": { "missing_payment_method": of.missing_method.word() } },
    })
}

/// The discounts of a subscription, for who expands them.
pub(super) fn discounts(world: &World, of: &Subscription) -> Vec<Value> {
    let discounts = of.discounts.iter();
    discounts.map(|one| discount(world, &of.id, one)).collect()
}

fn line(world: &World, of: &Invoice, line: &Line) -> Value {
    let product = line.price.as_ref().and_then(|id| world.prices.get(id));
    let parent = line.item.as_ref().map(|item| {
        json!({
            "type": "subscription_item_details", "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null, "proration": line.proration, "proration_details": null,
                "subscription": of.subscription, "subscription_item": item,
            },
        })
    });
    let discounts: Vec<Value> = (line.discount != 0)
        .then(|| json!({ "amount": line.discount, "discount": "di_1Fake" }))
        .into_iter()
        .collect();
    json!({
        "id": line.id, "object": "line_item", "amount": line.amount, "currency": of.currency,
        "description": line.description, "discount_amounts": discounts,
        "discountable": !line.proration, "invoice": of.id, "livemode": world.rules.livemode,
        "metadata": {}, "parent": parent,
        "period": { "start": line.period.start, "end": line.period.end },
        "pricing": {
            "type": "price_details",
            "price_details": { "price": line.price, "product": product.map(|one| &one.product) },
            "unit_amount_decimal": product.map(|one| one.unit_amount.to_string()),
        },
        "quantity": line.quantity, "subtotal": line.amount, "taxes": [],
    })
}

/// An invoice.
pub(super) fn invoice(world: &World, of: &Invoice) -> Value {
    let lines: Vec<Value> = of.lines.iter().map(|one| line(world, of, one)).collect();
    let parent = of.subscription.as_ref().map(|id| {
        json!({
            "type": "subscription_details", "quote_details": null,
            "subscription_details": { "subscription": id, "metadata": of.subscription_metadata },
        })
    });
    let remaining = of.amount_due.saturating_sub(of.amount_paid);
    let hosted = of
        .ending_balance
        .is_some()
        .then(|| world.link(&format!("pay/{}", of.id)));
    json!({
        "id": of.id, "object": "invoice", "amount_due": of.amount_due,
        "amount_paid": of.amount_paid, "amount_remaining": remaining,
        "attempt_count": of.attempts, "attempted": of.attempts > 0,
        "auto_advance": of.finalizes_at.is_some() || of.next_attempt.is_some(),
        "automatically_finalizes_at": of.finalizes_at, "billing_reason": of.reason.word(),
        "collection_method": "charge_automatically", "created": of.created,
        "currency": of.currency, "customer": of.customer, "discounts": [],
        "ending_balance": of.ending_balance, "hosted_invoice_url": hosted,
        "lines": list(&lines, &format!("/v1/invoices/{}/lines", of.id)),
        "livemode": world.rules.livemode, "metadata": of.metadata,
        "next_payment_attempt": of.next_attempt, "number": hosted.as_ref().map(|_| &of.id),
        "parent": parent, "period_start": of.period.start, "period_end": of.period.end,
        "starting_balance": of.starting_balance, "status": of.status.word(),
        "status_transitions": { "paid_at": of.paid_at },
        "subtotal": of.subtotal(), "total": of.total(),
        "total_excluding_tax": of.total(),
    })
}

/// What was paid, or is to be paid, for an invoice.
pub(super) fn invoice_payments(world: &World, of: &Invoice) -> Vec<Value> {
    let intent = of.intent.as_ref().and_then(|id| world.intents.get(id));
    let payment = intent.map(|intent| {
        let status = match intent.status {
            "succeeded" => "paid",
            "canceled" => "canceled",
            _ => "open",
        };
        json!({
            "id": intent.id.replacen("pi_", "inpay_", 1), "object": "invoice_payment",
            "amount_paid": (status == "paid").then_some(intent.amount),
            "amount_requested": intent.amount, "created": intent.created,
            "currency": intent.currency, "invoice": of.id, "is_default": true,
            "livemode": world.rules.livemode,
            "payment": { "type": "payment_intent", "payment_intent": intent.id },
            "status": status,
            "status_transitions": { "canceled_at": null, "paid_at": of.paid_at },
        })
    });
    payment.into_iter().collect()
}

/// A payment intent.
pub(super) fn intent(world: &World, of: &Intent) -> Value {
    let error = of.decline.map(
        |decline| json!({ "type": "card_error", "code": "card_declined", "decline_code": decline }),
    );
    let received = if of.status == "succeeded" {
        of.amount
    } else {
        0
    };
    json!({
        "id": of.id, "object": "payment_intent", "amount": of.amount,
        "amount_received": received, "created": of.created, "currency": of.currency,
        "customer": of.customer, "last_payment_error": error, "latest_charge": of.charge,
        "livemode": world.rules.livemode, "metadata": of.metadata, "status": of.status,
    })
}

/// A charge.
pub(super) fn charge(world: &World, of: &Charge) -> Value {
    json!({
        "id": of.id, "object": "charge", "amount": of.amount,
        "amount_captured": if of.paid { of.amount } else { 0 },
        "amount_refunded": of.refunded, "captured": of.paid, "created": of.created,
        "currency": of.currency, "customer": of.customer, "disputed": of.disputed,
        "failure_code": of.decline.map(|_| "card_declined"),
        "livemode": world.rules.livemode, "metadata": of.metadata, "paid": of.paid,
        "payment_intent": of.intent, "refunded": of.paid && of.refunded == of.amount,
        "status": if of.paid { "succeeded" } else { "failed" },
    })
}

/// A refund.
pub(super) fn refund(of: &Refund) -> Value {
    json!({
        "id": of.id, "object": "refund", "amount": of.amount, "charge": of.charge,
        "created": of.created, "currency": of.currency, "metadata": of.metadata,
        "payment_intent": of.intent, "reason": of.reason, "status": of.status,
    })
}

/// A dispute.
pub(super) fn dispute(world: &World, of: &Dispute) -> Value {
    json!({
        "id": of.id, "object": "dispute", "amount": of.amount, "charge": of.charge,
        "created": of.created, "currency": of.currency, "livemode": world.rules.livemode,
        "metadata": {}, "payment_intent": of.intent, "reason": "fraudulent",
        "status": of.status,
    })
}

fn phase(of: &Phase) -> Value {
    let items = of.items.iter().map(|(price, quantity)| {
        json!({ "price": price, "quantity": quantity, "discounts": [], "metadata": {} })
    });
    let discounts = of
        .discounts
        .iter()
        .map(|id| json!({ "coupon": null, "discount": id, "promotion_code": null }));
    json!({
        "start_date": of.span.start, "end_date": of.span.end,
        "items": items.collect::<Vec<Value>>(), "proration_behavior": of.proration,
        "metadata": of.metadata, "trial_end": of.trial_end,
        "discounts": discounts.collect::<Vec<Value>>(),
    })
}

/// A schedule.
pub(super) fn schedule(world: &World, of: &Schedule) -> Value {
    use super::thing::ScheduleStatus as Status;
    let active = of.status == Status::Active;
    let current = of.current(world.now()).filter(|_| active);
    let current =
        current.map(|phase| json!({ "start_date": phase.span.start, "end_date": phase.span.end }));
    let released = of.status == Status::Released;
    let ended = |status: Status| of.ended_at.filter(|_| of.status == status);
    json!({
        "id": of.id, "object": "subscription_schedule", "created": of.created,
        "current_phase": current, "customer": of.customer,
        "end_behavior": if of.cancels { "cancel" } else { "release" },
        "livemode": world.rules.livemode, "metadata": of.metadata,
        "phases": of.phases.iter().map(phase).collect::<Vec<Value>>(),
        "completed_at": ended(Status::Completed), "canceled_at": ended(Status::Canceled),
        "released_at": ended(Status::Released),
        "released_subscription": released.then_some(&of.subscription),
        "status": of.status.word(),
        "subscription": (!released).then_some(&of.subscription),
    })
}

/// An endpoint for webhooks, without its secret.
pub(super) fn endpoint(world: &World, of: &Endpoint) -> Value {
    json!({
        "id": of.id, "object": "webhook_endpoint", "api_version": of.api_version,
        "created": of.created, "enabled_events": of.enabled_events,
        "livemode": world.rules.livemode, "metadata": Metadata::new(),
        "status": if of.disabled { "disabled" } else { "enabled" }, "url": of.url,
    })
}

/// A currency's code.
pub(super) fn code(currency: Currency) -> String {
    currency.code().to_owned()
}

/// The word for a unit of time.
pub(super) const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}
