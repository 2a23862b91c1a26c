//! Opening and closing checkouts. A checkout is a transaction that nobody has paid.
//!
//! Paddle has no idempotency keys, and an order does not say whether it was tried
//! before. So the transaction of its key is always looked for first: among the
//! customer's own where Paddle knows the customer, else among those made since the
//! order can have been given. The search is bounded; should it miss, a second page
//! is open for the same checkout, and a second payment is recognized by that.
//!
//! A trial is the price's at Paddle, and no order's: one that was promised and that
//! the price does not give, or not as long, is refused, and one that the price gives
//! besides is given.

use billing_domain::decide::CHECKOUT_LIFETIME;
use billing_domain::discount::{Reduction, WHOLE};
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{EffectKey, OpenCheckout, OrderedDiscount};
use billing_domain::fact::{Fact, Observed};
use billing_domain::time::shifted_back;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Page;
use crate::correlation::{self, INTENT, of_checkout};
use crate::map::transaction::Said;
use crate::money;
use crate::provider::Paddle;
use crate::trial::is_as_long;
use crate::wire::Transaction;

/// Most transactions that Paddle lists on a page.
const PAGE: &str = "30";

/// How many pages are searched: 150 transactions, newest first. What is searched
/// for was made minutes ago, so only a much busier account would have it further down.
const PAGES_MAX: usize = 5;

/// How much earlier than the order Paddle's clock may have dated its transaction.
pub(super) const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

impl Paddle {
    pub(super) async fn open_checkout(
        &self,
        key: &EffectKey,
        order: &OpenCheckout,
    ) -> Result<Vec<Observed>, CallError> {
        if order.price_ref.is_none() {
            return Err(refused(
                "price_ref_missing",
                "the price has no reference at Paddle",
            ));
        }
        if order.trial_end.is_some() && has_last_cycle(order) {
            return Err(refused(
                "discount_on_trial",
                "Paddle counts the trial as the first cycle of a discount, which is to hold \
                 for cycles that are charged",
            ));
        }
        let customer = self.customer_for(order).await?;
        if let Some(made) = self.made_before(key, order, customer.as_deref()).await? {
            return self.opened(order, &made);
        }
        let made = match self.make(key, order, customer.as_deref()).await {
            Err(CallError::Refused(refusal)) => {
                let other = match &order.customer_ref {
                    Some(known) => self.customer_instead(order, known).await?,
                    None => None,
                };
                let Some(other) = other else {
                    return Err(CallError::Refused(refusal));
                };
                if let Some(made) = self.made_before(key, order, other.as_deref()).await? {
                    return self.opened(order, &made);
                }
                self.make(key, order, other.as_deref()).await?
            }
            made => made?,
        };
        if let Some(promised) = trial_of(order)
            && !gives_trial(&made, promised)
        {
            // It would be charged on another day than was promised.
            self.close(&made.id).await?;
            return Err(refused(
                "trial_mismatch",
                "the price has no trial period of that length at Paddle",
            ));
        }
        self.opened(order, &made)
    }

