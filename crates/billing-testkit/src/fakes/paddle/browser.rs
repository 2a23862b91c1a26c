//! What anybody can do in the browser by the public token: Paddle's script takes other
//! items and other custom data for a checkout that the merchant has opened, and opens
//! one by itself. Knows no HTTP.

use billing_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::things::Origin;
use super::world::World;

impl World {
    /// `Paddle.Checkout.updateItems` and `Paddle.Checkout.updateCheckout`.
    pub(super) fn rewrite_in_browser(
        &mut self,
        id: &str,
        change: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.update_transaction(id, &in_words_of_the_api(change), now)
    }

    /// `Paddle.Checkout.open`.
    pub(super) fn open_in_browser(
        &mut self,
        page: &Value,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        self.create_transaction(&in_words_of_the_api(page), Origin::Web, now)
    }
}

/// What the script is told, as far as it may be told it: prices of the catalog alone,
/// pieces of them, and custom data.
fn in_words_of_the_api(told: &Value) -> Value {
    let mut body = Map::new();
    if let Some(items) = told.get("items").and_then(Value::as_array) {
        let item =
            |item: &Value| json!({ "price_id": item["priceId"], "quantity": item["quantity"] });
        let items = items.iter().map(item).collect();
        body.insert("items".to_owned(), Value::Array(items));
    }
    if let Some(custom) = told.get("customData") {
        body.insert("custom_data".to_owned(), custom.clone());
    }
    Value::Object(body)
}
