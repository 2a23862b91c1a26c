//! Acts of people and banks, by name. Knows no HTTP.

use billing_domain::time::Timestamp;
use serde_json::{Value, json};

use super::read;
use super::refusal::Refusal;
use super::things::{Action, Card, Scheduled};
use super::world::World;

/// An act of a person or a bank.
pub(super) fn act(
    world: &mut World,
    name: &str,
    body: &Value,
    now: Timestamp,
) -> Result<Value, Refusal> {
    match name {
        "pay" => {
            let card = card(read::maybe(body, "card")?)?;
            let paid = world.pay(read::text(body, "transaction")?, card, now)?;
            Ok(json!({"paid": paid}))
        }
        "card" => {
            let card = card(read::maybe(body, "card")?)?;
            world.set_card(read::text(body, "subscription")?, card)?;
            Ok(Value::Null)
        }
        "cancel" => {
            cancel_in_portal(world, read::text(body, "subscription")?, now)?;
            Ok(Value::Null)
        }
        "approve_refund" | "reject_refund" => {
            let approve = name == "approve_refund";
            world.decide_refund(read::text(body, "adjustment")?, approve, now)?;
            Ok(Value::Null)
        }
        "chargeback" | "chargeback_warning" => {
            let warning = name == "chargeback_warning";
            let id = world.chargeback(read::text(body, "transaction")?, warning, now)?;
            Ok(json!({"adjustment": id}))
        }
        "chargeback_reverse" | "chargeback_warning_reverse" => {
            let warning = name == "chargeback_warning_reverse";
            let id = world.reverse_chargeback(read::text(body, "transaction")?, warning, now)?;
            Ok(json!({"adjustment": id}))
        }
        _ => Err(Refusal::bad("unknown_act", "there is no such act")),
    }
}

/// A customer cancels for the end of the period.
pub(super) fn cancel_in_portal(world: &mut World, id: &str, now: Timestamp) -> Result<(), Refusal> {
    let subscription = world.living(id)?;
    let Some(period) = subscription.period else {
        return Err(Refusal::bad(
            "subscription_not_active",
            "there is no period",
        ));
    };
    // The portal replaces a pause that was scheduled.
    world.with_subscription(id, now, |subscription| {
        subscription.scheduled = Some(Scheduled {
            action: Action::Cancel,
            at: period.end,
            resume_at: None,
            same_period: false,
        });
    });
    world.tell_subscription("subscription.updated", id, now);
    Ok(())
}

pub(super) fn card(text: Option<&str>) -> Result<Card, Refusal> {
    match text {
        None | Some("pays") => Ok(Card::Pays),
        Some("declined") => Ok(Card::Declined),
        Some("pays_once") => Ok(Card::PaysOnce),
        Some(_) => Err(Refusal::field("card", "pays, declined or pays_once")),
    }
}
