//! Changes of a subscription's items and date: what may be changed when, and
//! what it costs. Previews and the change itself work from one plan.
//!
//! Every way of billing changes the items at once; none defers a change.

use billing_domain::time::{Interval, Period, Timestamp, shifted, shifted_back};
use jiff::SignedDuration;
use serde_json::Value;

use super::amount::{Share, prorated};
use super::read;
use super::refusal::Refusal;
use super::sell::{Draft, one_currency};
use super::things::{
    AdjustedLine, Adjustment, AdjustmentAction, AdjustmentStatus, Bought, Credit, Line, Origin,
    SubscribedItem, Subscription, SubscriptionStatus, TransactionStatus,
};
use super::world::World;

/// Paddle's own lock before a renewal.
const RENEWAL_LOCK: SignedDuration = SignedDuration::from_mins(30);
/// Paddle's own limits of charges for changes, per subscription.
const CHARGES_PER_HOUR: usize = 20;
const CHARGES_PER_DAY: usize = 100;

/// How a change is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
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

    const fn is_now(self) -> bool {
        matches!(self, Self::ProratedNow | Self::FullNow)
    }

    const fn is_next(self) -> bool {
        matches!(self, Self::ProratedNext | Self::FullNext)
    }
}

/// What a change would do.
#[derive(Debug)]
pub(super) struct Plan {
    /// The subscription as it would be.
    pub(super) after: Subscription,
    /// Whether anything is different.
    pub(super) differs: bool,
    /// What is charged for.
    pub(super) lines: Vec<Line>,
    /// What is credited.
    pub(super) credits: Vec<Credit>,
    /// Whether both are billed at once.
    pub(super) now: bool,
    /// Whether the change stays although its payment fails.
    pub(super) apply_anyway: bool,
}

impl Plan {
    /// The sum of the credits, in minor units.
    pub(super) fn credit(&self) -> i64 {
        let credits = self.credits.iter();
        credits.fold(0_i64, |sum, one| sum.saturating_add(one.totals.total))
    }
}

