//! Reading what the API tells, whether a server told it or these books did.

use billing_domain::money::{Currency, Money};
use serde_json::Value;

/// A text. Empty: there is none.
pub(super) fn text<'a>(told: &'a Value, field: &str) -> &'a str {
    told.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A count. Zero: there is none.
pub(super) fn count(told: &Value, field: &str) -> u64 {
    told.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// A list. Empty: there is none.
pub(super) fn list<'a>(told: &'a Value, field: &str) -> &'a [Value] {
    let list = told.get(field).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// An amount of money. `None`: there is none.
pub(super) fn money(told: &Value, field: &str) -> Option<Money> {
    let told = told.get(field)?;
    let currency: Currency = text(told, "currency").parse().ok()?;
    Some(Money::new(told.get("amount")?.as_i64()?, currency))
}

/// An amount of money as people read it. Empty: there is none.
pub(super) fn amount(told: &Value, field: &str) -> String {
    money(told, field).map_or_else(String::new, |money| money.to_string())
}
