//! Transactions: how they are made, changed and priced. Knows no payment.

use billing_domain::money::Currency;
use billing_domain::time::{Period, Timestamp};
use serde_json::Value;

use super::amount::{Share, Totals};
use super::read;
use super::refusal::Refusal;
use super::things::{
    Bought, Discount, Line, Off, Origin, Price, Product, Transaction, TransactionStatus,
};
use super::world::World;

/// A transaction before it has an id.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) origin: Origin,
    pub(super) subscription_id: Option<String>,
    pub(super) customer_id: Option<String>,
    pub(super) address_id: Option<String>,
    pub(super) custom_data: Value,
    pub(super) currency: Currency,
    pub(super) items: Vec<Bought>,
    pub(super) lines: Vec<Line>,
    pub(super) period: Option<Period>,
    pub(super) discount: Option<Discount>,
    /// Credits to use, in minor units; what exceeds the total goes to the balance.
    pub(super) credit: i64,
    pub(super) manual: bool,
    pub(super) page: Option<String>,
}

impl World {
    /// `POST /transactions`.
    pub(super) fn create_transaction(
        &mut self,
        body: &Value,
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
        if asked.is_some_and(|code| code != super::render::code(currency)) {
            let message = "the fake converts no currencies";
            return Err(Refusal::field("currency_code", message));
        }
        one_cycle(&items)?;
        let discount = self.discount_of(body, now)?;
        let (customer_id, address_id) = self.buyer(body)?;
        let lines = self.lines(&items, discount.as_ref(), true, None);
        let id = self.open(
            Draft {
                origin: Origin::Api,
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
    pub(super) fn update_transaction(
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
    pub(super) fn open(&mut self, draft: Draft, now: Timestamp) -> String {
        let id = self.id("txn");
        let at = self.tick(now);
        let ready = draft.origin != Origin::Api;
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
    pub(super) fn make_ready(&mut self, id: &str, now: Timestamp) {
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
    pub(super) fn give_up(&mut self, id: &str, now: Timestamp) {
        self.with_transaction(id, now, |transaction| {
            transaction.status = TransactionStatus::Canceled;
        });
        self.tell_transaction("transaction.canceled", id, now);
    }

    /// The number of the next invoice.
    pub(super) fn invoice(&mut self) -> (String, String) {
        let id = self.id("inv");
        let issued = self.transactions.values();
        let issued = issued.filter(|one| one.invoice.is_some()).count();
        (id, format!("325-{}", issued.saturating_add(10_001)))
    }

    fn bill(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
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

    fn buyer(&self, body: &Value) -> Result<(Option<String>, Option<String>), Refusal> {
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

    fn discount_of(&mut self, body: &Value, now: Timestamp) -> Result<Option<Discount>, Refusal> {
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
    pub(super) fn discount(&mut self, body: &Value, now: Timestamp) -> Result<Discount, Refusal> {
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
    pub(super) fn items(
        &mut self,
        items: Option<&Value>,
        now: Timestamp,
    ) -> Result<Vec<Bought>, Refusal> {
        let items = items.and_then(Value::as_array);
        let items = items.filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| Refusal::field("items", "this field is required"))?;
        items.iter().map(|item| self.item(item, now)).collect()
    }

    fn item(&mut self, item: &Value, now: Timestamp) -> Result<Bought, Refusal> {
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

    fn price(&self, id: &str) -> Result<&Price, Refusal> {
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
    pub(super) fn own_price(&mut self, body: &Value, now: Timestamp) -> Result<Price, Refusal> {
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
            Some("internal") => super::amount::TaxMode::Internal,
            Some("external") => super::amount::TaxMode::External,
            _ => super::amount::TaxMode::AccountSetting,
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

    /// The lines of `items` at their full prices; with `trials`, what has a
    /// trial costs nothing.
    pub(super) fn lines(
        &mut self,
        items: &[Bought],
        discount: Option<&Discount>,
        trials: bool,
        period: Option<Period>,
    ) -> Vec<Line> {
        let mut flat = match discount.map(|discount| discount.off) {
            Some(Off::Flat(amount)) => amount,
            Some(Off::BasisPoints(_)) | None => 0,
        };
        let mut lines = Vec::with_capacity(items.len());
        for bought in items {
            let id = self.id("txnitm");
            let free = trials && bought.price.trial.is_some();
            let totals = if free {
                Totals::default()
            } else {
                let totals = self.full(bought, discount, flat);
                flat = flat.saturating_sub(totals.discount).max(0);
                totals
            };
            let one = Bought {
                quantity: 1,
                ..bought.clone()
            };
            lines.push(Line {
                id,
                bought: bought.clone(),
                unit: if free {
                    Totals::default()
                } else {
                    self.full(&one, None, 0)
                },
                totals,
                share: period.map(Share::whole),
            });
        }
        lines
    }

    /// What an item costs for a whole period, with at most `flat` taken off
    /// where the discount is an amount.
    pub(super) fn full(&self, bought: &Bought, discount: Option<&Discount>, flat: i64) -> Totals {
        let units = i64::from(bought.quantity);
        let gross = bought.price.amount.saturating_mul(units);
        let off = match discount.map(|discount| discount.off) {
            None => 0,
            Some(Off::Flat(_)) => flat.min(gross),
            Some(Off::BasisPoints(points)) => {
                let part = i128::from(gross).saturating_mul(i128::from(points));
                // Half up, of ten thousandths.
                let part = part.saturating_add(5000).checked_div(10_000).unwrap_or(0);
                i64::try_from(part).unwrap_or(gross).min(gross)
            }
        };
        Totals::of(gross, off, bought.price.tax_mode, self.rules.tax)
    }
}

pub(super) fn one_currency(items: &[Bought]) -> Result<Currency, Refusal> {
    let mut currencies = items.iter().map(|bought| bought.price.currency);
    let first = currencies.next();
    let first = first.ok_or_else(|| Refusal::field("items", "this field is required"))?;
    if currencies.any(|currency| currency != first) {
        return Err(Refusal::field("items", "prices have different currencies"));
    }
    Ok(first)
}

fn one_cycle(items: &[Bought]) -> Result<(), Refusal> {
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
