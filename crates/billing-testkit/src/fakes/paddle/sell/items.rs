//! What is bought: items, prices of one call, discounts.

use billing_domain::money::Currency;
use billing_domain::time::Timestamp;
use serde_json::Value;

use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::things::{Bought, Discount, Off, Price, Product};
use crate::fakes::paddle::world::World;

impl World {
    pub(super) fn discount_of(
        &mut self,
        body: &Value,
        now: Timestamp,
    ) -> Result<Option<Discount>, Refusal> {
        if let Some(id) = read::maybe(body, "discount_id")? {
            let found = self.discounts.get(id).cloned();
            let missing = || Refusal::bad("transaction_discount_not_found", "no such discount");
            return found.map(Some).ok_or_else(missing);
        }
        match body.get("discount") {
            None | Some(Value::Null) => Ok(None),
            Some(discount) => self.discount(discount, now).map(Some),
        }
    }

    /// Reads a discount, of the catalog or of one transaction.
    pub(in crate::fakes::paddle) fn discount(
        &mut self,
        body: &Value,
        now: Timestamp,
    ) -> Result<Discount, Refusal> {
        let off = match read::text(body, "type")? {
            "flat" => Off::Flat(read::amount(body, "amount")?),
            "percentage" => Off::BasisPoints(basis_points(read::text(body, "amount")?)?),
            _ => return Err(Refusal::field("type", "must be flat or percentage")),
        };
        let intervals = body.get("maximum_recurring_intervals");
        let intervals = intervals.and_then(Value::as_u64);
        Ok(Discount {
            id: self.id("dsc"),
            description: read::text(body, "description")?.to_owned(),
            code: read::maybe(body, "code")?.map(str::to_owned),
            off,
            recur: body.get("recur").and_then(Value::as_bool).unwrap_or(false),
            intervals: intervals.and_then(|number| u32::try_from(number).ok()),
            created_at: now,
        })
    }

    /// Reads the items of a call.
    pub(in crate::fakes::paddle) fn items(
        &mut self,
        items: Option<&Value>,
        now: Timestamp,
    ) -> Result<Vec<Bought>, Refusal> {
        let items = items.and_then(Value::as_array);
        let items = items.filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| Refusal::field("items", "this field is required"))?;
        items.iter().map(|item| self.item(item, now)).collect()
    }

    pub(super) fn item(&mut self, item: &Value, now: Timestamp) -> Result<Bought, Refusal> {
        let quantity = read::quantity(item)?.unwrap_or(1);
        let price = match (read::maybe(item, "price_id")?, item.get("price")) {
            (Some(_), Some(Value::Object(_))) => {
                let code = "transaction_both_price_id_and_object_found";
                return Err(Refusal::bad(code, "cannot send both price_id and price"));
            }
            (Some(id), _) => self.price(id)?.clone(),
            (None, Some(price)) => self.own_price(price, now)?,
            (None, None) => {
                let message = "one of price_id and price is required";
                return Err(Refusal::field("items", message));
            }
        };
        if quantity < price.quantity.0 || quantity > price.quantity.1 {
            let code = "transaction_item_quantity_out_of_range";
            return Err(Refusal::bad(
                code,
                "quantity is not within the price's range",
            ));
        }
        Ok(Bought { price, quantity })
    }

    pub(super) fn price(&self, id: &str) -> Result<&Price, Refusal> {
        let price = self.prices.get(id);
        let missing = || {
            let detail = format!("price {id} not found");
            Refusal::bad("transaction_price_not_found", detail)
        };
        let price = price.ok_or_else(missing)?;
        if !price.active {
            return Err(Refusal::bad(
                "entity_archived",
                format!("price {id} is archived"),
            ));
        }
        Ok(price)
    }

    /// A price that is made for one call.
    pub(in crate::fakes::paddle) fn own_price(
        &mut self,
        body: &Value,
        now: Timestamp,
    ) -> Result<Price, Refusal> {
        let product_id = match read::maybe(body, "product_id")? {
            Some(id) if self.products.contains_key(id) => id.to_owned(),
            Some(id) => {
                let detail = format!("product {id} not found");
                return Err(Refusal::bad("transaction_product_not_found", detail));
            }
            None => {
                let product = body.get("product").unwrap_or(&Value::Null);
                let name = read::text(product, "name")?.to_owned();
                let id = self.id("pro");
                let product = Product {
                    id: id.clone(),
                    name,
                    custom_data: read::custom_data(product)?,
                    created_at: now,
                };
                self.products.insert(id.clone(), product);
                id
            }
        };
        let unit_price = body.get("unit_price").unwrap_or(&Value::Null);
        let currency = read::text(unit_price, "currency_code")?;
        let unknown = |_unknown| Refusal::field("unit_price.currency_code", "unknown currency");
        let tax_mode = match read::maybe(body, "tax_mode")? {
            Some("internal") => crate::fakes::paddle::amount::TaxMode::Internal,
            Some("external") => crate::fakes::paddle::amount::TaxMode::External,
            _ => crate::fakes::paddle::amount::TaxMode::AccountSetting,
        };
        let range = |name: &str, otherwise| {
            let value = body.get("quantity").and_then(|quantity| quantity.get(name));
            let value = value.and_then(Value::as_u64);
            value
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(otherwise)
        };
        Ok(Price {
            id: self.id("pri"),
            product_id,
            description: read::text(body, "description")?.to_owned(),
            amount: read::amount(unit_price, "amount")?,
            currency: currency.parse().map_err(unknown)?,
            tax_mode,
            interval: read::interval(body, "billing_cycle")?,
            trial: read::interval(body, "trial_period")?,
            quantity: (range("minimum", 1), range("maximum", 100)),
            active: true,
            catalog: false,
            custom_data: read::custom_data(body)?,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Paddle's own smallest charge: 70 cents. The fake takes it for every currency.
const LEAST_CHARGE: i64 = 70;

/// Whether it is something, and less than is charged.
pub(in crate::fakes::paddle) fn is_too_little(total: i64) -> bool {
    (1..LEAST_CHARGE).contains(&total)
}

pub(in crate::fakes::paddle) fn one_currency(items: &[Bought]) -> Result<Currency, Refusal> {
    let mut currencies = items.iter().map(|bought| bought.price.currency);
    let first = currencies.next();
    let first = first.ok_or_else(|| Refusal::field("items", "this field is required"))?;
    if currencies.any(|currency| currency != first) {
        return Err(Refusal::field("items", "prices have different currencies"));
    }
    Ok(first)
}

pub(super) fn one_cycle(items: &[Bought]) -> Result<(), Refusal> {
    let mut intervals = items.iter().filter_map(|bought| bought.price.interval);
    if let Some(first) = intervals.next()
        && intervals.any(|interval| interval != first)
    {
        let code = "transaction_price_different_billing_cycle";
        return Err(Refusal::bad(code, "prices have different billing cycles"));
    }
    Ok(())
}

/// A percentage with at most two decimals.
fn basis_points(text: &str) -> Result<u32, Refusal> {
    let wrong = || Refusal::field("amount", "must be a percentage");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 2 {
        return Err(wrong());
    }
    let points: u32 = format!("{whole}{part:0<2}")
        .parse()
        .map_err(|_no_number| wrong())?;
    if points == 0 || points > 10_000 {
        return Err(wrong());
    }
    Ok(points)
}
