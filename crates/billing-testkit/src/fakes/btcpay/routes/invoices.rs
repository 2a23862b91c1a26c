//! Invoices over HTTP: lists, reading, marking, hiding. Knows no socket.

use serde_json::Value;

use super::{Call, Replied, not_valid, unknown};
use crate::fakes::btcpay::refusal::Refusal;
use crate::fakes::btcpay::render;
use crate::fakes::btcpay::things::Invoice;
use crate::fakes::btcpay::world::World;

const VIEW: &str = "btcpay.store.canviewinvoices";
const CREATE: &str = "btcpay.store.cancreateinvoice";
const MODIFY: &str = "btcpay.store.canmodifyinvoices";

impl World {
    pub(super) fn invoices(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                self.needs(VIEW)?;
                self.list(call)
            }
            ("POST", []) => {
                self.needs(CREATE)?;
                let id = self.make(call)?;
                self.shown(&id, call)
            }
            ("GET", [id]) => {
                self.needs(VIEW)?;
                self.shown(id, call)
            }
            ("PUT", [id]) => {
                self.needs(MODIFY)?;
                self.invoice(id)?;
                let metadata = call.body.get("metadata").filter(|data| data.is_object());
                let metadata = metadata.cloned().unwrap_or_else(|| serde_json::json!({}));
                self.change(id, |invoice| invoice.metadata = metadata);
                self.shown(id, call)
            }
            ("DELETE", [id]) => {
                self.needs(MODIFY)?;
                self.invoice(id)?;
                self.change(id, |invoice| invoice.archived = true);
                Ok(Value::Null)
            }
            ("POST", [id, "unarchive"]) => {
                self.needs(MODIFY)?;
                if !self.invoice(id)?.archived {
                    let message = "Invoice is already unarchived";
                    return Err(Refusal::bad("already-unarchived", message));
                }
                self.change(id, |invoice| invoice.archived = false);
                self.shown(id, call)
            }
            ("POST", [id, "status"]) => {
                self.needs(MODIFY)?;
                self.invoice(id)?;
                let settled = match call.body.get("status").and_then(Value::as_str) {
                    Some("Settled") => true,
                    Some("Invalid") => false,
                    other => return Err(not_valid("status", other.unwrap_or_default())),
                };
                self.mark(id, settled, call.now)?;
                self.shown(id, call)
            }
            ("GET", [id, "payment-methods"]) => {
                self.needs(VIEW)?;
                let counted = call.one("onlyAccountedPayments") != Some("false");
                Ok(render::payment_methods(self.invoice(id)?, counted))
            }
            ("POST", [id, "refund"]) => self.refund(call, id),
            _ => Err(unknown()),
        }
    }

    fn shown(&self, id: &str, call: &Call<'_>) -> Replied {
        let invoice = self.invoice(id)?;
        Ok(self.row(invoice, call))
    }

    fn row(&self, invoice: &Invoice, call: &Call<'_>) -> Value {
        let mut row = render::invoice(invoice, call.base);
        row["storeId"] = Value::from(self.store_id.clone());
        if call.one("includePaymentMethods") == Some("true") {
            row["paymentMethods"] = render::payment_methods(invoice, true);
        }
        row
    }

    /// The latest first; without `take` everything at once.
    fn list(&self, call: &Call<'_>) -> Replied {
        let from = call.number("startDate")?;
        let until = call.number("endDate")?;
        if matches!((from, until), (Some(from), Some(until)) if from > until) {
            let message = "startDate should not be above endDate";
            return Err(Refusal::field("startDate", message));
        }
        let orders = call.all("orderId");
        let statuses = call.all("status");
        let text = call.one("textSearch");
        let archived = call.one("includeArchived") == Some("true");
        let fits = |invoice: &&Invoice| {
            let created = invoice.created.as_second();
            let order = invoice.order_id();
            (archived || !invoice.archived)
                && from.is_none_or(|from| created >= from)
                && until.is_none_or(|until| created <= until)
                && (statuses.is_empty() || statuses.contains(&invoice.status.name()))
                && (orders.is_empty() || order.is_some_and(|order| orders.contains(&order)))
                && text.is_none_or(|text| found(invoice, text))
        };
        let size = |name: &str| -> Result<Option<usize>, Refusal> {
            let number = call.number(name)?;
            let wrong = |number: i64| not_valid(name, &number.to_string());
            let size = |number| usize::try_from(number).map_err(|_negative| wrong(number));
            number.map(size).transpose()
        };
        let skip = size("skip")?.unwrap_or(0);
        let take = size("take")?.unwrap_or(usize::MAX);
        let made = match orders.as_slice() {
            [order] => self.of_order.get(*order).map_or(&[][..], Vec::as_slice),
            _any_of => self.order.as_slice(),
        };
        let latest = made.iter().rev();
        let invoices = latest.filter_map(|id| self.invoices.get(id));
        let rows = invoices.filter(fits).skip(skip).take(take);
        Ok(rows.map(|invoice| self.row(invoice, call)).collect())
    }
}

fn found(invoice: &Invoice, text: &str) -> bool {
    let by_term = invoice.search.iter().any(|term| term == text);
    by_term || invoice.id == text || invoice.order_id() == Some(text)
}
