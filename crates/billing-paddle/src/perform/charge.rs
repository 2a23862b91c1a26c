//! Charging beside the items of a subscription: what was used in a period, say.
//!
//! A charge is one item, priced here, for the card that the subscription is paid with. A
//! subscription that has ended has none to charge any more: its buyer is given a page to
//! pay at. Nothing tells Paddle a repetition, so what an earlier try made is looked for
//! first, by the key that its item's price carries. What Paddle will not collect by the
//! card is told as that, and nothing is left of it there.

use billing_domain::effect::{CreateInvoice, EffectKey};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::provider::RefKind;
use billing_domain::time::shifted_back;
use serde_json::{Value, json};

use crate::api_error::{CallError, refused};
use crate::client::Page;
use crate::correlation::{CUSTOMER, INTENT, OPERATOR, of_invoice, text};
use crate::map::transaction::Said;
use crate::money;
use crate::perform::checkout::CLOCKS_DIFFER;
use crate::provider::Paddle;
use crate::wire::{Price, Subscription, Transaction};

/// Most transactions that Paddle lists on a page.
const PAGE: &str = "30";

/// How many pages are searched for what an earlier try made: 300 transactions since the
/// invoice was opened, newest first. Paddle takes 100 charges of a subscription a day, and an
/// order is tried for three days.
const PAGES_MAX: usize = 10;

/// What Paddle says where it collects nothing, and may the next time: the card declined,
/// or there is none; another payment is overdue, or the subscription is paused; it is
/// less than the smallest amount that is charged.
const UNCOLLECTED: [&str; 6] = [
    "subscription_payment_declined",
    "subscription_missing_payment_method_cannot_update",
    NOT_ACTIVE,
    "subscription_is_inactive_action_invalid",
    "subscription_update_transaction_balance_less_than_charge_limit",
    TOO_LITTLE,
];

/// Refused for as long as a subscription is overdue or paused.
const NOT_ACTIVE: &str = "subscription_not_active";

/// Refused as less than the smallest amount that is charged.
const TOO_LITTLE: &str = "transaction_balance_less_than_charge_limit";

/// Refused of a subscription that has ended.
const ENDED: &str = "subscription_is_canceled_action_invalid";

/// The tax of a product whose kind is not known here.
const STANDARD: &str = "standard";

impl Paddle {
    /// Charges what is owed beside the items of `subscription`.
    pub(super) async fn charge_beside(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        subscription: &str,
    ) -> Result<Vec<Observed>, CallError> {
        let _alone = self.at_work.alone(subscription).await;
        let held = self.existing(subscription).await?;
        if let Some(made) = self.charged_before(key, order, &held).await? {
            return Ok(self.teller.transaction(&made, Said::Nothing));
        }
        let owed = money::code(order.amount.currency);
        if held
            .currency_code
            .as_ref()
            .is_some_and(|code| *code != owed)
        {
            return Err(refused(
                "currency_mismatch",
                "the subscription is paid in another currency",
            ));
        }
        match held.status.as_str() {
            "active" | "trialing" => self.collect(key, order, &held).await,
            "canceled" => self.ask_for(key, order, &held).await,
            // Overdue or paused: Paddle collects nothing beside that.
            _ => Ok(vec![self.uncollected(order, &held, NOT_ACTIVE)]),
        }
    }

    /// By the card of the subscription, at once.
    async fn collect(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        held: &Subscription,
    ) -> Result<Vec<Observed>, CallError> {
        let body = json!({
            "effective_from": "immediately",
            "items": [self.item(key, order, held)],
            // What is used ends no access: a card that is declined leaves everything as it was.
            "on_payment_failure": "prevent_change",
        });
        let path = ["subscriptions", held.id.as_str(), "charge"];
        match self.client.post::<Subscription>(&path, &body).await {
            Ok(_) => {}
            Err(CallError::Refused(no)) if UNCOLLECTED.contains(&no.code.as_str()) => {
                return Ok(vec![self.uncollected(order, held, &no.code)]);
            }
            // It has ended since it was read: the next try asks for it.
            Err(CallError::Refused(no)) if no.code == ENDED => return Err(CallError::Passing(no)),
            Err(error) => return Err(error),
        }
        // It is charged, whatever comes of this: what is not read now, its event tells.
        let made = self.charged_before(key, order, held).await.ok().flatten();
        Ok(made.map_or_else(Vec::new, |made| {
            self.teller.transaction(&made, Said::Nothing)
        }))
    }

