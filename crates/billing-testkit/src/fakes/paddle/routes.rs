//! Which call does what. Knows no socket.

use billing_domain::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::page::{Asked, ROWS_MAX, TRANSACTION_ROWS_MAX, page};
use super::read;
use super::refusal::Refusal;
use super::render;
use super::things::{Address, Customer, Destination, Notification};
use super::world::World;

/// A call, taken apart.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) segments: Vec<&'a str>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) base: &'a Url,
    pub(super) now: Timestamp,
}

/// An answer without its envelope.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) data: Value,
    pub(super) pagination: Option<Value>,
}

impl Reply {
    fn ok(data: Value) -> Self {
        Self {
            status: 200,
            data,
            pagination: None,
        }
    }

    fn created(data: Value) -> Self {
        Self {
            status: 201,
            ..Self::ok(data)
        }
    }
}

type Replied = Result<Reply, Refusal>;

impl Call<'_> {
    fn includes(&self) -> Vec<&str> {
        let mut query = self.query.iter();
        let include = query.find(|(name, _)| name == "include");
        include.map_or_else(Vec::new, |(_, names)| names.split(',').collect())
    }

    fn list(&self, most: usize, fields: &[&str], rows: Vec<Value>) -> Replied {
        let asked = Asked {
            base: self.base,
            path: self.path,
            query: &self.query,
            most,
            fields,
        };
        let (data, pagination) = page(&asked, rows)?;
        Ok(Reply {
            pagination: Some(pagination),
            ..Reply::ok(data)
        })
    }
}

impl World {
    /// Does what a call asks for.
    pub(super) fn call(&mut self, call: &Call<'_>) -> Replied {
        let (area, rest) = match call.segments.split_first() {
            Some((area, rest)) => (*area, rest),
            None => ("", &[][..]),
        };
        match area {
            "products" => self.products(call, rest),
            "prices" => self.prices(call, rest),
            "discounts" => self.discounts(call, rest),
            "customers" => self.customers(call, rest),
            "transactions" => self.transactions(call, rest),
            "subscriptions" => self.subscriptions(call, rest),
            "adjustments" => self.adjustments(call, rest),
            "events" | "event-types" | "notifications" | "notification-settings" => {
                self.told(call, area, rest)
            }
            _ => Err(unknown(call)),
        }
    }

