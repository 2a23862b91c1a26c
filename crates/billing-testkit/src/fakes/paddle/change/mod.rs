//! Changes of a subscription's items and date: what may be changed when, and
//! what it costs. Previews and the change itself work from one plan.
//!
//! Every way of billing changes the items at once; none defers a change.

mod charged;
mod cost;
mod items;
mod rules;

pub(in crate::fakes::paddle) use rules::{count_charge, declined_payment, locked};

use billing_domain::time::Timestamp;
use serde_json::Value;

use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::things::{Credit, Line, Origin, Subscription, SubscriptionStatus};
use crate::fakes::paddle::world::World;

use cost::bind;
use rules::{move_date, paused_rules, required};

/// How a change is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fakes::paddle) enum Mode {
    ProratedNow,
    ProratedNext,
    FullNow,
    FullNext,
    Nothing,
}

impl Mode {
    fn read(text: &str) -> Result<Self, Refusal> {
        Ok(match text {
            "prorated_immediately" => Self::ProratedNow,
            "prorated_next_billing_period" => Self::ProratedNext,
            "full_immediately" => Self::FullNow,
            "full_next_billing_period" => Self::FullNext,
            "do_not_bill" => Self::Nothing,
            _ => {
                let message = "unknown proration billing mode";
                return Err(Refusal::field("proration_billing_mode", message));
            }
        })
    }

    pub(super) const fn is_now(self) -> bool {
        matches!(self, Self::ProratedNow | Self::FullNow)
    }

    pub(super) const fn is_next(self) -> bool {
        matches!(self, Self::ProratedNext | Self::FullNext)
    }
}

/// What a change would do.
#[derive(Debug)]
pub(in crate::fakes::paddle) struct Plan {
    /// The subscription as it would be.
    pub(in crate::fakes::paddle) after: Subscription,
    /// Whether anything is different.
    pub(in crate::fakes::paddle) differs: bool,
    /// What is charged for.
    pub(in crate::fakes::paddle) lines: Vec<Line>,
    /// What is credited.
    pub(in crate::fakes::paddle) credits: Vec<Credit>,
    /// Whether both are billed at once.
    pub(in crate::fakes::paddle) now: bool,
    /// Whether the change stays although its payment fails.
    pub(in crate::fakes::paddle) apply_anyway: bool,
}

impl Plan {
    /// The sum of the credits, in minor units.
    pub(in crate::fakes::paddle) fn credit(&self) -> i64 {
        let credits = self.credits.iter();
        credits.fold(0_i64, |sum, one| sum.saturating_add(one.totals.total))
    }
}

impl World {
    /// `PATCH /subscriptions/{id}`.
    pub(in crate::fakes::paddle) fn update_subscription(
        &mut self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut plan = self.plan(id, body, now)?;
        if !plan.differs {
            return Ok(());
        }
        let bills = plan.now && !(plan.lines.is_empty() && plan.credits.is_empty());
        let mut declined = None;
        if bills {
            count_charge(&mut plan.after, now)?;
            let (transaction_id, paid) = self.charge_now(&plan, Origin::Update, now);
            if !paid && !plan.apply_anyway {
                self.give_up(&transaction_id, now);
                return Err(declined_payment());
            }
            bind(&mut plan, &transaction_id);
            declined = (!paid).then_some(transaction_id);
        } else if !plan.now {
            plan.after.waiting.append(&mut plan.lines);
            plan.after.waiting_credits.append(&mut plan.credits);
        }
        let Plan { after, credits, .. } = plan;
        self.with_subscription(id, now, |subscription| {
            let card = subscription.card;
            *subscription = Subscription { card, ..after };
        });
        self.tell_subscription("subscription.updated", id, now);
        self.book_credits(id, &credits, now);
        if let Some(transaction_id) = declined {
            self.fall_behind(id, &transaction_id, now);
        }
        Ok(())
    }

    /// Works out what a change would do, or why it is refused.
    pub(in crate::fakes::paddle) fn plan(
        &mut self,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Plan, Refusal> {
        let before = self.subscription(id)?.clone();
        if before.status == SubscriptionStatus::Canceled {
            let detail = "cannot update subscription, as the subscription status is 'canceled'";
            return Err(Refusal::bad("subscription_update_when_canceled", detail));
        }
        locked(&before, now)?;
        let mode = read::maybe(body, "proration_billing_mode")?;
        let mode = mode.map(Mode::read).transpose()?;
        let mut after = before.clone();
        match body.get("scheduled_change") {
            None => {}
            Some(Value::Null) => after.scheduled = None,
            Some(_) => {
                let code = "subscription_scheduled_change_invalid_update";
                return Err(Refusal::bad(code, "scheduled_change can only be null"));
            }
        }
        let items = body.get("items").filter(|items| !items.is_null());
        let next = read::instant(body, "next_billed_at")?;
        paused_rules(&before, body, items.is_some(), mode)?;
        if body.get("custom_data").is_some() {
            after.custom_data = read::custom_data(body)?;
        }
        self.other_fields(&mut after, body, now)?;
        let mut plan = Plan {
            differs: false,
            lines: Vec::new(),
            credits: Vec::new(),
            now: mode.is_some_and(Mode::is_now),
            apply_anyway: read::maybe(body, "on_payment_failure")? == Some("apply_change"),
            after,
        };
        if let Some(items) = items {
            let mode = required(mode)?;
            self.change_items(&before, &mut plan, items, mode, now)?;
        }
        if let Some(next) = next {
            move_date(&before, &mut plan, next, required(mode)?, now)?;
        }
        plan.differs = differs(&before, &plan.after);
        Ok(plan)
    }

    fn other_fields(
        &mut self,
        after: &mut Subscription,
        body: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(customer) = read::maybe(body, "customer_id")? {
            let known = self.customers.contains_key(customer);
            after.customer_id = known
                .then(|| customer.to_owned())
                .ok_or_else(|| Refusal::not_found(customer))?;
        }
        if let Some(address) = read::maybe(body, "address_id")? {
            let known = self.addresses.contains_key(address);
            after.address_id = known
                .then(|| address.to_owned())
                .ok_or_else(|| Refusal::not_found(address))?;
        }
        if let Some(mode) = read::maybe(body, "collection_mode")? {
            after.manual = mode == "manual";
        }
        match body.get("discount") {
            None => {}
            Some(Value::Null) => after.discount = None,
            Some(discount) => {
                let found = match read::maybe(discount, "id")? {
                    Some(id) => {
                        let found = self.discounts.get(id).cloned();
                        found.ok_or_else(|| Refusal::not_found(id))?
                    }
                    None => self.discount(discount, now)?,
                };
                let left = found.intervals;
                after.discount = Some((found, left));
            }
        }
        Ok(())
    }
}

/// Whether two states of a subscription differ in what a caller may change.
fn differs(before: &Subscription, after: &Subscription) -> bool {
    let items = |one: &Subscription| -> Vec<(String, u32)> {
        let items = one.items.iter();
        items
            .map(|item| (item.bought.price.id.clone(), item.bought.quantity))
            .collect()
    };
    let discount = |one: &Subscription| one.discount.as_ref().map(|(held, _)| held.id.clone());
    items(before) != items(after)
        || discount(before) != discount(after)
        || before.custom_data != after.custom_data
        || before.scheduled != after.scheduled
        || before.period != after.period
        || before.customer_id != after.customer_id
        || before.address_id != after.address_id
        || before.manual != after.manual
}