    /// By whoever opens its page.
    async fn ask_for(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        held: &Subscription,
    ) -> Result<Vec<Observed>, CallError> {
        if let Some(made) = self.asked_before(key, order, held).await? {
            return Ok(self.teller.transaction(&made, Said::Nothing));
        }
        let mut body = json!({
            "items": [self.item(key, order, held)],
            "collection_mode": "automatic",
            "currency_code": money::code(order.amount.currency),
            "customer_id": held.customer_id,
            "address_id": held.address_id,
            "custom_data": {
                CUSTOMER: order.customer.to_string(),
                OPERATOR: self.teller.operator,
            },
        });
        if let Some(url) = &self.checkout_url {
            body["checkout"] = json!({ "url": url.as_str() });
        }
        match self
            .client
            .post::<Transaction>(&["transactions"], &body)
            .await
        {
            Ok(made) => Ok(self.teller.transaction(&made, Said::Nothing)),
            Err(CallError::Refused(no)) if no.code == TOO_LITTLE => {
                Ok(vec![self.uncollected(order, held, &no.code)])
            }
            Err(error) => Err(error),
        }
    }

    /// The charge that an earlier try of this effect made.
    async fn charged_before(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        held: &Subscription,
    ) -> Result<Option<Transaction>, CallError> {
        let scope = [
            ("subscription_id", held.id.as_str()),
            ("origin", "subscription_charge"),
        ];
        self.made_under(key, order, &scope).await
    }

    /// The page that an earlier try of this effect made.
    async fn asked_before(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        held: &Subscription,
    ) -> Result<Option<Transaction>, CallError> {
        let Some(customer) = held.customer_id.as_deref() else {
            return Ok(None);
        };
        let scope = [("customer_id", customer), ("origin", "api")];
        self.made_under(key, order, &scope).await
    }

    async fn made_under(
        &self,
        key: &EffectKey,
        order: &CreateInvoice,
        scope: &[(&str, &str)],
    ) -> Result<Option<Transaction>, CallError> {
        let key = key.to_string();
        // Nothing of it can be older: not as of now, since a person may have it tried weeks later.
        let opened = order.invoice.drawn_at();
        let since = opened.map(|at| shifted_back(at, CLOCKS_DIFFER).to_string());
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = scope.to_vec();
            query.extend(since.as_deref().map(|since| ("created_at[GTE]", since)));
            query.extend([("order_by", "created_at[DESC]"), ("per_page", PAGE)]);
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page: Page<Transaction> = self.client.page(&["transactions"], &query).await?;
            let made = page.rows.into_iter().find(|row: &Transaction| {
                let mut charged = row.items.iter();
                charged.any(|item| text(item.price_data(), INTENT) == Some(key.as_str()))
            });
            if made.is_some() || page.after.is_none() {
                return Ok(made);
            }
            after = page.after;
        }
        // Charged again, it would be charged twice.
        Err(CallError::Unknown(
            "whether it is charged already is further back than was looked".to_owned(),
        ))
    }

    /// What is charged: one piece, taxed as the plan is.
    fn item(&self, key: &EffectKey, order: &CreateInvoice, held: &Subscription) -> Value {
        let plan = held.plan_item().and_then(|item| item.price.as_ref());
        let tax_mode = plan.and_then(|plan| plan.tax_mode.as_deref());
        let mut price = json!({
            "name": order.description,
            "description": order.description,
            "unit_price": {
                "amount": money::text(order.amount),
                "currency_code": money::code(order.amount.currency),
            },
            "tax_mode": tax_mode.unwrap_or("account_setting"),
            "quantity": { "minimum": 1, "maximum": 1 },
            "custom_data": of_invoice(order, key, &self.teller.operator),
        });
        match plan.and_then(|plan: &Price| plan.product_id.as_deref()) {
            Some(product) => price["product_id"] = json!(product),
            None => {
                price["product"] = json!({
                    "name": order.description,
                    "tax_category": STANDARD,
                });
            }
        }
        json!({ "quantity": 1, "price": price })
    }

    /// That nothing was collected, and nothing is left of it to be paid.
    fn uncollected(&self, order: &CreateInvoice, held: &Subscription, why: &str) -> Observed {
        Observed {
            fact: Fact::ChargeFailed {
                invoice: order.invoice,
                reason: why.to_owned(),
            },
            at: self.clock.now(),
            link: Link {
                customer: Some(order.customer),
                refs: vec![self.teller.object(RefKind::Subscription, &held.id)],
                ..Link::default()
            },
        }
    }
}
