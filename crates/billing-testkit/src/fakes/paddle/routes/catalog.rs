//! Calls about products, prices and discounts.

use serde_json::Value;

use crate::fakes::paddle::page::ROWS_MAX;
use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::render;
use crate::fakes::paddle::world::World;

use super::{Call, Replied, Reply, unknown};

impl World {
    pub(super) fn products(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.products.values().map(render::product).collect();
                call.list(ROWS_MAX, &["id", "status"], rows)
            }
            ("GET", [id]) => {
                let found = self.products.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(render::product(found)))
            }
            ("POST", []) => {
                let id = self.id("pro");
                let product = crate::fakes::paddle::things::Product {
                    id: id.clone(),
                    name: read::text(&call.body, "name")?.to_owned(),
                    custom_data: read::custom_data(&call.body)?,
                    created_at: call.now,
                };
                let shown = render::product(&product);
                self.products.insert(id, product);
                Ok(Reply::created(shown))
            }
            _ => Err(unknown(call)),
        }
    }

    pub(super) fn prices(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        let includes = call.includes().contains(&"product");
        let shown = |world: &Self, price: &crate::fakes::paddle::things::Price| {
            let mut shown = render::price(price);
            if includes {
                let product = world.products.get(&price.product_id);
                shown["product"] = product.map_or(Value::Null, render::product);
            }
            shown
        };
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.prices.values().filter(|price| price.catalog);
                let rows = rows.map(|price| shown(self, price)).collect();
                call.list(ROWS_MAX, &["id", "status", "product_id", "type"], rows)
            }
            ("GET", [id]) => {
                let found = self.prices.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(shown(self, found)))
            }
            ("POST", []) => {
                let mut price = self.own_price(&call.body, call.now)?;
                price.catalog = true;
                let answer = shown(self, &price);
                self.prices.insert(price.id.clone(), price);
                Ok(Reply::created(answer))
            }
            ("PATCH", [id]) => {
                let at = self.tick(call.now);
                let found = self.prices.get_mut(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                if let Some(status) = read::maybe(&call.body, "status")? {
                    found.active = status == "active";
                }
                if call.body.get("custom_data").is_some() {
                    found.custom_data = read::custom_data(&call.body)?;
                }
                found.updated_at = at;
                let found = found.clone();
                Ok(Reply::ok(shown(self, &found)))
            }
            _ => Err(unknown(call)),
        }
    }

    pub(super) fn discounts(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.discounts.values();
                let rows = rows.map(|one| render::discount(one, None)).collect();
                call.list(ROWS_MAX, &["id", "status", "code"], rows)
            }
            ("GET", [id]) => {
                let found = self.discounts.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(render::discount(found, None)))
            }
            ("POST", []) => {
                let discount = self.discount(&call.body, call.now)?;
                let taken = self
                    .discounts
                    .values()
                    .any(|held| discount.code.is_some() && held.code == discount.code);
                if taken {
                    let detail = "another discount has this code";
                    return Err(Refusal::conflict("discount_code_conflict", detail));
                }
                let shown = render::discount(&discount, None);
                self.discounts.insert(discount.id.clone(), discount);
                Ok(Reply::created(shown))
            }
            _ => Err(unknown(call)),
        }
    }
}
