//! Calls about customers, their addresses and their portal.

use serde_json::{Value, json};

use crate::fakes::paddle::page::ROWS_MAX;
use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::render;
use crate::fakes::paddle::things::{Address, Customer};
use crate::fakes::paddle::world::World;

use super::{Call, Replied, Reply, unknown};

impl World {
    pub(super) fn customers(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                let mut rows: Vec<Value> = self.customers.values().map(render::customer).collect();
                // Archived customers are listed only to those who ask for them.
                if !call.query.iter().any(|(name, _)| name == "status") {
                    rows.retain(|row| row["status"] == "active");
                }
                call.list(ROWS_MAX, &["id", "status", "email"], rows)
            }
            ("POST", []) => self.create_customer(call),
            ("GET", [id]) => {
                let found = self.customers.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(render::customer(found)))
            }
            ("PATCH", [id]) => self.update_customer(call, id),
            ("GET", [id, "addresses"]) => {
                let rows = self.addresses.values();
                let rows = rows.filter(|one| one.customer_id == *id);
                let rows = rows.map(render::address).collect();
                call.list(ROWS_MAX, &["id", "status"], rows)
            }
            ("POST", [id, "addresses"]) => {
                if !self.customers.contains_key(*id) {
                    return Err(Refusal::not_found(id));
                }
                let address_id = self.id("add");
                let address = Address {
                    id: address_id.clone(),
                    customer_id: (*id).to_owned(),
                    country_code: read::text(&call.body, "country_code")?.to_owned(),
                    postal_code: read::maybe(&call.body, "postal_code")?.map(str::to_owned),
                    created_at: self.tick(call.now),
                };
                let shown = render::address(&address);
                self.addresses.insert(address_id, address);
                self.tell("address.created", shown.clone(), call.now);
                Ok(Reply::created(shown))
            }
            ("GET", [id, "credit-balances"]) => {
                let held = self.balances.iter().filter(|((owner, _), _)| owner == id);
                let rows = held.map(|((owner, code), amount)| {
                    let amount = amount.to_string();
                    json!({"customer_id": owner, "currency_code": code,
                        "balance": {"available": amount, "reserved": "0", "used": "0"}})
                });
                Ok(Reply::ok(rows.collect()))
            }
            ("POST", [id, "portal-sessions"]) => self.portal(call, id),
            _ => Err(unknown(call)),
        }
    }

    pub(super) fn create_customer(&mut self, call: &Call<'_>) -> Replied {
        let email = read::text(&call.body, "email")?;
        let well_formed = email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && email.is_ascii());
        if !well_formed {
            return Err(Refusal::field("email", "must be a valid email"));
        }
        let held = self.customers.values();
        let mut held = held.filter(|one| one.email.eq_ignore_ascii_case(email));
        if let Some(held) = held.next() {
            let id = &held.id;
            let detail = format!("customer email conflicts with customer of id {id}");
            return Err(Refusal::conflict("customer_already_exists", detail));
        }
        let email = email.to_owned();
        let (id, at) = (self.id("ctm"), self.tick(call.now));
        let customer = Customer {
            id: id.clone(),
            email,
            name: read::maybe(&call.body, "name")?.map(str::to_owned),
            locale: read::maybe(&call.body, "locale")?
                .unwrap_or("en")
                .to_owned(),
            active: true,
            custom_data: read::custom_data(&call.body)?,
            created_at: at,
            updated_at: at,
        };
        let shown = render::customer(&customer);
        self.customers.insert(id, customer);
        self.tell("customer.created", shown.clone(), call.now);
        Ok(Reply::created(shown))
    }

    pub(super) fn update_customer(&mut self, call: &Call<'_>, id: &str) -> Replied {
        let at = self.tick(call.now);
        let found = self.customers.get_mut(id);
        let found = found.ok_or_else(|| Refusal::not_found(id))?;
        if let Some(email) = read::maybe(&call.body, "email")? {
            email.clone_into(&mut found.email);
        }
        if let Some(name) = read::maybe(&call.body, "name")? {
            found.name = Some(name.to_owned());
        }
        if let Some(status) = read::maybe(&call.body, "status")? {
            found.active = status == "active";
        }
        if call.body.get("custom_data").is_some() {
            found.custom_data = read::custom_data(&call.body)?;
        }
        found.updated_at = at;
        let shown = render::customer(found);
        self.tell("customer.updated", shown.clone(), call.now);
        Ok(Reply::ok(shown))
    }

    pub(super) fn portal(&mut self, call: &Call<'_>, customer_id: &str) -> Replied {
        if !self.customers.contains_key(customer_id) {
            return Err(Refusal::not_found(customer_id));
        }
        let asked = call.body.get("subscription_ids").and_then(Value::as_array);
        let asked = asked.map_or(&[][..], Vec::as_slice);
        let (id, link) = (self.id("cpls"), self.id("cpl"));
        let token = self.id("pga");
        let base = call.base;
        let url = |action: &str, more: &str| {
            format!("{base}portal/{link}?action={action}{more}&token={token}")
        };
        let mut links = Vec::with_capacity(asked.len());
        for one in asked.iter().filter_map(Value::as_str) {
            let of = &self.subscription(one)?.customer_id;
            if of != customer_id {
                return Err(Refusal::not_found(one));
            }
            let more = format!("&subscription_id={one}");
            links.push(json!({
                "id": one,
                "cancel_subscription": url("cancel_subscription", &more),
                "update_subscription_payment_method":
                    url("update_subscription_payment_method", &more),
            }));
        }
        Ok(Reply::created(json!({
            "id": id,
            "customer_id": customer_id,
            "urls": {
                "general": {"overview": url("overview", "")},
                "subscriptions": links,
            },
            "created_at": render::time(call.now),
        })))
    }
}