impl World {
    /// `PATCH /subscriptions/{id}`.
    pub(super) fn update_subscription(
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
    pub(super) fn plan(&mut self, id: &str, body: &Value, now: Timestamp) -> Result<Plan, Refusal> {
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

    fn change_items(
        &mut self,
        before: &Subscription,
        plan: &mut Plan,
        items: &Value,
        mode: Mode,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let wanted = self.wanted(before, items, now)?;
        let kept = |bought: &Bought| {
            let items = &mut before.items.iter();
            items.find(|item| item.bought.price.id == bought.price.id)
        };
        let same = |bought: &Bought| {
            kept(bought).is_some_and(|item| item.bought.quantity == bought.quantity)
        };
        if wanted.len() == before.items.len() && wanted.iter().all(same) {
            return Ok(());
        }
        match before.status {
            SubscriptionStatus::PastDue => {
                let detail = "cannot update subscription, as the subscription status is 'past_due'";
                return Err(Refusal::bad("subscription_update_when_past_due", detail));
            }
            SubscriptionStatus::Trialing if mode != Mode::Nothing => {
                let code = "subscription_trialing_items_update_invalid_options";
                return Err(Refusal::bad(
                    code,
                    "a trial's items change with do_not_bill only",
                ));
            }
            SubscriptionStatus::Trialing
            | SubscriptionStatus::Active
            | SubscriptionStatus::Paused
            | SubscriptionStatus::Canceled => {}
        }
        let interval = wanted.iter().find_map(|bought| bought.price.interval);
        let interval = interval.unwrap_or(before.interval);
        let resets = interval != before.interval;
        allowed(before, mode, resets)?;
        if resets && before.status != SubscriptionStatus::Paused {
            plan.after.interval = interval;
            if before.status == SubscriptionStatus::Active {
                plan.after.period = restarted(interval, now);
                plan.after.anchor = now;
                plan.after.turns = 1;
            }
        }
        plan.after.items = wanted
            .iter()
            .map(|bought| match kept(bought) {
                Some(item) if same(bought) && !resets => item.clone(),
                Some(item) => SubscribedItem {
                    bought: bought.clone(),
                    updated_at: now,
                    charged_by: None,
                    ..item.clone()
                },
                None => SubscribedItem {
                    bought: bought.clone(),
                    created_at: now,
                    updated_at: now,
                    billed_at: mode.is_now().then_some(now),
                    charged_by: None,
                },
            })
            .collect();
        let touched: Vec<Bought> = wanted
            .into_iter()
            .filter(|bought| resets || !same(bought))
            .collect();
        self.price_change(before, plan, &touched, mode, now)
    }

    /// Lines and credits of a change.
    fn price_change(
        &mut self,
        before: &Subscription,
        plan: &mut Plan,
        touched: &[Bought],
        mode: Mode,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (Some(old), Some(new)) = (before.period, plan.after.period) else {
            return Ok(());
        };
        if mode == Mode::Nothing || before.status != SubscriptionStatus::Active {
            return Ok(());
        }
        let resets = before.interval != plan.after.interval;
        let discount = before.discount.as_ref().map(|(one, _)| one.clone());
        let prorates = matches!(mode, Mode::ProratedNow | Mode::ProratedNext);
        for bought in touched {
            let mut charged = bought.clone();
            if !prorates && !resets {
                // Without proration only what is new is charged for, in full.
                let held = before.items.iter();
                let mut held = held.filter(|item| item.bought.price.id == bought.price.id);
                let had = held.next().map_or(0, |item| item.bought.quantity);
                charged.quantity = charged.quantity.saturating_sub(had);
            }
            if charged.quantity == 0 {
                continue;
            }
            let full = self.full(&charged, discount.as_ref(), 0);
            let one = Bought {
                quantity: 1,
                ..charged.clone()
            };
            let (totals, share) = if prorates && !resets {
                prorated(full, before.currency, new, now)?
            } else {
                (full, Share::whole(new))
            };
            let (id, unit) = (self.id("txnitm"), self.full(&one, None, 0));
            plan.lines.push(Line {
                id,
                bought: charged,
                unit,
                totals,
                share: Some(share),
            });
        }
        if !prorates && !resets {
            return Ok(());
        }
        for item in &before.items {
            let stays = plan.after.items.iter().any(|kept| {
                kept.bought.price.id == item.bought.price.id
                    && kept.bought.quantity == item.bought.quantity
            });
            // What nobody was charged for is not credited.
            let Some((transaction_id, line_id)) = item.charged_by.clone() else {
                continue;
            };
            if stays && !resets {
                continue;
            }
            let charged = self.transaction(&transaction_id)?;
            if charged.status == TransactionStatus::Paid {
                let code = "subscription_credit_creation_against_processing_transaction";
                let detail = "cannot create credit against a transaction that is processing";
                return Err(Refusal::bad(code, detail));
            }
            let full = self.full(&item.bought, discount.as_ref(), 0);
            let (totals, share) = prorated(full, before.currency, old, now)?;
            plan.credits.push(Credit {
                transaction_id,
                line_id,
                totals,
                share,
            });
        }
        Ok(())
    }

    /// The items of a call; what is kept may leave its quantity out.
    fn wanted(
        &mut self,
        before: &Subscription,
        items: &Value,
        now: Timestamp,
    ) -> Result<Vec<Bought>, Refusal> {
        let list = items.as_array();
        let list = list.ok_or_else(|| Refusal::field("items", "must be an array"))?;
        if list.is_empty() {
            let detail = "cannot remove all items";
            return Err(Refusal::bad("subscription_all_items_removed", detail));
        }
        let mut wanted: Vec<Bought> = Vec::with_capacity(list.len());
        for item in list {
            let price_id = read::maybe(item, "price_id")?;
            let quantity = read::quantity(item)?;
            let held = before.items.iter();
            let mut held = held.filter(|held| Some(held.bought.price.id.as_str()) == price_id);
            let held = held.next().map(|held| held.bought.clone());
            let bought = match (held, quantity) {
                // A price that is held stays as it was bought.
                (Some(held), quantity) => Bought {
                    quantity: quantity.unwrap_or(held.quantity),
                    ..held
                },
                (None, None) => {
                    let code = "subscription_quantity_missing_for_new_items";
                    return Err(Refusal::bad(code, "new items need a quantity"));
                }
                (None, Some(_)) => {
                    let one = Value::Array(vec![item.clone()]);
                    let mut read = self.items(Some(&one), now)?;
                    let Some(read) = read.pop() else { continue };
                    read
                }
            };
            if bought.quantity < bought.price.quantity.0
                || bought.quantity > bought.price.quantity.1
            {
                let detail = "quantity is not within the price's range";
                return Err(Refusal::bad("subscription_quantity_not_valid", detail));
            }
            if wanted.iter().any(|one| one.price.id == bought.price.id) {
                let detail = "price_id is in the list more than once";
                return Err(Refusal::bad("subscription_duplicate_price_ids", detail));
            }
            wanted.push(bought);
        }
        let invalid = |detail: &str| Refusal::bad("subscription_new_items_not_valid", detail);
        if one_currency(&wanted)? != before.currency {
            return Err(invalid("prices have another currency"));
        }
        let Some(first) = wanted.iter().find_map(|bought| bought.price.interval) else {
            let code = "subscription_no_recurring_items_remain";
            return Err(Refusal::bad(code, "no recurring items remain"));
        };
        if wanted
            .iter()
            .any(|bought| bought.price.interval != Some(first))
        {
            return Err(invalid("all items must share one billing cycle"));
        }
        Ok(wanted)
    }

    /// Charges for a plan at once: the transaction, and whether it was paid.
    pub(super) fn charge_now(
        &mut self,
        plan: &Plan,
        origin: Origin,
        now: Timestamp,
    ) -> (String, bool) {
        let after = &plan.after;
        let lines = plan.lines.iter();
        let items: Vec<Bought> = lines.map(|line| line.bought.clone()).collect();
        let period = after.period.map(|period| Period {
            start: now,
            end: period.end.max(now),
        });
        let id = self.open(
            Draft {
                origin,
                subscription_id: Some(after.id.clone()),
                customer_id: Some(after.customer_id.clone()),
                address_id: Some(after.address_id.clone()),
                custom_data: after.custom_data.clone(),
                currency: after.currency,
                items,
                lines: plan.lines.clone(),
                period,
                discount: None,
                credit: plan.credit(),
                manual: after.manual,
                page: self.rules.checkout_page.clone(),
            },
            now,
        );
        let paid = self.attempt(&id, after.card, now);
        (id, paid)
    }

    /// Writes credits down as adjustments of what had charged for them.
    fn book_credits(&mut self, id: &str, credits: &[Credit], now: Timestamp) {
        for credit in credits {
            let Some(charged) = self.transactions.get(&credit.transaction_id) else {
                continue;
            };
            let (customer_id, currency) = (charged.customer_id.clone(), charged.currency);
            let (adjustment_id, line) = (self.id("adj"), self.id("adjitm"));
            let at = self.tick(now);
            let adjustment = Adjustment {
                id: adjustment_id.clone(),
                action: AdjustmentAction::Credit,
                full: false,
                transaction_id: credit.transaction_id.clone(),
                subscription_id: Some(id.to_owned()),
                customer_id: customer_id.unwrap_or_default(),
                reason: "Subscription update".to_owned(),
                currency,
                status: AdjustmentStatus::Approved,
                lines: vec![AdjustedLine {
                    id: line,
                    line_id: credit.line_id.clone(),
                    kind: "proration",
                    totals: credit.totals,
                    share: Some(credit.share.clone()),
                }],
                created_at: at,
                updated_at: at,
            };
            self.adjustments.insert(adjustment_id.clone(), adjustment);
            self.tell_adjustment("adjustment.created", &adjustment_id, now);
        }
    }
}

/// Counts a charge for a change against the limits.
pub(super) fn count_charge(after: &mut Subscription, now: Timestamp) -> Result<(), Refusal> {
    let since = |hours| shifted_back(now, SignedDuration::from_hours(hours));
    let (hour, day) = (since(1), since(24));
    after.charges.retain(|charge| *charge > day);
    let last_hour = after.charges.iter().filter(|charge| **charge > hour);
    if last_hour.count() >= CHARGES_PER_HOUR || after.charges.len() >= CHARGES_PER_DAY {
        let detail = "too many charges for this subscription";
        return Err(Refusal::new(429, "too_many_requests", detail));
    }
    after.charges.push(now);
    Ok(())
}

/// Within half an hour of a renewal nothing may be changed.
pub(super) fn locked(subscription: &Subscription, now: Timestamp) -> Result<(), Refusal> {
    let soon = subscription.next_billed_at().is_some_and(|next| {
        shifted(now, RENEWAL_LOCK) >= next && subscription.status != SubscriptionStatus::PastDue
    });
    if soon {
        let detail = "subscription is locked, as it renews within 30 minutes";
        return Err(Refusal::conflict("subscription_locked_renewal", detail));
    }
    Ok(())
}

pub(super) fn declined_payment() -> Refusal {
    Refusal::bad("subscription_payment_declined", "the payment was declined")
}

fn required(mode: Option<Mode>) -> Result<Mode, Refusal> {
    let code = "subscription_items_update_missing_proration_billing_mode";
    mode.ok_or_else(|| Refusal::bad(code, "proration_billing_mode is required"))
}

/// What a paused subscription may be told.
fn paused_rules(
    before: &Subscription,
    body: &Value,
    items: bool,
    mode: Option<Mode>,
) -> Result<(), Refusal> {
    if before.status != SubscriptionStatus::Paused {
        return Ok(());
    }
    if body.get("next_billed_at").is_some() || body.get("discount").is_some() {
        let code = "subscription_only_update_items_on_paused_subscription";
        return Err(Refusal::bad(code, "only items can change while paused"));
    }
    if items && mode.is_some_and(|mode| mode != Mode::Nothing) {
        let code = "subscription_incorrect_proration_on_paused_subscription";
        return Err(Refusal::bad(
            code,
            "a paused subscription takes do_not_bill only",
        ));
    }
    Ok(())
}

/// Which ways of billing go with a scheduled change and a new billing cycle.
fn allowed(before: &Subscription, mode: Mode, resets: bool) -> Result<(), Refusal> {
    if before.scheduled.is_some() && mode.is_next() {
        let code = "subscription_invalid_billing_mode_for_scheduled_change";
        return Err(Refusal::bad(code, "there is no next billing period"));
    }
    if resets && mode.is_next() {
        let message = "a new billing cycle cannot be billed at the next one";
        return Err(Refusal::field("proration_billing_mode", message));
    }
    Ok(())
}

fn restarted(interval: Interval, now: Timestamp) -> Option<Period> {
    Period::at(now, interval, 0).ok()
}

/// Moves the next billing date; the fake does so without money only.
fn move_date(
    before: &Subscription,
    plan: &mut Plan,
    next: Timestamp,
    mode: Mode,
    now: Timestamp,
) -> Result<(), Refusal> {
    if next < shifted(now, RENEWAL_LOCK) {
        let detail = "next_billed_at is less than 30 minutes from now";
        let code = "subscription_next_billed_at_too_soon";
        return Err(Refusal::conflict(code, detail));
    }
    if mode != Mode::Nothing && before.status == SubscriptionStatus::Active {
        let detail = "the fake moves dates with do_not_bill only";
        return Err(Refusal::new(501, "not_implemented", detail));
    }
    if let Some(period) = plan.after.period {
        plan.after.period = Some(Period {
            end: next,
            ..period
        });
        if before.status == SubscriptionStatus::Trialing {
            plan.after.trial = plan.after.period;
        }
        plan.after.anchor = next;
        plan.after.turns = 0;
    }
    Ok(())
}

/// Binds new items to the lines that charged for them.
fn bind(plan: &mut Plan, transaction_id: &str) {
    for item in &mut plan.after.items {
        let lines = &mut plan.lines.iter();
        let line = lines.find(|line| line.bought.price.id == item.bought.price.id);
        if let Some(line) = line {
            item.charged_by = Some((transaction_id.to_owned(), line.id.clone()));
        }
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
