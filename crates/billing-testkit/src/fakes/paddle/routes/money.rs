//! Calls about transactions, subscriptions and adjustments.

use serde_json::json;

use crate::fakes::paddle::page::{ROWS_MAX, TRANSACTION_ROWS_MAX};
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::render;
use crate::fakes::paddle::things::Origin;
use crate::fakes::paddle::world::World;

use super::{Call, Replied, Reply, unknown};

impl World {
    pub(super) fn transactions(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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
                let id = self.create_transaction(&call.body, Origin::Api, call.now)?;
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

    pub(super) fn subscriptions(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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

    pub(super) fn adjustments(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
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
}
