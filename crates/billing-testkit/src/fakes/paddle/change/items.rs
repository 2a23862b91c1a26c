//! The items that a change asks for. Knows no money.

use billing_domain::time::{Period, Timestamp};
use serde_json::Value;

use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::sell::one_currency;
use crate::fakes::paddle::things::{Bought, SubscribedItem, Subscription, SubscriptionStatus};
use crate::fakes::paddle::world::World;

use super::rules::allowed;
use super::{Mode, Plan};

impl World {
    /// Puts other items into a plan, and what they cost.
    pub(super) fn change_items(
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
        allowed(&plan.after, mode, resets)?;
        plan.after.interval = interval;
        if resets && before.status == SubscriptionStatus::Active {
            plan.after.period = Period::at(now, interval, 0).ok();
            plan.after.anchor = now;
            plan.after.turns = 1;
        }
        let mut items = Vec::with_capacity(wanted.len());
        for bought in &wanted {
            let put_back = || self.charged_for(before, bought);
            let charged_by = (mode == Mode::Nothing).then(put_back).flatten();
            items.push(match kept(bought) {
                Some(item) if same(bought) && !resets => item.clone(),
                Some(item) => SubscribedItem {
                    bought: bought.clone(),
                    updated_at: now,
                    charged_by,
                    ..item.clone()
                },
                None => SubscribedItem {
                    bought: bought.clone(),
                    created_at: now,
                    updated_at: now,
                    billed_at: mode.is_now().then_some(now),
                    charged_by,
                },
            });
        }
        plan.after.items = items;
        let touched: Vec<Bought> = wanted
            .into_iter()
            .filter(|bought| resets || !same(bought))
            .collect();
        self.price_change(before, plan, &touched, mode, now)
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
}
