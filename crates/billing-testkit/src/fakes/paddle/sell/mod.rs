//! Transactions: how they are made and changed. Knows no payment.

mod items;
mod lines;

pub(in crate::fakes::paddle) use items::{is_too_little, one_currency};

use billing_domain::money::Currency;
use billing_domain::time::{Period, Timestamp};
use serde_json::Value;

use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::things::{
    Bought, Discount, Line, Origin, Transaction, TransactionStatus,
};
use crate::fakes::paddle::world::World;

use items::one_cycle;

/// A transaction before it has an id.
#[derive(Debug)]
pub(in crate::fakes::paddle) struct Draft {
    pub(in crate::fakes::paddle) origin: Origin,
    pub(in crate::fakes::paddle) subscription_id: Option<String>,
    pub(in crate::fakes::paddle) customer_id: Option<String>,
    pub(in crate::fakes::paddle) address_id: Option<String>,
    pub(in crate::fakes::paddle) custom_data: Value,
    pub(in crate::fakes::paddle) currency: Currency,
    pub(in crate::fakes::paddle) items: Vec<Bought>,
    pub(in crate::fakes::paddle) lines: Vec<Line>,
    pub(in crate::fakes::paddle) period: Option<Period>,
    pub(in crate::fakes::paddle) discount: Option<Discount>,
    /// Credits to use, in minor units; what exceeds the total goes to the balance.
    pub(in crate::fakes::paddle) credit: i64,
    pub(in crate::fakes::paddle) manual: bool,
    pub(in crate::fakes::paddle) page: Option<String>,
}

