//! Subscriptions, in answers and in events.

use serde_json::{Value, json};

use crate::fakes::paddle::amount::period_json;
use crate::fakes::paddle::things::{Off, SubscribedItem, Subscription, SubscriptionStatus};
use crate::fakes::paddle::world::World;

use super::catalog::{price, product};
use super::{code, interval_json, time};

/// A subscription in an event: without products, and without links that log
/// people in.
pub(in crate::fakes::paddle) fn subscription_event(subscription: &Subscription) -> Value {
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
pub(in crate::fakes::paddle) fn subscription(world: &World, subscription: &Subscription) -> Value {
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