    /// Makes the transaction.
    async fn make(
        &self,
        key: &EffectKey,
        order: &OpenCheckout,
        customer: Option<&str>,
    ) -> Result<Transaction, CallError> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        set(
            "items",
            json!([{ "price_id": order.price_ref, "quantity": order.quantity }]),
        );
        set("collection_mode", json!("automatic"));
        set("currency_code", json!(money::code(order.amount.currency)));
        let custom = of_checkout(order, key, &self.teller.operator);
        set("custom_data", Value::Object(custom));
        if let Some(customer) = customer {
            set("customer_id", json!(customer));
        }
        if let Some(discount) = &order.discount {
            set("discount", inline(discount, order));
        }
        if let Some(url) = &self.checkout_url {
            set("checkout", json!({ "url": url.as_str() }));
        }
        self.client.post(&["transactions"], &body).await
    }

    pub(super) async fn expire_checkout(
        &self,
        reference: &str,
    ) -> Result<Vec<Observed>, CallError> {
        let path = ["transactions", reference];
        let Some(held): Option<Transaction> = self.client.find(&path, &[]).await? else {
            return Ok(Vec::new());
        };
        match held.status.as_str() {
            "draft" | "ready" => {
                let closed = self.close(reference).await?;
                Ok(self.teller.transaction(&closed, Said::Nothing))
            }
            // Paid, or closed: what it is now is the answer.
            _ => Ok(self.teller.transaction(&held, Said::Nothing)),
        }
    }

    async fn close(&self, id: &str) -> Result<Transaction, CallError> {
        let body = json!({ "status": "canceled" });
        self.client.patch(&["transactions", id], &body).await
    }

    /// The transaction that an earlier try of this effect made.
    async fn made_before(
        &self,
        key: &EffectKey,
        order: &OpenCheckout,
        customer: Option<&str>,
    ) -> Result<Option<Transaction>, CallError> {
        let lifetime = CHECKOUT_LIFETIME.saturating_add(CLOCKS_DIFFER);
        let since = shifted_back(order.expires_at, lifetime).to_string();
        let mut scope = vec![
            ("created_at[GTE]", since.as_str()),
            ("order_by", "created_at[DESC]"),
            ("per_page", PAGE),
        ];
        scope.extend(customer.map(|customer| ("customer_id", customer)));
        let key = key.to_string();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = scope.clone();
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page: Page<Transaction> = self.client.page(&["transactions"], &query).await?;
            let made = page.rows.into_iter().find(|row: &Transaction| {
                // What it is charged later inherits its custom data.
                let intent = correlation::text(row.custom_data.as_ref(), INTENT);
                row.is_checkout() && !row.is_by_payer() && intent == Some(key.as_str())
            });
            if made.is_some() || page.after.is_none() {
                return Ok(made);
            }
            after = page.after;
        }
        Ok(None)
    }

    /// What an opened checkout tells.
    fn opened(&self, order: &OpenCheckout, made: &Transaction) -> Result<Vec<Observed>, CallError> {
        if made.status == "canceled" {
            return Err(refused("checkout_closed", "it has been closed at Paddle"));
        }
        let url = made.checkout.as_ref().and_then(|page| page.url.clone());
        let Some(url) = url else {
            return Err(refused(
                "checkout_url_missing",
                "Paddle gave no page: the account has no default payment link",
            ));
        };
        let opened = Observed {
            fact: Fact::CheckoutOpened {
                checkout: order.checkout,
                reference: made.id.clone(),
                url,
                expires_at: order.expires_at,
                conversion: None,
                customer_ref: made.customer_id.clone(),
            },
            at: made.at(),
            link: self.teller.transaction_link(made),
        };
        let mut facts = vec![opened];
        // An earlier try may have been paid since.
        facts.extend(self.teller.transaction(made, Said::Nothing));
        Ok(facts)
    }
}

/// Whether it can be taken off by the transaction alone: once, from the first charge, and
/// leaving something to pay. What would stay with the subscription could not be put back
/// as it was where a change that ends it is taken back, and a trial counts as its first
/// cycle at Paddle.
pub(crate) fn takes(sale: &DiscountedSale) -> bool {
    let once = sale.recurring.is_none() || sale.discount.cycles == Some(1);
    once && sale.trial_end.is_none() && !sale.amount.is_zero()
}

/// Whether it is for less in its first cycles alone.
fn has_last_cycle(order: &OpenCheckout) -> bool {
    let discount = order.discount.as_ref();
    discount.is_some_and(|discount| discount.cycles.is_some())
}

/// The trial that was promised when the checkout was ordered. `None`: there is none.
fn trial_of(order: &OpenCheckout) -> Option<SignedDuration> {
    let ordered_at = shifted_back(order.expires_at, CHECKOUT_LIFETIME);
    let trial_end = order.trial_end?;
    Some(trial_end.duration_since(ordered_at))
}

fn gives_trial(made: &Transaction, promised: SignedDuration) -> bool {
    let mut priced = made.items.iter().filter_map(|item| item.price.as_ref());
    priced.any(|price| {
        let trial = price.trial_period.as_ref();
        trial.is_some_and(|trial| is_as_long(trial, promised))
    })
}

/// A discount that lives with the transaction alone.
fn inline(discount: &OrderedDiscount, order: &OpenCheckout) -> Value {
    let recurring = order.recurring.is_some();
    let (kind, amount) = match discount.reduction {
        Reduction::Percent { basis_points } => ("percentage", percent(basis_points)),
        // A fixed amount and a set price both come to an amount off.
        Reduction::Fixed { .. } | Reduction::SetPrice { .. } => ("flat", money::text(discount.off)),
    };
    json!({
        "type": kind,
        "amount": amount,
        "description": "Discount",
        "recur": recurring && discount.cycles != Some(1),
        "maximum_recurring_intervals": discount.cycles.filter(|cycles| recurring && *cycles > 1),
    })
}

/// Hundredths of a percent as Paddle writes percents: `12.5`.
fn percent(basis_points: u16) -> String {
    let points = basis_points.min(WHOLE);
    let (whole, rest) = (points / 100, points % 100);
    let text = format!("{whole}.{rest:02}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