impl World {
    /// `POST /transactions`, or what a browser opens by itself.
    pub(in crate::fakes::paddle) fn create_transaction(
        &mut self,
        body: &Value,
        origin: Origin,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let page = read::maybe(body.get("checkout").unwrap_or(&Value::Null), "url")?;
        let page = page.map(str::to_owned).or(self.rules.checkout_page.clone());
        if page.is_none() {
            let detail = "Default checkout URL has not been defined";
            let code = "transaction_default_checkout_url_not_set";
            return Err(Refusal::bad(code, detail));
        }
        let custom_data = read::custom_data(body)?;
        let items = self.items(body.get("items"), now)?;
        let currency = one_currency(&items)?;
        let asked = read::maybe(body, "currency_code")?;
        if asked.is_some_and(|code| code != crate::fakes::paddle::render::code(currency)) {
            let message = "the fake converts no currencies";
            return Err(Refusal::field("currency_code", message));
        }
        one_cycle(&items)?;
        let discount = self.discount_of(body, now)?;
        let (customer_id, address_id) = self.buyer(body)?;
        let lines = self.lines(&items, discount.as_ref(), true, None);
        let total = lines
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.totals.total));
        if is_too_little(total) {
            let code = "transaction_balance_less_than_charge_limit";
            return Err(Refusal::bad(code, "less than can be charged"));
        }
        let id = self.open(
            Draft {
                origin,
                subscription_id: None,
                customer_id,
                address_id,
                custom_data,
                currency,
                items,
                lines,
                period: None,
                discount,
                credit: 0,
                manual: read::maybe(body, "collection_mode")? == Some("manual"),
                page,
            },
            now,
        );
        self.make_ready(&id, now);
        if read::maybe(body, "status")? == Some("billed") {
            self.bill(&id, now)?;
        }
        Ok(id)
    }

    /// `PATCH /transactions/{id}`.
    pub(in crate::fakes::paddle) fn update_transaction(
        &mut self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let transaction = self.transaction(id)?.clone();
        let open = matches!(
            transaction.status,
            TransactionStatus::Draft | TransactionStatus::Ready
        );
        match read::maybe(body, "status")? {
            None => {}
            Some("canceled") if open || transaction.status.is_open() => {
                if body.as_object().is_some_and(|fields| fields.len() > 1) {
                    let code = "transaction_cannot_be_modified_and_canceled";
                    return Err(Refusal::bad(code, "cannot modify and cancel at once"));
                }
                self.give_up(id, now);
                return Ok(());
            }
            Some("billed") if open => return self.bill(id, now),
            Some(status) => {
                let from = transaction.status.name();
                let detail = format!("cannot go from {from} to {status}");
                return Err(Refusal::bad("transaction_invalid_status_change", detail));
            }
        }
        if !open {
            let detail = "transaction is neither draft nor ready";
            return Err(Refusal::bad("transaction_immutable", detail));
        }
        let items = match body.get("items") {
            None => transaction.items.clone(),
            Some(items) => self.items(Some(items), now)?,
        };
        one_cycle(&items)?;
        let currency = one_currency(&items)?;
        let discount = match (body.get("discount_id"), body.get("discount")) {
            (None, None) => transaction.discount.clone(),
            _ => self.discount_of(body, now)?,
        };
        let custom_data = match body.get("custom_data") {
            None => transaction.custom_data.clone(),
            Some(_) => read::custom_data(body)?,
        };
        let (customer_id, address_id) = self.buyer(body)?;
        let lines = self.lines(&items, discount.as_ref(), true, None);
        self.with_transaction(id, now, |transaction| {
            transaction.items = items;
            transaction.currency = currency;
            transaction.lines = lines;
            transaction.discount = discount;
            transaction.custom_data = custom_data;
            transaction.customer_id = customer_id.or(transaction.customer_id.take());
            transaction.address_id = address_id.or(transaction.address_id.take());
        });
        self.tell_transaction("transaction.updated", id, now);
        self.make_ready(id, now);
        Ok(())
    }

    /// Puts a transaction on the books and tells of it.
    pub(in crate::fakes::paddle) fn open(&mut self, draft: Draft, now: Timestamp) -> String {
        let id = self.id("txn");
        let at = self.tick(now);
        let ready = !draft.origin.is_checkout();
        let sum = draft.lines.iter();
        let total = sum.fold(0_i64, |sum, line| sum.saturating_add(line.totals.total));
        let credit = draft.credit.min(total).max(0);
        self.transactions.insert(
            id.clone(),
            Transaction {
                id: id.clone(),
                status: if ready {
                    TransactionStatus::Ready
                } else {
                    TransactionStatus::Draft
                },
                customer_id: draft.customer_id,
                given_email: None,
                address_id: draft.address_id,
                custom_data: draft.custom_data,
                origin: draft.origin,
                manual: draft.manual,
                subscription_id: draft.subscription_id,
                invoice: None,
                period: draft.period,
                currency: draft.currency,
                tax: self.rules.tax,
                items: draft.items,
                lines: draft.lines,
                credit,
                credit_to_balance: draft.credit.saturating_sub(credit).max(0),
                discount: draft.discount,
                page: draft.page,
                payments: Vec::new(),
                completes_at: None,
                created_at: at,
                updated_at: at,
                billed_at: None,
            },
        );
        self.tell_transaction("transaction.created", &id, now);
        id
    }

    /// A draft with everything that it needs becomes ready.
    pub(in crate::fakes::paddle) fn make_ready(&mut self, id: &str, now: Timestamp) {
        let ready = self.transactions.get(id).is_some_and(|transaction| {
            transaction.status == TransactionStatus::Draft
                && transaction.customer_id.is_some()
                && transaction.address_id.is_some()
        });
        if ready {
            self.with_transaction(id, now, |transaction| {
                transaction.status = TransactionStatus::Ready;
            });
            self.tell_transaction("transaction.ready", id, now);
        }
    }

    /// Gives a transaction up.
    pub(in crate::fakes::paddle) fn give_up(&mut self, id: &str, now: Timestamp) {
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::Canceled;
        });
        self.tell_transaction("transaction.canceled", id, now);
    }

    /// The number of the next invoice.
    pub(in crate::fakes::paddle) fn invoice(&mut self) -> (String, String) {
        let id = self.id("inv");
        let issued = self.transactions.values();
        let issued = issued.filter(|one| one.invoice.is_some()).count();
        (id, format!("325-{}", issued.saturating_add(10_001)))
    }

    pub(super) fn bill(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let transaction = self.transaction(id)?;
        if transaction.status != TransactionStatus::Ready {
            let detail = "transaction needs to be ready";
            return Err(Refusal::bad("transaction_status_must_be_ready", detail));
        }
        let invoice = self.invoice();
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::Billed;
            transaction.invoice = Some(invoice);
            transaction.billed_at = Some(now);
        });
        self.tell_transaction("transaction.billed", id, now);
        Ok(())
    }

    pub(super) fn buyer(&self, body: &Value) -> Result<(Option<String>, Option<String>), Refusal> {
        let customer_id = read::maybe(body, "customer_id")?;
        let address_id = read::maybe(body, "address_id")?;
        if let Some(id) = customer_id
            && !self.customers.contains_key(id)
        {
            return Err(Refusal::not_found(id));
        }
        if let Some(id) = address_id {
            let Some(customer) = customer_id else {
                let code = "transaction_customer_is_required_with_address";
                return Err(Refusal::bad(
                    code,
                    "customer_id is required with address_id",
                ));
            };
            let address = self.addresses.get(id);
            if address.is_none_or(|address| address.customer_id != customer) {
                return Err(Refusal::not_found(id));
            }
        }
        Ok((
            customer_id.map(str::to_owned),
            address_id.map(str::to_owned),
        ))
    }
}
