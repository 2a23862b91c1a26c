//! Making an invoice. Knows no socket.

use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::Call;
use crate::fakes::btcpay::decimal::Decimal;
use crate::fakes::btcpay::refusal::Refusal;
use crate::fakes::btcpay::things::{AdditionalStatus, Invoice, InvoiceStatus, Method};
use crate::fakes::btcpay::world::World;

/// A rate cannot be locked for less.
const EXPIRATION_MIN: SignedDuration = SignedDuration::from_secs(30);

impl World {
    /// Makes an invoice: its id. An order number is no key: the same again is another invoice.
    pub(super) fn make(&mut self, call: &Call<'_>) -> Result<String, Refusal> {
        let body = &call.body;
        let amount = match body.get("amount") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let wrong = || Refusal::field("amount", "Invalid amount");
                Some(Decimal::read(value).ok_or_else(wrong)?)
            }
        };
        if amount.is_some_and(|amount| amount.units() < 0) {
            return Err(Refusal::field("amount", "The amount should be 0 or more."));
        }
        let checkout = object(body, "checkout")?;
        let metadata = object(body, "metadata")?;
        let expiration = minutes(&checkout, "expirationMinutes", self.rules.expiration)?;
        if expiration < EXPIRATION_MIN {
            let message = "Expiration time must be at least 30 seconds";
            return Err(Refusal::field("checkout.expirationMinutes", message));
        }
        let monitoring = minutes(&checkout, "monitoringMinutes", self.rules.monitoring)?;
        let tolerance = tolerance(&checkout)?;
        let methods = self.methods(&checkout)?;
        let wants_blocks = blocks(&checkout, self.rules.blocks)?;
        let currency = match body.get("currency") {
            None | Some(Value::Null) => "USD".to_owned(),
            Some(Value::String(code)) if code.is_empty() => "USD".to_owned(),
            Some(Value::String(code)) => code.to_ascii_uppercase(),
            Some(_) => return Err(Refusal::field("currency", "Invalid currency")),
        };
        let Some(rate) = self.rules.rates.get(&currency).copied() else {
            let message = "Error retrieving a matching payment method or rate.";
            return Err(Refusal::generic(message));
        };
        let id = self.id();
        let expires = shifted(call.now, expiration);
        let search = body.get("additionalSearchTerms").and_then(Value::as_array);
        let search = search.into_iter().flatten().filter_map(Value::as_str);
        let invoice = Invoice {
            id: id.clone(),
            amount,
            currency,
            rate,
            tolerance,
            wants_blocks,
            methods,
            created: call.now,
            expires,
            monitored: shifted(expires, monitoring),
            status: InvoiceStatus::New,
            additional: AdditionalStatus::None,
            archived: false,
            metadata,
            checkout,
            search: search.map(str::to_owned).collect(),
            payments: Vec::new(),
        };
        self.keep(invoice, call.now);
        Ok(id)
    }

    fn keep(&mut self, invoice: Invoice, now: Timestamp) {
        let id = invoice.id.clone();
        self.add(invoice);
        self.tell("InvoiceCreated", &id, json!({}), now);
        // An invoice over nothing is paid.
        self.look(&id, now);
    }

    fn methods(&self, checkout: &Value) -> Result<Vec<Method>, Refusal> {
        let asked = match checkout.get("paymentMethods") {
            None | Some(Value::Null) => return Ok(self.rules.methods.clone()),
            Some(value) => value.as_array().cloned().unwrap_or_default(),
        };
        let mut methods = Vec::new();
        for (index, asked) in asked.iter().enumerate() {
            // The names before 2.0 are understood, too.
            let method = match asked.as_str() {
                Some("BTC-CHAIN" | "BTC") => Some(Method::Chain),
                Some("BTC-LN" | "BTC-LightningNetwork") => Some(Method::Lightning),
                _ => None,
            };
            let Some(method) = method else {
                let path = format!("checkout.paymentMethods[{index}]");
                return Err(Refusal::field(&path, "Invalid PaymentMethodId"));
            };
            methods.push(method);
        }
        methods.retain(|method| self.rules.methods.contains(method));
        if methods.is_empty() {
            let message = "Error retrieving a matching payment method or rate.";
            return Err(Refusal::generic(message));
        }
        Ok(methods)
    }
}

fn object(body: &Value, field: &str) -> Result<Value, Refusal> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(Value::Object(Map::new())),
        Some(Value::Object(map)) => Ok(Value::Object(map.clone())),
        Some(_) => Err(Refusal::field(field, "must be an object")),
    }
}

fn minutes(
    checkout: &Value,
    field: &str,
    otherwise: SignedDuration,
) -> Result<SignedDuration, Refusal> {
    match checkout.get(field) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(value) => {
            let wrong = || Refusal::field(&format!("checkout.{field}"), "must be minutes");
            // Longer than any invoice lives is as wrong as no number.
            let whole = value.as_u64().and_then(|count| u32::try_from(count).ok());
            let minutes = whole.ok_or_else(wrong)?;
            Ok(SignedDuration::from_mins(i64::from(minutes)))
        }
    }
}

/// Hundredths of a percent.
fn tolerance(checkout: &Value) -> Result<i128, Refusal> {
    let value = match checkout.get("paymentTolerance") {
        None | Some(Value::Null) => return Ok(0),
        Some(value) => value,
    };
    let wrong = || {
        let message = "PaymentTolerance can only be between 0 and 100 percent";
        Refusal::field("checkout.paymentTolerance", message)
    };
    let percent = Decimal::read(value).ok_or_else(wrong)?;
    let hundredths = percent.hundredths();
    if (0..=10_000).contains(&hundredths) {
        Ok(hundredths)
    } else {
        Err(wrong())
    }
}

fn blocks(checkout: &Value, otherwise: u32) -> Result<u32, Refusal> {
    match checkout.get("speedPolicy") {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::String(policy)) => match policy.as_str() {
            "HighSpeed" => Ok(0),
            "MediumSpeed" => Ok(1),
            "LowMediumSpeed" => Ok(2),
            "LowSpeed" => Ok(6),
            other => Err(super::not_valid("checkout.speedPolicy", other)),
        },
        Some(other) => Err(super::not_valid("checkout.speedPolicy", &other.to_string())),
    }
}