    fn products(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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
                let product = super::things::Product {
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

    fn prices(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        let includes = call.includes().contains(&"product");
        let shown = |world: &Self, price: &super::things::Price| {
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

    fn discounts(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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

    fn customers(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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

    fn create_customer(&mut self, call: &Call<'_>) -> Replied {
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

    fn update_customer(&mut self, call: &Call<'_>, id: &str) -> Replied {
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

    fn portal(&mut self, call: &Call<'_>, customer_id: &str) -> Replied {
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

    fn transactions(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        let includes = call.includes();
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.transactions.values();
                let rows = rows.map(|one| render::transaction(self, one, &includes));
                let fields = [
                    "id",
                    "status",
                    "customer_id",
                    "subscription_id",
                    "collection_mode",
                    "origin",
                    "invoice_number",
                    "created_at",
                    "updated_at",
                    "billed_at",
                ];
                call.list(TRANSACTION_ROWS_MAX, &fields, rows.collect())
            }
            ("POST", []) => {
                let id = self.create_transaction(&call.body, call.now)?;
                let made = self.transaction(&id)?;
                Ok(Reply::created(render::transaction(self, made, &includes)))
            }
            ("GET", [id]) => {
                let found = self.transaction(id)?;
                Ok(Reply::ok(render::transaction(self, found, &includes)))
            }
            ("PATCH", [id]) => {
                self.update_transaction(id, &call.body, call.now)?;
                let found = self.transaction(id)?;
                Ok(Reply::ok(render::transaction(self, found, &includes)))
            }
            ("GET", [id, "invoice"]) => {
                let found = self.transaction(id)?;
                if found.invoice.is_none() {
                    let detail = "no invoice was issued";
                    return Err(Refusal::bad("transaction_immutable", detail));
                }
                let url = format!("{}invoices/{id}.pdf", call.base);
                Ok(Reply::ok(json!({"url": url})))
            }
            _ => Err(unknown(call)),
        }
    }

    fn subscriptions(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        let (body, now) = (&call.body, call.now);
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.subscriptions.values();
                let rows = rows.map(|one| render::subscription(self, one)).collect();
                let fields = [
                    "id",
                    "status",
                    "customer_id",
                    "address_id",
                    "collection_mode",
                    "next_billed_at",
                ];
                return call.list(ROWS_MAX, &fields, rows);
            }
            ("PATCH", [id, "preview"]) => {
                return self.preview_update(id, body, now).map(Reply::ok);
            }
            ("POST", [id, "charge", "preview"]) => {
                return self.preview_charge(id, body, now).map(Reply::ok);
            }
            ("GET", [id, "update-payment-method-transaction"]) => {
                let id = self.payment_method(id, now)?;
                let found = self.transaction(&id)?;
                let includes = ["customer", "address", "discount"];
                return Ok(Reply::ok(render::transaction(self, found, &includes)));
            }
            ("GET", [_]) => {}
            ("PATCH", [id]) => self.update_subscription(id, body, now)?,
            ("POST", [id, "cancel"]) => self.cancel(id, body, now)?,
            ("POST", [id, "pause"]) => self.pause(id, body, now)?,
            ("POST", [id, "resume"]) => self.resume(id, body, now)?,
            ("POST", [id, "activate"]) => self.activate(id, now)?,
            ("POST", [id, "charge"]) => self.charge(id, body, now)?,
            _ => return Err(unknown(call)),
        }
        let id = rest.first().copied().unwrap_or_default();
        let found = self.subscription(id)?;
        Ok(Reply::ok(self.show_subscription(found, &call.includes())))
    }

    fn adjustments(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                let rows = self.adjustments.values().map(render::adjustment).collect();
                let fields = [
                    "id",
                    "action",
                    "status",
                    "customer_id",
                    "transaction_id",
                    "subscription_id",
                ];
                call.list(ROWS_MAX, &fields, rows)
            }
            ("POST", []) => {
                let id = self.create_adjustment(&call.body, call.now)?;
                let made = self.adjustments.get(&id);
                let made = made.ok_or_else(|| Refusal::not_found(&id))?;
                Ok(Reply::created(render::adjustment(made)))
            }
            _ => Err(unknown(call)),
        }
    }

    /// Events, notifications and where they go.
    fn told(&mut self, call: &Call<'_>, area: &str, rest: &[&str]) -> Replied {
        match (call.method, area, rest) {
            ("GET", "events", []) => {
                let mut rows: Vec<Value> = self.events.iter().map(render::event).collect();
                for row in &mut rows {
                    row["id"] = row["event_id"].clone();
                }
                let mut reply = call.list(ROWS_MAX, &["event_type"], rows)?;
                let rows = reply.data.as_array_mut().into_iter().flatten();
                for row in rows.filter_map(Value::as_object_mut) {
                    row.remove("id");
                }
                Ok(reply)
            }
            ("GET", "notifications", []) => {
                let rows = self.notifications.values();
                let rows = rows.map(render::notification).collect();
                let fields = ["id", "status", "notification_setting_id", "type"];
                call.list(ROWS_MAX, &fields, rows)
            }
            ("GET", "notifications", [id]) => {
                let found = self.notification(id)?;
                Ok(Reply::ok(render::notification(found)))
            }
            ("POST", "notifications", [id, "replay"]) => self.replay(call, id),
            ("GET", "notification-settings", []) => {
                let rows = self.destinations.values();
                let rows = rows.map(render::destination).collect();
                call.list(ROWS_MAX, &["id", "active"], rows)
            }
            ("GET", "notification-settings", [id]) => {
                let found = self.destinations.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(render::destination(found)))
            }
            ("POST", "notification-settings", []) => self.create_destination(call),
            ("DELETE", "notification-settings", [id]) => {
                let found = self.destinations.remove(*id);
                found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply {
                    status: 204,
                    ..Reply::ok(Value::Null)
                })
            }
            _ => Err(unknown(call)),
        }
    }

    fn notification(&self, id: &str) -> Result<&Notification, Refusal> {
        let found = self.notifications.get(id);
        found.ok_or_else(|| Refusal::not_found(id))
    }

    fn replay(&mut self, call: &Call<'_>, id: &str) -> Replied {
        let found = self.notification(id)?;
        if found.replay {
            let code = "notification_replay_invalid_origin_type";
            return Err(Refusal::bad(code, "a replay cannot be replayed"));
        }
        let (event, destination) = (found.event.clone(), found.destination_id.clone());
        let made = self.notify(event, &destination, true);
        if let Some(found) = self.notifications.get_mut(id) {
            found.replayed_at = Some(call.now);
        }
        Ok(Reply {
            status: 202,
            ..Reply::ok(json!({"notification_id": made}))
        })
    }

    fn create_destination(&mut self, call: &Call<'_>) -> Replied {
        let url = read::text(&call.body, "destination")?;
        if Url::parse(url).is_err() {
            let code = "url_notification_setting_incorrect";
            return Err(Refusal::bad(code, "destination must be a URL"));
        }
        let events = call.body.get("subscribed_events").and_then(Value::as_array);
        let events = events.map_or(&[][..], Vec::as_slice).iter();
        let events = events.filter_map(|name| name.as_str().map(str::to_owned));
        let id = self.id("ntfset");
        let secret = format!("pdl_{id}_{}", self.id("secret"));
        let destination = Destination {
            id: id.clone(),
            description: read::text(&call.body, "description")?.to_owned(),
            url: url.to_owned(),
            active: true,
            events: events.collect(),
            secret,
        };
        let shown = render::destination(&destination);
        self.destinations.insert(id, destination);
        Ok(Reply::created(shown))
    }
}

fn unknown(call: &Call<'_>) -> Refusal {
    let detail = format!("{} {} is not part of the API", call.method, call.path);
    Refusal::new(404, "invalid_url", detail)
}
