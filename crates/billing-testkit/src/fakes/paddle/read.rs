//! Reading what callers sent. Knows no state.

use billing_domain::time::{Interval, Timestamp, Unit};
use serde_json::Value;

use super::refusal::Refusal;

/// A text that has to be there.
pub(super) fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    maybe(body, field)?.ok_or_else(|| Refusal::field(field, "this field is required"))
}

/// A text that may be left out, or be null.
pub(super) fn maybe<'a>(body: &'a Value, field: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::field(field, "must be a string")),
    }
}

/// Free data: an object, or null.
pub(super) fn custom_data(body: &Value) -> Result<Value, Refusal> {
    match body.get("custom_data") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(Value::Object(map)) => Ok(Value::Object(map.clone())),
        Some(_) => Err(Refusal::field("custom_data", "must be an object")),
    }
}

/// An amount in minor units, as a text.
pub(super) fn amount(body: &Value, field: &str) -> Result<i64, Refusal> {
    let wrong = || Refusal::field(field, "must be an amount in the lowest denomination");
    let amount: i64 = text(body, field)?.parse().map_err(|_no_number| wrong())?;
    if amount < 0 { Err(wrong()) } else { Ok(amount) }
}

/// An instant that may be left out.
pub(super) fn instant(body: &Value, field: &str) -> Result<Option<Timestamp>, Refusal> {
    let wrong = |_not_a_date| Refusal::field(field, "must be an RFC 3339 date");
    maybe(body, field)?
        .map(|text| text.parse().map_err(wrong))
        .transpose()
}

/// `{"interval": "month", "frequency": 1}`, or null.
pub(super) fn interval(body: &Value, field: &str) -> Result<Option<Interval>, Refusal> {
    let value = match body.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let unit = match text(value, "interval")? {
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return Err(Refusal::field(field, "must be day, week, month or year")),
    };
    let count = value.get("frequency").and_then(Value::as_u64);
    let count = count.and_then(|count| u16::try_from(count).ok());
    let interval = count.and_then(|count| Interval::new(unit, count).ok());
    let wrong = || Refusal::field(field, "frequency must be 1 or greater");
    interval.map(Some).ok_or_else(wrong)
}

/// How many units. `None`: it was left out.
pub(super) fn quantity(item: &Value) -> Result<Option<u32>, Refusal> {
    match item.get("quantity") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let wrong = || Refusal::field("items.quantity", "must be greater than 0");
            number
                .filter(|number| *number > 0)
                .map(Some)
                .ok_or_else(wrong)
        }
    }
}
