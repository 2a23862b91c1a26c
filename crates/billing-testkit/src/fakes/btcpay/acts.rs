//! Acts of buyers, miners and shopkeepers, by name. Knows no HTTP.

use billing_domain::time::Timestamp;
use serde_json::{Value, json};

use super::decimal::Decimal;
use super::refusal::Refusal;
use super::things::Method;
use super::world::World;

/// Blocks that come where nobody says how many: enough for every policy.
const BLOCKS: u32 = 6;

/// An act of a person or a bank.
pub(super) fn act(
    world: &mut World,
    name: &str,
    body: &Value,
    now: Timestamp,
) -> Result<Value, Refusal> {
    match name {
        "pay" => {
            let id = text(body, "invoice")?;
            let lightning =
                body.get("method").and_then(Value::as_str) == Some(Method::Lightning.id());
            let method = if lightning {
                Method::Lightning
            } else {
                Method::Chain
            };
            let sats = match body.get("sats") {
                // The rest of what is due.
                None | Some(Value::Null) => rest(world, id)?,
                Some(value) => i128::from(value.as_i64().unwrap_or(0)),
            };
            let payment = world.pay(id, sats, method, now)?;
            Ok(json!({"payment": payment, "sats": i64::try_from(sats).unwrap_or(i64::MAX)}))
        }
        "confirm" => {
            let blocks = body.get("blocks").and_then(Value::as_u64);
            let blocks = blocks.and_then(|blocks| u32::try_from(blocks).ok());
            world.confirm(text(body, "invoice")?, blocks.unwrap_or(BLOCKS), now)?;
            Ok(Value::Null)
        }
        "double_spend" => {
            world.double_spend(text(body, "invoice")?, now)?;
            Ok(Value::Null)
        }
        "mark" => {
            let settled = text(body, "status")? == "Settled";
            world.mark(text(body, "invoice")?, settled, now)?;
            Ok(Value::Null)
        }
        "claim" | "approve_payout" => {
            let sent = world.claim(text(body, "pull_payment")?, name != "claim", now)?;
            Ok(json!({"sent": sent}))
        }
        "rate" => {
            let rate = body.get("rate").and_then(Decimal::read);
            let rate = rate.filter(|rate| rate.units() > 0);
            let rate = rate.ok_or_else(|| Refusal::field("rate", "must be above 0"))?;
            let currency = text(body, "currency")?.to_ascii_uppercase();
            world.rules.rates.insert(currency, rate);
            Ok(Value::Null)
        }
        _ => Err(Refusal::field("act", "unknown act")),
    }
}

/// What is still due of an invoice, in satoshi.
pub(super) fn rest(world: &World, id: &str) -> Result<i128, Refusal> {
    let invoice = world.invoice(id)?;
    Ok(invoice.due().saturating_sub(invoice.paid()))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    let text = body.get(field).and_then(Value::as_str);
    text.ok_or_else(|| Refusal::field(field, "is required"))
}
